/* SPDX-License-Identifier: Apache-2.0 */
/* Where the key that opens the keystore comes from. Layer: keys. Thread: one owner. */
#ifndef MRL_KEYS_UNLOCK_H
#define MRL_KEYS_UNLOCK_H

#include "keys/folder.h"
#include "keys/source.h"

enum {
    MRL_UNLOCK_SALT = 32,
    MRL_PASSPHRASE_LEAST = 12,
    MRL_UNLOCK_CREDENTIAL_LEAST = 32,
    MRL_PIN_MOST = 255,
};

/* What was read from outside of the folder: before privileges are dropped, as these files may be
 * root's. */
struct mrl_unlock {
    enum mrl_unlock_kind kind;
    struct mrl_secret *material;            /* owned: passphrase, credential, PIN; or NULL */
    const struct mrl_unlock_source *source; /* borrowed for the life of this; hardware only */
    struct mrl_unlock_process *process;     /* owned; once started */
};
/* s passed mrl_source_check. */
mrl_err mrl_unlock_gather(const struct mrl_unlock_source *s, struct mrl_unlock *out,
                          struct mrl_why *why);
/* The same for a process that becomes user (or NULL): the files may be that account's. */
mrl_err mrl_unlock_gather_for(const struct mrl_unlock_source *s, const char *user,
                              struct mrl_unlock *out, struct mrl_why *why);
/* Starts the process that talks to the hardware, when the kind has any: before privileges are
 * dropped, as user with all its groups. user as in mrl_sandbox_drop_user. */
mrl_err mrl_unlock_start(struct mrl_unlock *u, const char *user, struct mrl_why *why);
/* No secret remains here; the process stays and signs: see mrl_unlock_process_hold. */
mrl_err mrl_unlock_hold(struct mrl_unlock *u, struct mrl_why *why);
void mrl_unlock_done(struct mrl_unlock *u); /* also ends that process */

/* A passphrase of at least MRL_PASSPHRASE_LEAST bytes, without the line end that closes it, from
 * fd, or from file when fd is negative; what names it in sentences. MRL_ERR_INVALID: shorter;
 * otherwise as mrl_read_secret_fd and _file. Gives *out. */
mrl_err mrl_passphrase_read(int fd, const char *file, const char *what, struct mrl_secret **out,
                            struct mrl_why *why);

/* Key encryption key of one keystore. */
struct mrl_kek {
    enum mrl_unlock_kind kind;
    uint8_t salt[MRL_UNLOCK_SALT]; /* random per keystore: two keystores never share a KEK */
    struct mrl_secret *key;        /* owned */
};
void mrl_kek_done(struct mrl_kek *k);

/* For a keystore that is being made in f: writes what the kind keeps there, then derives from what
 * was written. */
mrl_err mrl_kek_make(const struct mrl_folder *f, const struct mrl_unlock *u, struct mrl_kek *out,
                     struct mrl_why *why);
/* MRL_ERR_INVALID: the keystore wants another kind than u has. MRL_ERR_AUTH: the hardware refuses
 * the PIN; MRL_ERR_STATE: it is not in the state that the key is bound to; MRL_ERR_NOT_FOUND: it is
 * not there, or is another one. */
mrl_err mrl_kek_derive(const struct mrl_folder *f, const struct mrl_unlock *u,
                       enum mrl_unlock_kind kind, const uint8_t salt[static MRL_UNLOCK_SALT],
                       struct mrl_kek *out, struct mrl_why *why);

#endif
