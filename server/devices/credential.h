/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: the certificates of devices, applications and operators. Layer: devices. Threads as
 * marked, see registry.h. */
#ifndef MRL_DEVICES_CREDENTIAL_H
#define MRL_DEVICES_CREDENTIAL_H

#include "devices/device.h"

enum {
    MRL_CREDENTIAL_DER_MAX = 16 << 10,
    MRL_SERIAL_MAX = 20,             /* RFC 5280 4.1.2.2 */
    MRL_CREDENTIALS_ACTIVE_MAX = 16, /* active and not past their end, of one principal */
};

struct mrl_credential_new {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    struct mrl_fingerprint fingerprint;
    mrl_bytes serial;              /* big-endian, 1 to 20 bytes */
    int64_t not_before, not_after; /* seconds since 1970 */
    mrl_bytes spki;                /* of its public key */
    mrl_bytes der;
};
/* [writer] Inside the write job that issues it, which also appends the audit entry of its own
 * (device.enrolled ...), stages and publishes. MRL_ERR_INVALID: a value is not acceptable, or the
 * fingerprint is not that of der; MRL_ERR_NOT_FOUND: no such principal; MRL_ERR_STATE: it may not
 * get one (suspended, retired, disabled); MRL_ERR_EXISTS: this certificate is known already,
 * or its key is or ever was that of another principal; MRL_ERR_LIMIT: 16 active ones already. Its
 * key is vetted (devices/denied_key.h). */
mrl_err mrl_registry_credential_add(struct mrl_tx *tx, const struct mrl_credential_new *credential,
                                    struct mrl_why *why);
/* [writer] MRL_ERR_EXISTS: this key (SubjectPublicKeyInfo) is or ever was that of another principal
 * than kind and id; MRL_ERR_INVALID: nobody may have it (devices/denied_key.h). */
mrl_err mrl_credential_check_key(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                                 mrl_bytes spki, struct mrl_why *why);
/* [writer] A newer certificate was seen in use: all other active ones of the same principal that
 * were issued no later become superseded. MRL_ERR_NOT_FOUND: unknown; MRL_ERR_STATE: newest is not
 * active itself. Nothing to supersede is no error and no audit entry. The job stages and publishes.
 */
mrl_err mrl_registry_credential_supersede_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                                             const struct mrl_fingerprint *newest,
                                             struct mrl_why *why);
/* [service] The same as its own write job. */
mrl_err mrl_credential_supersede(struct mrl_registry *r, const struct mrl_actor *actor,
                                 const struct mrl_fingerprint *newest, struct mrl_why *why);
/* Any thread; returns at once. The certificate was shown on a connection that was let in. The first
 * time is written down, and of a device all certificates issued before it become superseded. What
 * fails (a full disk) is tried again with the next connection. Borrows r until it is done. */
void mrl_credential_seen(struct mrl_registry *r, const struct mrl_fingerprint *f);
/* [service] One certificate of any principal; its state and other certificates stay. MRL_ERR_STATE:
 * revoked already. */
mrl_err mrl_credential_revoke(struct mrl_registry *r, const struct mrl_actor *actor,
                              const struct mrl_fingerprint *f, mrl_bytes reason,
                              struct mrl_why *why);
/* [writer] The same inside a job that stages the principal (*kind, *id) and publishes. */
mrl_err mrl_credential_revoke_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                                 const struct mrl_fingerprint *f, mrl_bytes reason,
                                 enum mrl_principal_kind *kind, struct mrl_name *id,
                                 struct mrl_why *why);
/* [service] Views live during the call only. der is the certificate. */
typedef void mrl_credential_visit(void *context, const struct mrl_credential_info *credential,
                                  mrl_bytes der);
mrl_err mrl_credential_show(struct mrl_registry *r, const struct mrl_fingerprint *f,
                            mrl_credential_visit *visit, void *context, struct mrl_why *why);

#endif
