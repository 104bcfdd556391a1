/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csr.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/algorithm.h"
#include "crypto/extension.h"
#include "crypto/oid.h"

enum { EXTENSIONS_MAX = 32 };

struct mrl_csr {
    struct mrl_buf der;
    mrl_bytes signed_part; /* CertificationRequestInfo, whole */
    mrl_bytes algorithm;   /* AlgorithmIdentifier, whole */
    mrl_bytes signature;
    struct mrl_csr_facts facts;
};

static const struct {
    const char *name;
    const char *text;
} reasons[] = {
    [MRL_CSR_OK] = {"ok", "the request is good"},
    [MRL_CSR_TOO_LARGE] = {"too-large", "the request is larger than 16 KiB"},
    [MRL_CSR_MALFORMED] = {"malformed", "the body is not a PKCS#10 request in DER"},
    [MRL_CSR_TRAILING] = {"trailing", "there are bytes after the end of the request"},
    [MRL_CSR_WEAK_KEY] = {"weak-key", "the key is none of P-256, P-384, Ed25519 and RSA with 2048 "
                                      "to 4096 bits and an exponent of 65537"},
    [MRL_CSR_BAD_KEY] = {"bad-key", "the public key is broken"},
    [MRL_CSR_BAD_SIGNATURE] = {"bad-signature",
                               "the request is not signed by its own key with SHA-256 or better"},
};

const char *mrl_csr_reason_name(enum mrl_csr_reason r)
{
    return r < MRL_CSR_REASON_COUNT_ ? reasons[r].name : "malformed";
}

const char *mrl_csr_reason_text(enum mrl_csr_reason r)
{
    return reasons[r < MRL_CSR_REASON_COUNT_ ? r : MRL_CSR_MALFORMED].text;
}

void mrl_csr_free(struct mrl_csr *c)
{
    if (c == NULL)
        return;
    mrl_buf_done(&c->der);
    free(c);
}

const struct mrl_csr_facts *mrl_csr_facts(const struct mrl_csr *c)
{
    return &c->facts;
}

static mrl_err take_san(mrl_bytes san, mrl_bytes *to)
{
    struct mrl_san check;

    MRL_ENSURE(to->len == 0 && san.len > 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_san_start(san, &check));
    *to = san;
    return MRL_OK;
}

