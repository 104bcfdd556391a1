/* SPDX-License-Identifier: Apache-2.0 */
/* merlon-unlock: the process that talks to a TPM or to a PKCS#11 module, as its client sees it.
 * Layer: keys. Thread: the only one.
 *
 * Code of others (a vendor's module, the TPM software stack) brings threads, descriptors and
 * memory of its own. None of it ever enters the key process: it runs in a process that is started
 * before privileges are dropped, becomes the keys account with all its groups (so that it may open
 * /dev/tpmrm0), and is gone before the sandbox closes. */
#ifndef MRL_KEYS_UNLOCK_PROCESS_H
#define MRL_KEYS_UNLOCK_PROCESS_H

#include "base/buf.h"
#include "base/secret.h"
#include "keys/source.h"

enum { MRL_UNLOCK_WAIT_MS = 45000 }; /* for one answer: a TPM may take seconds to make a key */

struct mrl_unlock_process;
/* s is borrowed for the life of the process, pin for the call. user as in mrl_sandbox_drop_user.
 * Gives *out. */
mrl_err mrl_unlock_process_start(const struct mrl_unlock_source *s, mrl_bytes pin, const char *user,
                                 struct mrl_unlock_process **out, struct mrl_why *why);
void mrl_unlock_process_free(struct mrl_unlock_process *p); /* ends it; NULL is fine */

/* Makes new secret material that only this hardware gives back: blob (appended) is what it needs
 * for that. */
mrl_err mrl_unlock_process_make(struct mrl_unlock_process *p, struct mrl_buf *blob,
                                struct mrl_why *why);
/* Gives *material. */
mrl_err mrl_unlock_process_open(struct mrl_unlock_process *p, mrl_bytes blob,
                                struct mrl_secret **material, struct mrl_why *why);

#endif
