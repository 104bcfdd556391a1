/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/snapshot.h"

static const char *const judgement_names[MRL_JUDGEMENT_COUNT_] = {
    [MRL_JUDGED_ACCEPTED] = "accepted",     [MRL_JUDGED_UNKNOWN] = "unknown",
    [MRL_JUDGED_EXPIRED] = "expired",       [MRL_JUDGED_NOT_YET_VALID] = "not-yet-valid",
    [MRL_JUDGED_REVOKED] = "revoked",       [MRL_JUDGED_SUPERSEDED] = "superseded",
    [MRL_JUDGED_NOT_ACTIVE] = "not-active", [MRL_JUDGED_SUSPENDED] = "suspended",
    [MRL_JUDGED_RETIRED] = "retired",       [MRL_JUDGED_DISABLED] = "disabled",
    [MRL_JUDGED_WRONG_KIND] = "wrong-kind",
};

const char *mrl_judgement_name(enum mrl_judgement j)
{
    return (size_t)j < MRL_JUDGEMENT_COUNT_ ? judgement_names[j] : "unknown";
}

const char *mrl_account_state_name(enum mrl_account_state s)
{
    return s == MRL_ACCOUNT_ACTIVE ? "active" : s == MRL_ACCOUNT_DISABLED ? "disabled" : "unknown";
}

const char *mrl_credential_state_name(enum mrl_credential_state s)
{
    static const char *const names[] = {
        [MRL_CREDENTIAL_ACTIVE] = "active",
        [MRL_CREDENTIAL_SUPERSEDED] = "superseded",
        [MRL_CREDENTIAL_REVOKED] = "revoked",
    };
    return (size_t)s < MRL_COUNT(names) && names[s] != NULL ? names[s] : "unknown";
}

static enum mrl_judgement judge_device(enum mrl_device_state s)
{
    static const enum mrl_judgement by_state[] = {
        [MRL_DEVICE_EXPECTED] = MRL_JUDGED_NOT_ACTIVE,
        [MRL_DEVICE_ACTIVE] = MRL_JUDGED_ACCEPTED,
        [MRL_DEVICE_QUARANTINED] = MRL_JUDGED_ACCEPTED,
        [MRL_DEVICE_SUSPENDED] = MRL_JUDGED_SUSPENDED,
        [MRL_DEVICE_RETIRED] = MRL_JUDGED_RETIRED,
    };
    return mrl_device_state_known((int64_t)s) ? by_state[s] : MRL_JUDGED_NOT_ACTIVE;
}

static enum mrl_judgement judge_principal(const struct mrl_principal *p)
{
    if (p->subject.kind == MRL_PRINCIPAL_DEVICE)
        return judge_device(p->device_state);
    return p->account_state == MRL_ACCOUNT_ACTIVE ? MRL_JUDGED_ACCEPTED : MRL_JUDGED_DISABLED;
}

static enum mrl_judgement judge_credential(const struct mrl_credential *c)
{
    if (c->state == MRL_CREDENTIAL_ACTIVE)
        return MRL_JUDGED_ACCEPTED;
    return c->state == MRL_CREDENTIAL_SUPERSEDED ? MRL_JUDGED_SUPERSEDED : MRL_JUDGED_REVOKED;
}

/* RFC 5280 4.1.2.5: valid from not_before through not_after, both included. */
static enum mrl_judgement judge_time(const struct mrl_credential *c, int64_t now, int64_t grace)
{
    if (now < c->not_before)
        return MRL_JUDGED_NOT_YET_VALID;
    return now <= c->not_after || now - c->not_after <= grace ? MRL_JUDGED_ACCEPTED
                                                              : MRL_JUDGED_EXPIRED;
}

static enum mrl_judgement judge(const struct mrl_credential *c, const struct mrl_principal *p,
                                int64_t now, int64_t grace)
{
    enum mrl_judgement of_principal = judge_principal(p), of_credential = judge_credential(c);

    if (of_principal == MRL_JUDGED_RETIRED)
        return of_principal;
    if (of_credential != MRL_JUDGED_ACCEPTED)
        return of_credential;
    if (of_principal != MRL_JUDGED_ACCEPTED)
        return of_principal;
    return judge_time(c, now, grace);
}

static enum mrl_judgement look_up(struct mrl_registry *r, const struct mrl_fingerprint *f,
                                  int64_t now, int64_t grace, unsigned kinds,
                                  const struct mrl_principal **principal)
{
    const struct mrl_credential *c = NULL;
    const struct mrl_principal *p = NULL;
    bool known = mrl_snapshot_credential(r, f, &c, &p);

    if (principal != NULL)
        *principal = p;
    if (!known)
        return MRL_JUDGED_UNKNOWN;
    if ((kinds & MRL_KIND_BIT(p->subject.kind)) == 0)
        return MRL_JUDGED_WRONG_KIND;
    return judge(c, p, now, grace);
}

enum mrl_judgement mrl_registry_judge(struct mrl_registry *r, const struct mrl_fingerprint *f,
                                      int64_t now, unsigned kinds,
                                      const struct mrl_principal **principal)
{
    return look_up(r, f, now, /*grace=*/0, kinds, principal);
}

enum mrl_judgement mrl_registry_judge_renewal(struct mrl_registry *r,
                                              const struct mrl_fingerprint *f, int64_t now,
                                              int64_t grace, const struct mrl_principal **principal)
{
    return look_up(r, f, now, grace, MRL_KIND_BIT(MRL_PRINCIPAL_DEVICE), principal);
}
