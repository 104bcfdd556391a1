/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys: the credential of devices that cannot do certificates. Layer: devices. Threads
 * as marked, see registry.h.
 *
 * A key is a credential like a certificate: one row of the same table with the same states, judged,
 * revoked and superseded alike, under a fingerprint that stands for its identity. A certificate
 * that is seen in use ends the keys before it; a key ends only keys, so that a device never falls
 * back to less than it had. The key itself lies sealed in a table of its own and is erased when the
 * credential ends. Its row has no serial and no DER: who wants certificates only asks for
 * length(der) > 0. */
#ifndef MRL_DEVICES_PSK_H
#define MRL_DEVICES_PSK_H

#include "base/secret.h"
#include "devices/registry.h"

enum {
    MRL_PSK_IDENTITY_MAX = 128, /* printable ASCII without space and "/" */
    MRL_PSK_MIN = 16,           /* bytes of a key somebody gives */
    MRL_PSK_MAX = 64,
    MRL_PSK_MADE = 32, /* of one made here */
};
/* The end of a key that has none. RFC 5280 4.1.2.5 */
#define MRL_PSK_NO_END INT64_C(253402300799)

/* For mrl_store_options; after those of devices. */
extern const struct mrl_migration_list mrl_psk_migrations;

struct mrl_psk_wish {
    mrl_bytes device;
    mrl_bytes identity; /* empty: "<device>#<8 hex digits>" */
    mrl_bytes key;      /* empty: made here */
    int64_t not_after;  /* seconds since 1970; 0: no end */
};
struct mrl_psk_new {
    char identity[MRL_PSK_IDENTITY_MAX + 1];
    struct mrl_fingerprint fingerprint;
    struct mrl_secret *key; /* shown once. Given */
    int64_t not_after;
};
/* [service] An expected device becomes active, as with a first certificate. MRL_ERR_INVALID:
 * identity, end or key not acceptable, weak keys included; MRL_ERR_NOT_FOUND, MRL_ERR_STATE,
 * MRL_ERR_LIMIT as mrl_registry_credential_add says; MRL_ERR_EXISTS: the identity was given before,
 * or another device has or had this key. */
mrl_err mrl_psk_add(struct mrl_registry *r, const struct mrl_actor *actor,
                    const struct mrl_psk_wish *wish, struct mrl_psk_new *out, struct mrl_why *why);
void mrl_psk_new_done(struct mrl_psk_new *p);

struct mrl_psk_info {
    mrl_bytes identity;
    struct mrl_fingerprint fingerprint;
    enum mrl_credential_state state;
    bool seen;
    int64_t created_ms;
    int64_t not_after; /* seconds */
    mrl_bytes reason;
};
typedef void mrl_psk_visit(void *context, const struct mrl_psk_info *psk);
/* [service] All of a device, newest first. Views live during the call only. MRL_ERR_NOT_FOUND. */
mrl_err mrl_psk_list(struct mrl_registry *r, mrl_bytes device, mrl_psk_visit *visit, void *context,
                     struct mrl_why *why);
/* [service] MRL_ERR_NOT_FOUND: the device has no such key; MRL_ERR_STATE: revoked already. */
mrl_err mrl_psk_revoke(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes device,
                       mrl_bytes identity, mrl_bytes reason, struct mrl_why *why);

/* What stands for an identity wherever a certificate has its fingerprint. */
mrl_err mrl_psk_fingerprint(mrl_bytes identity, struct mrl_fingerprint *out);
/* Why a key is not random enough to be one (RFC 9257 7.1); NULL: nothing is known against it. */
const char *mrl_psk_weakness(mrl_bytes key);

/* Any thread registered with liburcu, also of unknown and refused identities, and then a key that
 * nobody knows: the time and what comes of it are about the same. Gives *key. MRL_ERR_CRYPTO. */
mrl_err mrl_psk_open(struct mrl_registry *r, const struct mrl_fingerprint *f,
                     enum mrl_judgement judged, struct mrl_secret **key);
/* Between mrl_rcu_read_begin() and _end(): the identity behind a fingerprint. Empty: not known. */
mrl_bytes mrl_psk_identity(struct mrl_registry *r, const struct mrl_fingerprint *f);

#endif
