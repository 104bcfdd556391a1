/* SPDX-License-Identifier: Apache-2.0 */
/* CAs that end: an entry ca.expiring, once for each of these distances, while a CA is active: the
 * life of a certificate (what is issued from then on is cut short by the end of its CA, and a whole
 * fleet comes to renew at once), 90, 30, 7 days and 1. Which was told last is in the store. Layer:
 * issuing. Thread: [service], blocks. */
#ifndef MRL_ISSUING_CA_EXPIRY_H
#define MRL_ISSUING_CA_EXPIRY_H

#include "issuing/issuing.h"

/* One active CA. */
struct mrl_ca_end {
    enum mrl_ca_kind kind;
    uint8_t number;
    int64_t not_after; /* seconds since 1970 */
};
/* Those of this moment; gives their number. */
size_t mrl_ca_ends(const struct mrl_issuing *i,
                   struct mrl_ca_end out[static MRL_KEYS_GENERATIONS_MAX]);

/* life_s: the longest that a certificate lives. *warned counts the entries that were written. */
mrl_err mrl_ca_expiry_step(struct mrl_store *store, const struct mrl_ca_end *ends, size_t count,
                           uint64_t life_s, int64_t now_s, unsigned *warned);

#endif
