/* SPDX-License-Identifier: Apache-2.0 */
/* The keystore folder and the private files in it. Layer: keys. Thread: one owner.
 * Everything here must belong to the effective user and be closed to group and others; what is not
 * is refused with a sentence that names the file and the remedy. */
#ifndef MRL_KEYS_FOLDER_H
#define MRL_KEYS_FOLDER_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

struct mrl_folder {
    int fd;           /* owned; holds an exclusive flock while open */
    const char *path; /* borrowed, for sentences */
};
enum { MRL_FOLDER_LOCK_WAIT_MS = 3000, MRL_PRIVATE_FILE_MAX = 64 << 10 };

/* MRL_ERR_NOT_FOUND, MRL_ERR_DENIED (owner, mode), MRL_ERR_BUSY (another key process holds it after
 * MRL_FOLDER_LOCK_WAIT_MS), MRL_ERR_IO. */
mrl_err mrl_folder_open(const char *path, struct mrl_folder *out, struct mrl_why *why);
/* The same with another patience. */
mrl_err mrl_folder_open_wait(const char *path, unsigned wait_ms, struct mrl_folder *out,
                             struct mrl_why *why);
void mrl_folder_done(struct mrl_folder *f); /* {.fd = -1} is empty */

bool mrl_folder_has(const struct mrl_folder *f, const char *name);
/* An open descriptor (given) of a regular file that passed the checks. flags: O_RDONLY or O_RDWR.
 */
mrl_err mrl_folder_open_file(const struct mrl_folder *f, const char *name, int flags, int *fd,
                             struct mrl_why *why);
/* The whole file. MRL_ERR_LIMIT above MRL_PRIVATE_FILE_MAX. Gives *out. */
mrl_err mrl_folder_read(const struct mrl_folder *f, const char *name, struct mrl_secret **out,
                        struct mrl_why *why);
/* Mode 0600, by a temporary file: after a crash there is the whole file or none. MRL_ERR_EXISTS: a
 * file of this name is never replaced. MRL_ERR_NO_SPACE, MRL_ERR_IO: no part of it is left. */
mrl_err mrl_folder_create(const struct mrl_folder *f, const char *name, mrl_bytes content,
                          struct mrl_why *why);
/* No error when it is not there; durable on return. */
mrl_err mrl_folder_remove(const struct mrl_folder *f, const char *name, struct mrl_why *why);

/* Names of what lies in the folder, without folders in it. A name that no file of a keystore can
 * have, as it is too long, is left out; MRL_ERR_LIMIT: more names than fit. */
enum { MRL_FOLDER_NAMES = 256, MRL_FOLDER_NAME = 64 };
struct mrl_folder_names {
    size_t count;
    char names[MRL_FOLDER_NAMES][MRL_FOLDER_NAME];
};
mrl_err mrl_folder_list(const struct mrl_folder *f, struct mrl_folder_names *out,
                        struct mrl_why *why);
/* Folder name inside f, without a lock of its own: f's covers it. path is for sentences.
 * MRL_ERR_NOT_FOUND, MRL_ERR_DENIED. */
mrl_err mrl_folder_open_inner(const struct mrl_folder *f, const char *name, const char *path,
                              struct mrl_folder *out, struct mrl_why *why);

/* What is left to read of fd, at most `most` bytes (MRL_ERR_LIMIT above). Gives *out. */
mrl_err mrl_read_secret_fd(int fd, size_t most, const char *what, struct mrl_secret **out,
                           struct mrl_why *why);
/* Files anywhere may belong to this account, too: root reads what that account could read. */
void mrl_secret_files_may_be_of(uint32_t uid);
/* A file anywhere: it must belong to the effective user or root and be closed to others; group
 * access is refused unless group_ok (systemd gives credentials by an ACL, which shows as group). */
mrl_err mrl_read_secret_file(const char *path, bool group_ok, size_t most, struct mrl_secret **out,
                             struct mrl_why *why);

#endif
