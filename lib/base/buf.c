/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

enum {
    SMALLEST = 64,
    MOVED_MOST = 64 << 10, /* after each part: else what is taken in small ones is only moved */
};

/* What comes after n bytes goes to the beginning of the memory. */
static void move_to_front(struct mrl_buf *b, size_t n)
{
    uint8_t *front = b->data - b->skipped;

    b->len -= n;
    if (b->len > 0)
        memmove(front, b->data + n, b->len);
    b->data = front;
    b->cap += b->skipped;
    b->skipped = 0;
}

/* realloc would leave a copy behind. */
static uint8_t *move_secret(struct mrl_buf *b, size_t cap)
{
    uint8_t *grown = malloc(cap);

    if (grown != NULL && b->len > 0)
        memcpy(grown, b->data, b->len);
    mrl_wipe(b->data, b->cap);
    free(b->data);
    return grown;
}

mrl_err mrl_buf_reserve(struct mrl_buf *b, size_t n, uint8_t **to)
{
    size_t need = b->len + n;
    size_t cap = b->cap > 0 ? b->cap : SMALLEST;

    MRL_ENSURE(need >= n && (b->limit == 0 || need <= b->limit), MRL_ERR_LIMIT);
    if (cap < need && b->skipped > 0) {
        move_to_front(b, 0);
        cap = b->cap;
    }
    while (cap < need)
        cap += cap / 2 + 1;
    if (cap > b->cap) {
        uint8_t *grown = b->secret ? move_secret(b, cap) : realloc(b->data, cap);

        if (grown == NULL)
            abort();
        b->data = grown;
        b->cap = cap;
    }
    *to = b->data + b->len;
    return MRL_OK;
}

void mrl_buf_added(struct mrl_buf *b, size_t n)
{
    b->len += n;
}

mrl_err mrl_buf_append(struct mrl_buf *b, mrl_bytes more)
{
    uint8_t *to;

    MRL_TRY(mrl_buf_reserve(b, more.len, &to));
    if (more.len > 0)
        memcpy(to, more.data, more.len);
    b->len += more.len;
    return MRL_OK;
}

mrl_err mrl_buf_printf(struct mrl_buf *b, const char *format, ...)
{
    va_list args, again;
    uint8_t *to;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || mrl_buf_reserve(b, (size_t)len + 1, &to) != MRL_OK) {
        va_end(again);
        return MRL_ERR_LIMIT;
    }
    (void)vsnprintf((char *)to, (size_t)len + 1, format, again); /* measured above */
    va_end(again);
    b->len += (size_t)len;
    return MRL_OK;
}

void mrl_buf_consume(struct mrl_buf *b, size_t n)
{
    if (n >= b->len) {
        mrl_buf_clear(b);
        return;
    }
    if (b->len - n <= MOVED_MOST || n > UINT32_MAX - b->skipped) {
        move_to_front(b, n);
        return;
    }
    b->data += n;
    b->len -= n;
    b->cap -= n;
    b->skipped += (uint32_t)n;
}

void mrl_buf_clear(struct mrl_buf *b)
{
    move_to_front(b, b->len);
}

void mrl_buf_done(struct mrl_buf *b)
{
    mrl_buf_clear(b);
    if (b->secret)
        mrl_wipe(b->data, b->cap);
    free(b->data);
    *b = (struct mrl_buf){.limit = b->limit, .secret = b->secret};
}
