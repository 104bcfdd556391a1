/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csrattrs.h"

#include "crypto/extension.h"
#include "crypto/name.h"
#include "crypto/oid.h"

static const struct kind {
    mrl_bytes algorithm; /* of the public key */
    mrl_bytes curve;     /* empty: the algorithm says it all */
    mrl_bytes signature;
} kinds[] = {
    [MRL_KEY_P256] = {MRL_LIT_INIT(MRL_OID_EC_PUBLIC_KEY), MRL_LIT_INIT(MRL_OID_P256),
                      MRL_LIT_INIT(MRL_OID_ECDSA_SHA256)},
    [MRL_KEY_P384] = {MRL_LIT_INIT(MRL_OID_EC_PUBLIC_KEY), MRL_LIT_INIT(MRL_OID_P384),
                      MRL_LIT_INIT(MRL_OID_ECDSA_SHA384)},
    [MRL_KEY_ED25519] = {MRL_LIT_INIT(MRL_OID_ED25519), {0}, MRL_LIT_INIT(MRL_OID_ED25519)},
    [MRL_KEY_RSA] = {MRL_LIT_INIT(MRL_OID_RSA), {0}, MRL_LIT_INIT(MRL_OID_RSA_SHA256)},
};

/* ---- writing ---- */

/* RFC 5652 5.3: Attribute, up to its values. */
static void begin_attribute(struct mrl_der *d, mrl_bytes oid)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oid);
    mrl_der_begin(d, MRL_DER_SET);
}

static void end_attribute(struct mrl_der *d)
{
    mrl_der_end(d);
    mrl_der_end(d);
}

static void put_extension_request(struct mrl_der *d, mrl_bytes san)
{
    begin_attribute(d, MRL_LIT(MRL_OID_EXTENSION_REQUEST));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_SUBJECT_ALT_NAME));
    mrl_der_put(d, MRL_DER_OCTET_STRING, san);
    mrl_der_end(d);
    mrl_der_end(d);
    end_attribute(d);
}

/* RFC 9908 3.2: one attribute whose type is that of the key; values only where there is a choice
 * left. */
static void put_key_attribute(struct mrl_der *d, const struct kind *k)
{
    begin_attribute(d, k->algorithm);
    if (k->curve.len > 0)
        mrl_der_put(d, MRL_DER_OID, k->curve);
    end_attribute(d);
    mrl_der_put(d, MRL_DER_OID, k->signature);
}

/* NameTemplate with a common name, whose value is left out when the device is to put in its own. */
static void put_subject(struct mrl_der *d, mrl_bytes cn)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_begin(d, MRL_DER_SET);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_COMMON_NAME));
    if (cn.len > 0)
        mrl_der_put(d, MRL_DER_UTF8, cn);
    mrl_der_end(d);
    mrl_der_end(d);
    mrl_der_end(d);
}

/* SubjectPublicKeyInfoTemplate; without subjectPublicKey, which stands for the size of an RSA key.
 */
static void put_key_template(struct mrl_der *d, const struct kind *k)
{
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, k->algorithm);
    if (k->curve.len > 0)
        mrl_der_put(d, MRL_DER_OID, k->curve);
    if (mrl_bytes_eq(k->algorithm, MRL_LIT(MRL_OID_RSA)))
        mrl_der_put(d, MRL_DER_NULL, MRL_BYTES_NONE);
    mrl_der_end(d);
    mrl_der_end(d);
}

/* In this order they ascend, as X.690 11.6 wants of a SET OF: a challengePassword without value is
 * the shorter element. */
static void put_template_attributes(struct mrl_der *d, const struct mrl_csrattrs *want)
{
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(1));
    if (want->challenge_password) {
        begin_attribute(d, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD));
        end_attribute(d);
    }
    if (want->san.len > 0)
        put_extension_request(d, want->san);
    mrl_der_end(d);
}

/* RFC 9908 3.4: CertificationRequestInfoTemplate */
static void put_template(struct mrl_der *d, const struct mrl_csrattrs *want)
{
    begin_attribute(d, MRL_LIT(MRL_OID_CSR_INFO_TEMPLATE));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_small(d, 0); /* v1 */
    put_subject(d, want->cn);
    if (want->has_key)
        put_key_template(d, &kinds[want->key]);
    put_template_attributes(d, want);
    mrl_der_end(d);
    end_attribute(d);
}

