/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/http1_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(mrl_bytes part, mrl_bytes whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* A value of Authorization: never both, and what is given lies where it says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes value = mrl_bytes_of(data, size), token;
    MRL_SCOPED(mrl_http_basic) basic = {0};
    bool bearer = mrl_http_bearer_read(value, &token, NULL) == MRL_OK;
    bool is_basic = mrl_http_basic_read(value, &basic, NULL) == MRL_OK;

    if (bearer && (is_basic || token.len == 0 || !lies_in(token, value)))
        abort();
    if (is_basic && (!lies_in(basic.user, mrl_secret_bytes(basic.text)) ||
                     !lies_in(basic.password, mrl_secret_bytes(basic.text))))
        abort();
    return 0;
}
