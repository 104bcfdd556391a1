/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/http1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mrl_http_limits limits = {512, 16, 128, 256};

struct result {
    mrl_err head, body;
    size_t used;
};

static struct result read_all(mrl_bytes in, size_t piece, bool to_head, struct mrl_buf *out)
{
    struct result r = {.head = MRL_ERR_AGAIN, .body = MRL_ERR_AGAIN};
    struct mrl_http_response p;
    struct mrl_http_body b;
    size_t n = 0;

    do {
        n = piece < in.len - n ? n + piece : in.len;
        r.head = mrl_http_read_response(mrl_bytes_sub(in, 0, n), &limits, to_head, &p, NULL);
    } while (r.head == MRL_ERR_AGAIN && n < in.len);
    if (r.head != MRL_OK)
        return r;
    r.used = p.head_len;
    mrl_http_body_start(&b, p.framing, p.length, limits.body_bytes);
    do {
        r.body = mrl_http_body_read(&b, mrl_bytes_sub(in, r.used, piece), &n, out, NULL, NULL);
        r.used += n;
    } while (r.body == MRL_ERR_AGAIN && r.used < in.len);
    return r;
}

/* The first byte chooses the cut and whether the request was HEAD; the cut must change nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t choice = size == 0 ? 0 : data[0];
    bool to_head = (choice & 0x80) != 0;
    mrl_bytes in = mrl_bytes_sub(mrl_bytes_of(data, size), 1, SIZE_MAX);
    MRL_SCOPED(mrl_buf) whole_body = {0};
    MRL_SCOPED(mrl_buf) cut_body = {0};
    struct result whole = read_all(in, SIZE_MAX, to_head, &whole_body);
    struct result cut = read_all(in, choice % 16 + 1, to_head, &cut_body);

    if (whole.head != cut.head || whole.body != cut.body || whole_body.len > limits.body_bytes)
        abort();
    if (whole.body != MRL_OK && whole.body != MRL_ERR_AGAIN)
        return 0;
    if (whole.used != cut.used ||
        !mrl_bytes_eq(mrl_buf_bytes(&whole_body), mrl_buf_bytes(&cut_body)))
        abort();
    return 0;
}
