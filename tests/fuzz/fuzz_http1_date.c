/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/http1_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Years have four digits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t century = (int64_t)36525 * 86400;
    int64_t s = INT64_MAX;
    mrl_err err = mrl_http_date_read(mrl_bytes_of(data, size), &s);

    if (err == MRL_OK ? s < -20 * century || s > 81 * century : s != INT64_MAX)
        abort();
    return 0;
}
