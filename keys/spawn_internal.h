/* SPDX-License-Identifier: Apache-2.0 */
/* Between spawn.c and keeper.c. Layer: keys, internal. */
#ifndef MRL_KEYS_SPAWN_INTERNAL_H
#define MRL_KEYS_SPAWN_INTERNAL_H

#include "keys/spawn.h"

enum {
    MRL_COMMAND_ARGUMENTS = 32 + MRL_SOURCE_ARGUMENTS,
    MRL_COMMAND_TEXT = 64,
    MRL_START_TIMEOUT_MS = 10000,
    MRL_CALL_TIMEOUT_MS = 5000,
};

/* Everything exec needs, made before the fork: between fork and exec nothing is allocated. */
struct mrl_key_command {
    const char *argv[MRL_COMMAND_ARGUMENTS];
    size_t count;
    char texts[MRL_KEYS_KIND_END_ + 2][MRL_COMMAND_TEXT];
    size_t text_count;
    char *environment[2]; /* the first is owned */
};
void mrl_key_command_make(const struct mrl_keys_options *o, struct mrl_key_command *c);
void mrl_key_command_done(struct mrl_key_command *c);
/* *fd is this side of its socket. */
mrl_err mrl_key_command_start(const struct mrl_key_command *c, int *fd, pid_t *pid,
                              struct mrl_why *why);

#endif
