/* SPDX-License-Identifier: Apache-2.0 */
/* All keys of one Merlon. Layer: keys. Thread: one owner.
 *
 * Folder (0700): root.key issuing.key audit.key sealing.key (one sealed key each), sealing-N.key
 * (those made later), manifest (tenant
 * and certificates, sealed, written last), root-N.ca, issuing-N.ca and issuing.request (see
 * keys/generation.h), root.export (empty until the root key was exported),
 * unlock.key, unlock.tpm or unlock.pkcs11 (see keys/unlock.h), init.unfinished (while init works),
 * rekey.new and rekey.ready (see keys/staging.h). */
#ifndef MRL_KEYS_KEYSTORE_H
#define MRL_KEYS_KEYSTORE_H

#include "crypto/cert.h"
#include "crypto/key.h"
#include "keys/generation.h"
#include "keys/sealing.h"
#include "keys/text.h"
#include "keys/unlock.h"

struct mrl_keystore {
    struct mrl_generations cas; /* all owned; at least one root */
    struct mrl_key *audit;
    struct mrl_held *audit_held; /* NULL: not in hardware */
    struct mrl_sealing_keys sealing;
    char tenant[MRL_KEYS_TENANT_MAX + 1];
    uint8_t audit_public[MRL_KEYS_AUDIT_KEY_SIZE];
    bool root_exported; /* root.export has content */
};

/* MRL_ERR_NOT_FOUND: not initialised; MRL_ERR_STATE: init was interrupted; MRL_ERR_DENIED: owner or
 * mode of a file; MRL_ERR_CORRUPT, MRL_ERR_CRYPTO: see keys/sealed.h, or the files do not fit
 * together. why names the file and the remedy. */
mrl_err mrl_keystore_open(const struct mrl_folder *f, const struct mrl_unlock *u,
                          struct mrl_keystore *out, struct mrl_why *why);
void mrl_keystore_done(struct mrl_keystore *k);
/* A key of it is in hardware: what opened it has to stay. */
bool mrl_keystore_needs_hardware(const struct mrl_keystore *k);
/* The key of its files, not yet tried on one. Errors as above. */
mrl_err mrl_keystore_kek(const struct mrl_folder *f, const struct mrl_unlock *u,
                         struct mrl_kek *out, struct mrl_why *why);

struct mrl_keystore_plan {
    enum mrl_key_type root_type; /* MRL_KEY_P256 or MRL_KEY_P384 */
    enum mrl_key_type issuing_type;
    mrl_bytes tenant;
    int64_t now;       /* seconds since 1970 */
    bool hold_audit;   /* the audit key is made in the hardware that opens the keystore */
    bool root_offline; /* neither root nor issuing CA yet: see keys/ca.h */
};
/* Makes all keys. MRL_ERR_EXISTS: there is a keystore already, nothing is touched. What an
 * interrupted init left is removed first: nobody can have used it, as its manifest is missing. Key
 * files without a manifest and without the mark of an interrupted init: MRL_ERR_STATE. */
mrl_err mrl_keystore_create(const struct mrl_folder *f, const struct mrl_unlock *u,
                            const struct mrl_keystore_plan *plan, struct mrl_why *why);

/* Durable on return: the root key is about to leave. MRL_ERR_STATE: it left before. k was opened
 * from f. */
mrl_err mrl_keystore_mark_exported(const struct mrl_folder *f, struct mrl_keystore *k, int64_t now,
                                   struct mrl_why *why);

#endif
