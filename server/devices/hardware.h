/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials whose key is proven to be in a TPM, and which TPM belongs to which device. Layer:
 * devices. Threads as marked, see registry.h.
 *
 * A proof is about a key: a further certificate of the same device for the same key has it too. A
 * TPM, known by its endorsement key, belongs to the device that first proved with it; to no other
 * ever after, until an operator lifts that. */
#ifndef MRL_DEVICES_HARDWARE_H
#define MRL_DEVICES_HARDWARE_H

#include "devices/registry.h"

struct mrl_credential_new; /* devices/credential.h */

extern const struct mrl_migration_list mrl_hardware_migrations;

enum { MRL_HARDWARE_TEXT_MAX = 64, MRL_HARDWARE_NAME_MAX = 66 };

struct mrl_hardware_proof {
    mrl_bytes ek;                    /* SHA-256 of the SubjectPublicKeyInfo of the EK */
    mrl_bytes ak;                    /* Name of the attestation key that certified */
    mrl_bytes maker, model, version; /* as the EK certificate says */
};

struct mrl_hardware;
/* Marks in the snapshot what is proven. groups (copied): whose devices get a certificate only with
 * a proof; "*": those of every group and of none. Borrows the rest. MRL_ERR_INVALID: no name of a
 * group. Gives *out. */
mrl_err mrl_hardware_open(struct mrl_store *store, struct mrl_registry *registry,
                          const mrl_bytes *groups, size_t group_count, struct mrl_hardware **out,
                          struct mrl_why *why);
void mrl_hardware_free(struct mrl_hardware *h); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_hardware);

/* [writer] In the write job that issues, after mrl_registry_credential_add: keeps proof (NULL: none
 * was given) with its audit entry, or that of an earlier certificate for this key. *held: the
 * certificate is hardware-held; then the job calls mrl_registry_update_hardware. MRL_ERR_EXISTS:
 * the TPM is that of another device; MRL_ERR_DENIED: the device's group demands a proof. */
mrl_err mrl_hardware_record_tx(const struct mrl_hardware *h, struct mrl_tx *tx,
                               const struct mrl_actor *actor,
                               const struct mrl_credential_new *credential,
                               const struct mrl_hardware_proof *proof, bool *held,
                               struct mrl_why *why);

/* Any thread: is this certificate known, and for a key that is proven? */
bool mrl_hardware_is_held(struct mrl_registry *r, const struct mrl_fingerprint *f);

struct mrl_hardware_info {
    struct mrl_fingerprint fingerprint;
    struct mrl_hardware_proof proof;
    int64_t proven_ms;
};
/* [service] Each proof of a device, newest first. Views live during the call only. */
typedef void mrl_hardware_visit(void *context, const struct mrl_hardware_info *info);
mrl_err mrl_hardware_list(const struct mrl_hardware *h, mrl_bytes device, mrl_hardware_visit *visit,
                          void *context);
/* [service] The TPMs of this device may be those of another one from now on; its certificates stay
 * what they are. *lifted: how many. reason: for the audit entry, not empty. MRL_ERR_INVALID;
 * MRL_ERR_NOT_FOUND: it has none. */
mrl_err mrl_hardware_lift(const struct mrl_hardware *h, const struct mrl_actor *actor,
                          mrl_bytes device, mrl_bytes reason, uint64_t *lifted,
                          struct mrl_why *why);

#endif
