/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/chip.h"

static mrl_err absent(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_UNSUPPORTED, "this merlon-agent was built without TPM support");
}

void mrl_chip_claim_done(struct mrl_chip_claim *c)
{
    (void)c; /* never filled */
}

void mrl_chip_proof_done(struct mrl_chip_proof *p)
{
    (void)p; /* never filled */
}

mrl_err mrl_chip_key_make(const char *tcti, struct mrl_key **out, struct mrl_why *why)
{
    (void)tcti;
    (void)out;
    return absent(why);
}

mrl_err mrl_chip_key_open(const char *tcti, mrl_bytes pem, struct mrl_key **out,
                          struct mrl_why *why)
{
    (void)tcti;
    (void)pem;
    (void)out;
    return absent(why);
}

mrl_err mrl_chip_claim(const char *tcti, struct mrl_chip_claim *out, struct mrl_why *why)
{
    (void)tcti;
    (void)out;
    return absent(why);
}

mrl_err mrl_chip_prove(const char *tcti, const struct mrl_key *key,
                       const struct mrl_chip_challenge *challenge, struct mrl_chip_proof *out,
                       struct mrl_why *why)
{
    (void)tcti;
    (void)key;
    (void)challenge;
    (void)out;
    return absent(why);
}
