/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals the server asks for: by the window of a certificate, and by order of an operator, who
 * has all devices or a group renew at a rate. An order is in the store and goes on after a restart.
 * Layer: issuing. Thread: as marked; [service] functions block. */
#ifndef MRL_ISSUING_RENEWALS_H
#define MRL_ISSUING_RENEWALS_H

#include "access/actor.h"
#include "access/name.h"
#include "issuing/window.h"
#include "store/store.h"

enum {
    MRL_RENEWAL_RATE_MAX = 3600000, /* an hour: 1,000 a second */
    MRL_RENEWAL_BATCH = 1000,       /* devices told at once */
    MRL_RENEWALS_OPEN_MAX = 16,     /* orders at a time */
    MRL_RENEWAL_PAGE_MAX = 1000,
    MRL_RENEWAL_SPREAD_MAX_S = 3600, /* over which devices that come late are spread */
};

extern const struct mrl_migration_list mrl_renewals_migrations;

struct mrl_renewals;
/* Loads the orders that are open. Borrows the store and copies the key of the windows. Gives *out.
 */
mrl_err mrl_renewals_open(struct mrl_store *store, mrl_bytes key, struct mrl_renewals **out,
                          struct mrl_why *why);
void mrl_renewals_free(struct mrl_renewals *r); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_renewals);

/* Stored: a value never changes its meaning. */
enum mrl_renewal_state {
    MRL_RENEWAL_TELLING = 1, /* devices are told, one after the other */
    MRL_RENEWAL_WAITING = 2, /* all were told, some have not renewed */
    MRL_RENEWAL_DONE = 3,
    MRL_RENEWAL_CANCELLED = 4,
};
const char *mrl_renewal_state_name(enum mrl_renewal_state s); /* "telling"; never NULL */

/* "100/s", "10/m", "600/h" to renewals an hour, 1 to MRL_RENEWAL_RATE_MAX. false: anything else. */
bool mrl_renewal_rate_parse(mrl_bytes text, uint64_t *per_hour);

/* [service] All devices that are active or quarantined, or those of a group. MRL_ERR_INVALID: rate
 * or group; MRL_ERR_LIMIT: too many are open; MRL_ERR_NOT_FOUND: no such device. */
mrl_err mrl_renewals_begin(struct mrl_renewals *r, const struct mrl_actor *actor, mrl_bytes group,
                           uint64_t per_hour, int64_t *id, struct mrl_why *why);
/* [service] Stops telling devices; who was told may still renew. MRL_ERR_NOT_FOUND; MRL_ERR_STATE:
 * it is not open. */
mrl_err mrl_renewals_cancel(struct mrl_renewals *r, const struct mrl_actor *actor, int64_t id,
                            struct mrl_why *why);
/* [service] A cancelled one goes on where it was. MRL_ERR_NOT_FOUND, MRL_ERR_STATE, MRL_ERR_LIMIT.
 */
mrl_err mrl_renewals_resume(struct mrl_renewals *r, const struct mrl_actor *actor, int64_t id,
                            struct mrl_why *why);

struct mrl_renewal_info {
    int64_t id;
    mrl_bytes group; /* empty: all */
    uint64_t per_hour;
    enum mrl_renewal_state state;
    int64_t started_ms, ended_ms; /* wall time; 0: not ended */
    uint64_t total;               /* devices there were when it began */
    uint64_t left;                /* not told yet */
    uint64_t told;                /* or waiting in the queue of a kept session; not renewed yet */
    uint64_t unreachable;         /* when it was their turn: told when they come */
    uint64_t renewed;
};
/* Views live during the call only. */
typedef void mrl_renewal_visit(void *context, const struct mrl_renewal_info *info);
/* [service] Newest first, those below `before` (0: from the newest), at most limit. */
mrl_err mrl_renewals_list(struct mrl_renewals *r, int64_t before, size_t limit,
                          mrl_renewal_visit *visit, void *context);
mrl_err mrl_renewals_show(struct mrl_renewals *r, int64_t id, mrl_renewal_visit *visit,
                          void *context); /* [service] MRL_ERR_NOT_FOUND */

/* Devices whose turn it is. The worker that tells them sets reached. */
struct mrl_renewal_batch {
    int64_t order;
    size_t count;
    struct mrl_renewal_turn {
        struct mrl_name device;
        bool reached;
    } turns[MRL_RENEWAL_BATCH];
};
/* Any thread: is there something to step? */
bool mrl_renewals_are_open(struct mrl_renewals *r);
/* [service], one at a time: takes those whose turn has come since the last call into a batch for
 * each open order and hands it to tell, which takes it (free). now_ms is monotonic. */
typedef void mrl_renewal_tell(void *context, struct mrl_renewal_batch *batch);
mrl_err mrl_renewals_step(struct mrl_renewals *r, uint64_t now_ms, mrl_renewal_tell *tell,
                          void *context);
/* Any thread: who was reached is written down; takes the batch. */
void mrl_renewals_told(struct mrl_renewals *r, struct mrl_renewal_batch *batch);

/* [writer] In the write job of an enrolment: this device has another certificate. */
mrl_err mrl_renewals_renewed_tx(struct mrl_tx *tx, mrl_bytes device);

enum mrl_renewal_reason { MRL_RENEWAL_BY_WINDOW = 1, MRL_RENEWAL_BY_ORDER };
struct mrl_renewal_offer {
    enum mrl_renewal_reason reason;
    int64_t order;            /* 0: none */
    struct mrl_window window; /* when to renew */
};
struct mrl_renewal_asks { /* borrowed */
    mrl_bytes device, group;
    mrl_bytes fingerprint; /* of its certificate */
    int64_t not_before, not_after;
};
/* Any thread: is this device to renew now? By its window, from its start on; or because of an order
 * that has come to it. An order that begins in the future, as the clock is now, is none. */
bool mrl_renewals_due(struct mrl_renewals *r, const struct mrl_renewal_asks *asks, int64_t now_s,
                      struct mrl_renewal_offer *out);
/* Any thread: of this certificate. MRL_ERR_CRYPTO. */
mrl_err mrl_renewals_window(struct mrl_renewals *r, const struct mrl_renewal_asks *asks,
                            struct mrl_window *out);
/* What the device is told: {"end":...,"order":...,"reason":"window"|"order","start":...}. Appends.
 */
mrl_err mrl_renewal_offer_write(const struct mrl_renewal_offer *offer, struct mrl_buf *out);

#endif
