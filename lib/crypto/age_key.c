/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/random.h"
#include "crypto/age_internal.h"
#include "crypto/bech32.h"
#include "crypto/openssl.h"

static const uint8_t base_point[MRL_AGE_KEY] = {9};

mrl_err mrl_age_x25519(const struct mrl_secret *scalar, const uint8_t point[static MRL_AGE_KEY],
                       struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) shared = mrl_secret_new(MRL_AGE_KEY);
    OWNED(EVP_PKEY) own = NULL;
    OWNED(EVP_PKEY) peer = NULL;
    OWNED(EVP_PKEY_CTX) ctx = NULL;
    size_t len = MRL_AGE_KEY;

    MRL_OPENSSL_SCOPE();
    own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, mrl_secret_bytes(scalar).data,
                                       mrl_secret_bytes(scalar).len);
    peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, MRL_AGE_KEY);
    MRL_ENSURE(own != NULL && peer != NULL, MRL_ERR_CRYPTO);
    ctx = EVP_PKEY_CTX_new(own, NULL);
    MRL_ENSURE(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_PKEY_derive_set_peer(ctx, peer) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_PKEY_derive(ctx, mrl_secret_data(shared), &len) == 1 && len == MRL_AGE_KEY,
               MRL_ERR_CRYPTO);
    *out = MRL_TAKE(shared);
    return MRL_OK;
}

mrl_err mrl_age_recipient_read(mrl_bytes text, struct mrl_age_recipient *out)
{
    MRL_ENSURE(mrl_bytes_starts(text, MRL_LIT("age1")), MRL_ERR_MALFORMED);
    return mrl_bech32_read(text, MRL_LIT("age"), out->bytes);
}

mrl_err mrl_age_recipient_write(const struct mrl_age_recipient *r,
                                char to[static MRL_AGE_RECIPIENT_TEXT + 1])
{
    char text[MRL_BECH32_TEXT_MAX + 1];

    MRL_TRY(mrl_bech32_write(MRL_LIT("age"), r->bytes, text));
    memcpy(to, text, MRL_AGE_RECIPIENT_TEXT + 1);
    return MRL_OK;
}

mrl_err mrl_age_identity_new(struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) identity = mrl_secret_new(MRL_AGE_KEY);

    mrl_random(mrl_secret_data(identity), MRL_AGE_KEY);
    *out = MRL_TAKE(identity);
    return MRL_OK;
}

static mrl_err read_line(mrl_bytes line, struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) identity = mrl_secret_new(MRL_AGE_KEY);

    MRL_ENSURE(mrl_bytes_starts(line, MRL_LIT("AGE-SECRET-KEY-1")), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_bech32_read(line, MRL_LIT("age-secret-key-"), mrl_secret_data(identity)));
    *out = MRL_TAKE(identity);
    return MRL_OK;
}

mrl_err mrl_age_identity_read(mrl_bytes text, struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) found = NULL;
    mrl_bytes line;

    while (text.len > 0) {
        (void)mrl_bytes_split(text, '\n', &line, &text); /* the last line needs no end */
        line = mrl_bytes_trim(line);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        MRL_ENSURE(found == NULL, MRL_ERR_MALFORMED);
        MRL_TRY(read_line(line, &found));
    }
    MRL_ENSURE(found != NULL, MRL_ERR_MALFORMED);
    *out = MRL_TAKE(found);
    return MRL_OK;
}

mrl_err mrl_age_identity_write(const struct mrl_secret *identity, struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) lower = mrl_secret_new(MRL_BECH32_TEXT_MAX + 1);
    MRL_AUTO(mrl_secret) text = mrl_secret_new(MRL_AGE_IDENTITY_TEXT);
    uint8_t *to = mrl_secret_data(text);

    MRL_ENSURE(mrl_secret_bytes(identity).len == MRL_AGE_KEY, MRL_ERR_INVALID);
    MRL_TRY(mrl_bech32_write(MRL_LIT("age-secret-key-"), mrl_secret_bytes(identity).data,
                             (char *)mrl_secret_data(lower)));
    for (size_t i = 0; i < MRL_AGE_IDENTITY_TEXT; i++) {
        uint8_t c = mrl_secret_bytes(lower).data[i];

        to[i] = c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
    }
    *out = MRL_TAKE(text);
    return MRL_OK;
}

mrl_err mrl_age_identity_recipient(const struct mrl_secret *identity, struct mrl_age_recipient *out)
{
    MRL_AUTO(mrl_secret) point = NULL;

    MRL_TRY(mrl_age_x25519(identity, base_point, &point));
    memcpy(out->bytes, mrl_secret_bytes(point).data, MRL_AGE_KEY);
    return MRL_OK;
}
