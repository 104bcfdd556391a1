/* SPDX-License-Identifier: Apache-2.0 */
/* merlon-unlock: the process that talks to a TPM or to a PKCS#11 module, as its client sees it.
 * Layer: keys. Thread: the only one.
 *
 * Code of others (a vendor's module, the TPM software stack) brings threads, descriptors and
 * memory of its own. None of it ever enters the key process: it runs in a process that is started
 * before privileges are dropped, becomes the keys account with all its groups (so that it may open
 * /dev/tpmrm0), and is gone before the sandbox closes, unless it holds a key that signs: then it
 * stays, logged in, and is asked for signatures over its socket and for nothing else. */
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

/* Makes a signing key in the hardware, of an enum mrl_unlock_key, by this name where it has names.
 * reference and spki are appended to. MRL_ERR_UNSUPPORTED: it cannot make such a key. */
mrl_err mrl_unlock_process_make_key(struct mrl_unlock_process *p, uint8_t type, const char *label,
                                    struct mrl_buf *reference, struct mrl_buf *spki,
                                    struct mrl_why *why);
/* It logs in to stay, the PIN leaves this process, and from here on only sign works: its socket is
 * moved to MRL_SANDBOX_SIGNER, and all that is done is allowed in the sandbox. */
mrl_err mrl_unlock_process_hold(struct mrl_unlock_process *p, struct mrl_why *why);
/* A signature over data by the key of reference, appended to out. Works before hold, too. */
mrl_err mrl_unlock_process_sign(struct mrl_unlock_process *p, mrl_bytes reference, mrl_bytes data,
                                struct mrl_buf *out, struct mrl_why *why);

#endif
