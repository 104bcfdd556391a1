/* SPDX-License-Identifier: Apache-2.0 */
/* However a stream is cut into pieces, the events are the same. The first byte says where. */
#include <stdlib.h>

#include "cli/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool see(void *context, const char *name, mrl_bytes data)
{
    struct mrl_buf *all = context;

    if (mrl_buf_printf(all, "%s=%.*s|", name, MRL_FMT(data)) != MRL_OK)
        abort();
    return true;
}

static void feed(mrl_bytes stream, size_t piece, struct mrl_buf *all)
{
    struct mrl_events e = {0};

    for (size_t at = 0; at < stream.len; at += piece)
        if (mrl_events_feed(&e, mrl_bytes_sub(stream, at, piece), see, all) != MRL_OK)
            abort(); /* inputs are far below the limits */
    mrl_events_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) whole = {0};
    MRL_SCOPED(mrl_buf) cut = {0};
    mrl_bytes stream = mrl_bytes_sub(mrl_bytes_of(data, size), 1, size);

    if (size < 2)
        return 0;
    feed(stream, stream.len, &whole);
    feed(stream, (size_t)data[0] + 1, &cut);
    if (!mrl_bytes_eq(mrl_buf_bytes(&whole), mrl_buf_bytes(&cut)))
        abort();
    return 0;
}
