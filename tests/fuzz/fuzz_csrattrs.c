/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/csrattrs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be written, and then says the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_csrattrs first, again;

    if (mrl_csrattrs_read(mrl_bytes_of(data, size), &first) != MRL_OK)
        return 0;
    if (mrl_csrattrs_write(&first, &der) != MRL_OK)
        abort();
    if (der.len > MRL_CSRATTRS_DER_MAX)
        return 0;
    if (mrl_csrattrs_read(mrl_buf_bytes(&der), &again) != MRL_OK)
        abort();
    if (again.has_key != first.has_key || again.key != first.key ||
        again.challenge_password != first.challenge_password || !mrl_bytes_eq(again.cn, first.cn) ||
        !mrl_bytes_eq(again.san, first.san))
        abort();
    return 0;
}
