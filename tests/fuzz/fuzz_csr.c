/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "crypto/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(mrl_bytes san)
{
    struct mrl_san it;
    enum mrl_san_kind kind;
    mrl_bytes value;
    size_t count = 0;

    if (mrl_san_start(san, &it) != MRL_OK)
        abort(); /* a request is only given out with names that can be walked */
    while (mrl_san_next(&it, &kind, &value))
        count++;
    if (count > MRL_SAN_ENTRIES_MAX || (san.len > 0 && count == 0))
        abort();
}

/* The body of an EST request, from the first byte to the verdict. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    const struct mrl_csr_facts *f;
    enum mrl_csr_reason reason;
    uint8_t digest[MRL_SHA256_SIZE];
    mrl_err err = mrl_csr_from_body(mrl_bytes_of(data, size), &csr, &reason);

    if ((err == MRL_OK) != (reason == MRL_CSR_OK) || (err == MRL_OK) != (csr != NULL))
        abort();
    if (err != MRL_OK)
        return 0;
    f = mrl_csr_facts(csr);
    walk(f->san);
    walk(f->new_san);
    if (f->recipient.len > MRL_KEY_ID_MAX)
        abort();
    if (f->capabilities.len > 0 && f->capabilities.data[0] != MRL_DER_SEQUENCE)
        abort();
    if (f->challenge.len > MRL_CHALLENGE_PASSWORD_MAX)
        abort();
    err = mrl_csr_check(csr, &key, &reason);
    if ((err == MRL_OK) != (reason == MRL_CSR_OK) || (err == MRL_OK) != (key != NULL))
        abort();
    if (mrl_csr_digest(csr, digest) != MRL_OK && err == MRL_OK)
        abort(); /* a good request has a name */
    if (ERR_peek_error() != 0)
        abort();
    return 0;
}
