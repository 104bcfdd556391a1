/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that were made for the holder of a claim and wait to be registered: no credential of
 * anybody, and nothing accepts them. The ownership token that goes out with one registers it, once.
 * Layer: onboarding. Thread: as marked. */
#ifndef MRL_ONBOARDING_PENDING_H
#define MRL_ONBOARDING_PENDING_H

#include "access/name.h"
#include "base/buf.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "store/store.h"

enum {
    MRL_PENDING_LIFE_S = 3600, /* as long as devices written for it may take */
    MRL_PENDING_MAX = 1000,    /* of one claim */
    MRL_PENDING_TOKEN_BYTES = 32,
    MRL_PENDING_TOKEN_TEXT = 43, /* characters of base64url */
};

struct mrl_pending_token {
    uint8_t hash[MRL_SHA256_SIZE];
    struct mrl_secret *text; /* MRL_PENDING_TOKEN_TEXT characters; owned */
};
mrl_err mrl_pending_token_make(struct mrl_pending_token *out);
void mrl_pending_token_done(struct mrl_pending_token *t);

/* [writer] MRL_ERR_BUSY: MRL_PENDING_MAX of this claim wait. */
mrl_err mrl_pending_add_tx(struct mrl_tx *tx, const struct mrl_pending_token *token,
                           mrl_bytes claim, const struct mrl_cert_facts *certificate,
                           struct mrl_why *why);

struct mrl_pending {
    struct mrl_fingerprint certificate;
    struct mrl_buf der;
    struct mrl_name device;         /* whose it became; empty: it waits */
    uint8_t asked[MRL_SHA256_SIZE]; /* the request it was registered with */
    struct mrl_buf answer;          /* and what that was answered with */
};
void mrl_pending_done(struct mrl_pending *p);
/* In any transaction: the certificate of this token. MRL_ERR_AUTH: unknown, of another claim, or
 * its time is over. */
mrl_err mrl_pending_find_tx(struct mrl_tx *tx, mrl_bytes token, mrl_bytes claim,
                            struct mrl_pending *out);
/* [writer] It is the device's now: the token registers nothing any more, but tells the same request
 * the same again. MRL_ERR_STATE: it was somebody's before. */
mrl_err mrl_pending_take_tx(struct mrl_tx *tx, const struct mrl_fingerprint *certificate,
                            mrl_bytes device, const uint8_t asked[static MRL_SHA256_SIZE],
                            mrl_bytes answer);

/* In any transaction: MRL_ERR_NOT_FOUND: nothing is over at the second now. */
mrl_err mrl_pending_any_over_tx(struct mrl_tx *tx, int64_t now);
/* [writer] Forgets what is over at the second now; *waited: how many were never registered. Those
 * are kept as lost, for the lists of what is revoked, until long after their own end. */
mrl_err mrl_pending_expire_tx(struct mrl_tx *tx, int64_t now, uint64_t *waited);

#endif
