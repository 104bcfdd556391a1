/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "devices/device_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken has a number the store can keep, and what is not changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_device_log_head h = {0};
    mrl_err err = mrl_device_log_read(mrl_bytes_of(data, size), &h);

    if (err == MRL_OK ? h.seq == 0 || h.seq > INT64_MAX : h.seq != 0)
        abort();
    return 0;
}