mrl_err mrl_csrattrs_write(const struct mrl_csrattrs *want, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    MRL_ENSURE(!want->has_key || (size_t)want->key < MRL_COUNT(kinds), MRL_ERR_UNSUPPORTED);
    mrl_der_begin(&d, MRL_DER_SEQUENCE); /* RFC 8951 4: CsrAttrs */
    if (want->challenge_password)
        mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD));
    if (want->has_key)
        put_key_attribute(&d, &kinds[want->key]);
    if (want->san.len > 0)
        put_extension_request(&d, want->san);
    put_template(&d, want);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

/* ---- reading ---- */

struct attribute {
    mrl_bytes type;
    struct mrl_reader values; /* empty for a plain OID */
};

static mrl_err read_attribute(struct mrl_reader *r, struct attribute *out)
{
    struct attribute a = {.values = {MRL_BYTES_NONE, 0}};
    struct mrl_reader inside;

    if (mrl_der_next_is(r, MRL_DER_OID)) {
        MRL_TRY(mrl_der_read(r, MRL_DER_OID, &a.type));
    } else {
        MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &inside));
        MRL_TRY(mrl_der_read(&inside, MRL_DER_OID, &a.type));
        MRL_TRY(mrl_der_enter(&inside, MRL_DER_SET, &a.values));
        MRL_TRY(mrl_reader_end(&inside));
    }
    *out = a;
    return MRL_OK;
}

/* MRL_ERR_NOT_FOUND: not the algorithm of a key. parameters: a curve, or what does not matter. */
static mrl_err take_key(mrl_bytes algorithm, struct mrl_reader *parameters,
                        struct mrl_csrattrs *out)
{
    mrl_bytes curve = MRL_BYTES_NONE;
    bool elliptic = mrl_bytes_eq(algorithm, MRL_LIT(MRL_OID_EC_PUBLIC_KEY));

    if (elliptic && mrl_reader_left(parameters) > 0)
        MRL_TRY(mrl_der_read(parameters, MRL_DER_OID, &curve));
    for (size_t i = 0; i < MRL_COUNT(kinds); i++) {
        if (!mrl_bytes_eq(kinds[i].algorithm, algorithm) ||
            (curve.len > 0 && !mrl_bytes_eq(kinds[i].curve, curve)))
            continue;
        out->has_key = true;
        out->key = (enum mrl_key_type)i;
        return MRL_OK;
    }
    return elliptic ? MRL_ERR_UNSUPPORTED : MRL_ERR_NOT_FOUND;
}

/* RFC 2985 5.4.2: Extensions; of them the alternative names. */
static mrl_err take_extensions(struct mrl_reader *values, struct mrl_csrattrs *out)
{
    struct mrl_reader list;
    mrl_bytes oid, content;

    MRL_TRY(mrl_der_enter(values, MRL_DER_SEQUENCE, &list));
    for (size_t n = 0; mrl_reader_left(&list) > 0; n++) {
        MRL_ENSURE(n < MRL_CSRATTRS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(mrl_extension_read(&list, &oid, &content));
        if (!mrl_bytes_eq(oid, MRL_LIT(MRL_OID_SUBJECT_ALT_NAME)))
            continue;
        MRL_ENSURE(out->san.len == 0, MRL_ERR_MALFORMED); /* RFC 9908 3.2: each extension once */
        MRL_TRY(mrl_san_start(content, &(struct mrl_san){0}));
        out->san = content;
    }
    return mrl_reader_end(values);
}

static mrl_err take_attribute(struct attribute *a, struct mrl_csrattrs *out)
{
    mrl_err err;

    if (mrl_bytes_eq(a->type, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD))) {
        out->challenge_password = true;
        return MRL_OK;
    }
    if (mrl_bytes_eq(a->type, MRL_LIT(MRL_OID_EXTENSION_REQUEST)) &&
        mrl_der_next_is(&a->values, MRL_DER_SEQUENCE)) /* RFC 7030 had an OID there */
        return take_extensions(&a->values, out);
    err = take_key(a->type, &a->values, out);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* The value of the one common name; empty: to be filled in. */
static mrl_err take_subject(struct mrl_reader *r, struct mrl_csrattrs *out)
{
    struct mrl_reader names, set, one;
    mrl_bytes type, value;

    MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &names));
    while (mrl_reader_left(&names) > 0) {
        MRL_TRY(mrl_der_enter(&names, MRL_DER_SET, &set));
        while (mrl_reader_left(&set) > 0) {
            value = MRL_BYTES_NONE;
            MRL_TRY(mrl_der_enter(&set, MRL_DER_SEQUENCE, &one));
            MRL_TRY(mrl_der_read(&one, MRL_DER_OID, &type));
            if (mrl_reader_left(&one) > 0)
                MRL_TRY(mrl_der_read_any(&one, NULL, &value, NULL));
            MRL_TRY(mrl_reader_end(&one));
            if (mrl_bytes_eq(type, MRL_LIT(MRL_OID_COMMON_NAME)))
                out->cn = value;
        }
    }
    return MRL_OK;
}

