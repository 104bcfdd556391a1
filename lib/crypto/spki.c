/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys in and out. Reading does not use OpenSSL's general decoder: what we accept is short
 * enough to be read strictly here, and the decoder costs more than verifying a signature. */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <pthread.h>

#include "crypto/der.h"
#include "crypto/hash.h"
#include "crypto/key_internal.h"
#include "crypto/oid.h"
#include "crypto/openssl.h"

OWNED_DEFINE(OSSL_PARAM_BLD);
OWNED_DEFINE(OSSL_PARAM);

static void owned_BIGNUM_(BIGNUM **n)
{
    BN_free(*n);
}

struct spki {
    mrl_bytes algorithm;          /* OID content */
    struct mrl_reader parameters; /* what follows the OID */
    mrl_bytes key;
};

typedef mrl_err read_fn(const struct spki *in, struct mrl_key **out, struct mrl_why *why);

static mrl_err malformed(struct mrl_why *why, const char *what)
{
    return mrl_fail(why, MRL_ERR_MALFORMED, "%s", what);
}

static mrl_err unsupported(struct mrl_why *why, const char *what)
{
    return mrl_fail(why, MRL_ERR_UNSUPPORTED, "%s", what);
}

/* MRL_ERR_MALFORMED: OpenSSL refuses the numbers. */
static mrl_err from_params(const char *type_name, const OSSL_PARAM *params, enum mrl_key_type type,
                           struct mrl_key **out)
{
    OWNED(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name(NULL, type_name, NULL);
    EVP_PKEY *pkey = NULL;

    MRL_ENSURE(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1, MRL_ERR_CRYPTO);
    MRL_ENSURE(
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) == 1,
        MRL_ERR_MALFORMED);
    return mrl_key_adopt(pkey, type, /*is_private=*/false, out);
}

struct curve {
    mrl_bytes oid;
    const char *group;
    enum mrl_key_type type;
    size_t point; /* bytes of an uncompressed point */
};

enum { CURVES = 2 };
static const struct curve curves[CURVES] = {
    {MRL_LIT_INIT(MRL_OID_P256), "P-256", MRL_KEY_P256, 65},
    {MRL_LIT_INIT(MRL_OID_P384), "P-384", MRL_KEY_P384, 97},
};

static const struct curve *find_curve(mrl_bytes oid)
{
    for (size_t i = 0; i < CURVES; i++) {
        if (mrl_bytes_eq(curves[i].oid, oid))
            return &curves[i];
    }
    return NULL;
}

/* A key without a point for each curve: to find the group by its name and to set it up costs three
 * times as much as to copy it from here. Made once, never freed. */
static pthread_once_t blanks_once = PTHREAD_ONCE_INIT;
static EVP_PKEY *blanks[CURVES];

static EVP_PKEY *make_blank(const struct curve *curve)
{
    OWNED(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         (char *)(uintptr_t)curve->group, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *blank = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &blank, EVP_PKEY_KEY_PARAMETERS, params) != 1)
        return NULL;
    return blank;
}

static void make_blanks(void)
{
    for (size_t i = 0; i < CURVES; i++)
        blanks[i] = make_blank(&curves[i]);
}

/* OpenSSL checks that the point lies on the curve; infinity has another length. */
static mrl_err key_on(const struct curve *curve, mrl_bytes point, struct mrl_key **out)
{
    OWNED(EVP_PKEY) pkey = EVP_PKEY_new();
    EVP_PKEY *blank;

    (void)pthread_once(&blanks_once, make_blanks); /* fails only for an invalid control word */
    blank = blanks[curve - curves];
    MRL_ENSURE(blank != NULL && pkey != NULL && EVP_PKEY_copy_parameters(pkey, blank) == 1,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_PKEY_set1_encoded_public_key(pkey, point.data, point.len) == 1,
               MRL_ERR_MALFORMED);
    return mrl_key_adopt(MRL_TAKE(pkey), curve->type, /*is_private=*/false, out);
}

static mrl_err read_point(const struct curve *curve, mrl_bytes point, struct mrl_key **out,
                          struct mrl_why *why)
{
    mrl_err err;

