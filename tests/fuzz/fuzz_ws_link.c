/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "net/ws_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a stream means, and how it ends. */
struct seen {
    struct mrl_buf in, out;
    bool over;
    const char *fault;
};

static void take(mrl_bytes stream, size_t piece, struct seen *seen)
{
    MRL_AUTO(mrl_ws_link) l = mrl_ws_link_new();

    while (stream.len > 0) {
        mrl_bytes now = mrl_bytes_sub(stream, 0, piece);
        size_t from = seen->in.len;

        if (mrl_buf_append(&seen->in, now) != MRL_OK ||
            mrl_ws_link_read(l, &seen->in, from, &seen->out) != MRL_OK)
            abort();
        stream = mrl_bytes_sub(stream, now.len, stream.len);
    }
    seen->over = mrl_ws_link_is_over(l);
    seen->fault = mrl_ws_link_fault(l);
    if ((seen->fault != NULL && !seen->over) || mrl_ws_link_close(l, &seen->out) != MRL_OK)
        abort();
}

static void done(struct seen *seen)
{
    mrl_buf_done(&seen->in);
    mrl_buf_done(&seen->out);
}

/* The first byte is the size of the pieces: they never change what is read or answered. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes stream = mrl_bytes_sub(mrl_bytes_of(data, size), 1, size);
    struct seen whole = {0}, pieces = {0};

    if (size == 0)
        return 0;
    take(stream, stream.len, &whole);
    take(stream, data[0] + (size_t)1, &pieces);
    if (whole.in.len > stream.len || whole.over != pieces.over || whole.fault != pieces.fault ||
        !mrl_bytes_eq(mrl_buf_bytes(&whole.in), mrl_buf_bytes(&pieces.in)) ||
        !mrl_bytes_eq(mrl_buf_bytes(&whole.out), mrl_buf_bytes(&pieces.out)))
        abort();
    done(&whole);
    done(&pieces);
    return 0;
}
