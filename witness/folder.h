/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder: the key, and a file for each log. Layer: witness. Thread: any, one call a file
 * at a time. Everything in it is closed to other accounts. */
#ifndef MRL_WITNESS_FOLDER_H
#define MRL_WITNESS_FOLDER_H

#include "base/buf.h"
#include "base/secret.h"

enum { MRL_WITNESS_FILE_MAX = 64 << 10 };

struct mrl_witness_folder {
    int fd;           /* owned; holds an exclusive lock: two witnesses with one state would fork */
    const char *path; /* borrowed, for sentences */
};

/* Makes the folder (mode 0700) when it is missing and make is set. MRL_ERR_NOT_FOUND;
 * MRL_ERR_DENIED: owner or mode; MRL_ERR_BUSY: another witness has it open; MRL_ERR_IO. */
mrl_err mrl_witness_folder_open(const char *path, bool make, struct mrl_witness_folder *out,
                                struct mrl_why *why);
void mrl_witness_folder_done(struct mrl_witness_folder *f); /* {.fd = -1} is empty */

/* The whole file. MRL_ERR_NOT_FOUND, MRL_ERR_DENIED (not closed to others), MRL_ERR_LIMIT above
 * MRL_WITNESS_FILE_MAX, MRL_ERR_IO. Gives *out. */
mrl_err mrl_witness_folder_read(const struct mrl_witness_folder *f, const char *name,
                                struct mrl_secret **out, struct mrl_why *why);
/* Durable on MRL_OK. After a crash there is the old file or the new one; on an error the old one,
 * or, when only the last step failed, either. MRL_ERR_NO_SPACE, MRL_ERR_IO. */
mrl_err mrl_witness_folder_replace(const struct mrl_witness_folder *f, const char *name,
                                   mrl_bytes content, struct mrl_why *why);

#endif
