/* SPDX-License-Identifier: Apache-2.0 */
#include "access/name.h"

#include <string.h>

mrl_err mrl_name_check(mrl_bytes name, const char *what, struct mrl_why *why)
{
    if (mrl_name_valid(name))
        return MRL_OK;
    if (name.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: is empty", what);
    if (name.len > MRL_NAME_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: longer than %d characters", what, MRL_NAME_MAX);
    return mrl_fail(why, MRL_ERR_INVALID,
                    "%s: only letters, digits and . _ : - are allowed, and neither . nor - first",
                    what);
}

bool mrl_name_set(struct mrl_name *out, mrl_bytes name)
{
    *out = (struct mrl_name){0};
    if (!mrl_name_valid(name))
        return false;
    out->len = (uint8_t)name.len;
    memcpy(out->text, name.data, name.len);
    return true;
}
