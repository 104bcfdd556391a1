/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "access/quota.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The name of a limit, a line feed, a value: what is taken lies within the rule, and so does the
 * number it was read as. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum mrl_quota_limit limit;
    struct mrl_why why = {{0}};
    mrl_bytes name, text;
    uint64_t value = 0;

    if (!mrl_bytes_split(mrl_bytes_of(data, size), '\n', &name, &text) ||
        !mrl_quota_limit_find(name, &limit))
        return 0;
    if (mrl_quota_parse(limit, text, &value, &why) == MRL_OK)
        check(mrl_quota_check(limit, value, NULL) == MRL_OK);
    else
        check(value == 0 && why.text[0] != '\0');
    return 0;
}
