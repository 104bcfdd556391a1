/* SPDX-License-Identifier: Apache-2.0 */
/* What the key process signs, whoever asks. Layer: keys. Thread: one owner.
 * The daemon has rules of its own; these hold even when the daemon is taken over. */
#ifndef MRL_KEYS_POLICY_H
#define MRL_KEYS_POLICY_H

#include "crypto/key.h"
#include "keys/checkpoint.h"
#include "keys/text.h"

enum {
    MRL_POLICY_PAST_S = 65 * 60,  /* notBefore may be this old: back-dating of one hour and delay */
    MRL_POLICY_FUTURE_S = 5 * 60, /* and this far ahead: the daemon's clock is ours */
    MRL_POLICY_LIFETIME_S = 400 * 86400,
    MRL_POLICY_OCSP_LIFETIME_S = 31 * 86400, /* it cannot be revoked: RFC 6960 4.2.2.2.1 */
    MRL_POLICY_CRL_LIFE_S = 31 * 86400,
    MRL_POLICY_RATE = 500,
    MRL_POLICY_BURST = 2000,
    MRL_POLICY_RATE_MOST = 100000,
    MRL_POLICY_BURST_MOST = 10 * MRL_POLICY_RATE_MOST, /* ten seconds of the rate */
};

struct mrl_policy_limits {
    uint64_t max_lifetime_s[MRL_KEYS_KIND_END_]; /* notAfter - notBefore, by kind */
    uint32_t issue_rate;                         /* tokens per second */
    uint32_t issue_burst;                        /* tokens at most */
    /* Where certificates say that revocation is told, keys/text.h; empty: nowhere. */
    char revocation_url[MRL_KEYS_URL_MAX + 1];
};
struct mrl_policy_limits mrl_policy_defaults(void);

struct mrl_policy {
    struct mrl_policy_limits limits;
    uint64_t tokens_milli; /* thousandths of a certificate */
    uint64_t filled_ms;    /* monotonic */
    struct mrl_signed checkpoint;
};
struct mrl_policy mrl_policy_start(const struct mrl_policy_limits *limits, uint64_t now_ms);

/* Takes one token, which a request that is refused later has cost as well. MRL_ERR_BUSY: none left.
 */
mrl_err mrl_policy_take_token(struct mrl_policy *p, uint64_t now_ms, struct mrl_why *why);

/* Names and times. now and issuer_not_after in seconds since 1970. MRL_ERR_INVALID: a value that is
 * never right; MRL_ERR_DENIED: more than allowed. */
mrl_err mrl_policy_check_issue(const struct mrl_policy *p, const struct mrl_keys_issue *want,
                               int64_t now, int64_t issuer_not_after, struct mrl_why *why);
/* notBefore or thisUpdate: MRL_ERR_DENIED when it is not about now. */
mrl_err mrl_policy_check_start(int64_t start, int64_t now, const char *what, struct mrl_why *why);
/* MRL_ERR_DENIED: subject is one of own, so the certificate would be for a key of this process. */
mrl_err mrl_policy_check_key(const struct mrl_key *subject, const struct mrl_key *const *own,
                             size_t own_count, struct mrl_why *why);

#endif
