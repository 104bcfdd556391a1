/* SPDX-License-Identifier: Apache-2.0 */
/* Where the unlock key comes from, as options say it. Layer: keys, both sides: merlon-keys reads
 * them, the daemon writes them. */
#ifndef MRL_KEYS_SOURCE_H
#define MRL_KEYS_SOURCE_H

#include "keys/unlock_kind.h"

enum { MRL_SOURCE_ENV = 8, MRL_SOURCE_OPTIONS = 11, MRL_SOURCE_TEXT_MAX = 1024 };
#define MRL_SOURCE_TCTI "device:/dev/tpmrm0"

/* Texts are borrowed; NULL: not given. */
struct mrl_unlock_source {
    enum mrl_unlock_kind kind; /* MRL_UNLOCK_NONE until said or told by the rest */
    bool fd_given;             /* then passphrase_fd counts: never from arguments or environment, */
    int passphrase_fd;         /* which others can read */
    const char *passphrase_file;
    const char *credential;
    const char *pin_file;       /* pkcs11: this or the next; tpm: as you like */
    const char *pin_credential; /* name below $CREDENTIALS_DIRECTORY */
    const char *tpm_tcti;       /* how to reach the TPM; default MRL_SOURCE_TCTI */
    const char *tpm_pcrs;       /* when made: "sha256:7" binds to the value it has then */
    const char *pkcs11_module;
    const char *pkcs11_token;               /* label */
    const char *pkcs11_key;                 /* label */
    const char *pkcs11_env[MRL_SOURCE_ENV]; /* NAME=VALUE: all that the module finds */
    size_t pkcs11_env_count;
    const char *program; /* merlon-unlock; NULL: beside this program */
};

/* Name of option number at, without "--"; each exists a second time with "new-" in front. */
const char *mrl_source_option(size_t at, bool of_new);
mrl_err mrl_source_take(struct mrl_unlock_source *s, size_t at, const char *value,
                        struct mrl_why *why);
/* Sets kind when it was not said. MRL_ERR_INVALID: sources that exclude each other, or options that
 * are missing or of another kind. prefix is "" or "new-", for sentences. */
mrl_err mrl_source_check(struct mrl_unlock_source *s, const char *prefix, struct mrl_why *why);

/* The same as arguments, but no descriptor; --unlock when a kind is set. Appends at most
 * MRL_SOURCE_ARGUMENTS to argv[*argc]. */
enum { MRL_SOURCE_ARGUMENTS = 2 * (MRL_SOURCE_OPTIONS + MRL_SOURCE_ENV) };
void mrl_source_arguments(const struct mrl_unlock_source *s, const char **argv, size_t *argc);

#endif
