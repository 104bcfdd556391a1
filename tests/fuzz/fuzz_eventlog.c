/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "device/agent/eventlog_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file somebody else wrote: the walk ends in order, and what it calls good ends with a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_eventlog_walk w = {0};
    mrl_bytes text = mrl_bytes_of(data, size);
    size_t good = 0;
    mrl_err err = mrl_eventlog_walk_text(&w, text, &good, NULL);

    if ((err != MRL_OK && err != MRL_ERR_CORRUPT) || good > size)
        abort();
    if (good > 0 && (data[good - 1] != '\n' || w.seq < w.first))
        abort();
    return 0;
}
