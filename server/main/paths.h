/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie in the state folder. Layer: main. */
#ifndef MRL_MAIN_PATHS_H
#define MRL_MAIN_PATHS_H

#include "main/config.h"

enum { MRL_PATH = 4096 };

struct mrl_paths {
    char state[MRL_PATH];
    char keys[MRL_PATH];  /* 0700, the key process alone */
    char store[MRL_PATH]; /* 0700, the daemon alone */
    char database[MRL_PATH];
    char checkpoint[MRL_PATH];   /* the newest of the audit log, beside the database */
    char socket[MRL_PATH];       /* of the management API */
    char lists[MRL_PATH];        /* 0755, revocation lists */
    char root_pem[MRL_PATH];     /* root certificate, for clients */
    char keys_program[MRL_PATH]; /* merlon-keys */
};

/* MRL_ERR_INVALID: a path in the configuration is too long or not absolute. */
mrl_err mrl_paths_of(const struct mrl_config *config, struct mrl_paths *out, struct mrl_why *why);

#endif
