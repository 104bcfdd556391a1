/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of merlon-keys. Layer: keys. Thread: the only one. */
#ifndef MRL_KEYS_OPTIONS_H
#define MRL_KEYS_OPTIONS_H

#include "crypto/key.h"
#include "keys/policy.h"
#include "keys/unlock.h"

enum mrl_keys_command {
    MRL_KEYS_INIT,
    MRL_KEYS_SERVE,
    MRL_KEYS_EXPORT_ROOT,
    MRL_KEYS_REKEY,
    MRL_KEYS_NEW_SEALING,
    MRL_KEYS_DROP_SEALING,
    MRL_KEYS_NEW_ISSUING,
    MRL_KEYS_NEW_ROOT,
    MRL_KEYS_REQUEST_ISSUING,
    MRL_KEYS_SIGN_REQUEST,
    MRL_KEYS_INSTALL,
    MRL_KEYS_DROP_CA,
    MRL_KEYS_HELP
};

struct mrl_keys_arguments { /* texts are views into argv */
    enum mrl_keys_command command;
    const char *dir;
    const char *user;
    const char *tenant;
    enum mrl_key_type root_type, issuing_type;
    bool root_offline; /* init */
    bool hold;         /* init: the audit key; new-issuing, new-root: the new key: in hardware */
    struct mrl_unlock_source source;
    struct mrl_unlock_source to; /* rekey: the source afterwards */
    int channel;                 /* serve: --fd */
    struct mrl_policy_limits limits;
    int export_passphrase_fd; /* export-root: -1 when it comes from the file */
    const char *export_passphrase_file;
    const char *in, *out;
    uint32_t number;          /* drop-sealing-key, drop-ca */
    enum mrl_ca_kind ca_kind; /* drop-ca */
};

extern const char mrl_keys_usage[];

/* MRL_ERR_INVALID with a sentence. */
mrl_err mrl_keys_parse(int argc, char **argv, struct mrl_keys_arguments *out, struct mrl_why *why);

#endif
