/* SPDX-License-Identifier: Apache-2.0 */
/* What changed among the registry's credentials since the last look: all of them first, then what
 * is new or has another state. Layer: revocation. Thread: one owner; calls block on the store. */
#ifndef MRL_REVOCATION_CHANGES_H
#define MRL_REVOCATION_CHANGES_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "devices/snapshot.h"
#include "store/store.h"

struct mrl_changes;
/* Borrows both. When *stop becomes true, a look ends between two short reads. */
struct mrl_changes *mrl_changes_new(struct mrl_store *store, const atomic_bool *stop);
void mrl_changes_free(struct mrl_changes *c); /* NULL is fine */

enum { MRL_CHANGES_SOURCES_MAX = 4 };
/* Certificates that are nobody's credential in the registry, too: a query of the form of
 * MRL_CHANGES_SELECT; sql is a constant. Before the first look. MRL_ERR_LIMIT. */
mrl_err mrl_changes_also(struct mrl_changes *c, const char *sql);
/* state and reason are columns or constants, as of enum mrl_credential_state. */
#define MRL_CHANGES_SELECT(state, reason, table)                                             \
    "SELECT changed, fingerprint, serial, " state ", " reason ", not_after, der FROM " table \
    " WHERE (changed, fingerprint) > ($1, $2) ORDER BY changed, fingerprint LIMIT $3"

struct mrl_change_seen { /* views live during the call */
    mrl_bytes serial;
    enum mrl_credential_state state;
    int64_t changed_ms;
    mrl_bytes reason;
    int64_t not_after;
    mrl_bytes der;
};
typedef void mrl_changes_see(void *context, const struct mrl_change_seen *seen);
/* Certificates that end at or after not_before (seconds); the same may be seen again. After an
 * error the next call starts where this one did. MRL_ERR_CLOSED: *stop. */
mrl_err mrl_changes_read(struct mrl_changes *c, int64_t not_before, mrl_changes_see *see,
                         void *context);

#endif
