/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a shorter piece says stays true for the whole, and no header takes more than there is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes in = mrl_bytes_of(data, size);
    struct mrl_proxy_header h = {0}, again = {0};
    struct mrl_why why = {""};
    mrl_err err = mrl_proxy_read(in, &h, &why);

    if (err == MRL_OK && (h.total > size || h.total > MRL_PROXY_V2_MAX))
        abort();
    if (err != MRL_OK && err != MRL_ERR_AGAIN && why.text[0] == '\0')
        abort();
    for (size_t have = 0; have < size && have < MRL_PROXY_V2_MAX; have++) {
        mrl_err early = mrl_proxy_read(mrl_bytes_sub(in, 0, have), &again, NULL);

        if (early != MRL_ERR_AGAIN && (early != err || again.total != h.total))
            abort();
        if (err == MRL_OK && (have >= h.total) != (early == MRL_OK))
            abort();
    }
    return 0;
}
