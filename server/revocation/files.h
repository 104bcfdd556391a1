/* SPDX-License-Identifier: Apache-2.0 */
/* Files that others read while they are replaced. Layer: revocation. Thread: any, one writer a
 * name. */
#ifndef MRL_REVOCATION_FILES_H
#define MRL_REVOCATION_FILES_H

#include "base/buf.h"
#include "base/err.h"

/* Makes the folder (0755) when it is missing; its parent exists. MRL_ERR_IO. */
mrl_err mrl_files_folder(const char *folder, struct mrl_why *why);
/* Whoever opens folder/name has all of the old content or all of the new. It is not waited for the
 * disk: after a loss of power the lists are made anew. MRL_ERR_NO_SPACE, MRL_ERR_IO. */
mrl_err mrl_files_replace(const char *folder, const char *name, mrl_bytes content,
                          struct mrl_why *why);
/* All of a file, appended. MRL_ERR_NOT_FOUND, MRL_ERR_IO. */
mrl_err mrl_files_read(const char *folder, const char *name, struct mrl_buf *out);

#endif
