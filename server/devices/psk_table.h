/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys in memory, for handshakes. Layer: devices, internal. Threads as marked: [writer]
 * is the thread that publishes the snapshot; [reader] any thread between mrl_rcu_read_begin() and
 * mrl_rcu_read_end().
 *
 * A key lies here sealed, under a key of this process alone, so that a rotation of the data keys of
 * the store changes nothing, and is opened for the one handshake that asks. */
#ifndef MRL_DEVICES_PSK_TABLE_H
#define MRL_DEVICES_PSK_TABLE_H

#include "base/secret.h"
#include "crypto/hash.h"

struct mrl_psk_table;
mrl_err mrl_psk_table_new(struct mrl_psk_table **out); /* on a thread registered with liburcu */
void mrl_psk_table_free(struct mrl_psk_table *t);      /* no reader is left; NULL is fine */
MRL_AUTO_DEFINE(mrl_psk_table);

/* [writer] Borrowed for the call. The identity, at most MRL_PSK_IDENTITY_MAX bytes, stays for as
 * long as the process runs. */
mrl_err mrl_psk_table_put(struct mrl_psk_table *t, const struct mrl_fingerprint *f,
                          mrl_bytes identity, mrl_bytes key);
/* [writer] Its key is nowhere any more. Unknown: nothing. */
void mrl_psk_table_drop(struct mrl_psk_table *t, const struct mrl_fingerprint *f);

/* [reader] Empty: not known. */
mrl_bytes mrl_psk_table_identity(const struct mrl_psk_table *t, const struct mrl_fingerprint *f);
/* [reader] Gives the key; of one that is unknown or dropped, in about the same time, one that
 * nobody knows. */
mrl_err mrl_psk_table_open(const struct mrl_psk_table *t, const struct mrl_fingerprint *f,
                           struct mrl_secret **key);

#endif
