/* SPDX-License-Identifier: Apache-2.0 */
/* Where the key that opens the keystore comes from. Layer: keys. Thread: one owner. */
#ifndef MRL_KEYS_UNLOCK_H
#define MRL_KEYS_UNLOCK_H

#include "keys/folder.h"

/* Stored in every file, so letters: no single flipped bit makes one into another. */
enum mrl_unlock_kind {
    MRL_UNLOCK_NONE = 0,
    MRL_UNLOCK_FILE = 'F', /* unlock.key in the folder: protects copies of single files only */
    MRL_UNLOCK_PASSPHRASE = 'P', /* scrypt, RFC 7914, n=2^17 r=8 p=1: 128 MiB */
    MRL_UNLOCK_CREDENTIAL = 'C', /* a file that systemd decrypts into $CREDENTIALS_DIRECTORY */
};
enum { MRL_UNLOCK_SALT = 32, MRL_PASSPHRASE_LEAST = 12, MRL_UNLOCK_CREDENTIAL_LEAST = 32 };

/* Options of the operator, borrowed. At most one source may be given. */
struct mrl_unlock_source {
    int passphrase_fd; /* -1: none; never from arguments or environment, which others can read */
    const char *passphrase_file;
    const char *credential;
};

/* What was read from outside of the folder: before privileges are dropped, as these files may be
 * root's. */
struct mrl_unlock {
    enum mrl_unlock_kind kind;   /* MRL_UNLOCK_FILE when no source was given */
    struct mrl_secret *material; /* owned; NULL for MRL_UNLOCK_FILE */
};
mrl_err mrl_unlock_gather(const struct mrl_unlock_source *s, struct mrl_unlock *out,
                          struct mrl_why *why);
void mrl_unlock_done(struct mrl_unlock *u);

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

#define MRL_UNLOCK_FILE_NAME "unlock.key"
/* 32 random bytes into unlock.key. */
mrl_err mrl_unlock_make_file(const struct mrl_folder *f, struct mrl_why *why);
/* MRL_ERR_INVALID: the keystore wants another kind than u has. */
mrl_err mrl_kek_derive(const struct mrl_folder *f, const struct mrl_unlock *u,
                       enum mrl_unlock_kind kind, const uint8_t salt[static MRL_UNLOCK_SALT],
                       struct mrl_kek *out, struct mrl_why *why);

#endif