    if (point.len > 0 && (point.data[0] == 2 || point.data[0] == 3))
        return unsupported(why, "compressed points are not accepted"); /* RFC 5480 2.2: optional */
    if (point.len != curve->point || point.data[0] != 4)
        return malformed(why, "the public point has the wrong form");
    err = key_on(curve, point, out);
    return err == MRL_ERR_MALFORMED ? malformed(why, "the public point is not on the curve") : err;
}

static mrl_err read_ec(const struct spki *in, struct mrl_key **out, struct mrl_why *why)
{
    struct mrl_reader parameters = in->parameters;
    const struct curve *curve;
    mrl_bytes oid;

    if (!mrl_der_next_is(&parameters, MRL_DER_OID))
        return unsupported(why, "only named curves are accepted"); /* RFC 5480 2.1.1 */
    if (mrl_der_read(&parameters, MRL_DER_OID, &oid) != MRL_OK || mrl_reader_left(&parameters) > 0)
        return malformed(why, "the curve is not readable");
    curve = find_curve(oid);
    if (curve == NULL)
        return unsupported(why, "the curve is neither P-256 nor P-384");
    return read_point(curve, in->key, out, why);
}

static mrl_err read_ed25519(const struct spki *in, struct mrl_key **out, struct mrl_why *why)
{
    EVP_PKEY *pkey;

    if (mrl_reader_left(&in->parameters) > 0 || in->key.len != 32) /* RFC 8410 3, 4 */
        return malformed(why, "the Ed25519 key is not readable");
    pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, in->key.data, in->key.len);
    MRL_ENSURE(pkey != NULL, MRL_ERR_CRYPTO);
    return mrl_key_adopt(pkey, MRL_KEY_ED25519, /*is_private=*/false, out);
}

static size_t bit_length(mrl_bytes magnitude)
{
    size_t bits = magnitude.len * 8;

    for (uint8_t mask = 0x80; magnitude.len > 0 && (magnitude.data[0] & mask) == 0; mask >>= 1)
        bits--;
    return bits;
}

static bool is_odd(mrl_bytes magnitude)
{
    return magnitude.len > 0 && (magnitude.data[magnitude.len - 1] & 1) != 0;
}

static mrl_err judge_rsa(mrl_bytes n, mrl_bytes e, struct mrl_why *why)
{
    size_t bits = bit_length(n);

    if (bits < MRL_RSA_LEAST_BITS || bits > MRL_RSA_MOST_BITS)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "RSA with %zu bits; 2048 to 4096 are accepted",
                        bits);
    if (!is_odd(n))
        return malformed(why, "the RSA modulus is even");
    if (!is_odd(e) || bit_length(e) < 17 || bit_length(e) > 32)
        return unsupported(why, "the RSA exponent is not an odd number from 65537 to 2^32-1");
    return MRL_OK;
}

