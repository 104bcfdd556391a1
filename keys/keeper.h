/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the key process again after it died, or when it shall read its keystore anew. Layer: keys.
 * Thread: as marked.
 *
 * The daemon has given up root by then, so a small process of its own stands by that became the
 * keys account: it holds no key, reads nothing but a byte from the daemon, and ends with it. What
 * only root can read (a passphrase file, a PIN, a systemd credential) it cannot read again; then
 * there is no keeper, and the daemon has to be started again. */
#ifndef MRL_KEYS_KEEPER_H
#define MRL_KEYS_KEEPER_H

#include "keys/spawn.h"

enum { MRL_KEEPER_PAUSE_MS = 1000 }; /* between two starts */

struct mrl_keys_keeper;
/* [main, the only thread, as root when o->user is to be another] o is copied as far as it is
 * needed. MRL_ERR_DENIED: what opens the keystore is for root alone; why says what. Gives *out. */
mrl_err mrl_keys_keeper_start(const struct mrl_keys_options *o, struct mrl_keys_keeper **out,
                              struct mrl_why *why);
/* Ends it; a key process that it started has ended before. NULL is fine. */
void mrl_keys_keeper_free(struct mrl_keys_keeper *k);
MRL_AUTO_DEFINE(mrl_keys_keeper);

/* [service, one at a time] Ends the key process behind client, when it still runs, and starts
 * another in its place; callers of client wait meanwhile. MRL_ERR_CLOSED: it did not start, its log
 * says why, client stays closed: try again later. MRL_ERR_TIMEOUT: the keeper does not answer; the
 * same. MRL_ERR_STATE: it serves another keystore.
 * MRL_ERR_IO: the keeper itself is gone, and nobody can start one any more. */
mrl_err mrl_keys_keeper_restart(struct mrl_keys_keeper *k, struct mrl_keys_client *client,
                                struct mrl_why *why);

#endif
