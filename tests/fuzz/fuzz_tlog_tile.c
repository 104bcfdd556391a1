/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tlog/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path that reads is the one that is written for its tile. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[MRL_TLOG_PATH_MAX];
    struct mrl_tlog_tile tile;

    if (mrl_tlog_tile_parse(mrl_bytes_of(data, size), &tile) != MRL_OK)
        return 0;
    mrl_tlog_tile_path(tile, path);
    if (!mrl_bytes_eq(mrl_str(path), mrl_bytes_of(data, size)))
        abort();
    return 0;
}
