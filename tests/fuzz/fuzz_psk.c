/* SPDX-License-Identifier: Apache-2.0 */
/* One byte: how long the identity is; then it, then a key that somebody brings along. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "devices/psk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes all = mrl_bytes_of(data, size), identity, key;
    struct mrl_fingerprint once, again;
    const char *weakness;

    if (size == 0)
        return 0;
    identity = mrl_bytes_sub(all, 1, data[0]);
    key = mrl_bytes_sub(all, 1 + identity.len, size);
    if (mrl_psk_fingerprint(identity, &once) != MRL_OK ||
        mrl_psk_fingerprint(identity, &again) != MRL_OK || memcmp(&once, &again, sizeof(once)) != 0)
        abort();
    weakness = mrl_psk_weakness(key);
    if (weakness == NULL && key.len < MRL_PSK_MIN / 2)
        abort(); /* so short a key has too few different bytes in any case */
    return 0;
}
