/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est_login.h"

#include "crypto/csr.h"

#define REALM "realm=\"merlon enrolment\""

void mrl_est_login_done(struct mrl_est_login *l)
{
    mrl_http_basic_done(&l->basic);
    *l = (struct mrl_est_login){0};
}

/* A request without one common name is refused as such later; here it names nobody. */
static mrl_bytes device_of_request(struct mrl_exchange *x)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    enum mrl_csr_reason reason;
    const struct mrl_subject_name *name;

    if (mrl_csr_from_body(mrl_exchange_body(x), &csr, &reason) != MRL_OK)
        return MRL_BYTES_NONE;
    name = &mrl_csr_facts(csr)->name;
    return name->cn_count == 1 ? mrl_arena_copy(mrl_exchange_arena(x), name->cn) : MRL_BYTES_NONE;
}

mrl_err mrl_est_login_read(struct mrl_exchange *x, struct mrl_est_login *out, struct mrl_why *why)
{
    mrl_bytes value, credentials;

    if (!mrl_exchange_header(x, "Authorization", &value))
        return MRL_OK;
    out->present = true;
    if (mrl_http_auth_is(value, "Bearer", &credentials)) {
        MRL_TRY(mrl_http_bearer_read(value, &out->token, why));
        out->device = device_of_request(x);
        return MRL_OK;
    }
    MRL_TRY(mrl_http_basic_read(value, &out->basic, why));
    out->device = out->basic.user;
    out->token = out->basic.password;
    return MRL_OK;
}

void mrl_est_challenge(struct mrl_exchange *x)
{
    mrl_bytes value, credentials;

    if (mrl_exchange_header(x, "Authorization", &value) &&
        mrl_http_auth_is(value, "Bearer", &credentials)) /* RFC 6750 3 */
        mrl_exchange_set_header(x, "WWW-Authenticate",
                                MRL_LIT("Bearer " REALM ", error=\"invalid_token\""));
    else
        mrl_exchange_set_header(x, "WWW-Authenticate", MRL_LIT("Basic " REALM ", Bearer " REALM));
}
