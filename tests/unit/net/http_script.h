/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server that follows a script and no rule: connection after connection, answer after
 * answer. */
#ifndef MRL_TESTS_NET_HTTP_SCRIPT_H
#define MRL_TESTS_NET_HTTP_SCRIPT_H

#include <pthread.h>

#include "net/address.h"

enum { SCRIPT_ANSWERS = 3 };
struct script {
    const char *const (
        *connections)[SCRIPT_ANSWERS]; /* NULL: reads a request and closes; "": closes */
    size_t count;
    bool silent;  /* never closes before the client does */
    bool forward; /* does not wait for a request */
    bool tcp;     /* else a UNIX socket */
    int fd;
    struct mrl_address address;
    char server[MRL_ADDRESS_TEXT];
    char folder[64];
    pthread_t thread;
};

void script_start(struct script *s); /* the first fields are set; server is then its address */
void script_stop(struct script *s);  /* the clients have left */

#endif
