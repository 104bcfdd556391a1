/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is skipped in one go is the same as what is read item by item. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_reader whole = {mrl_bytes_of(data, size), 0}, single = whole;
    struct mrl_cbor_item item;
    uint64_t left = 1;

    if (mrl_cbor_skip(&whole) != MRL_OK)
        return whole.at == 0 ? 0 : (abort(), 0);
    while (left > 0) {
        if (mrl_cbor_read(&single, &item) != MRL_OK)
            abort();
        left--;
        if (item.type == MRL_CBOR_ARRAY || item.type == MRL_CBOR_MAP)
            left += item.number * (item.type == MRL_CBOR_MAP ? 2 : 1);
    }
    if (single.at != whole.at)
        abort();
    return 0;
}
