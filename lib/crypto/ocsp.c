/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ocsp.h"

#include <string.h>

#include "crypto/algorithm.h"
#include "crypto/oid.h"

static const struct {
    mrl_bytes oid;
    size_t size;
} hashes[MRL_OCSP_HASHES] = {
    [MRL_OCSP_SHA1] = {MRL_LIT_INIT(MRL_OID_SHA1), MRL_SHA1_SIZE},
    [MRL_OCSP_SHA256] = {MRL_LIT_INIT(MRL_OID_SHA256), MRL_SHA256_SIZE},
};

/* --- reading: RFC 6960 4.1.1 --- */

/* AlgorithmIdentifier: parameters are absent or NULL, RFC 5754 2 */
static mrl_err read_hash(struct mrl_reader *r, enum mrl_ocsp_hash *out)
{
    struct mrl_reader inside;
    mrl_bytes oid, null;

    MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read(&inside, MRL_DER_OID, &oid));
    if (mrl_reader_left(&inside) > 0)
        MRL_TRY(mrl_der_read(&inside, MRL_DER_NULL, &null));
    MRL_TRY(mrl_reader_end(&inside));
    for (size_t i = 0; i < MRL_COUNT(hashes); i++) {
        if (mrl_bytes_eq(oid, hashes[i].oid)) {
            *out = (enum mrl_ocsp_hash)i;
            return MRL_OK;
        }
    }
    return MRL_ERR_UNSUPPORTED;
}

static mrl_err read_cert_id(struct mrl_reader *r, struct mrl_ocsp_request *q)
{
    struct mrl_reader id;

    MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &id));
    MRL_TRY(read_hash(&id, &q->hash));
    MRL_TRY(mrl_der_read(&id, MRL_DER_OCTET_STRING, &q->name_hash));
    MRL_TRY(mrl_der_read(&id, MRL_DER_OCTET_STRING, &q->key_hash));
    MRL_TRY(mrl_der_read_unsigned(&id, &q->serial));
    MRL_TRY(mrl_reader_end(&id));
    MRL_ENSURE(q->name_hash.len == hashes[q->hash].size, MRL_ERR_MALFORMED);
    MRL_ENSURE(q->key_hash.len == hashes[q->hash].size, MRL_ERR_MALFORMED);
    MRL_ENSURE(q->serial.len <= MRL_OCSP_SERIAL_MAX, MRL_ERR_MALFORMED); /* RFC 5280 4.1.2.2 */
    return MRL_OK;
}

static mrl_err skip_optional(struct mrl_reader *r, uint8_t tag)
{
    mrl_bytes skipped;

    return mrl_der_next_is(r, tag) ? mrl_der_read(r, tag, &skipped) : MRL_OK;
}

static mrl_err read_list(struct mrl_reader *tbs, struct mrl_ocsp_request *q)
{
    struct mrl_reader list, request;

    MRL_TRY(mrl_der_enter(tbs, MRL_DER_SEQUENCE, &list));
    MRL_TRY(mrl_der_enter(&list, MRL_DER_SEQUENCE, &request));
    MRL_ENSURE(mrl_reader_left(&list) == 0, MRL_ERR_LIMIT); /* RFC 5019 2.1.1: one */
    MRL_TRY(read_cert_id(&request, q));
    MRL_TRY(skip_optional(&request, MRL_DER_CONTEXT_CONSTRUCTED(0)));
    return mrl_reader_end(&request);
}

/* version [0] DEFAULT v1, requestorName [1], the list, extensions [2] */
static mrl_err read_tbs(struct mrl_reader *tbs, struct mrl_ocsp_request *q)
{
    MRL_TRY(skip_optional(tbs, MRL_DER_CONTEXT_CONSTRUCTED(0)));
    MRL_TRY(skip_optional(tbs, MRL_DER_CONTEXT_CONSTRUCTED(1)));
    MRL_TRY(read_list(tbs, q));
    MRL_TRY(skip_optional(tbs, MRL_DER_CONTEXT_CONSTRUCTED(2)));
    return mrl_reader_end(tbs);
}

mrl_err mrl_ocsp_read_request(mrl_bytes der, struct mrl_ocsp_request *out)
{
    struct mrl_reader r = {der, 0}, whole, tbs;
    struct mrl_ocsp_request q = {0};

    MRL_ENSURE(der.len <= MRL_OCSP_REQUEST_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &whole));
    MRL_TRY(mrl_reader_end(&r));
    MRL_TRY(mrl_der_enter(&whole, MRL_DER_SEQUENCE, &tbs));
    MRL_TRY(skip_optional(&whole, MRL_DER_CONTEXT_CONSTRUCTED(0)));
    MRL_TRY(mrl_reader_end(&whole));
    MRL_TRY(read_tbs(&tbs, &q));
    *out = q;
    return MRL_OK;
}

