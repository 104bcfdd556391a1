/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in a token that sign: made there, never to leave it. */
#include <string.h>

#include "crypto/der.h"
#include "crypto/oid.h"
#include "keys/hardware/hardware.h"
#include "keys/hardware/pkcs11_token.h"

enum {
    POINT_MAX = 160,
    HALF_MAX = 48,
    SIGNATURE_MAX = 2 * HALF_MAX,
    SPKI_MAX = 256,
    DER_MAX = 128
};

#define VALUE(v) (void *)(uintptr_t) & (v), sizeof(v)
#define BYTES(b) (void *)(uintptr_t)(b).data, (b).len

static const struct kind {
    const char *name;
    CK_MECHANISM_TYPE generate, sign;
    mrl_bytes params;    /* CKA_EC_PARAMS: DER of the curve */
    mrl_bytes algorithm; /* of its SubjectPublicKeyInfo: OID, and the curve where it has one */
    mrl_bytes curve;
    size_t point; /* bytes of the public key in it */
    CK_KEY_TYPE type;
} kinds[] = {
    [MRL_UNLOCK_P256] = {"P-256", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA,
                         MRL_LIT_INIT("\x06\x08" MRL_OID_P256), MRL_LIT_INIT(MRL_OID_EC_PUBLIC_KEY),
                         MRL_LIT_INIT(MRL_OID_P256), 65, CKK_EC},
    [MRL_UNLOCK_P384] = {"P-384", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA,
                         MRL_LIT_INIT("\x06\x05" MRL_OID_P384), MRL_LIT_INIT(MRL_OID_EC_PUBLIC_KEY),
                         MRL_LIT_INIT(MRL_OID_P384), 97, CKK_EC},
    /* PKCS#11 3.0, 2.3.10: the name of the curve as a PrintableString */
    [MRL_UNLOCK_ED25519] = {"Ed25519",
                            CKM_EC_EDWARDS_KEY_PAIR_GEN,
                            CKM_EDDSA,
                            MRL_LIT_INIT("\x13\x0c"
                                         "edwards25519"),
                            MRL_LIT_INIT(MRL_OID_ED25519),
                            {0},
                            32,
                            CKK_EC_EDWARDS},
};

/* One session for the life of this process: a log-in takes as long as a hundred signatures. */
static struct mrl_token held;
static struct {
    char label[MRL_UNLOCK_TEXT_MAX + 1]; /* "": none yet */
    CK_OBJECT_HANDLE key;
    CK_KEY_TYPE type;
} last;

mrl_err mrl_pkcs11_hold(const struct mrl_unlock_request *q, struct mrl_why *why)
{
    return mrl_token_open(q->module, q->token, q->pin, /*writes=*/false, &held, why);
}

/* --- making one --- */

static mrl_err refuse_same_label(const struct mrl_token *t, mrl_bytes label, struct mrl_why *why)
{
    static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, VALUE(class)}, {CKA_LABEL, BYTES(label)}};
    CK_OBJECT_HANDLE found;
    CK_ULONG count = 0;
    CK_RV rv = t->call->C_FindObjectsInit(t->session, wanted, MRL_COUNT(wanted));

    if (rv == CKR_OK) {
        rv = t->call->C_FindObjects(t->session, &found, 1, &count);
        (void)t->call->C_FindObjectsFinal(t->session); /* found, or reported below */
    }
    if (rv != CKR_OK)
        return mrl_token_fail("look for keys", rv, why);
    if (count > 0)
        return mrl_fail(why, MRL_ERR_EXISTS,
                        "the token holds a key labelled %.*s already, of an attempt that was cut "
                        "off: delete it there (pkcs11-tool --delete-object) or give another label",
                        MRL_FMT(label));
    return MRL_OK;
}

static mrl_err generate(const struct mrl_token *t, const struct kind *k, mrl_bytes label,
                        CK_OBJECT_HANDLE *public_key, struct mrl_why *why)
{
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_MECHANISM mechanism = {k->generate, NULL, 0};
    CK_ATTRIBUTE outside[] = {{CKA_TOKEN, VALUE(yes)},
                              {CKA_VERIFY, VALUE(yes)},
                              {CKA_EC_PARAMS, BYTES(k->params)},
                              {CKA_LABEL, BYTES(label)}};
    CK_ATTRIBUTE inside[] = {{CKA_TOKEN, VALUE(yes)},     {CKA_PRIVATE, VALUE(yes)},
                             {CKA_SENSITIVE, VALUE(yes)}, {CKA_EXTRACTABLE, VALUE(no)},
                             {CKA_SIGN, VALUE(yes)},      {CKA_LABEL, BYTES(label)}};
    CK_OBJECT_HANDLE private_key;
    CK_RV rv = t->call->C_GenerateKeyPair(t->session, &mechanism, outside, MRL_COUNT(outside),
                                          inside, MRL_COUNT(inside), public_key, &private_key);

    if (rv == CKR_MECHANISM_INVALID || rv == CKR_CURVE_NOT_SUPPORTED)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "the token makes no %s keys", k->name);
    return rv == CKR_OK ? MRL_OK : mrl_token_fail("make a signing key", rv, why);
}

