/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/profile.h"

const struct mrl_profile mrl_profile_default = {
    .name = MRL_LIT_INIT("default"),
    .keys = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519, MRL_KEY_RSA},
    .key_count = MRL_PROFILE_KEYS_MAX,
};

static const mrl_bytes operations[] = {
    MRL_LIT_INIT("cacerts"), MRL_LIT_INIT("simpleenroll"), MRL_LIT_INIT("simplereenroll"),
    MRL_LIT_INIT("fullcmc"), MRL_LIT_INIT("serverkeygen"), MRL_LIT_INIT("csrattrs"),
};

static mrl_err check_name(const struct mrl_profiles *p, size_t at, struct mrl_why *why)
{
    mrl_bytes name = p->all[at].name;

    if (!mrl_label_valid(name))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "name of a profile: 1 to %d of A-Z, a-z, 0-9, '-', '.' and '_', no '.' "
                        "in front",
                        MRL_PROFILE_NAME_MAX);
    for (size_t i = 0; i < MRL_COUNT(operations); i++)
        if (mrl_bytes_eq(name, operations[i])) /* RFC 7030 3.2.2 */
            return mrl_fail(why, MRL_ERR_INVALID, "profile %.*s: that is an operation of EST",
                            MRL_FMT(name));
    for (size_t i = 0; i < at; i++)
        if (mrl_bytes_eq(name, p->all[i].name))
            return mrl_fail(why, MRL_ERR_INVALID, "profile %.*s is there twice", MRL_FMT(name));
    return MRL_OK;
}

static mrl_err check_sense(const struct mrl_profile *p, struct mrl_why *why)
{
    enum mrl_key_type made;

    if (p->serverkeygen && !mrl_profile_made_key(p, &made))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "profile %.*s: serverkeygen makes no RSA keys, and no other is taken",
                        MRL_FMT(p->name));
    if (p->silent && p->proof != MRL_PROOF_IF_PRESENT) /* RFC 7030 4.5.2 */
        return mrl_fail(why, MRL_ERR_INVALID,
                        "profile %.*s: a proof that is demanded must be asked for in csrattrs",
                        MRL_FMT(p->name));
    return MRL_OK;
}

mrl_err mrl_profiles_check(const struct mrl_profiles *p, struct mrl_why *why)
{
    for (size_t i = 0; i < p->count; i++) {
        MRL_TRY(check_name(p, i, why));
        MRL_TRY(check_sense(&p->all[i], why));
    }
    return MRL_OK;
}

const struct mrl_profile *mrl_profiles_find(const struct mrl_profiles *p, mrl_bytes label)
{
    mrl_bytes name = label.len > 0 ? label : mrl_profile_default.name;

    for (size_t i = 0; p != NULL && i < p->count; i++)
        if (mrl_bytes_eq(name, p->all[i].name))
            return &p->all[i];
    return mrl_bytes_eq(name, mrl_profile_default.name) ? &mrl_profile_default : NULL;
}

uint64_t mrl_profiles_longest_life(const struct mrl_profiles *p, uint64_t least_s)
{
    uint64_t longest = least_s;

    for (size_t i = 0; i < p->count; i++)
        if (p->all[i].life_s > longest)
            longest = p->all[i].life_s;
    return longest;
}

bool mrl_profile_admits(const struct mrl_profile *p, mrl_bytes group)
{
    for (size_t i = 0; i < p->group_count; i++)
        if (mrl_bytes_eq(group, p->groups[i]))
            return true;
    return p->group_count == 0;
}

bool mrl_profile_takes(const struct mrl_profile *p, enum mrl_key_type type)
{
    for (size_t i = 0; i < p->key_count; i++)
        if (p->keys[i] == type)
            return true;
    return false;
}

bool mrl_profile_made_key(const struct mrl_profile *p, enum mrl_key_type *out)
{
    for (size_t i = 0; i < p->key_count; i++) {
        if (p->keys[i] == MRL_KEY_RSA)
            continue;
        *out = p->keys[i];
        return true;
    }
    return false;
}
