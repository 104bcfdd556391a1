/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "audit/opening.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written as the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_audit_openings openings;

    if (mrl_audit_openings_read(mrl_bytes_of(data, size), &openings) != MRL_OK)
        return 0;
    if (mrl_audit_openings_write(&openings, &out) != MRL_OK ||
        !mrl_bytes_eq(mrl_buf_bytes(&out), mrl_bytes_of(data, size)))
        abort();
    return 0;
}
