/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/signing.h"

#include <stdlib.h>

#include "crypto/algorithm.h"
#include "crypto/openssl.h"

struct mrl_signing {
    EVP_MD_CTX *ctx;
    size_t size; /* of the longest signature */
};

mrl_err mrl_signing_new(const struct mrl_key *k, struct mrl_signing **out)
{
    const char *digest = mrl_sign_alg_digest(mrl_key_algorithm(k));
    MRL_AUTO(mrl_signing) s = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_key_is_private(k), MRL_ERR_STATE);
    MRL_ENSURE(digest != NULL, MRL_ERR_UNSUPPORTED);
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->size = (size_t)EVP_PKEY_get_size(mrl_key_native(k));
    s->ctx = EVP_MD_CTX_new();
    MRL_ENSURE(s->ctx != NULL && EVP_DigestSignInit_ex(s->ctx, NULL, digest, NULL, NULL,
                                                       mrl_key_native(k), NULL) == 1,
               MRL_ERR_CRYPTO);
    *out = MRL_TAKE(s);
    return MRL_OK;
}

void mrl_signing_free(struct mrl_signing *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->ctx);
    free(s);
}

mrl_err mrl_signing_add(struct mrl_signing *s, mrl_bytes data)
{
    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(EVP_DigestSignUpdate(s->ctx, data.data, data.len) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_signing_end(struct mrl_signing *s, struct mrl_buf *out)
{
    size_t len = s->size;
    uint8_t *to;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(mrl_buf_reserve(out, len, &to));
    MRL_ENSURE(EVP_DigestSignFinal(s->ctx, to, &len) == 1, MRL_ERR_CRYPTO);
    mrl_buf_added(out, len);
    return MRL_OK;
}
