/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the renewals share; nobody else includes it. Layer: issuing. */
#ifndef MRL_ISSUING_RENEWALS_INTERNAL_H
#define MRL_ISSUING_RENEWALS_INTERNAL_H

#include <pthread.h>

#include "issuing/renewals.h"

/* An order that is open, as workers ask about it. */
struct mrl_renewal_order {
    int64_t id; /* 0: this place is free */
    struct mrl_name group;
    uint64_t per_hour, total;
    int64_t started_ms;
    enum mrl_renewal_state state;
    struct mrl_name last; /* all devices up to this one were told */
    uint64_t stepped_ms;  /* monotonic; of credit, which only the step touches */
    double credit;        /* devices whose turn has come and that were not told */
};

struct mrl_renewals {
    struct mrl_store *store;
    uint8_t key[MRL_SHA256_SIZE];
    pthread_mutex_t lock; /* of orders; held for a few instructions only */
    struct mrl_renewal_order orders[MRL_RENEWALS_OPEN_MAX];
};

/* Any thread. id 0: a place that is free. NULL: none. The lock is held. */
struct mrl_renewal_order *mrl_renewal_find(struct mrl_renewals *r, int64_t id);
void mrl_renewals_lock(struct mrl_renewals *r);
void mrl_renewals_unlock(struct mrl_renewals *r);
/* Puts it in its place, or takes it out when it is not open any more. */
void mrl_renewals_set(struct mrl_renewals *r, const struct mrl_renewal_order *o);

/* renewals_rows.c: in a transaction. */
mrl_err mrl_renewal_rows_load(struct mrl_tx *tx, struct mrl_renewals *r);
mrl_err mrl_renewal_rows_get(struct mrl_tx *tx, int64_t id, struct mrl_renewal_order *out);
/* MRL_ERR_LIMIT: as many as may be are open. */
mrl_err mrl_renewal_rows_room(struct mrl_tx *tx, struct mrl_why *why);
/* Sets id and total. MRL_ERR_NOT_FOUND: there is no such device. */
mrl_err mrl_renewal_rows_add(struct mrl_tx *tx, struct mrl_renewal_order *o, struct mrl_why *why);
mrl_err mrl_renewal_rows_set_state(struct mrl_tx *tx, const struct mrl_renewal_order *o);
/* Takes the next at most `most` devices: those that have to renew into batch, all others as renewed
 * or passed over. Moves o->last, and o->state when these were the last ones. */
mrl_err mrl_renewal_rows_next(struct mrl_tx *tx, struct mrl_renewal_order *o, size_t most,
                              struct mrl_renewal_batch *batch);
mrl_err mrl_renewal_rows_told(struct mrl_tx *tx, const struct mrl_renewal_batch *batch);
/* Has everybody who was told renewed? */
mrl_err mrl_renewal_rows_all_renewed(struct mrl_tx *tx, int64_t id, bool *out);
mrl_err mrl_renewal_rows_list(struct mrl_tx *tx, int64_t before, size_t limit,
                              mrl_renewal_visit *visit, void *context);

#endif
