/* SPDX-License-Identifier: Apache-2.0 */
/* One-time enrolment tokens: 256 random bits, kept as a hash only, with an end, good for one device
 * or for a number of devices of a group. Layer: onboarding. Thread: [service] functions block;
 * [writer] ones run in a write job. */
#ifndef MRL_ONBOARDING_TOKEN_H
#define MRL_ONBOARDING_TOKEN_H

#include "access/actor.h"
#include "access/name.h"
#include "access/policy.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "store/store.h"

enum {
    MRL_TOKEN_BYTES = 32,
    MRL_TOKEN_TEXT = 43,    /* characters of base64url */
    MRL_TOKEN_ID_TEXT = 16, /* hex digits: names a token without giving it away */
    MRL_TOKEN_LIFE_MAX_S = 90 * 86400,
    MRL_TOKEN_USES_MAX = 1000000,
    MRL_TOKENS_OPEN_MAX = 100000,
    MRL_TOKEN_PAGE_MAX = 1000,
};

extern const struct mrl_migration_list mrl_token_migrations;

struct mrl_token_wish {
    mrl_bytes device; /* either a device that is known ... */
    mrl_bytes group;  /* ... or a group: every use makes or activates one device of it */
    uint64_t life_s;
    uint64_t uses; /* 1 for a device */
    bool approval; /* an operator approves each device: onboarding/token_approval.h */
};

struct mrl_token_new {
    char id[MRL_TOKEN_ID_TEXT + 1];
    struct mrl_secret *text; /* MRL_TOKEN_TEXT characters: shown once, never stored. Given */
    int64_t expires;         /* seconds since 1970 */
};

/* [service] MRL_ERR_INVALID: neither or both of device and group, life or uses out of range;
 * MRL_ERR_NOT_FOUND: no such device; MRL_ERR_STATE: it may not enrol; MRL_ERR_LIMIT: too many open
 * tokens. */
mrl_err mrl_token_create(struct mrl_store *s, const struct mrl_actor *actor,
                         const struct mrl_token_wish *wish, struct mrl_token_new *out,
                         struct mrl_why *why);
void mrl_token_new_done(struct mrl_token_new *t);

struct mrl_token_info {
    mrl_bytes id;
    mrl_bytes device;
    mrl_bytes group;
    int64_t created_ms;
    int64_t expires; /* seconds */
    uint64_t uses;
    uint64_t used;
    bool cancelled;
    bool approval;
};
typedef void mrl_token_visit(void *context, const struct mrl_token_info *token);
/* [service] In order of ids after `after`, at most limit (1 to MRL_TOKEN_PAGE_MAX). */
mrl_err mrl_token_list(struct mrl_store *s, mrl_bytes after, size_t limit, mrl_token_visit *visit,
                       void *context);
/* [service] MRL_ERR_NOT_FOUND; MRL_ERR_STATE: used up or cancelled already. */
mrl_err mrl_token_cancel(struct mrl_store *s, const struct mrl_actor *actor, mrl_bytes id,
                         struct mrl_why *why);

/* Why a token does not admit. */
enum mrl_token_verdict {
    MRL_TOKEN_GOOD,
    MRL_TOKEN_UNKNOWN, /* or not the text of a token at all */
    MRL_TOKEN_USED,
    MRL_TOKEN_EXPIRED,
    MRL_TOKEN_CANCELLED,
    MRL_TOKEN_OTHER_DEVICE,
    MRL_TOKEN_VERDICT_COUNT_
};
const char *
mrl_token_verdict_name(enum mrl_token_verdict v); /* "other-device"; stable, for the log */

struct mrl_token_match {
    enum mrl_token_verdict verdict;
    char id[MRL_TOKEN_ID_TEXT + 1]; /* "" when unknown */
    char group[MRL_NAME_MAX + 1];   /* of a group token, else "" */
    bool approval;
    int64_t left; /* uses, before this one */
};
/* In any transaction: does this text admit this device at the second now? Only store errors are
 * errors. */
mrl_err mrl_token_judge(struct mrl_tx *tx, mrl_bytes text, mrl_bytes device, int64_t now,
                        struct mrl_token_match *out);
/* [writer] Judges again and uses it once: two requests with one token cannot both pass. */
mrl_err mrl_token_use_tx(struct mrl_tx *tx, mrl_bytes text, mrl_bytes device, int64_t now,
                         struct mrl_token_match *out);
/* [writer] The request (its mrl_csr_digest) that a token is used with: each is good once, for
 * whichever token. MRL_ERR_EXISTS: it was used before. */
mrl_err mrl_token_request_tx(struct mrl_tx *tx, const uint8_t request[static MRL_SHA256_SIZE],
                             struct mrl_why *why);
/* [writer] Remembers what the use of the token `id` by device was answered with. */
mrl_err mrl_token_answered_tx(struct mrl_tx *tx, mrl_bytes id, mrl_bytes device,
                              const struct mrl_fingerprint *certificate);
/* In any transaction: that certificate, while the token's life lasts and it was not cancelled.
 * MRL_ERR_NOT_FOUND: none. */
mrl_err mrl_token_answer(struct mrl_tx *tx, mrl_bytes id, mrl_bytes device, int64_t now,
                         struct mrl_fingerprint *out);
/* In any transaction: is a token of this device's own open at the second now? */
mrl_err mrl_token_waits_tx(struct mrl_tx *tx, mrl_bytes device, int64_t now, bool *out);
/* [writer] All open tokens of a device; for mrl_registry_also_on_revoke, whose shape it has. */
mrl_err mrl_token_cancel_all(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                             mrl_bytes id, struct mrl_why *why);

#endif
