/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a limit. Layer: base. Thread: one owner.
 * Growth is bounded by limit (0 = unbounded, for sizes no peer chooses); memory exhaustion aborts.
 */
#ifndef MRL_BASE_BUF_H
#define MRL_BASE_BUF_H

#include "base/bytes.h"
#include "base/err.h"

struct mrl_buf {
    uint8_t *data; /* owned, with the skipped bytes before it */
    size_t len;
    size_t cap;
    size_t limit;
    bool secret;      /* memory it leaves is wiped: when it grows, and when it is freed */
    uint32_t skipped; /* bytes of its memory before data: consumed, the rest not moved yet */
};

static inline mrl_bytes mrl_buf_bytes(const struct mrl_buf *b)
{
    return mrl_bytes_of(b->data, b->len);
}
/* Room for n more bytes at *to (not counted in len until mrl_buf_added). MRL_ERR_LIMIT past the
 * limit. */
mrl_err mrl_buf_reserve(struct mrl_buf *b, size_t n, uint8_t **to);
void mrl_buf_added(struct mrl_buf *b, size_t n);
mrl_err mrl_buf_append(struct mrl_buf *b, mrl_bytes more);
mrl_err mrl_buf_printf(struct mrl_buf *b, const char *format, ...) MRL_PRINTF(2, 3);
void mrl_buf_consume(struct mrl_buf *b, size_t n); /* drops the first n bytes */
void mrl_buf_clear(struct mrl_buf *b);             /* keeps the memory */
void mrl_buf_done(struct mrl_buf *b);              /* frees; the struct is empty and usable again */

#endif
