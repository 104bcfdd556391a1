/* SPDX-License-Identifier: Apache-2.0 */
/* A source of its own: the writer's struct mrl_http_call and that of net/http_client.h are two. */
#include "net/http_client_write.h"

#include "wire/http1_write.h"

mrl_err mrl_http_client_write(const struct mrl_http_parts *parts, struct mrl_buf *out)
{
    const struct mrl_http_call call = {
        .method = parts->method,
        .target = parts->target,
        .host = parts->host,
        .headers = parts->headers,
        .header_count = parts->header_count,
    };

    return mrl_http_write_request(&call, parts->body, out);
}
