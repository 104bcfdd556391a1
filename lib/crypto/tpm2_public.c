/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_public.h"

#include <string.h>

#include "base/writer.h"
#include "crypto/der.h"
#include "crypto/oid.h"
#include "crypto/openssl.h"

enum { RESERVED_ATTRIBUTES = 0xfff0f009, FIELD_MAX = 48 };

static const struct digest {
    uint16_t alg;
    size_t size;
    const char *name;
} digests[] = {
    {MRL_TPM2_SHA256, 32, "SHA256"},
    {MRL_TPM2_SHA384, 48, "SHA384"},
    {MRL_TPM2_SHA512, 64, "SHA512"},
};

static const struct digest *find_digest(uint16_t alg)
{
    for (size_t i = 0; i < MRL_COUNT(digests); i++)
        if (digests[i].alg == alg)
            return &digests[i];
    return NULL;
}

size_t mrl_tpm2_digest_size(uint16_t alg)
{
    const struct digest *d = find_digest(alg);

    return d == NULL ? 0 : d->size;
}

const char *mrl_tpm2_digest_name(uint16_t alg)
{
    const struct digest *d = find_digest(alg);

    return d == NULL ? NULL : d->name;
}

/* ---- reading ---- */

/* TPMT_SYM_DEF_OBJECT, part 2, 11.1.7 */
static mrl_err read_symmetric(struct mrl_reader *r, struct mrl_tpm2_public *p)
{
    MRL_TRY(mrl_read_u16(r, &p->symmetric));
    if (p->symmetric == MRL_TPM2_NULL)
        return MRL_OK;
    MRL_ENSURE(p->symmetric == MRL_TPM2_AES, MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_read_u16(r, &p->symmetric_bits));
    MRL_ENSURE(p->symmetric_bits == 128 || p->symmetric_bits == 192 || p->symmetric_bits == 256,
               MRL_ERR_UNSUPPORTED);
    return mrl_read_u16(r, &p->symmetric_mode);
}

/* TPMT_RSA_SCHEME and TPMT_ECC_SCHEME, part 2, 11.2.4.2 and 11.2.5.6 */
static mrl_err read_scheme(struct mrl_reader *r, struct mrl_tpm2_scheme *out)
{
    uint16_t count;

    out->hash = 0;
    MRL_TRY(mrl_read_u16(r, &out->id));
    if (out->id == MRL_TPM2_NULL || out->id == MRL_TPM2_RSAES)
        return MRL_OK;
    MRL_ENSURE(out->id >= MRL_TPM2_RSASSA && out->id <= MRL_TPM2_ECMQV, MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_read_u16(r, &out->hash));
    return out->id == MRL_TPM2_ECDAA ? mrl_read_u16(r, &count) : MRL_OK;
}

/* TPMS_RSA_PARMS, part 2, 12.2.3.5 */
static mrl_err read_rsa(struct mrl_reader *r, struct mrl_tpm2_public *p)
{
    MRL_TRY(read_symmetric(r, p));
    MRL_TRY(read_scheme(r, &p->scheme));
    MRL_TRY(mrl_read_u16(r, &p->rsa_bits));
    MRL_TRY(mrl_read_u32(r, &p->rsa_exponent));
    if (p->rsa_exponent == 0)
        p->rsa_exponent = 65537;
    MRL_TRY(mrl_read_blob16(r, &p->x));
    MRL_ENSURE(p->x.len == p->rsa_bits / 8, MRL_ERR_MALFORMED);
    return MRL_OK;
}

/* TPMS_ECC_PARMS, part 2, 12.2.3.6 */
static mrl_err read_ecc(struct mrl_reader *r, struct mrl_tpm2_public *p)
{
    struct mrl_tpm2_scheme kdf;

    MRL_TRY(read_symmetric(r, p));
    MRL_TRY(read_scheme(r, &p->scheme));
    MRL_TRY(mrl_read_u16(r, &p->curve));
    MRL_TRY(mrl_read_u16(r, &kdf.id));
    if (kdf.id != MRL_TPM2_NULL)
        MRL_TRY(mrl_read_u16(r, &kdf.hash));
    MRL_TRY(mrl_read_blob16(r, &p->x));
    MRL_TRY(mrl_read_blob16(r, &p->y));
    MRL_ENSURE(p->x.len > 0 && p->y.len > 0, MRL_ERR_MALFORMED);
    return MRL_OK;
}

/* TPMT_PUBLIC, part 2, 12.2.4 */
static mrl_err read_area(mrl_bytes area, struct mrl_tpm2_public *out)
{
    struct mrl_tpm2_public p = {.area = area};
    struct mrl_reader r = {area, 0};

    MRL_TRY(mrl_read_u16(&r, &p.type));
    MRL_TRY(mrl_read_u16(&r, &p.name_alg));
    MRL_TRY(mrl_read_u32(&r, &p.attributes));
    MRL_ENSURE((p.attributes & RESERVED_ATTRIBUTES) == 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_blob16(&r, &p.policy));
    MRL_ENSURE(p.policy.len <= MRL_TPM2_DIGEST_MAX, MRL_ERR_MALFORMED);
    MRL_ENSURE(p.type == MRL_TPM2_RSA || p.type == MRL_TPM2_ECC, MRL_ERR_UNSUPPORTED);
    MRL_TRY(p.type == MRL_TPM2_RSA ? read_rsa(&r, &p) : read_ecc(&r, &p));
    MRL_TRY(mrl_reader_end(&r));
    *out = p;
    return MRL_OK;
}

