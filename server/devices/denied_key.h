/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that nobody may have: weak in themselves (crypto/weak_key.h), or on the deny-list of
 * the operators. Layer: devices. Threads as marked, see registry.h.
 *
 * The list lies in the store only and is looked up there: nothing of it is in memory, and an entry
 * holds from the commit on for whoever asks in a transaction. What is certified, what a maker
 * introduces and what becomes a credential asks mrl_key_vet; a credential that has such a key when
 * it is denied is revoked in the same transaction. */
#ifndef MRL_DEVICES_DENIED_KEY_H
#define MRL_DEVICES_DENIED_KEY_H

#include "crypto/hash.h"
#include "devices/registry.h"

enum {
    MRL_DENY_MAX = 500, /* keys of one request */
    MRL_DENY_PAGE_MAX = 501,
    MRL_DENIED_MODULUS = 10, /* bytes of the short name */
};

/* For mrl_store_options; after those of devices. */
extern const struct mrl_migration_list mrl_denied_key_migrations;

/* What names a key: SHA-256 of its SubjectPublicKeyInfo; or, as the openssl-blacklist packages of
 * Debian have it, the last 10 bytes of the SHA-1 of "Modulus=", the modulus of an RSA key in
 * capital hexadecimal digits, and a line feed. */
struct mrl_denied_name {
    uint8_t bytes[MRL_SHA256_SIZE];
    size_t len; /* MRL_SHA256_SIZE or MRL_DENIED_MODULUS */
};
static inline mrl_bytes mrl_denied_name_bytes(const struct mrl_denied_name *n)
{
    return mrl_bytes_of(n->bytes, n->len);
}
/* 64 or 20 hexadecimal digits. MRL_ERR_INVALID. */
mrl_err mrl_denied_name_read(mrl_bytes text, struct mrl_denied_name *out, struct mrl_why *why);

struct mrl_denial {
    uint64_t added;   /* the others were on the list already and keep their reason */
    uint64_t revoked; /* certificates that had one of them */
};
/* [service] 1 to MRL_DENY_MAX keys, and why (not empty, as mrl_device_change): all or none, with
 * one audit entry; credentials with these keys are revoked, those of RSA keys named by their
 * modulus excepted. MRL_ERR_INVALID. */
mrl_err mrl_keys_deny(struct mrl_registry *r, const struct mrl_actor *actor,
                      const struct mrl_denied_name *names, size_t count, mrl_bytes reason,
                      struct mrl_denial *out, struct mrl_why *why);
/* [service] Takes one off the list; what was revoked stays revoked. MRL_ERR_NOT_FOUND. */
mrl_err mrl_key_allow(struct mrl_registry *r, const struct mrl_actor *actor,
                      const struct mrl_denied_name *name, mrl_bytes reason, struct mrl_why *why);

struct mrl_denied_key {
    mrl_bytes name;
    mrl_bytes reason;
    mrl_bytes actor; /* who put it there */
    int64_t created_ms;
};
/* [service] Views live during the call only. In the order of names, behind `after` (empty: from the
 * start), at most limit (1 to MRL_DENY_PAGE_MAX). */
typedef void mrl_denied_visit(void *context, const struct mrl_denied_key *key);
mrl_err mrl_denied_keys_list(struct mrl_store *s, mrl_bytes after, size_t limit,
                             mrl_denied_visit *visit, void *context);

/* [any transaction] May this key (SubjectPublicKeyInfo) be somebody's? MRL_ERR_INVALID: never; why
 * is "denied-key: ..." or begins with the name of its weakness. Counted by reason. */
mrl_err mrl_key_vet(struct mrl_tx *tx, mrl_bytes spki, struct mrl_why *why);
/* [any transaction] The same of a key of which only this SHA-256 is known: the list, and whether it
 * is a published one. */
mrl_err mrl_key_vet_hash(struct mrl_tx *tx, mrl_bytes sha256, struct mrl_why *why);
/* [service] The first in a transaction of its own. */
mrl_err mrl_key_vet_now(struct mrl_store *s, mrl_bytes spki, struct mrl_why *why);

/* Keys refused since the start, for /metrics. Any thread. */
enum mrl_key_refusal {
    MRL_KEY_REFUSED_DENIED,    /* on the list */
    MRL_KEY_REFUSED_DUPLICATE, /* somebody else's */
    MRL_KEY_REFUSED_TYPE,      /* type, curve, size or exponent */
    MRL_KEY_REFUSED_BROKEN,    /* no point of its curve, not readable */
    MRL_KEY_REFUSED_UNPROVEN,  /* the request is not signed by it */
    MRL_KEY_REFUSED_WEAK,      /* the first of the weaknesses, which follow in their order */
    MRL_KEY_REFUSED_COUNT_ = MRL_KEY_REFUSED_WEAK + 8,
};
void mrl_key_refused(enum mrl_key_refusal reason);
uint64_t mrl_keys_refused(enum mrl_key_refusal reason);
const char *mrl_key_refusal_name(enum mrl_key_refusal reason); /* "denied-key"; never NULL */

#endif