/* An OCTET STRING around the point (PKCS#11 2.40 2.3.3), or the point alone, as some tokens do. */
static mrl_err read_point(const struct mrl_token *t, const struct kind *k, CK_OBJECT_HANDLE key,
                          uint8_t memory[static POINT_MAX], mrl_bytes *out, struct mrl_why *why)
{
    CK_ATTRIBUTE asked = {CKA_EC_POINT, memory, POINT_MAX};
    CK_RV rv = t->call->C_GetAttributeValue(t->session, key, &asked, 1);
    struct mrl_reader r;

    if (rv != CKR_OK || asked.ulValueLen > POINT_MAX)
        return mrl_token_fail("give the public key", rv, why);
    *out = mrl_bytes_of(memory, asked.ulValueLen);
    r = (struct mrl_reader){*out, 0};
    if (out->len != k->point && mrl_der_read(&r, MRL_DER_OCTET_STRING, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "the token gives a public key of unknown form");
    return MRL_OK;
}

static mrl_err write_spki(const struct kind *k, mrl_bytes point, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, k->algorithm);
    if (k->curve.len > 0)
        mrl_der_put(&d, MRL_DER_OID, k->curve);
    mrl_der_end(&d);
    mrl_der_bits(&d, point);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

mrl_err mrl_pkcs11_make_key(const struct mrl_unlock_request *q, struct mrl_secret **out,
                            struct mrl_why *why)
{
    const struct kind *k = &kinds[q->data.data[0]];
    MRL_SCOPED(mrl_token) t = {0};
    MRL_SCOPED(mrl_buf) spki = {.limit = SPKI_MAX};
    uint8_t memory[POINT_MAX], answer[MRL_UNLOCK_BLOB_MAX];
    struct mrl_writer w = mrl_writer_on(answer, sizeof(answer));
    struct mrl_unlock_made made = {.reference = q->key};
    CK_OBJECT_HANDLE key;
    mrl_bytes point;

    MRL_TRY(mrl_token_open(q->module, q->token, q->pin, /*writes=*/true, &t, why));
    MRL_TRY(refuse_same_label(&t, q->key, why));
    MRL_TRY(generate(&t, k, q->key, &key, why));
    MRL_TRY(read_point(&t, k, key, memory, &point, why));
    MRL_TRY(write_spki(k, point, &spki));
    made.spki = mrl_buf_bytes(&spki);
    MRL_TRY(mrl_unlock_write_made(&made, &w));
    *out = mrl_secret_copy(mrl_bytes_of(w.data, w.len));
    return MRL_OK;
}

/* --- signing --- */

static mrl_err find(const struct mrl_token *t, mrl_bytes label, struct mrl_why *why)
{
    static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, VALUE(class)}, {CKA_LABEL, BYTES(label)}};
    CK_ATTRIBUTE asked = {CKA_KEY_TYPE, &last.type, sizeof(last.type)};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    CK_RV rv = t->call->C_FindObjectsInit(t->session, wanted, MRL_COUNT(wanted));

    last.label[0] = '\0'; /* what follows may change its type and fail */
    if (rv == CKR_OK) {
        rv = t->call->C_FindObjects(t->session, found, MRL_COUNT(found), &count);
        (void)t->call->C_FindObjectsFinal(t->session); /* found, or reported below */
    }
    if (rv == CKR_OK && count == 1)
        rv = t->call->C_GetAttributeValue(t->session, found[0], &asked, 1);
    if (rv != CKR_OK)
        return mrl_token_fail("look for the signing key", rv, why);
    if (count != 1 || !mrl_bytes_to_cstr(label, last.label, sizeof(last.label)))
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "the token holds %s signing key labelled %.*s",
                        count == 0 ? "no" : "more than one", MRL_FMT(label));
    last.key = found[0];
    return MRL_OK;
}

/* PKCS#11 2.40 2.3.1: r and s one after the other. RFC 5758 3.2: a SEQUENCE of both. */
static mrl_err write_ecdsa(mrl_bytes both, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, mrl_bytes_sub(both, 0, both.len / 2));
    mrl_der_unsigned(&d, mrl_bytes_sub(both, both.len / 2, SIZE_MAX));
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static mrl_err sign_with(const struct mrl_token *t, mrl_bytes data, struct mrl_buf *out,
                         struct mrl_why *why)
{
    CK_MECHANISM mechanism = {last.type == CKK_EC_EDWARDS ? CKM_EDDSA : CKM_ECDSA, NULL, 0};
    uint8_t signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);
    CK_RV rv = t->call->C_SignInit(t->session, &mechanism, last.key);

    if (rv == CKR_OK)
        rv = t->call->C_Sign(t->session, BYTES(data), signature, &len);
    if (rv != CKR_OK)
        return mrl_token_fail("sign", rv, why);
    return last.type == CKK_EC_EDWARDS ? mrl_buf_append(out, mrl_bytes_of(signature, len))
                                       : write_ecdsa(mrl_bytes_of(signature, len), out);
}

static mrl_err sign_in(const struct mrl_token *t, const struct mrl_unlock_request *q,
                       struct mrl_secret **out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) signature = {.limit = DER_MAX};

    if (!mrl_bytes_eq(q->blob, mrl_str(last.label)))
        MRL_TRY(find(t, q->blob, why));
    MRL_TRY(sign_with(t, q->data, &signature, why));
    *out = mrl_secret_copy(mrl_buf_bytes(&signature));
    return MRL_OK;
}

mrl_err mrl_pkcs11_sign(const struct mrl_unlock_request *q, struct mrl_secret **out,
                        struct mrl_why *why)
{
    MRL_SCOPED(mrl_token) t = {0};

    if (held.has_session)
        return sign_in(&held, q, out, why);
    last.label[0] = '\0'; /* a handle is of its session */
    MRL_TRY(mrl_token_open(q->module, q->token, q->pin, /*writes=*/false, &t, why));
    return sign_in(&t, q, out, why);
}
