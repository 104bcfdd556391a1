/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/ustar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mrl_err on_entry(void *context, const struct mrl_ustar_entry *e)
{
    uint8_t header[MRL_USTAR_BLOCK];

    (void)context;
    if (mrl_ustar_write_header(e, header) != MRL_OK)
        abort();
    return MRL_OK;
}

static mrl_err on_data(void *context, mrl_bytes data)
{
    *(size_t *)context += data.len;
    return MRL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t seen = 0;
    struct mrl_ustar_reader r = {.entry = on_entry, .data = on_data, .context = &seen};
    mrl_bytes all = mrl_bytes_of(data, size);

    if (mrl_ustar_read(&r, mrl_bytes_sub(all, 0, size / 2)) == MRL_OK &&
        mrl_ustar_read(&r, mrl_bytes_sub(all, size / 2, size)) == MRL_OK &&
        mrl_ustar_end(&r) == MRL_OK && size % MRL_USTAR_BLOCK != 0)
        abort();
    if (seen > size)
        abort();
    return 0;
}
