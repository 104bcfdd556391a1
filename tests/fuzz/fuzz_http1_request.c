/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/http1_auth.h"
#include "wire/http1_body.h"
#include "wire/http1_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mrl_http_limits limits = {512, 16, 128, 256};

struct result {
    mrl_err head, body;
    unsigned status;
    size_t head_len, used;
};

/* The first byte chooses how the rest is cut; the cut must change nothing. */
static struct result read_all(mrl_bytes in, size_t piece, struct mrl_http_request *q,
                              struct mrl_buf *out)
{
    struct result r = {.head = MRL_ERR_AGAIN, .body = MRL_ERR_AGAIN};
    struct mrl_http_body b;
    size_t n = 0;

    do {
        n = piece < in.len - n ? n + piece : in.len;
        r.head = mrl_http_read_request(mrl_bytes_sub(in, 0, n), &limits, q, &r.status, NULL);
    } while (r.head == MRL_ERR_AGAIN && n < in.len);
    if (r.head != MRL_OK)
        return r;
    r.head_len = r.used = q->head_len;
    mrl_http_body_start(&b, q->framing, q->length, limits.body_bytes);
    do {
        r.body = mrl_http_body_read(&b, mrl_bytes_sub(in, r.used, piece), &n, out, &r.status, NULL);
        r.used += n;
    } while (r.body == MRL_ERR_AGAIN && r.used < in.len);
    return r;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void use(const struct mrl_http_request *q)
{
    MRL_SCOPED(mrl_arena) arena = {0};
    MRL_SCOPED(mrl_http_basic) basic = {0};
    const mrl_bytes *authorization = mrl_http_header(&q->headers, "Authorization");
    struct mrl_http_target t;
    mrl_bytes value;

    if (authorization != NULL)
        (void)mrl_http_basic_read(*authorization, &basic, NULL); /* must only not crash */
    if (mrl_http_target_read(q->target, &arena, &t, NULL) != MRL_OK)
        return;
    check(mrl_bytes_find(t.path, 0, 0) == t.path.len);
    (void)mrl_http_query_get(t.query, "a", &arena, &value, NULL); /* must only not crash */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes in = mrl_bytes_sub(mrl_bytes_of(data, size), 1, SIZE_MAX);
    MRL_SCOPED(mrl_buf) whole_body = {0};
    MRL_SCOPED(mrl_buf) cut_body = {0};
    struct mrl_http_request q;
    struct result whole = read_all(in, SIZE_MAX, &q, &whole_body);
    struct result cut = read_all(in, size == 0 ? 1 : data[0] % 16 + 1, &q, &cut_body);

    check(whole.head == cut.head && whole.body == cut.body && whole.status == cut.status);
    if (whole.head != MRL_OK)
        return 0;
    use(&q);
    check(whole.head_len == cut.head_len && whole_body.len <= limits.body_bytes);
    if (whole.body == MRL_OK || whole.body == MRL_ERR_AGAIN)
        check(whole.used == cut.used &&
              mrl_bytes_eq(mrl_buf_bytes(&whole_body), mrl_buf_bytes(&cut_body)));
    return 0;
}
