/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "device/agent/wipe_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken can be written down and read again as the same; what is not changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_device_order o = {.expires_s = -1}, again;
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) twice = {0};

    if (mrl_device_order_read(mrl_bytes_of(data, size), &o) != MRL_OK) {
        if (o.expires_s != -1)
            abort();
        return 0;
    }
    if (mrl_device_order_write(&o, &text) != MRL_OK ||
        mrl_device_order_read(mrl_buf_bytes(&text), &again) != MRL_OK ||
        mrl_device_order_write(&again, &twice) != MRL_OK ||
        !mrl_bytes_eq(mrl_buf_bytes(&text), mrl_buf_bytes(&twice)))
        abort();
    return 0;
}