static mrl_err take_key_template(struct mrl_reader *r, struct mrl_csrattrs *out)
{
    struct mrl_reader info, algorithm;
    mrl_bytes oid;
    mrl_err err;

    MRL_TRY(mrl_der_enter(r, MRL_DER_CONTEXT_CONSTRUCTED(0), &info));
    MRL_TRY(mrl_der_enter(&info, MRL_DER_SEQUENCE, &algorithm));
    MRL_TRY(mrl_der_read(&algorithm, MRL_DER_OID, &oid));
    err = take_key(oid, &algorithm, out);
    return err == MRL_ERR_NOT_FOUND ? MRL_ERR_UNSUPPORTED : err;
}

static mrl_err take_list(struct mrl_reader *list, struct mrl_csrattrs *out)
{
    struct attribute a;

    for (size_t n = 0; mrl_reader_left(list) > 0; n++) {
        MRL_ENSURE(n < MRL_CSRATTRS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(read_attribute(list, &a));
        MRL_TRY(take_attribute(&a, out));
    }
    return MRL_OK;
}

static mrl_err take_template(struct mrl_reader *values, struct mrl_csrattrs *out)
{
    struct mrl_reader r, attributes;
    mrl_bytes version;

    MRL_TRY(mrl_der_enter(values, MRL_DER_SEQUENCE, &r));
    MRL_TRY(mrl_reader_end(values));
    MRL_TRY(mrl_der_read_unsigned(&r, &version));
    MRL_ENSURE(version.len == 0, MRL_ERR_MALFORMED); /* RFC 9908 3.4: v1 */
    if (mrl_der_next_is(&r, MRL_DER_SEQUENCE))
        MRL_TRY(take_subject(&r, out));
    if (mrl_der_next_is(&r, MRL_DER_CONTEXT_CONSTRUCTED(0)))
        MRL_TRY(take_key_template(&r, out));
    MRL_TRY(mrl_der_enter(&r, MRL_DER_CONTEXT_CONSTRUCTED(1), &attributes));
    MRL_TRY(mrl_reader_end(&r));
    return take_list(&attributes, out);
}

/* The values of the template; empty: there is none. Every element is looked at on the way. */
static mrl_err find_template(struct mrl_reader list, struct mrl_reader *values)
{
    struct attribute a;

    *values = (struct mrl_reader){MRL_BYTES_NONE, 0};
    for (size_t n = 0; mrl_reader_left(&list) > 0; n++) {
        MRL_ENSURE(n < MRL_CSRATTRS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(read_attribute(&list, &a));
        if (!mrl_bytes_eq(a.type, MRL_LIT(MRL_OID_CSR_INFO_TEMPLATE)))
            continue;
        MRL_ENSURE(mrl_reader_left(values) == 0 && mrl_reader_left(&a.values) > 0,
                   MRL_ERR_MALFORMED);
        *values = a.values;
    }
    return MRL_OK;
}

mrl_err mrl_csrattrs_read(mrl_bytes der, struct mrl_csrattrs *out)
{
    struct mrl_reader r = {der, 0}, list, values;
    struct mrl_csrattrs found = {0};

    MRL_ENSURE(der.len <= MRL_CSRATTRS_DER_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &list));
    MRL_TRY(mrl_reader_end(&r));
    MRL_TRY(find_template(list, &values));
    MRL_TRY(mrl_reader_left(&values) > 0 ? take_template(&values, &found)
                                         : take_list(&list, &found));
    *out = found;
    return MRL_OK;
}