static mrl_err build_rsa(mrl_bytes n, mrl_bytes e, struct mrl_key **out)
{
    OWNED(OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new();
    OWNED(BIGNUM) modulus = BN_bin2bn(n.data, (int)n.len, NULL);
    OWNED(BIGNUM) exponent = BN_bin2bn(e.data, (int)e.len, NULL);
    OWNED(OSSL_PARAM) params = NULL;

    MRL_ENSURE(builder != NULL && modulus != NULL && exponent != NULL, MRL_ERR_CRYPTO);
    MRL_ENSURE(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
                   OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1,
               MRL_ERR_CRYPTO);
    params = OSSL_PARAM_BLD_to_param(builder);
    MRL_ENSURE(params != NULL, MRL_ERR_CRYPTO);
    return from_params("RSA", params, MRL_KEY_RSA, out);
}

static mrl_err read_numbers(const struct spki *in, mrl_bytes *n, mrl_bytes *e)
{
    struct mrl_reader parameters = in->parameters, key = {in->key, 0}, numbers;
    mrl_bytes null;

    MRL_TRY(mrl_der_read(&parameters, MRL_DER_NULL, &null)); /* RFC 4055 1.2 */
    MRL_ENSURE(null.len == 0 && mrl_reader_left(&parameters) == 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_der_enter(&key, MRL_DER_SEQUENCE, &numbers));
    MRL_TRY(mrl_reader_end(&key));
    MRL_TRY(mrl_der_read_unsigned(&numbers, n));
    MRL_TRY(mrl_der_read_unsigned(&numbers, e));
    return mrl_reader_end(&numbers);
}

static mrl_err read_rsa(const struct spki *in, struct mrl_key **out, struct mrl_why *why)
{
    mrl_bytes n, e;

    if (read_numbers(in, &n, &e) != MRL_OK)
        return malformed(why, "the RSA key is not readable");
    MRL_TRY(judge_rsa(n, e, why));
    return build_rsa(n, e, out);
}

static const struct {
    mrl_bytes oid;
    read_fn *read;
} algorithms[] = {
    {MRL_LIT_INIT(MRL_OID_EC_PUBLIC_KEY), read_ec},
    {MRL_LIT_INIT(MRL_OID_ED25519), read_ed25519},
    {MRL_LIT_INIT(MRL_OID_RSA), read_rsa},
};

static mrl_err read_spki(mrl_bytes der, struct spki *out)
{
    struct mrl_reader r = {der, 0}, inside, algorithm;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_reader_end(&r));
    MRL_TRY(mrl_der_enter(&inside, MRL_DER_SEQUENCE, &algorithm));
    MRL_TRY(mrl_der_read(&algorithm, MRL_DER_OID, &out->algorithm));
    out->parameters = algorithm;
    MRL_TRY(mrl_der_read_bits(&inside, &out->key));
    return mrl_reader_end(&inside);
}

mrl_err mrl_key_from_spki(mrl_bytes der, struct mrl_key **out, struct mrl_why *why)
{
    struct spki in;

    MRL_OPENSSL_SCOPE();
    if (der.len > MRL_KEY_SPKI_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "the public key is larger than %d bytes",
                        MRL_KEY_SPKI_MAX);
    if (read_spki(der, &in) != MRL_OK)
        return malformed(why, "the public key is not a SubjectPublicKeyInfo in DER");
    for (size_t i = 0; i < MRL_COUNT(algorithms); i++) {
        if (mrl_bytes_eq(in.algorithm, algorithms[i].oid))
            return algorithms[i].read(&in, out, why);
    }
    return unsupported(why, "the key is of no type we accept");
}

mrl_err mrl_key_to_spki(const struct mrl_key *k, struct mrl_buf *out)
{
    uint8_t *to;
    int len;

    MRL_OPENSSL_SCOPE();
    len = i2d_PUBKEY(mrl_key_native(k), NULL);
    MRL_ENSURE(len > 0, MRL_ERR_CRYPTO);
    MRL_TRY(mrl_buf_reserve(out, (size_t)len, &to));
    MRL_ENSURE(i2d_PUBKEY(mrl_key_native(k), &to) == len, MRL_ERR_CRYPTO);
    mrl_buf_added(out, (size_t)len);
    return MRL_OK;
}

mrl_err mrl_spki_key_id(mrl_bytes spki, uint8_t out[static MRL_KEY_ID_SIZE])
{
    struct mrl_reader r = {spki, 0}, inside;
    mrl_bytes algorithm, bits;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read(&inside, MRL_DER_SEQUENCE, &algorithm));
    MRL_TRY(mrl_der_read_bits(&inside, &bits));
    return mrl_sha1_key_id(bits, out);
}

mrl_err mrl_spki_modulus(mrl_bytes spki, mrl_bytes *out)
{
    mrl_bytes modulus, exponent;
    struct spki in;

    MRL_ENSURE(read_spki(spki, &in) == MRL_OK && mrl_bytes_eq(in.algorithm, MRL_LIT(MRL_OID_RSA)) &&
                   read_numbers(&in, &modulus, &exponent) == MRL_OK,
               MRL_ERR_NOT_FOUND);
    *out = modulus;
    return MRL_OK;
}
