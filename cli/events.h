/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events out of pieces as they come (WHATWG HTML 9.2.6). Layer: cli.
 * However the bytes are cut into pieces, the events are the same. */
#ifndef MRL_CLI_EVENTS_H
#define MRL_CLI_EVENTS_H

#include "base/buf.h"

enum { MRL_EVENTS_LINE_MAX = 4 << 20, MRL_EVENTS_DATA_MAX = 8 << 20 };

struct mrl_events {      /* start with {0} */
    struct mrl_buf line; /* the one that is not whole yet */
    struct mrl_buf data;
    char name[32]; /* "" stands for "message" */
    bool after_cr; /* a LF that comes next belongs to the CR */
    bool begun;    /* a byte order mark is no longer skipped */
};
void mrl_events_done(struct mrl_events *e);

/* Returns false to stop. data is borrowed for the call. */
typedef bool mrl_events_see(void *context, const char *name, mrl_bytes data);
/* MRL_OK; MRL_ERR_CLOSED: see stopped; MRL_ERR_LIMIT: a line or event is too long. After an error e
 * is good for nothing but mrl_events_done. */
mrl_err mrl_events_feed(struct mrl_events *e, mrl_bytes piece, mrl_events_see *see, void *context);

#endif
