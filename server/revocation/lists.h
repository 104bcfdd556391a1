/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation lists of one CA: all of it, its delta, and one shard for each first byte of a
 * serial. Each is a file that is replaced at once, and is kept in memory to be sent. Layer:
 * revocation.
 *
 * Threads: one owner builds, with blocking calls; mrl_list_get and what it gives from any thread
 * registered with liburcu. */
#ifndef MRL_REVOCATION_LISTS_H
#define MRL_REVOCATION_LISTS_H

#include <stdatomic.h>

#include "base/buf.h"
#include "keys/client.h"
#include "keys/text.h"
#include "revocation/statuses.h"
#include "store/store.h"

extern const struct mrl_migration_list mrl_lists_migrations;

struct mrl_lists_config { /* texts are borrowed and outlive the lists */
    struct mrl_store *store;
    struct mrl_keys_client *keys;
    struct mrl_statuses *statuses;
    const char *folder;
    mrl_bytes ca;            /* its subject key identifier */
    const atomic_bool *stop; /* true: building gives up with MRL_ERR_CLOSED */
    bool shards;             /* there is a URL that names them */
    int64_t life_s;          /* nextUpdate - thisUpdate of a complete list and of shards */
    int64_t delta_life_s;
};
struct mrl_lists;
/* MRL_ERR_INVALID: the key identifier is too short to name a file. */
mrl_err mrl_lists_new(const struct mrl_lists_config *config, struct mrl_lists **out,
                      struct mrl_why *why);
void mrl_lists_free(struct mrl_lists *l); /* no reader is left; NULL is fine */

/* Owner. A certificate with this serial was revoked: it is not in the lists yet. */
void mrl_lists_changed(struct mrl_lists *l, mrl_bytes serial);
bool mrl_lists_are_behind(const struct mrl_lists *l);

/* Owner. All of them, with one new number; marks what is in them in the statuses. */
mrl_err mrl_lists_build(struct mrl_lists *l, struct mrl_why *why);
/* Owner. The delta and the shards that changed since. After mrl_lists_build. */
mrl_err mrl_lists_build_delta(struct mrl_lists *l, struct mrl_why *why);

/* One published list. */
struct mrl_list_view;
/* By its file name. NULL: there is none of that name (yet). Given: give back. */
struct mrl_list_view *mrl_list_get(struct mrl_lists *l, mrl_bytes name);
void mrl_list_give_back(struct mrl_list_view *v); /* any thread; NULL is fine */
mrl_bytes mrl_list_bytes(const struct mrl_list_view *v);
uint64_t mrl_list_number(const struct mrl_list_view *v);
int64_t mrl_list_this_update(const struct mrl_list_view *v);
int64_t mrl_list_next_update(const struct mrl_list_view *v);

#endif
