/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of unlock key, and what each keeps in the folder. Layer: keys, both sides. */
#ifndef MRL_KEYS_UNLOCK_KIND_H
#define MRL_KEYS_UNLOCK_KIND_H

#include "base/bytes.h"
#include "base/err.h"

/* Stored in every file, so letters: no single flipped bit makes one into another. */
enum mrl_unlock_kind {
    MRL_UNLOCK_NONE = 0,
    MRL_UNLOCK_FILE = 'F', /* unlock.key in the folder: protects copies of single files only */
    MRL_UNLOCK_PASSPHRASE = 'P', /* scrypt, RFC 7914, n=2^17 r=8 p=1: 128 MiB */
    MRL_UNLOCK_CREDENTIAL = 'C', /* a file that systemd decrypts into $CREDENTIALS_DIRECTORY */
    MRL_UNLOCK_TPM = 'M',        /* sealed to the TPM 2.0 of this machine: unlock.tpm */
    MRL_UNLOCK_PKCS11 = 'H',     /* encrypted by a key in a PKCS#11 token: unlock.pkcs11 */
};

#define MRL_UNLOCK_FILE_NAME "unlock.key"
#define MRL_UNLOCK_TPM_NAME "unlock.tpm"
#define MRL_UNLOCK_PKCS11_NAME "unlock.pkcs11"

bool mrl_unlock_kind_valid(uint8_t kind);
/* As options and configuration write it, e.g. "tpm"; "none" for what is not a kind. */
const char *mrl_unlock_kind_name(enum mrl_unlock_kind kind);
/* MRL_ERR_INVALID: no such name. */
mrl_err mrl_unlock_kind_read(const char *name, enum mrl_unlock_kind *out);
/* What lies in the folder for it; NULL: nothing. */
const char *mrl_unlock_file(enum mrl_unlock_kind kind);
/* Whether another process talks to hardware for it. */
bool mrl_unlock_is_hardware(enum mrl_unlock_kind kind);

#endif
