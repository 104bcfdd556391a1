/* SPDX-License-Identifier: Apache-2.0 */
/* What the key process gives up. Layer: keys. Thread: the only one.
 * Order: mrl_sandbox_start, read secrets that belong to root, mrl_sandbox_drop_user, open the
 * keystore, mrl_sandbox_enter, serve. Nothing here can be undone. */
#ifndef MRL_KEYS_SANDBOX_H
#define MRL_KEYS_SANDBOX_H

#include <stdint.h>

#include "base/err.h"

enum {
    MRL_SANDBOX_CHANNEL = 3, /* where the socket to the daemon is moved */
    MRL_SANDBOX_SIGNER = 4,  /* and that to merlon-unlock, when it holds a key */
};

/* No core dumps, not dumpable or traceable, no new privileges, umask 077. */
mrl_err mrl_sandbox_start(struct mrl_why *why);

/* Moves the socket to MRL_SANDBOX_CHANNEL, opens /dev/null as standard input and output, keeps
 * standard error, closes everything else. */
mrl_err mrl_sandbox_close_files(int channel, struct mrl_why *why);

/* Becomes user (groups too) when root, checks that there is no way back. NULL: stays who it is.
 * MRL_ERR_INVALID: no such account; MRL_ERR_DENIED: neither root nor user. */
mrl_err mrl_sandbox_drop_user(const char *user, struct mrl_why *why);
/* The same, but with all groups of the account: for a process that opens devices. */
mrl_err mrl_sandbox_lend_user(const char *user, struct mrl_why *why);
/* Looks an account up. */
mrl_err mrl_sandbox_find_user(const char *user, uint32_t *uid, uint32_t *gid, struct mrl_why *why);

/* Landlock: no path of the file system, no TCP port, no signal and no abstract socket outside.
 * *abi: what the kernel has, 0 for none (not an error: seccomp stands alone then). */
mrl_err mrl_sandbox_landlock(uint16_t *abi, struct mrl_why *why);

/* Seccomp: from here on any call that is not in the list kills the process. Reading and writing
 * only on the channel, the
 * signer and standard error; no open, socket, connect, exec, fork, and no file is
 * written any more. */
mrl_err mrl_sandbox_seccomp(struct mrl_why *why);

/* Both of the above. */
mrl_err mrl_sandbox_enter(uint16_t *abi, struct mrl_why *why);

#endif
