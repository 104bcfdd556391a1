/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: certificates that come with the firmware of many devices. Who shows one may ask for a
 * certificate of its own and register with the templates of the claim, over MQTT; it opens nothing
 * else. Layer: onboarding. Thread: as marked; [service] functions block.
 *
 * A claim is a principal of the registry's snapshot like others (MRL_PRINCIPAL_CLAIM); its
 * attributes there are the names of its templates. */
#ifndef MRL_ONBOARDING_CLAIM_H
#define MRL_ONBOARDING_CLAIM_H

#include "onboarding/enrol.h"
#include "onboarding/template.h"

enum {
    MRL_CLAIM_LIFE_MAX_S = 730 * 86400,
    MRL_CLAIM_USES_MAX = 10000000,
    MRL_CLAIM_TEMPLATES_MAX = MRL_ATTRIBUTES_MAX,
    MRL_CLAIMS_MAX = 1000, /* in force at a time */
    MRL_CLAIM_PAGE_MAX = 1000,
};

struct mrl_claim_wish {
    mrl_bytes name; /* never used before */
    const mrl_bytes *templates;
    size_t template_count;
    uint64_t uses; /* devices that may be registered with it */
    uint64_t life_s;
    mrl_bytes csr; /* PKCS#10, its subject is CN=name */
};
/* [service] Appends the DER of its certificate. MRL_ERR_INVALID; MRL_ERR_NOT_FOUND: a template is
 * not there; MRL_ERR_EXISTS: the name or the key was used before; MRL_ERR_LIMIT: too many claims.
 */
mrl_err mrl_claim_create(struct mrl_onboarding *o, const struct mrl_actor *actor,
                         const struct mrl_claim_wish *wish, struct mrl_buf *der,
                         struct mrl_why *why);
/* [service] Closes its connections. What waits for registration with it can no more be registered.
 * MRL_ERR_NOT_FOUND, MRL_ERR_STATE: revoked already. */
mrl_err mrl_claim_revoke(struct mrl_onboarding *o, const struct mrl_actor *actor, mrl_bytes name,
                         mrl_bytes reason, struct mrl_why *why);

struct mrl_claim_info { /* views, during the visit only */
    mrl_bytes name;
    mrl_bytes templates; /* a set of access/attributes.h */
    uint64_t uses, used;
    bool revoked;
    mrl_bytes reason;
    struct mrl_fingerprint fingerprint;
    int64_t not_before, not_after; /* seconds */
    int64_t created_ms;
};
typedef void mrl_claim_visit(void *context, const struct mrl_claim_info *claim);
/* [service] In the order of names after `after`, at most limit. */
mrl_err mrl_claim_list(struct mrl_store *s, mrl_bytes after, size_t limit, mrl_claim_visit *visit,
                       void *context);
mrl_err mrl_claim_show(struct mrl_store *s, mrl_bytes name, mrl_claim_visit *visit, void *context,
                       struct mrl_why *why);

/* Before the first write job: the claims of the store go into the snapshot. */
mrl_err mrl_claims_load(struct mrl_store *s, struct mrl_registry *r, struct mrl_why *why);

/* [writer] May it (still) be used now? MRL_ERR_AUTH: revoked, ended, its key denied, or
 * unknown; MRL_ERR_LIMIT: used
 * up. */
mrl_err mrl_claim_judge_tx(struct mrl_tx *tx, mrl_bytes name, struct mrl_why *why);
/* [writer] MRL_ERR_EXISTS: it is the key of a claim, which every holder of the claim has. */
mrl_err mrl_claim_check_key_tx(struct mrl_tx *tx, mrl_bytes spki, struct mrl_why *why);
/* [service] Revokes the claims whose key is on the deny-list (devices/denied_key.h). */
mrl_err mrl_claims_revoke_denied(struct mrl_onboarding *o, const struct mrl_actor *actor,
                                 mrl_bytes reason, uint64_t *revoked, struct mrl_why *why);
/* [writer] As mrl_claim_judge_tx, and uses it once. */
mrl_err mrl_claim_use_tx(struct mrl_tx *tx, mrl_bytes name, struct mrl_why *why);

#endif
