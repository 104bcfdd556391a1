/* SPDX-License-Identifier: Apache-2.0 */
/* File operations the agent makes on its folder, one function each, so that a test can let any of
 * them be the last one before the power goes. Layer: device. Thread: one; blocks. */
#ifndef MRL_AGENT_DISK_H
#define MRL_AGENT_DISK_H

#include "base/buf.h"
#include "base/err.h"

#define MRL_DISK_UNFINISHED ".tmp" /* what mrl_disk_replace writes before it renames */

struct mrl_disk {
    void *context;
    /* A new file of mode 0600, or an emptied one. */
    mrl_err (*create)(void *context, const char *path, int *fd);
    mrl_err (*write)(void *context, int fd, mrl_bytes data); /* all of it */
    mrl_err (*sync)(void *context, int fd);
    mrl_err (*rename)(void *context, const char *from, const char *to);
    mrl_err (*sync_dir)(void *context, const char *dir);
    mrl_err (*remove)(void *context, const char *path);          /* absent: MRL_OK */
    mrl_err (*append)(void *context, const char *path, int *fd); /* opens what is there */
    /* Zeros over all that is there, synced. Absent: MRL_OK. */
    mrl_err (*blank)(void *context, const char *path);
};
extern const struct mrl_disk mrl_disk_system;

/* Makes dir (mode 0700) when it is not there. MRL_ERR_DENIED: others may write there, or it belongs
 * to another user. */
mrl_err mrl_disk_folder(const char *dir, struct mrl_why *why);
/* dir/name becomes data, all or nothing, and stays so after a power cut: temporary file, sync,
 * rename, sync of the folder. */
mrl_err mrl_disk_replace(const struct mrl_disk *d, const char *dir, const char *name,
                         mrl_bytes data, struct mrl_why *why);
/* dir/from becomes dir/to in one step. */
mrl_err mrl_disk_move(const struct mrl_disk *d, const char *dir, const char *from, const char *to,
                      struct mrl_why *why);
mrl_err mrl_disk_remove(const struct mrl_disk *d, const char *dir, const char *name,
                        struct mrl_why *why);
/* Overwritten, then removed; removed also when it could not be overwritten, and that is the error.
 * A file system or a flash chip may keep what was there before: this is as much as a program can
 * do. */
mrl_err mrl_disk_destroy(const struct mrl_disk *d, const char *dir, const char *name,
                         struct mrl_why *why);
/* Appends dir/name to out. MRL_ERR_NOT_FOUND, MRL_ERR_IO, MRL_ERR_LIMIT (of out). name may be a
 * path of its own when dir is NULL; "-" is then standard input. */
mrl_err mrl_disk_read(const char *dir, const char *name, struct mrl_buf *out, struct mrl_why *why);

/* When dir/name was written, seconds since 1970; 0: not known. */
int64_t mrl_disk_written(const char *dir, const char *name);

#endif
