/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that wait until an operator approves them. Layer: onboarding. Threads: [service]
 * functions block; [writer] ones run in a write job. A device has one request at most by
 * each who introduces it; an approval is for one enrolment or introduction and is used up by it. */
#ifndef MRL_ONBOARDING_APPROVAL_H
#define MRL_ONBOARDING_APPROVAL_H

#include "access/actor.h"
#include "store/store.h"

enum {
    MRL_APPROVAL_ID_TEXT = 16, /* hex digits */
    MRL_APPROVALS_WAITING_MAX = 10000,
    MRL_APPROVAL_LIFE_S = 7 * 86400, /* of a request that waits, and of an approval not used yet */
    MRL_APPROVAL_RETRY_S = 60,       /* when a device may ask again: Retry-After */
    MRL_APPROVAL_REASON_MAX = 256,
    MRL_APPROVAL_PAGE_MAX = 1000,
};

extern const struct mrl_migration_list mrl_approval_migrations;

/* Stored: a value never changes its meaning. */
enum mrl_approval_state {
    MRL_APPROVAL_NONE = 0, /* never stored */
    MRL_APPROVAL_PENDING = 1,
    MRL_APPROVAL_APPROVED = 2,
    MRL_APPROVAL_REFUSED = 3, /* until an operator thinks otherwise */
    MRL_APPROVAL_USED = 4,
};
const char *mrl_approval_state_name(enum mrl_approval_state s); /* "pending"; never NULL */
bool mrl_approval_state_parse(mrl_bytes name, enum mrl_approval_state *out);

struct mrl_approval_request {
    mrl_bytes device;
    mrl_bytes introducer; /* "maker:acme", "token:0123..." */
    mrl_bytes door;       /* "est", "mqtt" */
};
/* In any transaction: how it stands at the second now. What is over, or used, is NONE. The door
 * does not matter. */
mrl_err mrl_approval_look(struct mrl_tx *tx, const struct mrl_approval_request *request,
                          int64_t now, enum mrl_approval_state *out);
/* [writer] The same; NONE becomes a new request, with its audit entry, and PENDING. MRL_ERR_LIMIT:
 * too many wait. */
mrl_err mrl_approval_ask_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                            const struct mrl_approval_request *request, int64_t now,
                            enum mrl_approval_state *out, struct mrl_why *why);
/* In any transaction: those of this introducer that wait, or are approved and not used, at the
 * second now. */
mrl_err mrl_approval_open(struct mrl_tx *tx, mrl_bytes introducer, int64_t now, int64_t *out);
/* [writer] An approval is used up. MRL_ERR_STATE: there is none at the second now. */
mrl_err mrl_approval_use_tx(struct mrl_tx *tx, const struct mrl_approval_request *request,
                            int64_t now);
/* [writer] The device was revoked or retired: nothing waits for it any more. */
mrl_err mrl_approval_drop_tx(struct mrl_tx *tx, mrl_bytes device);

struct mrl_approval_decision {
    mrl_bytes id;
    bool approve;
    mrl_bytes reason; /* may be empty */
};
/* [service] MRL_ERR_NOT_FOUND; MRL_ERR_STATE: over, used, or decided like that already;
 * MRL_ERR_INVALID: reason. An approval that was not used yet can be refused, a refused one
 * approved.
 */
mrl_err mrl_approval_decide(struct mrl_store *s, const struct mrl_actor *actor,
                            const struct mrl_approval_decision *decision, struct mrl_why *why);

struct mrl_approval_info {
    mrl_bytes id;
    mrl_bytes device;
    mrl_bytes introducer;
    mrl_bytes door;
    enum mrl_approval_state state;
    int64_t created_ms;
    int64_t decided_ms; /* 0: not yet */
    int64_t expires;    /* seconds; 0: never */
    mrl_bytes reason;
};
typedef void mrl_approval_visit(void *context, const struct mrl_approval_info *approval);
/* [service] In the order of ids after `after`, at most limit (1 to MRL_APPROVAL_PAGE_MAX). state
 * NONE: any; PENDING only those that are not over. */
mrl_err mrl_approval_list(struct mrl_store *s, mrl_bytes after, size_t limit,
                          enum mrl_approval_state state, mrl_approval_visit *visit, void *context);

#endif
