/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tlog/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reads must be written as the same bytes again: one meaning, one spelling. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) again = {0};
    struct mrl_add_checkpoint a;

    if (mrl_add_checkpoint_read(mrl_bytes_of(data, size), &a) == MRL_OK &&
        (mrl_add_checkpoint_write(&a, &again) != MRL_OK ||
         !mrl_bytes_eq(mrl_buf_bytes(&again), mrl_bytes_of(data, size))))
        abort();
    return 0;
}
