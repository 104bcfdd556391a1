/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs7.h"

#include "crypto/der.h"
#include "crypto/oid.h"

mrl_err mrl_pkcs7_write(const mrl_bytes *certs_der, size_t count, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) message = {.limit = MRL_PKCS7_DER_MAX};
    struct mrl_der d = mrl_der_on(&message);

    MRL_ENSURE(count > 0, MRL_ERR_INVALID);
    MRL_ENSURE(count <= MRL_PKCS7_CERTS_MAX, MRL_ERR_LIMIT);
    mrl_der_begin(&d, MRL_DER_SEQUENCE); /* ContentInfo, RFC 5652 3 */
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_CMS_SIGNED_DATA));
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);          /* SignedData, RFC 5652 5.1 */
    mrl_der_small(&d, 1);                         /* no signers and only certificates: v1 */
    mrl_der_put(&d, MRL_DER_SET, MRL_BYTES_NONE); /* digestAlgorithms */
    mrl_der_begin(&d, MRL_DER_SEQUENCE);          /* encapContentInfo, content absent */
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_CMS_DATA));
    mrl_der_end(&d);
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(0)); /* certificates */
    for (size_t i = 0; i < count; i++)
        mrl_der_raw(&d, certs_der[i]);
    mrl_der_end(&d);
    mrl_der_put(&d, MRL_DER_SET, MRL_BYTES_NONE); /* signerInfos */
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    MRL_TRY(mrl_der_finish(&d));
    return mrl_buf_append(out, mrl_buf_bytes(&message));
}

static mrl_err read_oid(struct mrl_reader *r, mrl_bytes expected)
{
    mrl_bytes oid;

    MRL_TRY(mrl_der_read(r, MRL_DER_OID, &oid));
    return mrl_bytes_eq(oid, expected) ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err read_empty_set(struct mrl_reader *r)
{
    mrl_bytes content;

    MRL_TRY(mrl_der_read(r, MRL_DER_SET, &content));
    return content.len == 0 ? MRL_OK : MRL_ERR_MALFORMED;
}

/* ContentInfo down to the fields of SignedData. */
static mrl_err open_signed_data(mrl_bytes der, struct mrl_reader *out)
{
    struct mrl_reader r = {der, 0}, info, tagged;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &info));
    MRL_TRY(mrl_reader_end(&r));
    MRL_TRY(read_oid(&info, MRL_LIT(MRL_OID_CMS_SIGNED_DATA)));
    MRL_TRY(mrl_der_enter(&info, MRL_DER_CONTEXT_CONSTRUCTED(0), &tagged));
    MRL_TRY(mrl_reader_end(&info));
    MRL_TRY(mrl_der_enter(&tagged, MRL_DER_SEQUENCE, out));
    return mrl_reader_end(&tagged);
}

/* The certificates of a message without content, CRLs and signers. */
static mrl_err find_certs(mrl_bytes der, struct mrl_reader *certs)
{
    struct mrl_reader r, content;
    mrl_bytes version, crls;

    MRL_TRY(open_signed_data(der, &r));
    MRL_TRY(mrl_der_read_unsigned(&r, &version));
    MRL_ENSURE(mrl_bytes_eq(version, MRL_LIT("\x01")), MRL_ERR_MALFORMED);
    MRL_TRY(read_empty_set(&r));
    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &content));
    MRL_TRY(read_oid(&content, MRL_LIT(MRL_OID_CMS_DATA)));
    MRL_TRY(mrl_reader_end(&content));
    MRL_TRY(mrl_der_enter(&r, MRL_DER_CONTEXT_CONSTRUCTED(0), certs));
    if (mrl_der_next_is(&r, MRL_DER_CONTEXT_CONSTRUCTED(1))) { /* some stacks write an empty list */
        MRL_TRY(mrl_der_read(&r, MRL_DER_CONTEXT_CONSTRUCTED(1), &crls));
        MRL_ENSURE(crls.len == 0, MRL_ERR_MALFORMED);
    }
    MRL_TRY(read_empty_set(&r));
    return mrl_reader_end(&r);
}

static mrl_err read_certs(struct mrl_reader *r, struct mrl_cert_list *out)
{
    size_t count = 0;

    while (mrl_reader_left(r) > 0) {
        MRL_AUTO(mrl_cert) c = NULL;
        mrl_bytes whole;

        MRL_ENSURE(++count <= MRL_PKCS7_CERTS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(mrl_der_read_any(r, NULL, NULL, &whole));
        MRL_TRY(mrl_cert_from_der(whole, &c));
        MRL_TRY(mrl_cert_list_add(out, MRL_TAKE(c)));
    }
    return count > 0 ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_pkcs7_read(mrl_bytes der, struct mrl_cert_list *out)
{
    struct mrl_reader certs;
    size_t before = out->count;
    mrl_err err;

    MRL_ENSURE(der.len <= MRL_PKCS7_DER_MAX, MRL_ERR_LIMIT);
    MRL_TRY(find_certs(der, &certs));
    err = read_certs(&certs, out);
    while (err != MRL_OK && out->count > before)
        mrl_cert_free(out->certs[--out->count]);
    return err;
}