/* --- the issuer --- */

/* The bits of the key: without tag, length and number of unused bits. RFC 6960 4.1.1 */
static mrl_err key_bits(mrl_bytes spki, mrl_bytes *out)
{
    struct mrl_reader r = {spki, 0}, inside;
    mrl_bytes algorithm;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read(&inside, MRL_DER_SEQUENCE, &algorithm));
    return mrl_der_read_bits(&inside, out);
}

mrl_err mrl_ocsp_issuer_of(const struct mrl_cert *ca, struct mrl_ocsp_issuer *out)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(ca);
    struct mrl_ocsp_issuer i = {0};
    mrl_bytes bits;

    MRL_TRY(key_bits(f->spki, &bits));
    MRL_TRY(mrl_sha1_key_id(f->subject, i.name[MRL_OCSP_SHA1]));
    MRL_TRY(mrl_sha1_key_id(bits, i.key[MRL_OCSP_SHA1]));
    MRL_TRY(mrl_sha256(f->subject, i.name[MRL_OCSP_SHA256]));
    MRL_TRY(mrl_sha256(bits, i.key[MRL_OCSP_SHA256]));
    *out = i;
    return MRL_OK;
}

bool mrl_ocsp_issuer_is(const struct mrl_ocsp_issuer *i, const struct mrl_ocsp_request *q)
{
    return mrl_bytes_eq(q->name_hash, mrl_bytes_of(i->name[q->hash], hashes[q->hash].size)) &&
           mrl_bytes_eq(q->key_hash, mrl_bytes_of(i->key[q->hash], hashes[q->hash].size));
}

/* --- writing: RFC 6960 4.2.1 --- */

void mrl_ocsp_error(enum mrl_ocsp_status status, uint8_t to[static MRL_OCSP_ERROR_SIZE])
{
    const uint8_t response[MRL_OCSP_ERROR_SIZE] = {MRL_DER_SEQUENCE, 3, MRL_DER_ENUMERATED, 1,
                                                   (uint8_t)status};

    memcpy(to, response, sizeof(response));
}

static void put_cert_id(struct mrl_der *d, const struct mrl_ocsp_answer *a)
{
    size_t size = hashes[a->hash].size;

    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, hashes[a->hash].oid);
    mrl_der_put(d, MRL_DER_NULL, MRL_BYTES_NONE);
    mrl_der_end(d);
    mrl_der_put(d, MRL_DER_OCTET_STRING, mrl_bytes_of(a->issuer->name[a->hash], size));
    mrl_der_put(d, MRL_DER_OCTET_STRING, mrl_bytes_of(a->issuer->key[a->hash], size));
    mrl_der_unsigned(d, a->serial);
    mrl_der_end(d);
}

static void put_revoked(struct mrl_der *d, const struct mrl_ocsp_answer *a)
{
    uint8_t code = (uint8_t)a->reason;

    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(1));
    mrl_der_generalized_time(d, a->revoked);
    if (a->reason != MRL_CRL_UNSPECIFIED) {
        mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
        mrl_der_put(d, MRL_DER_ENUMERATED, mrl_bytes_of(&code, 1));
        mrl_der_end(d);
    }
    mrl_der_end(d);
}

static void put_single(struct mrl_der *d, const struct mrl_ocsp_answer *a)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    put_cert_id(d, a);
    if (a->revoked != 0)
        put_revoked(d, a);
    else
        mrl_der_put(d, MRL_DER_CONTEXT(0), MRL_BYTES_NONE); /* good */
    mrl_der_generalized_time(d, a->this_update);
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_generalized_time(d, a->next_update);
    mrl_der_end(d);
    mrl_der_end(d);
}

mrl_err mrl_ocsp_answer_data(const struct mrl_ocsp_answer *a, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(2)); /* byKey: RFC 5019 2.2.1 */
    mrl_der_put(&d, MRL_DER_OCTET_STRING, a->responder);
    mrl_der_end(&d);
    mrl_der_generalized_time(&d, a->this_update);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    put_single(&d, a);
    mrl_der_end(&d);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static void put_basic(struct mrl_der *d, mrl_bytes data, enum mrl_sign_alg alg, mrl_bytes signature,
                      mrl_bytes signer)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_raw(d, data);
    mrl_sign_alg_write(d, alg);
    mrl_der_bits(d, signature);
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_raw(d, signer);
    mrl_der_end(d);
    mrl_der_end(d);
    mrl_der_end(d);
}

mrl_err mrl_ocsp_response(mrl_bytes data, enum mrl_sign_alg alg, mrl_bytes signature,
                          mrl_bytes signer, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_ENUMERATED, MRL_LIT("\0")); /* successful */
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_OCSP_BASIC));
    mrl_der_begin(&d, MRL_DER_OCTET_STRING);
    put_basic(&d, data, alg, signature, signer);
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}