/* RFC 2985 5.4.2: Extensions; only the alternative names are a wish we look at. */
static mrl_err on_extension_request(struct mrl_reader *value, struct mrl_csr_facts *f)
{
    struct mrl_reader list;
    mrl_bytes oid, content;

    MRL_TRY(mrl_der_enter(value, MRL_DER_SEQUENCE, &list));
    for (size_t n = 0; mrl_reader_left(&list) > 0; n++) {
        MRL_ENSURE(n < EXTENSIONS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(mrl_extension_read(&list, &oid, &content));
        if (mrl_bytes_eq(oid, MRL_LIT(MRL_OID_SUBJECT_ALT_NAME)))
            MRL_TRY(take_san(content, &f->san));
    }
    return MRL_OK;
}

/* RFC 2985 5.4.1: IA5String or DirectoryString of up to 255 characters. */
static mrl_err on_challenge_password(struct mrl_reader *value, struct mrl_csr_facts *f)
{
    uint8_t tag;

    MRL_TRY(mrl_der_read_any(value, &tag, &f->challenge, NULL));
    MRL_ENSURE(tag == MRL_DER_UTF8 || tag == MRL_DER_PRINTABLE || tag == MRL_DER_IA5 ||
                   tag == MRL_DER_T61,
               MRL_ERR_MALFORMED);
    MRL_ENSURE(f->challenge.len <= MRL_CHALLENGE_PASSWORD_MAX, MRL_ERR_MALFORMED);
    f->has_challenge = true;
    return MRL_OK;
}

/* RFC 6402 2.8: SEQUENCE { subject Name OPTIONAL, subjectAlt GeneralNames OPTIONAL }, at least one.
 * Both are SEQUENCEs without a tag of their own (erratum 3943), told apart by what they hold: an
 * RDN is a SET, a GeneralName is context-tagged. */
static mrl_err on_change_subject_name(struct mrl_reader *value, struct mrl_csr_facts *f)
{
    struct mrl_reader inside;
    struct mrl_subject_name name;
    mrl_bytes whole, content;

    MRL_TRY(mrl_der_enter(value, MRL_DER_SEQUENCE, &inside));
    f->change_subject_name = true;
    MRL_ENSURE(mrl_reader_left(&inside) > 0, MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_der_next_is(&inside, MRL_DER_SEQUENCE), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_der_read_any(&inside, NULL, &content, &whole));
    if (content.len == 0 || content.data[0] == MRL_DER_SET) {
        MRL_TRY(mrl_name_read(whole, &name));
        f->new_subject = whole;
        if (mrl_reader_left(&inside) == 0)
            return MRL_OK;
        MRL_TRY(mrl_der_read_any(&inside, NULL, NULL, &whole));
    }
    MRL_TRY(take_san(whole, &f->new_san));
    return mrl_reader_end(&inside);
}

static mrl_err read_key_id(struct mrl_reader *value, mrl_bytes *out)
{
    MRL_TRY(mrl_der_read(value, MRL_DER_OCTET_STRING, out));
    MRL_ENSURE(out->len > 0 && out->len <= MRL_KEY_ID_MAX, MRL_ERR_MALFORMED);
    return MRL_OK;
}

/* RFC 4108 2.2.5 */
static mrl_err on_decrypt_key_id(struct mrl_reader *value, struct mrl_csr_facts *f)
{
    mrl_bytes id;

    f->shared_key_asked = true;
    return read_key_id(value, &id);
}

/* RFC 7030 4.4.1.2 */
static mrl_err on_asymmetric_decrypt_key_id(struct mrl_reader *value, struct mrl_csr_facts *f)
{
    return read_key_id(value, &f->recipient);
}

/* RFC 8551 2.5.2: SEQUENCE OF SEQUENCE { capabilityID, parameters OPTIONAL } */
static mrl_err on_capabilities(struct mrl_reader *value, struct mrl_csr_facts *f)
{
    struct mrl_reader list, one;
    mrl_bytes oid;

    MRL_ENSURE(mrl_der_next_is(value, MRL_DER_SEQUENCE), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_der_read_any(value, NULL, &list.in, &f->capabilities));
    list.at = 0;
    for (size_t n = 0; mrl_reader_left(&list) > 0; n++) {
        MRL_ENSURE(n < MRL_CAPABILITIES_MAX, MRL_ERR_LIMIT);
        MRL_TRY(mrl_der_enter(&list, MRL_DER_SEQUENCE, &one));
        MRL_TRY(mrl_der_read(&one, MRL_DER_OID, &oid));
        if (mrl_reader_left(&one) > 0)
            MRL_TRY(mrl_der_read_any(&one, NULL, NULL, NULL));
        MRL_TRY(mrl_reader_end(&one));
    }
    return MRL_OK;
}

static const struct {
    mrl_bytes oid;
    mrl_err (*read)(struct mrl_reader *value, struct mrl_csr_facts *f);
} attributes[] = {
    {MRL_LIT_INIT(MRL_OID_EXTENSION_REQUEST), on_extension_request},
    {MRL_LIT_INIT(MRL_OID_CHALLENGE_PASSWORD), on_challenge_password},
    {MRL_LIT_INIT(MRL_OID_CHANGE_SUBJECT_NAME), on_change_subject_name},
    {MRL_LIT_INIT(MRL_OID_DECRYPT_KEY_ID), on_decrypt_key_id},
    {MRL_LIT_INIT(MRL_OID_ASYMM_DECRYPT_KEY_ID), on_asymmetric_decrypt_key_id},
    {MRL_LIT_INIT(MRL_OID_SMIME_CAPABILITIES), on_capabilities},
};

/* An attribute we know has exactly one value and comes once (bit of *seen); others are skipped. */
static mrl_err read_attribute(struct mrl_reader *r, unsigned *seen, struct mrl_csr_facts *f)
{
    struct mrl_reader inside, values;
    mrl_bytes oid;

    MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read(&inside, MRL_DER_OID, &oid));
    MRL_TRY(mrl_der_enter(&inside, MRL_DER_SET, &values));
    MRL_TRY(mrl_reader_end(&inside));
    for (unsigned i = 0; i < MRL_COUNT(attributes); i++) {
        if (!mrl_bytes_eq(oid, attributes[i].oid))
            continue;
        MRL_ENSURE((*seen & 1U << i) == 0, MRL_ERR_MALFORMED);
        *seen |= 1U << i;
        MRL_TRY(attributes[i].read(&values, f));
        return mrl_reader_end(&values);
    }
    return MRL_OK;
}

