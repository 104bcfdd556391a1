/* SPDX-License-Identifier: Apache-2.0 */
/* Keystores in temporary folders, for the tests of keys/. */
#ifndef MRL_TESTS_KEYS_FIXTURE_H
#define MRL_TESTS_KEYS_FIXTURE_H

#include <sys/types.h>

#include "keys/keystore.h"

enum { FIXTURE_PATH_MAX = 512 };

/* A new folder of mode 0700; to has FIXTURE_PATH_MAX bytes. */
void fixture_folder(char *to);
void fixture_remove(const char *folder);
/* folder/name in memory that the next call reuses. */
const char *fixture_path(const char *folder, const char *name);
void fixture_copy(const char *from, const char *to, const char *name); /* one file, mode 0600 */
mrl_bytes fixture_read(const char *folder, const char *name, uint8_t *to, size_t cap);
void fixture_write(const char *folder, const char *name, mrl_bytes content);

/* A keystore unlocked by file, tenant "acme". */
void fixture_keystore(const char *folder);
mrl_err fixture_create(const char *folder, struct mrl_why *why);
mrl_err fixture_open(const char *folder, struct mrl_keystore *out, struct mrl_why *why);

/* program serving folder on a bare socket, which is returned; the caller waits for *pid. */
int fixture_process(const char *program, const char *folder, pid_t *pid);

#endif
