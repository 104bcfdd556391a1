/* SPDX-License-Identifier: Apache-2.0 */
#include "main/profiles.h"

static mrl_err add_key(struct mrl_profile *p, mrl_bytes name, struct mrl_why *why)
{
    for (unsigned type = 0; type < MRL_PROFILE_KEYS_MAX; type++) {
        if (!mrl_bytes_eq(name, mrl_str(mrl_key_type_name((enum mrl_key_type)type))))
            continue;
        if (mrl_profile_takes(p, (enum mrl_key_type)type))
            return mrl_fail(why, MRL_ERR_INVALID, "[[profile]] keys: %.*s is there twice",
                            MRL_FMT(name));
        p->keys[p->key_count++] = (enum mrl_key_type)type;
        return MRL_OK;
    }
    return mrl_fail(why, MRL_ERR_INVALID,
                    "[[profile]] keys: %.*s is none of P-256, P-384, Ed25519 and RSA",
                    MRL_FMT(name));
}

static mrl_err take(const struct mrl_config_profile *from, struct mrl_profile *p,
                    struct mrl_why *why)
{
    *p = (struct mrl_profile){
        .name = from->name,
        .life_s = from->life_s,
        .groups = from->groups.at,
        .group_count = from->groups.count,
        .proof = (enum mrl_profile_proof)from->proof,
        .silent = !from->csrattrs,
        .serverkeygen = from->serverkeygen,
    };
    for (size_t i = 0; i < from->keys.count; i++)
        MRL_TRY(add_key(p, from->keys.at[i], why));
    return MRL_OK;
}

mrl_err mrl_profiles_of_config(const struct mrl_config *c, struct mrl_profiles *out,
                               struct mrl_why *why)
{
    out->count = c->profile_count;
    for (size_t i = 0; i < c->profile_count; i++)
        MRL_TRY(take(&c->profiles[i], &out->all[i], why));
    return mrl_profiles_check(out, why);
}
