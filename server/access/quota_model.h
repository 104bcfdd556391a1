/* SPDX-License-Identifier: Apache-2.0 */
/* Given limits in memory, and what holds because of them. Layer: access, internal. Thread: the
 * writer thread (before the first write job: the one that opens). */
#ifndef MRL_ACCESS_QUOTA_MODEL_H
#define MRL_ACCESS_QUOTA_MODEL_H

#include "access/quotas.h"
#include "base/map.h"

enum {                                   /* of a claim, and nobody changes them */
       MRL_QUOTA_CLAIM_SESSIONS = 10000, /* on one worker */
       MRL_QUOTA_CLAIM_SUBSCRIPTIONS = 32,
       MRL_QUOTA_CLAIM_PACKET = 64 << 10,
};

struct mrl_quota_model {
    struct mrl_map given; /* by target */
    const struct mrl_quota *device;
    const struct mrl_quota *application;
    const struct mrl_quota *claim;
};

void mrl_quota_model_init(struct mrl_quota_model *m);
void mrl_quota_model_done(struct mrl_quota_model *m);
void mrl_quota_model_defaults(struct mrl_quota_model *m, enum mrl_principal_kind kind,
                              const uint64_t of[static MRL_QUOTA_COUNT_]);
/* Replaces what was given; nothing given: forgotten. The target's name is valid. */
void mrl_quota_model_put(struct mrl_quota_model *m, const struct mrl_role_target *target,
                         const struct mrl_quota_override *given);
/* Gives a reference. */
const struct mrl_quota *mrl_quota_model_of(const struct mrl_quota_model *m,
                                           const struct mrl_subject *who);

/* quota_read.c: what is stored for one target; nothing: given is 0. */
mrl_err mrl_quota_read_given(struct mrl_tx *tx, mrl_bytes target, struct mrl_quota_override *out);
/* "device:pump-7", as it is stored. */
enum { MRL_QUOTA_TARGET_MAX = sizeof("application:") + MRL_NAME_MAX };
mrl_bytes mrl_quota_target_text(const struct mrl_role_target *target,
                                char to[static MRL_QUOTA_TARGET_MAX]);
mrl_err mrl_quota_load(struct mrl_tx *tx, struct mrl_quota_model *m, struct mrl_why *why);

#endif
