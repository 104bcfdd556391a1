/* SPDX-License-Identifier: Apache-2.0 */
/* When a certificate is to be renewed: a stretch of its last third, chosen by the server so that a
 * fleet that enrolled at once does not come back at once. Layer: issuing. Thread: any. */
#ifndef MRL_ISSUING_WINDOW_H
#define MRL_ISSUING_WINDOW_H

#include "base/bytes.h"
#include "crypto/hash.h"

/* Seconds since 1970, as in the certificate; borrowed. */
struct mrl_window_of {
    mrl_bytes device;
    mrl_bytes fingerprint; /* of the certificate: nobody chooses its place, its serial is random */
    int64_t not_before, not_after;
};

struct mrl_window {
    int64_t start, end; /* seconds since 1970 */
};

/* Where the life of a certificate begins for its holder: notBefore lies earlier, for clocks that
 * are behind. */
int64_t mrl_window_since(int64_t not_before, int64_t not_after);
/* Inside the last third of its life, and the last quarter of that third stays free for further
 * tries. The same whenever it is asked; another key gives other windows. MRL_ERR_CRYPTO. */
mrl_err mrl_window_of(mrl_bytes key, const struct mrl_window_of *of, struct mrl_window *out);

#endif
