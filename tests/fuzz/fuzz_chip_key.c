/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "device/agent/chip_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written and read again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const mrl_bytes pem = mrl_bytes_of(data, size);
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) again = {0};
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_chip_key key, same;

    if (mrl_chip_key_read(pem, &der, &key) != MRL_OK)
        return 0;
    if (!mrl_chip_key_is_in(pem) || mrl_chip_key_write(&key, &text) != MRL_OK ||
        mrl_chip_key_read(mrl_buf_bytes(&text), &again, &same) != MRL_OK ||
        !mrl_bytes_eq(key.public_area, same.public_area) ||
        !mrl_bytes_eq(key.private_area, same.private_area))
        abort();
    return 0;
}
