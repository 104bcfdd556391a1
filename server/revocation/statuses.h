/* SPDX-License-Identifier: Apache-2.0 */
/* The status of every certificate of one CA, by serial: at most 32 bytes each with a million of
 * them, and a look-up that takes no lock. Layer: revocation.
 *
 * Threads: one owner writes. Any thread registered with liburcu reads, between mrl_rcu_read_begin()
 * and mrl_rcu_read_end(). */
#ifndef MRL_REVOCATION_STATUSES_H
#define MRL_REVOCATION_STATUSES_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/crl.h"

enum {
    MRL_STATUS_SERIAL = 16, /* what the key process makes; shorter ones are filled with zeros */
    MRL_STATUSES_MAX = 1 << 28,
};

struct mrl_status {
    int64_t revoked; /* seconds since 1970, up to 2106; 0: good */
    enum mrl_crl_reason reason;
    int64_t expires; /* seconds since 1970, rounded up to an hour */
    bool in_base;    /* the owner's: the last complete list has it */
};

struct mrl_statuses;
struct mrl_statuses *mrl_statuses_new(void);
void mrl_statuses_free(struct mrl_statuses *s); /* no reader is left; NULL is fine */

/* Owner: adds, or gives the known one this status. MRL_ERR_INVALID: the serial has not 1 to 16
 * bytes, or a time is out of range; MRL_ERR_LIMIT: MRL_STATUSES_MAX. */
mrl_err mrl_statuses_put(struct mrl_statuses *s, mrl_bytes serial, const struct mrl_status *status);
/* Reader. false: never issued by this CA, or over long ago. serial is a magnitude. */
bool mrl_statuses_get(struct mrl_statuses *s, mrl_bytes serial, struct mrl_status *out);

/* Owner: walks. Start with *at = 0; false after the last. serial is a magnitude, valid until the
 * next purge or put of a serial that is not known: neither may come while walking. */
bool mrl_statuses_next(const struct mrl_statuses *s, size_t *at, mrl_bytes *serial,
                       struct mrl_status *out);
/* Owner: forgets all that expired before that second, in one sweep. */
void mrl_statuses_purge(struct mrl_statuses *s, int64_t before);
size_t mrl_statuses_count(const struct mrl_statuses *s); /* owner */
size_t mrl_statuses_bytes(const struct mrl_statuses *s); /* owner: memory in use */

#endif
