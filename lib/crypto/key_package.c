/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_package.h"

#include "crypto/algorithm.h"
#include "crypto/oid.h"

static void put_sha256(struct mrl_der *d)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE); /* without parameters, RFC 5754 2 */
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_SHA256));
    mrl_der_end(d);
}

static void put_attribute(struct mrl_der *d, mrl_bytes oid, uint8_t tag, mrl_bytes value)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oid);
    mrl_der_begin(d, MRL_DER_SET);
    mrl_der_put(d, tag, value);
    mrl_der_end(d);
    mrl_der_end(d);
}

/* RFC 5652 5.3: the two attributes there must be, in the order of their encodings; without the tag
 * around them, which is another one when they are signed (5.4). */
static mrl_err signed_attributes(mrl_bytes package, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);
    uint8_t digest[MRL_SHA256_SIZE];

    MRL_TRY(mrl_sha256(package, digest));
    put_attribute(&d, MRL_LIT(MRL_OID_CONTENT_TYPE), MRL_DER_OID, MRL_LIT(MRL_OID_KEY_PACKAGE));
    put_attribute(&d, MRL_LIT(MRL_OID_MESSAGE_DIGEST), MRL_DER_OCTET_STRING,
                  mrl_bytes_of(digest, sizeof(digest)));
    return mrl_der_finish(&d);
}

static mrl_err sign_attributes(mrl_bytes attributes, const struct mrl_key *key,
                               struct mrl_buf *signature)
{
    MRL_SCOPED(mrl_buf) set = {0};
    struct mrl_der d = mrl_der_on(&set);

    mrl_der_put(&d, MRL_DER_SET, attributes);
    MRL_TRY(mrl_der_finish(&d));
    return mrl_key_sign(key, mrl_buf_bytes(&set), signature);
}

/* RFC 5652 5.3: SignerInfo, by key identifier */
static mrl_err put_signer(struct mrl_der *d, mrl_bytes package, const struct mrl_key_maker *maker)
{
    MRL_SCOPED(mrl_buf) attributes = {0};
    MRL_SCOPED(mrl_buf) signature = {0};

    MRL_TRY(signed_attributes(package, &attributes));
    MRL_TRY(sign_attributes(mrl_buf_bytes(&attributes), maker->key, &signature));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_small(d, 3);
    mrl_der_put(d, MRL_DER_CONTEXT(0), mrl_cert_facts(maker->chain->certs[0])->ski);
    put_sha256(d);
    mrl_der_put(d, MRL_DER_CONTEXT_CONSTRUCTED(0), mrl_buf_bytes(&attributes));
    mrl_sign_alg_write(d, mrl_key_algorithm(maker->key));
    mrl_der_put(d, MRL_DER_OCTET_STRING, mrl_buf_bytes(&signature));
    mrl_der_end(d);
    return MRL_OK;
}

static mrl_err put_signed_data(struct mrl_der *d, mrl_bytes package,
                               const struct mrl_key_maker *maker)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_small(d, 3); /* RFC 5652 5.1: the content is not id-data */
    mrl_der_begin(d, MRL_DER_SET);
    put_sha256(d);
    mrl_der_end(d);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_KEY_PACKAGE));
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_put(d, MRL_DER_OCTET_STRING, package);
    mrl_der_end(d);
    mrl_der_end(d);
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    for (size_t i = 0; i < maker->chain->count; i++)
        mrl_der_raw(d, mrl_cert_facts(maker->chain->certs[i])->der);
    mrl_der_end(d);
    mrl_der_begin(d, MRL_DER_SET);
    MRL_TRY(put_signer(d, package, maker));
    mrl_der_end(d);
    mrl_der_end(d);
    return mrl_der_finish(d);
}

mrl_err mrl_key_package_sign(mrl_bytes pkcs8, const struct mrl_key_maker *maker,
                             struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) package = {.secret = true};
    struct mrl_der inner = mrl_der_on(&package), outer = mrl_der_on(out);

    MRL_ENSURE(mrl_key_type(maker->key) == MRL_KEY_P256, MRL_ERR_INVALID); /* SHA-256 throughout */
    MRL_ENSURE(maker->chain->count > 0 && mrl_cert_facts(maker->chain->certs[0])->ski.len > 0,
               MRL_ERR_INVALID);
    /* RFC 5958 2: AsymmetricKeyPackage, a list of one; a PrivateKeyInfo is its version v1 */
    mrl_der_put(&inner, MRL_DER_SEQUENCE, pkcs8);
    MRL_TRY(mrl_der_finish(&inner));
    return put_signed_data(&outer, mrl_buf_bytes(&package), maker);
}

mrl_err mrl_key_package_write(mrl_bytes pkcs8, const struct mrl_key_maker *maker,
                              const struct mrl_recipient *to, struct mrl_buf *out,
                              struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) package = {.secret = true};

    MRL_TRY(mrl_key_package_sign(pkcs8, maker, &package));
    return mrl_enveloped_write(MRL_LIT(MRL_OID_CMS_SIGNED_DATA), mrl_buf_bytes(&package), to, out,
                               why);
}
