/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning templates in the store. Layer: onboarding. Thread: [service] functions block. The
 * secret of a hook is sealed and never shown again. */
#ifndef MRL_ONBOARDING_TEMPLATES_H
#define MRL_ONBOARDING_TEMPLATES_H

#include "access/actor.h"
#include "base/secret.h"
#include "onboarding/template.h"
#include "store/seal.h"
#include "store/store.h"

enum {
    MRL_TEMPLATES_MAX = 1000,
    MRL_TEMPLATE_PAGE_MAX = 1000,
    MRL_HOOK_SECRET_MIN = 16, /* bytes */
    MRL_HOOK_SECRET_MAX = 128,
};

/* Templates, claims (onboarding/claim.h) and what waits (onboarding/pending.h). */
extern const struct mrl_migration_list mrl_provisioning_migrations;

struct mrl_template_wish {
    mrl_bytes name;
    mrl_bytes body;
    /* What requests to the hook are signed with. Empty: the present one stays, as long as the url
     * stays what it was; another address must not be told by it who asks. */
    mrl_bytes secret;
};
/* [service] Makes it or replaces it; *version counts from 1. MRL_ERR_INVALID; MRL_ERR_LIMIT: too
 * many templates. */
mrl_err mrl_template_set(struct mrl_store *s, struct mrl_sealer *sealer,
                         const struct mrl_actor *actor, const struct mrl_template_wish *wish,
                         int64_t *version, struct mrl_why *why);
/* [service] MRL_ERR_NOT_FOUND; MRL_ERR_STATE: a claim that is in force names it. */
mrl_err mrl_template_delete(struct mrl_store *s, const struct mrl_actor *actor, mrl_bytes name,
                            struct mrl_why *why);

struct mrl_template_info { /* views, during the visit only */
    mrl_bytes name;
    int64_t version;
    mrl_bytes body;
    bool has_secret;
    int64_t created_ms, changed_ms;
};
typedef void mrl_template_visit(void *context, const struct mrl_template_info *t);
/* [service] In the order of names after `after`, at most limit. */
mrl_err mrl_template_list(struct mrl_store *s, mrl_bytes after, size_t limit,
                          mrl_template_visit *visit, void *context);
mrl_err mrl_template_show(struct mrl_store *s, mrl_bytes name, mrl_template_visit *visit,
                          void *context, struct mrl_why *why);

/* One to work with. */
struct mrl_template_loaded {
    struct mrl_template *template;
    int64_t version;
    struct mrl_secret *secret; /* NULL: none */
};
void mrl_template_loaded_done(struct mrl_template_loaded *l);
/* [service] MRL_ERR_NOT_FOUND. */
mrl_err mrl_template_load(struct mrl_store *s, struct mrl_sealer *sealer, mrl_bytes name,
                          struct mrl_template_loaded *out, struct mrl_why *why);

#endif
