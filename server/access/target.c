/* SPDX-License-Identifier: Apache-2.0 */
#include "access/target.h"

#include "access/name.h"

static const char *const kinds[] = {
    [MRL_ROLE_TO_DEVICE] = "device",
    [MRL_ROLE_TO_APPLICATION] = "application",
    [MRL_ROLE_TO_GROUP] = "group",
};

const char *mrl_role_target_kind_name(enum mrl_role_target_kind k)
{
    return (size_t)k < MRL_COUNT(kinds) && kinds[k] != NULL ? kinds[k] : "unknown";
}

mrl_err mrl_role_target_parse(mrl_bytes text, struct mrl_role_target *out, struct mrl_why *why)
{
    mrl_bytes kind, name;

    if (mrl_bytes_split(text, ':', &kind, &name)) {
        for (size_t i = 1; i < MRL_COUNT(kinds); i++) {
            if (!mrl_bytes_eq(kind, mrl_str(kinds[i])))
                continue;
            MRL_TRY(mrl_name_check(name, kinds[i], why));
            *out = (struct mrl_role_target){(enum mrl_role_target_kind)i, name};
            return MRL_OK;
        }
    }
    return mrl_fail(why, MRL_ERR_INVALID,
                    "a role is given to device:ID, group:NAME or application:ID");
}

mrl_err mrl_role_target_check(const struct mrl_role_target *t, struct mrl_why *why)
{
    if ((size_t)t->kind >= MRL_COUNT(kinds) || kinds[t->kind] == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "a role is given to a device, group or application");
    return mrl_name_check(t->name, kinds[t->kind], why);
}
