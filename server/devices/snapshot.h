/* SPDX-License-Identifier: Apache-2.0 */
/* What every worker reads about principals without a lock: RCU over the registry. Layer: devices.
 *
 * Threads: any thread registered with liburcu (base/rcu.h). Every function here is called, and
 * every view it gives is used, between mrl_rcu_read_begin() and mrl_rcu_read_end(). What must live
 * longer is copied; a policy is kept with mrl_policy_ref, a quota with
 * mrl_quota_ref. Nothing here blocks or allocates. */
#ifndef MRL_DEVICES_SNAPSHOT_H
#define MRL_DEVICES_SNAPSHOT_H

#include "access/policy.h"
#include "access/quota.h"
#include "base/rcu.h"
#include "crypto/hash.h"
#include "devices/state.h"

struct mrl_registry;

/* Stored: a value never changes its meaning. Applications and operators. */
enum mrl_account_state { MRL_ACCOUNT_ACTIVE = 1, MRL_ACCOUNT_DISABLED = 2 };
/* Stored: a value never changes its meaning. */
enum mrl_credential_state {
    MRL_CREDENTIAL_ACTIVE = 1,
    MRL_CREDENTIAL_SUPERSEDED = 2, /* replaced by a newer one that was seen in use */
    MRL_CREDENTIAL_REVOKED = 3,
};
const char *mrl_account_state_name(enum mrl_account_state s);
const char *mrl_credential_state_name(enum mrl_credential_state s);

/* One principal as it is now; never changes, is replaced whole. */
struct mrl_principal {
    struct mrl_subject subject; /* kind, id, group, attributes */
    uint64_t home;              /* mrl_hash of kind and id: the home worker is this mod workers */
    uint64_t version;           /* grows with every change of this principal in this process */
    enum mrl_device_state device_state;   /* devices only, else 0 */
    enum mrl_account_state account_state; /* applications and operators only, else 0 */
    uint32_t operator_roles;              /* operators only: enum mrl_operator_role bits */
    const struct mrl_policy *policy;      /* never NULL; already the quarantine policy if so */
    const struct mrl_quota *quota;        /* never NULL */
};

struct mrl_credential {
    struct mrl_fingerprint fingerprint;
    enum mrl_credential_state state;
    bool psk;           /* a pre-shared key: devices/psk.h */
    bool seen;          /* in use on a connection: mrl_credential_seen */
    bool hardware_held; /* its key is proven to be in a TPM: devices/hardware.h */
    int64_t not_before; /* seconds since 1970, both ends included (RFC 5280 4.1.2.5) */
    int64_t not_after;
};

/* NULL: none. */
const struct mrl_principal *mrl_snapshot_principal(struct mrl_registry *r,
                                                   enum mrl_principal_kind kind, mrl_bytes id);
/* false: unknown. Both outputs are set on true; *principal is as of now, not as of issuing. */
bool mrl_snapshot_credential(struct mrl_registry *r, const struct mrl_fingerprint *f,
                             const struct mrl_credential **credential,
                             const struct mrl_principal **principal);

enum mrl_judgement {
    MRL_JUDGED_ACCEPTED,
    MRL_JUDGED_UNKNOWN, /* not a certificate of ours: full verification, then onboarding decides */
    MRL_JUDGED_EXPIRED,
    MRL_JUDGED_NOT_YET_VALID,
    MRL_JUDGED_REVOKED,
    MRL_JUDGED_SUPERSEDED, /* accepted once more only where the caller says so */
    MRL_JUDGED_NOT_ACTIVE, /* the device is expected: it may enrol, not connect */
    MRL_JUDGED_SUSPENDED,
    MRL_JUDGED_RETIRED,
    MRL_JUDGED_DISABLED, /* application or operator */
    MRL_JUDGED_WRONG_KIND,
    MRL_JUDGEMENT_COUNT_
};
const char *mrl_judgement_name(enum mrl_judgement j); /* "not-yet-valid"; never NULL */

#define MRL_KIND_BIT(kind) (1u << (kind))
/* May the holder of this certificate come in through a door for these kinds (sum of MRL_KIND_BIT)
 * at the second now? *principal, when not NULL, is set whenever the certificate is known (for the
 * audit entry of a refusal), else to NULL. The reason given is the first that holds in this order:
 * unknown, wrong kind, retired, revoked, superseded, suspended or disabled, not active, not yet
 * valid, expired. */
enum mrl_judgement mrl_registry_judge(struct mrl_registry *r, const struct mrl_fingerprint *f,
                                      int64_t now, unsigned kinds,
                                      const struct mrl_principal **principal);
/* The same for an enrolment of a device with its present certificate (re-enrolment): `expected` is
 * refused here too, since revoke returns to it; the certificate may be up to grace seconds past
 * its end. */
enum mrl_judgement mrl_registry_judge_renewal(struct mrl_registry *r,
                                              const struct mrl_fingerprint *f, int64_t now,
                                              int64_t grace,
                                              const struct mrl_principal **principal);

#endif
