/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "doors/http/outside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request never becomes longer than its text, and none longer than the limit is taken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) der = {.limit = MRL_OCSP_REQUEST_MAX};

    if (mrl_outside_read_path(mrl_bytes_of(data, size), &der) == MRL_OK && der.len > size)
        abort();
    return 0;
}