static mrl_err read_attributes(struct mrl_reader *r, struct mrl_csr_facts *f)
{
    struct mrl_reader list;
    unsigned seen = 0;

    if (mrl_reader_left(r) == 0)
        return MRL_OK; /* RFC 2986 4.1 wants an empty [0]; some stacks leave it out */
    MRL_TRY(mrl_der_enter(r, MRL_DER_CONTEXT_CONSTRUCTED(0), &list));
    for (size_t n = 0; mrl_reader_left(&list) > 0; n++) {
        MRL_ENSURE(n < MRL_CSR_ATTRIBUTES_MAX, MRL_ERR_LIMIT);
        MRL_TRY(read_attribute(&list, &seen, f));
    }
    return mrl_reader_end(r);
}

/* RFC 2986 4.1: CertificationRequestInfo */
static mrl_err read_info(mrl_bytes info, struct mrl_csr_facts *f)
{
    struct mrl_reader outer = {info, 0}, r;
    mrl_bytes version;

    MRL_TRY(mrl_der_enter(&outer, MRL_DER_SEQUENCE, &r));
    MRL_TRY(mrl_der_read_unsigned(&r, &version));
    MRL_ENSURE(version.len == 0, MRL_ERR_MALFORMED); /* v1 is 0 */
    MRL_TRY(mrl_der_read_any(&r, NULL, NULL, &f->subject));
    MRL_TRY(mrl_name_read(f->subject, &f->name));
    MRL_ENSURE(mrl_der_next_is(&r, MRL_DER_SEQUENCE), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_der_read_any(&r, NULL, NULL, &f->spki));
    return read_attributes(&r, f);
}

static mrl_err read_request(struct mrl_csr *c, enum mrl_csr_reason *reason)
{
    struct mrl_reader r = {mrl_buf_bytes(&c->der), 0}, inside;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    if (mrl_reader_left(&r) > 0) {
        *reason = MRL_CSR_TRAILING;
        return MRL_ERR_MALFORMED;
    }
    MRL_TRY(mrl_der_read_any(&inside, NULL, NULL, &c->signed_part));
    MRL_TRY(mrl_der_read_any(&inside, NULL, NULL, &c->algorithm));
    MRL_TRY(mrl_der_read_bits(&inside, &c->signature));
    MRL_TRY(mrl_reader_end(&inside));
    return read_info(c->signed_part, &c->facts);
}

mrl_err mrl_csr_from_der(mrl_bytes der, struct mrl_csr **out, enum mrl_csr_reason *reason)
{
    MRL_AUTO(mrl_csr) c = NULL;

    *reason = MRL_CSR_TOO_LARGE;
    MRL_ENSURE(der.len <= MRL_CSR_DER_MAX, MRL_ERR_LIMIT);
    *reason = MRL_CSR_MALFORMED;
    c = calloc(1, sizeof(*c));
    MRL_ENSURE(c != NULL, MRL_ERR_CRYPTO);
    MRL_TRY(mrl_buf_append(&c->der, der));
    MRL_ENSURE(read_request(c, reason) == MRL_OK, MRL_ERR_MALFORMED);
    *reason = MRL_CSR_OK;
    *out = MRL_TAKE(c);
    return MRL_OK;
}

static const struct {
    mrl_bytes begin;
    mrl_bytes end;
} armours[] = {
    {MRL_LIT_INIT("-----BEGIN CERTIFICATE REQUEST-----"),
     MRL_LIT_INIT("-----END CERTIFICATE REQUEST-----")},
    {MRL_LIT_INIT("-----BEGIN NEW CERTIFICATE REQUEST-----"),
     MRL_LIT_INIT("-----END NEW CERTIFICATE REQUEST-----")},
};

