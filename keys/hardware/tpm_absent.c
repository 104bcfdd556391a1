/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/hardware.h"

static mrl_err absent(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_UNSUPPORTED, "this merlon-unlock was built without TPM support");
}

mrl_err mrl_tpm_answer(const struct mrl_unlock_request *q, struct mrl_secret **out,
                       struct mrl_why *why)
{
    (void)q;
    (void)out;
    return absent(why);
}

mrl_err mrl_tpm_hold(const struct mrl_unlock_request *q, struct mrl_why *why)
{
    (void)q;
    return absent(why);
}

mrl_err mrl_tpm_make_key(const struct mrl_unlock_request *q, struct mrl_secret **out,
                         struct mrl_why *why)
{
    (void)q;
    (void)out;
    return absent(why);
}

mrl_err mrl_tpm_sign(const struct mrl_unlock_request *q, struct mrl_secret **out,
                     struct mrl_why *why)
{
    (void)q;
    (void)out;
    return absent(why);
}
