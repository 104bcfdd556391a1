/* SPDX-License-Identifier: Apache-2.0 */
/* A whole keystore that is made inside the folder of another one and then takes its place.
 * Layer: keys. Thread: one owner.
 *
 * "rekey.new": being made; nobody opens it, and what a crash left of it is removed. Its name
 * becomes "rekey.ready" when it is whole and on disk: from that moment it is the keystore. Its
 * files then move up, each over its predecessor; whoever opens the keystore next finishes that.
 * So there is no moment at which neither, or a mixture, would open. */
#ifndef MRL_KEYS_STAGING_H
#define MRL_KEYS_STAGING_H

#include <limits.h>

#include "keys/folder.h"

struct mrl_staging {
    struct mrl_folder folder; /* owned; {.fd = -1} is empty */
    char path[PATH_MAX];
};

/* An empty folder, whatever a crash left. out stays where it is: folder points into it. */
mrl_err mrl_staging_begin(const struct mrl_folder *f, struct mrl_staging *out, struct mrl_why *why);
/* On MRL_OK the keystore in s counts, durably; mrl_staging_settle moves it up. */
mrl_err mrl_staging_commit(const struct mrl_folder *f, const struct mrl_staging *s,
                           struct mrl_why *why);
/* Takes away what was begun and not committed. */
mrl_err mrl_staging_drop(const struct mrl_folder *f, struct mrl_why *why);
void mrl_staging_done(struct mrl_staging *s); /* closes; what lies on disk stays */

/* Finishes what a commit began; nothing to do without one. After an error, again. */
mrl_err mrl_staging_settle(const struct mrl_folder *f, struct mrl_why *why);

#endif
