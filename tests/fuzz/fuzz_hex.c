/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes must encode to the same text again, white space aside: one meaning, one spelling. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) bytes = {.limit = 1 << 20};
    MRL_SCOPED(mrl_buf) again = {.limit = 1 << 21};

    if (mrl_base64url_read(mrl_bytes_of(data, size), &bytes) == MRL_OK) {
        if (mrl_base64url_write(mrl_buf_bytes(&bytes), &again) != MRL_OK ||
            !mrl_bytes_eq(mrl_buf_bytes(&again), mrl_bytes_of(data, size)))
            abort();
    }
    mrl_buf_clear(&bytes);
    (void)mrl_base64_read(mrl_bytes_of(data, size), &bytes); /* must only not crash */
    return 0;
}
