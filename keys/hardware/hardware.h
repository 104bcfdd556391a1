/* SPDX-License-Identifier: Apache-2.0 */
/* What merlon-unlock can ask of hardware. Layer: keys, merlon-unlock. Thread: the only one.
 * Each call but HOLD opens what it needs and leaves nothing open. A build without one of the two
 * has a function that says so. */
#ifndef MRL_KEYS_HARDWARE_HARDWARE_H
#define MRL_KEYS_HARDWARE_HARDWARE_H

#include "base/secret.h"
#include "keys/unlock_message.h"

/* MAKE: *out is what has to be kept; OPEN: the material. Gives *out. MRL_ERR_NOT_FOUND: the
 * hardware is not there, or another one; MRL_ERR_AUTH: PIN; MRL_ERR_BUSY: locked out;
 * MRL_ERR_STATE: not in the state it was made in; MRL_ERR_CORRUPT: the file was changed. */
mrl_err mrl_tpm_answer(const struct mrl_unlock_request *q, struct mrl_secret **out,
                       struct mrl_why *why);
mrl_err mrl_pkcs11_answer(const struct mrl_unlock_request *q, struct mrl_secret **out,
                          struct mrl_why *why);

/* Keys that sign. HOLD keeps a session open for the life of this process. MRL_ERR_UNSUPPORTED: it
 * has no such keys. */
mrl_err mrl_tpm_hold(const struct mrl_unlock_request *q, struct mrl_why *why);
mrl_err mrl_tpm_make_key(const struct mrl_unlock_request *q, struct mrl_secret **out,
                         struct mrl_why *why);
mrl_err mrl_tpm_sign(const struct mrl_unlock_request *q, struct mrl_secret **out,
                     struct mrl_why *why);
mrl_err mrl_pkcs11_hold(const struct mrl_unlock_request *q, struct mrl_why *why);
mrl_err mrl_pkcs11_make_key(const struct mrl_unlock_request *q, struct mrl_secret **out,
                            struct mrl_why *why);
mrl_err mrl_pkcs11_sign(const struct mrl_unlock_request *q, struct mrl_secret **out,
                        struct mrl_why *why);

#endif
