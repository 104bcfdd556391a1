/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and folders when the daemon is started by root. Layer: main. Thread: the only one. */
#ifndef MRL_MAIN_PRIVILEGES_H
#define MRL_MAIN_PRIVILEGES_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct mrl_account { /* ids of this process when it is not root */
    uid_t uid;
    gid_t gid;
    char name[33];
};

/* The account to become. Not root: the present one, whatever name says. MRL_ERR_NOT_FOUND with the
 * command that makes the account. */
mrl_err mrl_account_find(mrl_bytes name, struct mrl_account *out, struct mrl_why *why);
/* Makes the folder (parents must exist) or takes an existing one, with this mode and, for root,
 * this owner. */
mrl_err mrl_folder_make(const char *path, mode_t mode, const struct mrl_account *owner,
                        struct mrl_why *why);
/* Becomes the account for good, and checks that there is no way back. Not root: nothing to do. */
mrl_err mrl_become(const struct mrl_account *account, struct mrl_why *why);
/* No new privileges, no core dump, not readable by debuggers. */
mrl_err mrl_harden(struct mrl_why *why);

#endif