mrl_err mrl_tpm2_public_read(mrl_bytes tpm2b, struct mrl_tpm2_public *out)
{
    struct mrl_reader r = {tpm2b, 0};
    mrl_bytes area;

    MRL_ENSURE(tpm2b.len <= MRL_TPM2_PUBLIC_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_read_blob16(&r, &area));
    MRL_TRY(mrl_reader_end(&r));
    return read_area(area, out);
}

/* ---- the key ---- */

static void write_rsa(struct mrl_der *d, const struct mrl_tpm2_public *p, struct mrl_buf *numbers)
{
    const uint32_t e = p->rsa_exponent;
    const uint8_t exponent[] = {(uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8),
                                (uint8_t)e};
    struct mrl_der n = mrl_der_on(numbers);

    mrl_der_begin(&n, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&n, p->x);
    mrl_der_unsigned(&n, mrl_bytes_of(exponent, sizeof(exponent)));
    mrl_der_end(&n);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_RSA));
    mrl_der_put(d, MRL_DER_NULL, MRL_BYTES_NONE);
    mrl_der_end(d);
    mrl_der_bits(d, mrl_buf_bytes(numbers));
}

/* A coordinate may come without its leading zeros. Part 2, 11.2.5.1 */
static mrl_err put_coordinate(struct mrl_writer *w, mrl_bytes n, size_t field)
{
    static const uint8_t zeros[FIELD_MAX];

    MRL_ENSURE(n.len <= field, MRL_ERR_MALFORMED);
    mrl_put_bytes(w, mrl_bytes_of(zeros, field - n.len));
    mrl_put_bytes(w, n);
    return MRL_OK;
}

static mrl_err write_ecc(struct mrl_der *d, const struct mrl_tpm2_public *p)
{
    const bool p256 = p->curve == MRL_TPM2_P256;
    const size_t field = p256 ? 32 : 48;
    uint8_t point[1 + 2 * FIELD_MAX];
    struct mrl_writer w = mrl_writer_on(point, sizeof(point));

    MRL_ENSURE(p256 || p->curve == MRL_TPM2_P384, MRL_ERR_UNSUPPORTED);
    mrl_put_u8(&w, 4);
    MRL_TRY(put_coordinate(&w, p->x, field));
    MRL_TRY(put_coordinate(&w, p->y, field));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_EC_PUBLIC_KEY));
    mrl_der_put(d, MRL_DER_OID, p256 ? MRL_LIT(MRL_OID_P256) : MRL_LIT(MRL_OID_P384));
    mrl_der_end(d);
    mrl_der_bits(d, mrl_bytes_of(point, w.len));
    return MRL_OK;
}

static mrl_err to_spki(const struct mrl_tpm2_public *p, struct mrl_buf *spki, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) numbers = {0};
    struct mrl_der d = mrl_der_on(spki);
    mrl_err err = MRL_OK;

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    if (p->type == MRL_TPM2_RSA)
        write_rsa(&d, p, &numbers);
    else
        err = write_ecc(&d, p);
    mrl_der_end(&d);
    if (err == MRL_ERR_UNSUPPORTED)
        return mrl_fail(why, err, "the curve is neither P-256 nor P-384");
    if (err != MRL_OK)
        return mrl_fail(why, err, "the public point has the wrong form");
    return mrl_der_finish(&d);
}

mrl_err mrl_tpm2_public_key(const struct mrl_tpm2_public *p, struct mrl_key **out,
                            struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) spki = {0};

    MRL_TRY(to_spki(p, &spki, why));
    return mrl_key_from_spki(mrl_buf_bytes(&spki), out, why);
}

/* ---- Names ---- */

static mrl_err name_over(uint16_t alg, mrl_bytes first, mrl_bytes second, struct mrl_tpm2_name *out)
{
    const struct digest *digest = find_digest(alg);
    OWNED(EVP_MD_CTX) ctx = NULL;
    struct mrl_tpm2_name name = {0};
    struct mrl_writer w = mrl_writer_on(name.bytes, 2);

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(digest != NULL, MRL_ERR_UNSUPPORTED);
    ctx = EVP_MD_CTX_new();
    MRL_ENSURE(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_get_digestbyname(digest->name), NULL) == 1,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_DigestUpdate(ctx, first.data, first.len) == 1 &&
                   EVP_DigestUpdate(ctx, second.data, second.len) == 1 &&
                   EVP_DigestFinal_ex(ctx, &name.bytes[2], NULL) == 1,
               MRL_ERR_CRYPTO);
    mrl_put_u16(&w, alg);
    name.len = 2 + digest->size;
    *out = name;
    return MRL_OK;
}

mrl_err mrl_tpm2_name_of(const struct mrl_tpm2_public *p, struct mrl_tpm2_name *out)
{
    return name_over(p->name_alg, p->area, MRL_BYTES_NONE, out);
}

mrl_err mrl_tpm2_qualify(mrl_bytes parent, const struct mrl_tpm2_name *name,
                         struct mrl_tpm2_name *out)
{
    struct mrl_reader r = {mrl_tpm2_name_bytes(name), 0};
    uint16_t alg;

    MRL_TRY(mrl_read_u16(&r, &alg));
    return name_over(alg, parent, mrl_tpm2_name_bytes(name), out);
}

struct mrl_tpm2_name mrl_tpm2_hierarchy(enum mrl_tpm2_hierarchy h)
{
    struct mrl_tpm2_name name = {.len = 4};
    struct mrl_writer w = mrl_writer_on(name.bytes, sizeof(name.bytes));

    mrl_put_u32(&w, (uint32_t)h);
    return name;
}
