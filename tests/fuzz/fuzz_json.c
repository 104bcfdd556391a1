/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* What is read and written is read again, and then has the same spelling. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_json_limits limits = {4096, 16};
    struct mrl_json_limits wide = {1 << 20, 16}; /* numbers may get longer by writing */
    MRL_AUTO(json_t) first = NULL;
    MRL_AUTO(json_t) second = NULL;
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) again = {0};

    if (mrl_json_read(mrl_bytes_of(data, size), &limits, &first, NULL) != MRL_OK)
        return 0;
    check(mrl_json_write(first, &text) == MRL_OK);
    check(mrl_json_read(mrl_buf_bytes(&text), &wide, &second, NULL) == MRL_OK);
    check(mrl_json_write(second, &again) == MRL_OK);
    check(mrl_bytes_eq(mrl_buf_bytes(&text), mrl_buf_bytes(&again)));
    return 0;
}
