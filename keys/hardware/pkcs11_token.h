/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 token, logged in to. Layer: keys, merlon-unlock. Thread: one owner. */
#ifndef MRL_KEYS_HARDWARE_PKCS11_TOKEN_H
#define MRL_KEYS_HARDWARE_PKCS11_TOKEN_H

#include <p11-kit/pkcs11.h>

#include "base/bytes.h"
#include "base/err.h"

struct mrl_token {
    void *module; /* owned, as is the session */
    CK_FUNCTION_LIST *call;
    CK_SESSION_HANDLE session;
    bool initialised;
    bool has_session;
};

/* writes: also to make a key. MRL_ERR_NOT_FOUND: no such module or token; MRL_ERR_AUTH: wrong PIN;
 * MRL_ERR_BUSY: the token is locked, or one more wrong PIN would lock it. */
mrl_err mrl_token_open(mrl_bytes module, mrl_bytes label, mrl_bytes pin, bool writes,
                       struct mrl_token *out, struct mrl_why *why);
void mrl_token_done(struct mrl_token *t); /* logs out and finalises the module */

mrl_err mrl_token_fail(const char *doing, CK_RV rv, struct mrl_why *why);

#endif
