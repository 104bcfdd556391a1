/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the registry: the writer side of the snapshot. Layer: devices, internal. Thread:
 * the writer thread (before the first write job: the one that opens), registered with liburcu. */
#ifndef MRL_DEVICES_INTERNAL_H
#define MRL_DEVICES_INTERNAL_H

#include <urcu/rculfhash.h>

#include "base/list.h"
#include "base/map.h"
#include "devices/note.h"
#include "devices/registry.h"

/* What the store says about a principal; texts are borrowed. */
struct mrl_record {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    mrl_bytes group;
    mrl_bytes attributes; /* access/attributes.h */
    enum mrl_device_state device_state;
    enum mrl_account_state account_state;
    uint32_t operator_roles;
};

struct mrl_snapshot {
    struct cds_lfht *principals;  /* struct identity, by kind and id; never removed */
    struct cds_lfht *credentials; /* struct credential_node, by fingerprint; never removed */
    size_t principal_buckets, credential_buckets; /* of these tables */
    struct mrl_map groups;     /* struct group: its members, for changes of roles */
    struct mrl_access *access; /* borrowed */
    uint64_t version;
    uint64_t by_state[MRL_DEVICE_RETIRED + 1]; /* written atomically, read by any thread */
    uint64_t by_kind[MRL_PRINCIPAL_CLAIM + 1];
    uint64_t credential_count;
};

mrl_err mrl_snapshot_init(struct mrl_snapshot *s, struct mrl_access *access, struct mrl_why *why);
void mrl_snapshot_done(struct mrl_snapshot *s);

/* Makes the principal what the record says; true when it was known before. */
bool mrl_snapshot_put(struct mrl_snapshot *s, const struct mrl_record *record);
/* Adds a credential or gives the known one its present state. MRL_ERR_CORRUPT: its principal is
 * unknown. */
mrl_err mrl_snapshot_put_credential(struct mrl_snapshot *s, enum mrl_principal_kind kind,
                                    mrl_bytes id, const struct mrl_credential *c);
/* Of a certificate that is known; of another one nothing happens. */
void mrl_snapshot_mark_hardware(struct mrl_snapshot *s, const struct mrl_fingerprint *f);
/* The policies of these subjects may be others now; changed is told about each that is. */
void mrl_snapshot_roles_changed(struct mrl_snapshot *s, const struct mrl_role_target *target,
                                mrl_registry_changed *changed, void *context);

struct mrl_registry {
    struct mrl_store *store;   /* borrowed */
    struct mrl_sealer *sealer; /* borrowed */
    struct mrl_access *access; /* borrowed */
    struct mrl_snapshot snapshot;
    struct mrl_psk_table *psks;
    struct mrl_wipe_table *wipes;
    uint64_t wipe_within_s; /* 0: no orders */
    mrl_registry_changed *changed;
    void *context;
    mrl_registry_retired *retired;
    void *retired_context;
    struct {
        mrl_registry_also *call;
        void *context;
    } also[8];
    size_t also_count;
};

/* [writer] What other modules registered with mrl_registry_also_on_revoke. */
mrl_err mrl_registry_run_also(struct mrl_registry *r, struct mrl_tx *tx,
                              enum mrl_principal_kind kind, mrl_bytes id, struct mrl_why *why);
/* [writer] All credentials of a principal that are not revoked yet become it, and then the above.
 * *revoked: how many. */
mrl_err mrl_registry_revoke_all(struct mrl_registry *r, struct mrl_tx *tx,
                                enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes reason,
                                uint64_t *revoked, struct mrl_why *why);

/* Of any kind: the row, after the checks of principal, key and room. key: what two devices must not
 * have in common. */
struct mrl_credential_new;
mrl_err mrl_credential_insert(struct mrl_tx *tx, const struct mrl_credential_new *c, mrl_bytes key,
                              struct mrl_why *why);

/* devices/device.c: MRL_ERR_INVALID as mrl_device_add says; the row, without its audit entry
 * (sealer may be NULL for a device without a note). MRL_ERR_EXISTS. */
struct mrl_device_new;
mrl_err mrl_device_check(const struct mrl_device_new *d, struct mrl_why *why);
mrl_err mrl_device_insert(struct mrl_tx *tx, struct mrl_sealer *sealer,
                          const struct mrl_device_new *d, struct mrl_why *why);

/* devices/psk.c */
mrl_err mrl_psks_load(struct mrl_registry *r);
/* [writer] The credential has ended: its key goes. */
mrl_err mrl_psk_erase_tx(struct mrl_tx *tx, const struct mrl_fingerprint *f);

/* Certificates stored before their keys were: once, at the start after that. */
mrl_err mrl_credentials_fill_keys(struct mrl_registry *r, struct mrl_why *why);

/* One change of one principal as a write job; on the stack of the service thread that waits. */
struct mrl_change {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    enum mrl_principal_kind kind;
    mrl_bytes id;
    struct mrl_why *why;
    mrl_err (*run)(struct mrl_tx *tx, struct mrl_change *change);
    struct mrl_registry_update *update; /* staged after run, published when committed */
};
/* Waits for a write job; a sentence of the store goes to why, one that run put there stays. */
mrl_err mrl_registry_write(struct mrl_registry *r, struct mrl_write *w, struct mrl_why *why);
/* change->run inside the transaction, then the principal is staged, after the commit published. */
mrl_err mrl_change_write(struct mrl_change *change);

/* The record of a principal as it is now, for the audit entry of a change. */
struct mrl_audit_digest;
mrl_err mrl_registry_digest(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                            struct mrl_audit_digest *out);
/* The same of a certificate. */
/* The columns, for whoever selects others. */
#define MRL_CREDENTIAL_DIGESTED \
    "fingerprint, serial, kind, principal, not_before, not_after, state, reason, created, changed"
mrl_err mrl_credential_digest(struct mrl_tx *tx, const struct mrl_fingerprint *f,
                              struct mrl_audit_digest *out);

/* All credentials of a principal, newest first, into the arena. */
struct mrl_credential_info;
struct mrl_arena;
mrl_err mrl_credentials_read(struct mrl_tx *tx, struct mrl_arena *arena,
                             enum mrl_principal_kind kind, mrl_bytes id,
                             const struct mrl_credential_info **out, size_t *count);

#endif
