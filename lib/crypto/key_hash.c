/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_hash.h"

#include "base/hex.h"
#include "crypto/key.h"

static const mrl_bytes begin = MRL_LIT_INIT("-----BEGIN PUBLIC KEY-----");
static const mrl_bytes end = MRL_LIT_INIT("-----END PUBLIC KEY-----");

static mrl_err read_pem(mrl_bytes text, uint8_t *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) spki = {.limit = MRL_KEY_HASH_TEXT_MAX};
    MRL_AUTO(mrl_key) key = NULL;

    if (text.len < begin.len + end.len || !mrl_bytes_starts(text, begin) ||
        !mrl_bytes_ends(text, end))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "neither 64 hex digits nor a public key in PEM (BEGIN PUBLIC KEY)");
    text = mrl_bytes_sub(text, begin.len, text.len - begin.len - end.len);
    if (mrl_base64_read(text, &spki) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "the public key in PEM is not base64");
    if (mrl_key_from_spki(mrl_buf_bytes(&spki), &key, why) != MRL_OK)
        return MRL_ERR_INVALID;
    return mrl_sha256(mrl_buf_bytes(&spki), out);
}

mrl_err mrl_key_hash_read(mrl_bytes text, uint8_t out[static MRL_SHA256_SIZE], struct mrl_why *why)
{
    text = mrl_bytes_trim(text);
    if (text.len > MRL_KEY_HASH_TEXT_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "longer than %d bytes", MRL_KEY_HASH_TEXT_MAX);
    if (text.len == 2 * (size_t)MRL_SHA256_SIZE && mrl_unhex(text, out, MRL_SHA256_SIZE) == MRL_OK)
        return MRL_OK;
    return read_pem(text, out, why);
}
