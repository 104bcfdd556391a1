/* SPDX-License-Identifier: Apache-2.0 */
/* Between net/http_client.c and the writer of requests. Layer: net. */
#ifndef MRL_NET_HTTP_CLIENT_WRITE_H
#define MRL_NET_HTTP_CLIENT_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/http1.h"

struct mrl_http_parts { /* borrowed */
    mrl_bytes method;
    mrl_bytes target;
    mrl_bytes host;
    const struct mrl_http_header *headers;
    size_t header_count;
    mrl_bytes body;
};
/* Appends the request to out. MRL_ERR_INVALID: something in it cannot be sent. */
mrl_err mrl_http_client_write(const struct mrl_http_parts *parts, struct mrl_buf *out);

#endif
