/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/policy.h"

#include <inttypes.h>
#include <string.h>

#include "keys/text.h"

enum { MILLI = 1000 };

struct mrl_policy_limits mrl_policy_defaults(void)
{
    struct mrl_policy_limits l = {.issue_rate = MRL_POLICY_RATE, .issue_burst = MRL_POLICY_BURST};

    for (size_t kind = 0; kind < MRL_KEYS_KIND_END_; kind++)
        l.max_lifetime_s[kind] = MRL_POLICY_LIFETIME_S;
    l.max_lifetime_s[MRL_KEYS_OCSP] = MRL_POLICY_OCSP_LIFETIME_S;
    return l;
}

static uint64_t burst_milli(const struct mrl_policy *p)
{
    return (uint64_t)p->limits.issue_burst * MILLI;
}

struct mrl_policy mrl_policy_start(const struct mrl_policy_limits *limits, uint64_t now_ms)
{
    struct mrl_policy p = {.limits = *limits, .filled_ms = now_ms};

    p.tokens_milli = burst_milli(&p);
    return p;
}

static void fill(struct mrl_policy *p, uint64_t now_ms)
{
    uint64_t most = burst_milli(p);
    uint64_t passed = now_ms > p->filled_ms ? now_ms - p->filled_ms : 0;
    uint64_t missing = most - p->tokens_milli;

    p->filled_ms = now_ms;
    if (p->limits.issue_rate > 0 && passed > missing / p->limits.issue_rate) /* cannot overflow */
        p->tokens_milli = most;
    else
        p->tokens_milli += passed * p->limits.issue_rate; /* 1 ms gives rate thousandths */
}

mrl_err mrl_policy_take_token(struct mrl_policy *p, uint64_t now_ms, struct mrl_why *why)
{
    fill(p, now_ms);
    if (p->tokens_milli < MILLI)
        return mrl_fail(why, MRL_ERR_BUSY,
                        "more than %" PRIu32 " certificates a second: try again later",
                        p->limits.issue_rate);
    p->tokens_milli -= MILLI;
    return MRL_OK;
}

static mrl_err check_server_names(const struct mrl_keys_issue *want, struct mrl_why *why)
{
    if (want->dns_count + want->ip_count == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a server certificate needs a DNS name or address");
    for (size_t i = 0; i < want->dns_count; i++)
        if (!mrl_keys_dns_valid(want->dns[i]))
            return mrl_fail(why, MRL_ERR_INVALID, "DNS name %zu is not a lower-case host name",
                            i + 1);
    return MRL_OK;
}

static mrl_err check_names(const struct mrl_keys_issue *want, struct mrl_why *why)
{
    if (!mrl_keys_id_valid(want->id))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "an id has 1 to %d characters of A-Z, a-z, 0-9 and ._:- and does not begin "
                        "with '.' or '-'",
                        MRL_KEYS_ID_MAX);
    if (want->kind == MRL_KEYS_SERVER)
        return check_server_names(want, why);
    if (want->dns_count + want->ip_count != 0)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "only a server certificate may have DNS names and addresses");
    return MRL_OK;
}

mrl_err mrl_policy_check_start(int64_t start, int64_t now, const char *what, struct mrl_why *why)
{
    if (start < now - MRL_POLICY_PAST_S)
        return mrl_fail(why, MRL_ERR_DENIED, "%s is more than %d minutes ago", what,
                        MRL_POLICY_PAST_S / 60);
    if (start > now + MRL_POLICY_FUTURE_S)
        return mrl_fail(why, MRL_ERR_DENIED, "%s is more than %d minutes ahead", what,
                        MRL_POLICY_FUTURE_S / 60);
    return MRL_OK;
}

static mrl_err check_times(const struct mrl_policy *p, const struct mrl_keys_issue *want,
                           int64_t now, int64_t issuer_not_after, struct mrl_why *why)
{
    uint64_t most = p->limits.max_lifetime_s[want->kind];

    MRL_TRY(mrl_policy_check_start(want->not_before, now, "notBefore", why));
    if (want->not_after <= want->not_before || want->not_after <= now)
        return mrl_fail(why, MRL_ERR_INVALID, "notAfter is not after notBefore, or has passed");
    if ((uint64_t)(want->not_after - want->not_before) > most)
        return mrl_fail(why, MRL_ERR_DENIED, "a %s certificate lives %" PRIu64 " s at most",
                        mrl_keys_kind_name(want->kind), most);
    if (want->not_after > issuer_not_after)
        return mrl_fail(why, MRL_ERR_DENIED, "notAfter is later than the issuing CA's own");
    return MRL_OK;
}

mrl_err mrl_policy_check_issue(const struct mrl_policy *p, const struct mrl_keys_issue *want,
                               int64_t now, int64_t issuer_not_after, struct mrl_why *why)
{
    MRL_TRY(check_names(want, why));
    return check_times(p, want, now, issuer_not_after, why);
}

mrl_err mrl_policy_check_key(const struct mrl_key *subject, const struct mrl_key *const *own,
                             size_t own_count, struct mrl_why *why)
{
    for (size_t i = 0; i < own_count; i++)
        if (mrl_key_public_eq(subject, own[i]))
            return mrl_fail(why, MRL_ERR_DENIED, "the public key is one of the CA's own keys");
    return MRL_OK;
}
