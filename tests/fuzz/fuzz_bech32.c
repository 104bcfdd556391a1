/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/bech32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written as the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[MRL_BECH32_TEXT_MAX + 1];
    uint8_t key[MRL_BECH32_DATA];

    if (mrl_bech32_read(mrl_bytes_of(data, size), MRL_LIT("age"), key) != MRL_OK)
        return 0;
    if (mrl_bech32_write(MRL_LIT("age"), key, text) != MRL_OK)
        abort();
    if (!mrl_bytes_eq_nocase(mrl_str(text), mrl_bytes_of(data, size)))
        abort();
    return 0;
}
