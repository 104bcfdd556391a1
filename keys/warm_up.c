/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_build.h"
#include "keys/serve.h"

/* A certificate that is thrown away, through the same path as every real one. */
static mrl_err try_issuing(const struct mrl_generation *ca, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) subject = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_DEVICE, .cn = MRL_LIT("self-test")};

    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &subject, why));
    MRL_TRY(mrl_key_to_spki(subject, &spki));
    p.spki = mrl_buf_bytes(&spki);
    p.not_before = mrl_cert_facts(ca->cert)->not_before; /* valid whatever the clock says */
    p.not_after = p.not_before + 1;
    mrl_serial_random(p.serial);
    MRL_TRY(mrl_cert_build(&p, ca->cert, ca->key, &der, why));
    MRL_TRY(mrl_cert_from_der(mrl_buf_bytes(&der), &cert));
    return mrl_cert_verify_signature(cert, ca->cert);
}

static mrl_err try_key(const struct mrl_key *key)
{
    MRL_SCOPED(mrl_buf) signature = {0};
    mrl_bytes text = MRL_LIT("self-test");

    MRL_TRY(mrl_key_sign(key, text, &signature));
    return mrl_key_verify(key, mrl_key_algorithm(key), text, mrl_buf_bytes(&signature));
}

static mrl_err try_ca(const struct mrl_generation *ca, struct mrl_why *why)
{
    if (ca->key == NULL)
        return MRL_OK;
    if (try_key(ca->key) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO, "self-test: a key does not verify what it signs");
    if (ca->kind == MRL_CA_ISSUING && try_issuing(ca, NULL) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO, "self-test: the issuing CA cannot issue");
    return MRL_OK;
}

mrl_err mrl_keys_warm_up(const struct mrl_keystore *k, struct mrl_why *why)
{
    if (try_key(k->audit) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO, "self-test: a key does not verify what it signs");
    for (size_t i = 0; i < k->cas.count; i++)
        MRL_TRY(try_ca(&k->cas.at[i], why));
    return MRL_OK;
}
