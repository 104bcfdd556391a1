/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tlog/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Entries and their lengths are all there is in a bundle. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes rest = mrl_bytes_of(data, size), entry;
    size_t seen = 0;

    while (rest.len > 0 && mrl_tlog_bundle_next(&rest, &entry) == MRL_OK)
        seen += 2 + entry.len;
    if (seen + rest.len != size)
        abort();
    return 0;
}
