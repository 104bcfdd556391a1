/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key_list.h"

#include "base/hex.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/hash.h"

static bool is_name(mrl_bytes text)
{
    uint8_t bytes[MRL_KEY_NAME / 2];

    return (text.len == MRL_KEY_NAME || text.len == MRL_KEY_NAME_SHORT) &&
           mrl_unhex(text, bytes, text.len / 2) == MRL_OK;
}

static mrl_bytes next_line(struct mrl_key_list *l)
{
    size_t end = mrl_bytes_find(l->text, '\n', l->at);
    mrl_bytes line = mrl_bytes_sub(l->text, l->at, end - l->at);

    l->at = end < l->text.len ? end + 1 : end;
    l->line++;
    return mrl_bytes_trim(mrl_bytes_sub(line, 0, mrl_bytes_find(line, '#', 0)));
}

mrl_err mrl_key_list_next(struct mrl_key_list *l, mrl_bytes *name, struct mrl_why *why)
{
    while (l->at < l->text.len) {
        mrl_bytes found = next_line(l);

        if (found.len == 0)
            continue;
        if (!is_name(found))
            return mrl_fail(why, MRL_ERR_MALFORMED,
                            "line %lu: not %d or %d hexadecimal digits and nothing else", l->line,
                            MRL_KEY_NAME, MRL_KEY_NAME_SHORT);
        *name = found;
        return MRL_OK;
    }
    return MRL_ERR_NOT_FOUND;
}

/* --- PEM --- */

static const mrl_bytes public_begin = MRL_LIT_INIT("-----BEGIN PUBLIC KEY-----");
static const mrl_bytes public_end = MRL_LIT_INIT("-----END PUBLIC KEY-----");

static mrl_err read_public(mrl_bytes pem, struct mrl_buf *spki)
{
    mrl_bytes text = mrl_bytes_trim(pem);
    size_t frame = public_begin.len + public_end.len;
    uint8_t id[MRL_KEY_ID_SIZE];

    MRL_ENSURE(text.len >= frame && mrl_bytes_starts(text, public_begin) &&
                   mrl_bytes_ends(text, public_end),
               MRL_ERR_MALFORMED);
    MRL_TRY(mrl_base64_read(mrl_bytes_sub(text, public_begin.len, text.len - frame), spki));
    return mrl_spki_key_id(mrl_buf_bytes(spki), id); /* it is a SubjectPublicKeyInfo */
}

static mrl_err read_spki(mrl_bytes pem, struct mrl_buf *spki)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    enum mrl_csr_reason reason;

    if (mrl_cert_from_pem(pem, &cert) == MRL_OK)
        return mrl_buf_append(spki, mrl_cert_facts(cert)->spki);
    if (mrl_csr_from_body(pem, &csr, &reason) == MRL_OK)
        return mrl_buf_append(spki, mrl_csr_facts(csr)->spki);
    if (mrl_key_from_pem(pem, MRL_BYTES_NONE, &key) == MRL_OK)
        return mrl_key_to_spki(key, spki);
    return read_public(pem, spki);
}

mrl_err mrl_key_name_of_pem(mrl_bytes pem, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    char hex[MRL_KEY_NAME + 1];
    uint8_t hash[MRL_SHA256_SIZE];

    MRL_ENSURE(read_spki(pem, &spki) == MRL_OK, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_sha256(mrl_buf_bytes(&spki), hash));
    mrl_hex(mrl_bytes_of(hash, sizeof(hash)), hex);
    return mrl_buf_append(out, mrl_str(hex));
}
