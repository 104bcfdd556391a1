/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "crypto/tpm2_attest.h"
#include "crypto/tpm2_credential.h"
#include "crypto/tpm2_ek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_public(mrl_bytes in)
{
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_tpm2_credential made;
    struct mrl_tpm2_name name;
    struct mrl_tpm2_public p;

    if (mrl_tpm2_public_read(in, &p) != MRL_OK)
        return;
    if (p.x.len > in.len || p.policy.len > MRL_TPM2_DIGEST_MAX || p.area.len + 2 != in.len)
        abort();
    if (mrl_tpm2_name_of(&p, &name) != MRL_OK)
        return;
    if (name.len > MRL_TPM2_NAME_MAX)
        abort();
    if (mrl_tpm2_public_key(&p, &key, NULL) == MRL_OK)
        (void)mrl_tpm2_credential_make(&p, &name, MRL_LIT("secret"), &made, NULL);
}

/* A key of our own: no signature of a stranger holds under it. */
static const struct mrl_key *some_key(void)
{
    static struct mrl_key *key;

    if (key == NULL && mrl_key_generate(MRL_KEY_P256, &key, NULL) != MRL_OK)
        abort();
    return key;
}

static void on_attest(mrl_bytes in)
{
    struct mrl_tpm2_certified c;

    if (mrl_tpm2_certified_read(in, &c) == MRL_OK &&
        (c.name.len > MRL_TPM2_NAME_MAX || c.extra.len > in.len))
        abort();
    if (mrl_tpm2_attest_verify(some_key(), MRL_LIT("attest"), in) == MRL_OK)
        abort();
}

static void on_ek(mrl_bytes in)
{
    MRL_AUTO(mrl_cert) c = NULL;
    struct mrl_tpm2_ek ek;

    if (mrl_cert_from_der(in, &c) == MRL_OK && mrl_tpm2_ek_read(c, &ek, NULL) == MRL_OK &&
        ek.maker[0] == '\0')
        abort();
}

/* What a device sends to prove its TPM: public areas, attestations with their signatures, the
 * certificate of the endorsement key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    on_public(mrl_bytes_of(data, size));
    on_attest(mrl_bytes_of(data, size));
    on_ek(mrl_bytes_of(data, size));
    if (ERR_peek_error() != 0)
        abort();
    return 0;
}