static mrl_bytes without_armour(mrl_bytes text)
{
    mrl_bytes b = mrl_bytes_trim(text);

    for (size_t i = 0; i < MRL_COUNT(armours); i++) {
        size_t frame = armours[i].begin.len + armours[i].end.len;

        if (b.len >= frame && mrl_bytes_starts(b, armours[i].begin) &&
            mrl_bytes_ends(b, armours[i].end))
            return mrl_bytes_sub(b, armours[i].begin.len, b.len - frame);
    }
    return text;
}

mrl_err mrl_csr_from_body(mrl_bytes body, struct mrl_csr **out, enum mrl_csr_reason *reason)
{
    MRL_SCOPED(mrl_buf) der = {.limit = MRL_CSR_DER_MAX};
    mrl_err err;

    /* Base64 of a SEQUENCE starts with 'M', so a first byte 0x30 is DER. */
    if (body.len > 0 && body.data[0] == MRL_DER_SEQUENCE)
        return mrl_csr_from_der(body, out, reason);
    *reason = MRL_CSR_TOO_LARGE;
    MRL_ENSURE(body.len <= MRL_CSR_TEXT_MAX, MRL_ERR_LIMIT);
    err = mrl_base64_read(without_armour(body), &der);
    MRL_ENSURE(err != MRL_ERR_LIMIT, err);
    *reason = MRL_CSR_MALFORMED;
    MRL_TRY(err);
    return mrl_csr_from_der(mrl_buf_bytes(&der), out, reason);
}

static enum mrl_csr_reason key_reason(mrl_err err)
{
    return err == MRL_ERR_UNSUPPORTED || err == MRL_ERR_LIMIT ? MRL_CSR_WEAK_KEY : MRL_CSR_BAD_KEY;
}

mrl_err mrl_csr_check(const struct mrl_csr *c, struct mrl_key **key, enum mrl_csr_reason *reason)
{
    struct mrl_reader algorithm = {c->algorithm, 0};
    MRL_AUTO(mrl_key) public = NULL;
    enum mrl_sign_alg alg;
    mrl_err err;

    err = mrl_key_from_spki(c->facts.spki, &public, NULL);
    *reason = key_reason(err);
    MRL_ENSURE(err == MRL_OK, MRL_ERR_DENIED);
    *reason = MRL_CSR_BAD_SIGNATURE;
    MRL_ENSURE(mrl_sign_alg_read(&algorithm, &alg) == MRL_OK, MRL_ERR_DENIED);
    MRL_ENSURE(mrl_key_verify(public, alg, c->signed_part, c->signature) == MRL_OK, MRL_ERR_DENIED);
    *reason = MRL_CSR_OK;
    *key = MRL_TAKE(public);
    return MRL_OK;
}

/* (r, s) and (r, n - s) are both good for one message and key, and whoever has one can write the
 * other; another r cannot be had without the key. In RSA (PKCS#1 v1.5) and Ed25519 (RFC 8032 5.1.7:
 * S below the order) there is one spelling only. */
static mrl_err fixed_part(enum mrl_sign_alg alg, mrl_bytes signature, mrl_bytes *out)
{
    struct mrl_reader r = {signature, 0}, inside;

    *out = signature;
    if (!mrl_sign_alg_fits(alg, MRL_KEY_P256))
        return MRL_OK;
    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside)); /* RFC 3279 2.2.3: Ecdsa-Sig-Value */
    return mrl_der_read_unsigned(&inside, out);
}

/* The identifier of the algorithm is left out: that of RSA may have NULL or nothing after it. */
mrl_err mrl_csr_digest(const struct mrl_csr *c, uint8_t out[static MRL_SHA256_SIZE])
{
    struct mrl_reader algorithm = {c->algorithm, 0};
    mrl_bytes parts[2] = {c->signed_part};
    enum mrl_sign_alg alg;

    MRL_TRY(mrl_sign_alg_read(&algorithm, &alg));
    MRL_TRY(fixed_part(alg, c->signature, &parts[1]));
    return mrl_sha256_parts(parts, MRL_COUNT(parts), out);
}
