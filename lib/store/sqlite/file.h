/* SPDX-License-Identifier: Apache-2.0 */
/* The database file on disk: who may open it, and one process at a time. Layer: store/sqlite,
 * internal. Thread: the one that opens the store. */
#ifndef MRL_STORE_SQLITE_FILE_H
#define MRL_STORE_SQLITE_FILE_H

#include "base/err.h"

/* Checks the folder, takes path.lock (gives its descriptor), makes the file with mode 0600 when it
 * is missing, and refuses a link or a file others may read. Must be called before SQLite opens the
 * file: closing another descriptor of it would drop SQLite's locks. Errors as mrl_store_open. */
mrl_err mrl_sqlite_file_take(const char *path, int *lock, struct mrl_why *why);

#endif
