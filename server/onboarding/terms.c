/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/terms.h"

#include "base/hex.h"
#include "store/tx.h"

const struct mrl_profile *mrl_terms_profile(const struct mrl_onboarding *o,
                                            const struct mrl_enrolment *e)
{
    return e->profile != NULL ? e->profile : mrl_profiles_find(o->profiles, MRL_BYTES_NONE);
}

static mrl_err check_absent(const struct mrl_profile *p, bool first, struct mrl_why *why)
{
    if (p->proof == MRL_PROOF_ALWAYS || (p->proof == MRL_PROOF_FIRST && first))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "challengePassword with the channel binding is required");
    return MRL_OK;
}

mrl_err mrl_terms_check_binding(const struct mrl_profile *p, mrl_bytes binding,
                                const struct mrl_csr_facts *facts, bool first, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) expected = {0};

    if (!facts->has_challenge)
        return check_absent(p, first, why);
    if (binding.len == 0) /* RFC 7030 3.5: what is there must be checked, so checkable */
        return mrl_fail(
            why, MRL_ERR_INVALID,
            "challengePassword cannot be checked: TLS 1.2 without extended master secret");
    MRL_TRY(mrl_base64_write(binding, 0, &expected));
    if (!mrl_secret_eq(facts->challenge, mrl_buf_bytes(&expected)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "challengePassword is not the channel binding of this connection");
    return MRL_OK;
}

mrl_err mrl_terms_check_key(const struct mrl_profile *p, const struct mrl_csr_facts *facts,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;

    if (p->key_count == MRL_PROFILE_KEYS_MAX)
        return MRL_OK;
    MRL_TRY(mrl_key_from_spki(facts->spki, &key, why));
    if (!mrl_profile_takes(p, mrl_key_type(key)))
        return mrl_fail(why, MRL_ERR_INVALID, "profile %.*s certifies no %s keys", MRL_FMT(p->name),
                        mrl_key_type_name(mrl_key_type(key)));
    return MRL_OK;
}

mrl_err mrl_terms_admit_tx(struct mrl_tx *tx, const struct mrl_profile *p, mrl_bytes device,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    if (p->group_count == 0)
        return MRL_OK;
    MRL_TRY(mrl_tx_query_one(tx, "SELECT grp FROM devices WHERE id = $1",
                             MRL_ARGS(MRL_TEXT(device)), &rows));
    if (!mrl_profile_admits(p, mrl_row_bytes(rows, 0)))
        return mrl_fail(why, MRL_ERR_DENIED, "profile %.*s is not for devices of this group",
                        MRL_FMT(p->name));
    return MRL_OK;
}
