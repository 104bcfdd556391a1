/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/chip_key.h"

#include "base/hex.h"
#include "crypto/der.h"

/* TPMKey of draft-bottomley-tpm2-keys 3: SEQUENCE { type, emptyAuth [0] BOOLEAN, parent INTEGER,
 * pubkey OCTET STRING, privkey OCTET STRING } */
#define OID_LOADABLE "\x67\x81\x05\x0a\x01\x03"
#define OWNER "\x40\x00\x00\x01"

enum { COLUMNS = 64 };

static const mrl_bytes begin_line = MRL_LIT_INIT("-----BEGIN TSS2 PRIVATE KEY-----\n");
static const mrl_bytes end_line = MRL_LIT_INIT("-----END TSS2 PRIVATE KEY-----\n");

mrl_err mrl_chip_key_write(const struct mrl_chip_key *key, struct mrl_buf *pem)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_der d = mrl_der_on(&der);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(OID_LOADABLE));
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_true(&d);
    mrl_der_end(&d);
    mrl_der_unsigned(&d, MRL_LIT(OWNER));
    mrl_der_put(&d, MRL_DER_OCTET_STRING, key->public_area);
    mrl_der_put(&d, MRL_DER_OCTET_STRING, key->private_area);
    mrl_der_end(&d);
    MRL_TRY(mrl_der_finish(&d));
    MRL_TRY(mrl_buf_append(pem, begin_line));
    MRL_TRY(mrl_base64_write(mrl_buf_bytes(&der), COLUMNS, pem));
    return mrl_buf_append(pem, end_line);
}

/* Where text begins in all; all.len: nowhere. */
static size_t find(mrl_bytes all, mrl_bytes text, size_t from)
{
    for (size_t at = from; at + text.len <= all.len; at++)
        if (mrl_bytes_starts(mrl_bytes_sub(all, at, SIZE_MAX), text))
            return at;
    return all.len;
}

bool mrl_chip_key_is_in(mrl_bytes pem)
{
    return find(pem, begin_line, 0) < pem.len;
}

static mrl_err read_part(struct mrl_reader *r, mrl_bytes *out)
{
    MRL_TRY(mrl_der_read(r, MRL_DER_OCTET_STRING, out));
    MRL_ENSURE(out->len <= MRL_CHIP_KEY_PART_MAX, MRL_ERR_LIMIT);
    return MRL_OK;
}

static mrl_err read_der(mrl_bytes der, struct mrl_chip_key *out)
{
    struct mrl_reader r = {der, 0}, in;
    struct mrl_chip_key key;
    mrl_bytes type, parent;
    mrl_bytes empty_auth;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &in));
    MRL_TRY(mrl_reader_end(&r));
    MRL_TRY(mrl_der_read(&in, MRL_DER_OID, &type));
    MRL_ENSURE(mrl_bytes_eq(type, MRL_LIT(OID_LOADABLE)), MRL_ERR_UNSUPPORTED);
    MRL_ENSURE(mrl_der_next_is(&in, MRL_DER_CONTEXT_CONSTRUCTED(0)), MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_der_read(&in, MRL_DER_CONTEXT_CONSTRUCTED(0), &empty_auth));
    MRL_ENSURE(mrl_bytes_eq(empty_auth, MRL_LIT("\x01\x01\xff")), MRL_ERR_UNSUPPORTED);
    MRL_ENSURE(mrl_der_next_is(&in, MRL_DER_INTEGER), MRL_ERR_UNSUPPORTED); /* no policy */
    MRL_TRY(mrl_der_read_unsigned(&in, &parent));
    MRL_ENSURE(mrl_bytes_eq(parent, MRL_LIT(OWNER)), MRL_ERR_UNSUPPORTED);
    MRL_TRY(read_part(&in, &key.public_area));
    MRL_TRY(read_part(&in, &key.private_area));
    MRL_TRY(mrl_reader_end(&in));
    *out = key;
    return MRL_OK;
}

mrl_err mrl_chip_key_read(mrl_bytes pem, struct mrl_buf *der, struct mrl_chip_key *out)
{
    size_t begin = find(pem, begin_line, 0), end, before = der->len;

    MRL_ENSURE(begin < pem.len, MRL_ERR_NOT_FOUND);
    begin += begin_line.len;
    end = find(pem, end_line, begin);
    MRL_ENSURE(end < pem.len, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_base64_read(mrl_bytes_sub(pem, begin, end - begin), der));
    return read_der(mrl_bytes_sub(mrl_buf_bytes(der), before, SIZE_MAX), out);
}
