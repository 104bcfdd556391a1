/* SPDX-License-Identifier: Apache-2.0 */
/* The door for outsiders: revocation lists and OCSP over plain HTTP, nothing else. Everything that
 * leaves here is signed. Layer: doors. Thread: the worker. */
#ifndef MRL_DOORS_HTTP_OUTSIDE_H
#define MRL_DOORS_HTTP_OUTSIDE_H

#include "crypto/ocsp.h"
#include "net/http_server.h"
#include "revocation/revocation.h"
#include "watch/metrics.h"

struct mrl_outside { /* the context of its HTTP server; everything is borrowed */
    struct mrl_revocation *revocation;
    struct mrl_metrics *metrics;
    unsigned index; /* of the worker */
};

enum { MRL_OUTSIDE_BODY = MRL_OCSP_REQUEST_MAX };

/* A mrl_http_handler of a server with opaque_path and MRL_OUTSIDE_BODY. */
void mrl_outside_handle(void *context, struct mrl_exchange *x);

/* The request in the path of a GET, "/ocsp/" aside: percent-encoded base64 (RFC 6960 A.1), appended
 * to der. MRL_ERR_MALFORMED. */
mrl_err mrl_outside_read_path(mrl_bytes text, struct mrl_buf *der);

#endif
