/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csr.h"

#include <openssl/err.h>

#include "base/hex.h"
#include "crypto/algorithm.h"
#include "crypto/oid.h"
#include "tests/unit/crypto/fixtures.h"

static const mrl_bytes device_uri = MRL_LIT_INIT("urn:merlon:t:device:pump-7");

static void write_csr(const struct mrl_key *k, mrl_bytes challenge, struct mrl_buf *out)
{
    struct mrl_csr_request request = {MRL_LIT("pump-7"), {&device_uri, 1}, challenge};

    assert_ok(mrl_csr_write(&request, k, out));
}

static void what_the_agent_writes_is_read_and_checked(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) k = make_key(types[i]);
        MRL_AUTO(mrl_key) public = NULL;
        MRL_AUTO(mrl_csr) csr = NULL;
        MRL_SCOPED(mrl_buf) der = {0};
        const struct mrl_csr_facts *f;
        enum mrl_csr_reason reason;
        enum mrl_san_kind kind;
        struct mrl_san san;
        mrl_bytes value;

        write_csr(k, MRL_LIT("YmluZGluZw=="), &der);
        assert_ok(mrl_csr_from_der(mrl_buf_bytes(&der), &csr, &reason));
        assert_ok(mrl_csr_check(csr, &public, &reason));
        assert_int_equal(reason, MRL_CSR_OK);
        assert_true(mrl_key_public_eq(k, public));
        f = mrl_csr_facts(csr);
        assert_bytes_equal(f->name.cn, MRL_LIT("pump-7"));
        assert_int_equal(f->name.others, 0);
        assert_true(f->has_challenge);
        assert_bytes_equal(f->challenge, MRL_LIT("YmluZGluZw=="));
        assert_false(f->change_subject_name);
        assert_ok(mrl_san_start(f->san, &san));
        assert_true(mrl_san_next(&san, &kind, &value));
        assert_int_equal(kind, MRL_SAN_URI);
        assert_bytes_equal(value, device_uri);
    }
}

static void read_body(mrl_bytes body, enum mrl_csr_reason expected)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    enum mrl_csr_reason reason;
    mrl_err err = mrl_csr_from_body(body, &csr, &reason);

    assert_int_equal(reason, expected);
    assert_true((err == MRL_OK) == (expected == MRL_CSR_OK));
    assert_true((err == MRL_OK) == (csr != NULL));
}

static void an_est_body_is_base64_pem_or_der(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    MRL_SCOPED(mrl_buf) wrapped = {0};
    MRL_SCOPED(mrl_buf) pem = {0};
    MRL_SCOPED(mrl_buf) half = {0};

    (void)state;
    write_csr(k, MRL_BYTES_NONE, &der);
    assert_ok(mrl_base64_write(mrl_buf_bytes(&der), 0, &plain));
    assert_ok(mrl_buf_append(&wrapped, MRL_LIT("\r\n \t")));
    assert_ok(mrl_base64_write(mrl_buf_bytes(&der), 13, &wrapped));
    assert_ok(mrl_buf_printf(&pem,
                             "\n-----BEGIN CERTIFICATE REQUEST-----\n%.*s\n"
                             "-----END CERTIFICATE REQUEST-----\n",
                             MRL_FMT(mrl_buf_bytes(&plain))));
    assert_ok(mrl_buf_printf(&half, "-----BEGIN CERTIFICATE REQUEST-----\n%.*s\n",
                             MRL_FMT(mrl_buf_bytes(&plain))));
    read_body(mrl_buf_bytes(&der), MRL_CSR_OK);
    read_body(mrl_buf_bytes(&plain), MRL_CSR_OK);
    read_body(mrl_buf_bytes(&wrapped), MRL_CSR_OK);
    read_body(mrl_buf_bytes(&pem), MRL_CSR_OK);
    read_body(mrl_buf_bytes(&half), MRL_CSR_MALFORMED);
    read_body(MRL_BYTES_NONE, MRL_CSR_MALFORMED);
    read_body(MRL_LIT("hello"), MRL_CSR_MALFORMED);
    read_body(MRL_LIT("-----BEGIN CERTIFICATE REQUEST-----"), MRL_CSR_MALFORMED);
}

static void bytes_after_the_end_and_cut_requests_are_refused(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    write_csr(k, MRL_LIT("x"), &der);
    for (size_t len = 0; len < der.len; len++) {
        struct mrl_csr *csr = NULL;
        enum mrl_csr_reason reason;

        assert_int_equal(mrl_csr_from_der(mrl_bytes_of(der.data, len), &csr, &reason),
                         MRL_ERR_MALFORMED);
        assert_int_equal(reason, MRL_CSR_MALFORMED);
        assert_null(csr);
    }
    assert_ok(mrl_buf_append(&der, MRL_LIT("\0")));
    read_body(mrl_buf_bytes(&der), MRL_CSR_TRAILING);
}

static void size_is_limited(void **state)
{
    static uint8_t large[MRL_CSR_TEXT_MAX + 1];

    (void)state;
    large[0] = MRL_DER_SEQUENCE;
    read_body(mrl_bytes_of(large, MRL_CSR_DER_MAX), MRL_CSR_TRAILING);
    read_body(mrl_bytes_of(large, MRL_CSR_DER_MAX + 1), MRL_CSR_TOO_LARGE);
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = ' ';
    read_body(mrl_bytes_of(large, MRL_CSR_TEXT_MAX), MRL_CSR_MALFORMED);
    read_body(mrl_bytes_of(large, MRL_CSR_TEXT_MAX + 1), MRL_CSR_TOO_LARGE);
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = 'M';
    read_body(mrl_bytes_of(large, 24 << 10), MRL_CSR_TOO_LARGE); /* decodes to 18 KiB */
}

static void every_changed_bit_is_refused(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) bad = {0};

    (void)state;
    write_csr(k, MRL_BYTES_NONE, &der);
    for (size_t i = 0; i < der.len; i++) {
        MRL_AUTO(mrl_csr) csr = NULL;
        MRL_AUTO(mrl_key) public = NULL;
        enum mrl_csr_reason reason;

        flipped(mrl_buf_bytes(&der), i, &bad);
        if (mrl_csr_from_der(mrl_buf_bytes(&bad), &csr, &reason) == MRL_OK)
            assert_int_equal(mrl_csr_check(csr, &public, &reason), MRL_ERR_DENIED);
        assert_int_not_equal(reason, MRL_CSR_OK);
        assert_null(public);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void check_foreign(EVP_PKEY *pkey, const char *digest, enum mrl_csr_reason expected)
{
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    enum mrl_csr_reason reason;
    mrl_err err;

    foreign_csr(pkey, digest, &der);
    assert_ok(mrl_csr_from_der(mrl_buf_bytes(&der), &csr, &reason));
    err = mrl_csr_check(csr, &key, &reason);
    assert_int_equal(reason, expected);
    assert_int_equal(err, expected == MRL_CSR_OK ? MRL_OK : MRL_ERR_DENIED);
    assert_true((key != NULL) == (err == MRL_OK));
    assert_bytes_equal(mrl_csr_facts(csr)->name.cn, MRL_LIT("stranger"));
}

static void requests_of_other_makers_are_judged_by_their_key(void **state)
{
    (void)state;
    check_foreign(EVP_EC_gen("P-256"), "SHA256", MRL_CSR_OK);
    check_foreign(EVP_EC_gen("P-256"), "SHA384", MRL_CSR_OK);
    check_foreign(EVP_EC_gen("P-384"), "SHA512", MRL_CSR_OK);
    check_foreign(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, MRL_CSR_OK);
    check_foreign(foreign_rsa(2048, 65537), "SHA256", MRL_CSR_OK);
    check_foreign(foreign_rsa(1024, 65537), "SHA256", MRL_CSR_WEAK_KEY);
    check_foreign(foreign_rsa(2048, 3), "SHA256", MRL_CSR_WEAK_KEY);
    check_foreign(EVP_EC_gen("P-192"), "SHA256", MRL_CSR_WEAK_KEY);
    check_foreign(EVP_EC_gen("secp256k1"), "SHA256", MRL_CSR_WEAK_KEY);
    check_foreign(EVP_EC_gen("P-256"), "SHA1", MRL_CSR_BAD_SIGNATURE);
}

/* A request with these attributes, signed by k over its own public key or that of another. */
static void with_attributes(const struct mrl_key *k, const struct mrl_key *claimed,
                            mrl_bytes attributes, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) info = {0};
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    struct mrl_der i = mrl_der_on(&info), d = mrl_der_on(out);

    assert_ok(mrl_key_to_spki(claimed, &spki));
    mrl_der_begin(&i, MRL_DER_SEQUENCE);
    mrl_der_small(&i, 0);
    mrl_name_write(&i, MRL_LIT("pump-7"));
    mrl_der_raw(&i, mrl_buf_bytes(&spki));
    mrl_der_put(&i, MRL_DER_CONTEXT_CONSTRUCTED(0), attributes);
    mrl_der_end(&i);
    assert_ok(mrl_der_finish(&i));
    assert_ok(mrl_key_sign(k, mrl_buf_bytes(&info), &signature));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, mrl_buf_bytes(&info));
    mrl_sign_alg_write(&d, mrl_key_algorithm(k));
    mrl_der_bits(&d, mrl_buf_bytes(&signature));
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
}

static void the_key_of_somebody_else_cannot_be_claimed(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_key) victim = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_key) none = NULL;
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    enum mrl_csr_reason reason;

    (void)state;
    with_attributes(k, victim, MRL_BYTES_NONE, &der);
    assert_ok(mrl_csr_from_der(mrl_buf_bytes(&der), &csr, &reason));
    assert_int_equal(mrl_csr_check(csr, &none, &reason), MRL_ERR_DENIED);
    assert_int_equal(reason, MRL_CSR_BAD_SIGNATURE);
}

static void put_attribute(struct mrl_der *d, mrl_bytes oid, mrl_bytes value)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oid);
    mrl_der_put(d, MRL_DER_SET, value);
    mrl_der_end(d);
}

static mrl_err read_attribute(size_t times, mrl_bytes oid, mrl_bytes value, struct mrl_csr **out)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_SCOPED(mrl_buf) attributes = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_der d = mrl_der_on(&attributes);
    enum mrl_csr_reason reason;

    for (size_t i = 0; i < times; i++)
        put_attribute(&d, oid, value);
    assert_ok(mrl_der_finish(&d));
    with_attributes(k, k, mrl_buf_bytes(&attributes), &der);
    return mrl_csr_from_der(mrl_buf_bytes(&der), out, &reason);
}

static void change_subject_name_is_seen_with_both_its_parts(void **state)
{
    static const mrl_bytes name =
        MRL_LIT_INIT("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x");
    static const mrl_bytes san = MRL_LIT_INIT("\x30\x03\x82\x01y");
    static const struct {
        mrl_bytes value;
        bool has_name, has_san;
    } cases[] = {
        {MRL_LIT_INIT("\x30\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x"), true,
         false},
        {MRL_LIT_INIT("\x30\x05\x30\x03\x82\x01y"), false, true},
        {MRL_LIT_INIT("\x30\x13\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x"
                      "\x30\x03\x82\x01y"),
         true, true},
    };
    struct mrl_csr *none = NULL;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_AUTO(mrl_csr) csr = NULL;

        assert_ok(read_attribute(1, MRL_LIT(MRL_OID_CHANGE_SUBJECT_NAME), cases[i].value, &csr));
        assert_true(mrl_csr_facts(csr)->change_subject_name);
        assert_bytes_equal(mrl_csr_facts(csr)->new_subject,
                           cases[i].has_name ? name : MRL_BYTES_NONE);
        assert_bytes_equal(mrl_csr_facts(csr)->new_san, cases[i].has_san ? san : MRL_BYTES_NONE);
    }
    assert_int_equal(
        read_attribute(1, MRL_LIT(MRL_OID_CHANGE_SUBJECT_NAME), MRL_LIT("\x30\x00"), &none),
        MRL_ERR_MALFORMED);
}

static void attributes_come_once_with_one_value_and_are_limited(void **state)
{
    const mrl_bytes challenge = MRL_LIT(MRL_OID_CHALLENGE_PASSWORD);
    const mrl_bytes unknown = MRL_LIT("\x2a\x03\x04");
    MRL_AUTO(mrl_csr) one = NULL;
    MRL_AUTO(mrl_csr) many = NULL;
    struct mrl_csr *none = NULL;

    (void)state;
    assert_ok(read_attribute(1, challenge, MRL_LIT("\x0c\x01x"), &one));
    assert_ok(read_attribute(MRL_CSR_ATTRIBUTES_MAX, unknown, MRL_LIT("\x0c\x01x"), &many));
    assert_int_equal(
        read_attribute(MRL_CSR_ATTRIBUTES_MAX + 1, unknown, MRL_LIT("\x0c\x01x"), &none),
        MRL_ERR_MALFORMED);
    assert_int_equal(read_attribute(2, challenge, MRL_LIT("\x0c\x01x"), &none), MRL_ERR_MALFORMED);
    assert_int_equal(read_attribute(1, challenge, MRL_LIT("\x0c\x01x\x0c\x01y"), &none),
                     MRL_ERR_MALFORMED);
    assert_int_equal(read_attribute(1, challenge, MRL_LIT("\x02\x01\x01"), &none),
                     MRL_ERR_MALFORMED);
    assert_int_equal(read_attribute(1, challenge, MRL_BYTES_NONE, &none), MRL_ERR_MALFORMED);
}

/* RFC 7030 4.4.1 */
static void wishes_for_a_key_made_elsewhere_are_read(void **state)
{
    const mrl_bytes capabilities = MRL_LIT("\x30\x0d\x30\x0b\x06\x09" MRL_OID_AES256_CBC);
    MRL_AUTO(mrl_csr) shared = NULL;
    MRL_AUTO(mrl_csr) asymmetric = NULL;
    MRL_AUTO(mrl_csr) capable = NULL;

    (void)state;
    assert_ok(read_attribute(1, MRL_LIT(MRL_OID_DECRYPT_KEY_ID), MRL_LIT("\x04\x01k"), &shared));
    assert_true(mrl_csr_facts(shared)->shared_key_asked);
    assert_ok(read_attribute(1, MRL_LIT(MRL_OID_ASYMM_DECRYPT_KEY_ID), MRL_LIT("\x04\x02id"),
                             &asymmetric));
    assert_bytes_equal(mrl_csr_facts(asymmetric)->recipient, MRL_LIT("id"));
    assert_false(mrl_csr_facts(asymmetric)->shared_key_asked);
    assert_ok(read_attribute(1, MRL_LIT(MRL_OID_SMIME_CAPABILITIES), capabilities, &capable));
    assert_bytes_equal(mrl_csr_facts(capable)->capabilities, capabilities);
}

static void a_key_identifier_has_64_bytes_and_not_65(void **state)
{
    for (size_t len = 0; len <= MRL_KEY_ID_MAX + 1; len++) {
        static const uint8_t bytes[MRL_KEY_ID_MAX + 1];
        MRL_SCOPED(mrl_buf) value = {0};
        struct mrl_der d = mrl_der_on(&value);
        MRL_AUTO(mrl_csr) csr = NULL;

        (void)state;
        mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(bytes, len));
        assert_ok(mrl_der_finish(&d));
        assert_int_equal(
            read_attribute(1, MRL_LIT(MRL_OID_ASYMM_DECRYPT_KEY_ID), mrl_buf_bytes(&value), &csr),
            len >= 1 && len <= MRL_KEY_ID_MAX ? MRL_OK : MRL_ERR_MALFORMED);
    }
}

static void there_are_32_capabilities_and_not_33(void **state)
{
    (void)state;
    for (size_t count = MRL_CAPABILITIES_MAX; count <= MRL_CAPABILITIES_MAX + 1; count++) {
        MRL_SCOPED(mrl_buf) value = {0};
        struct mrl_der d = mrl_der_on(&value);
        MRL_AUTO(mrl_csr) csr = NULL;

        mrl_der_begin(&d, MRL_DER_SEQUENCE);
        for (size_t i = 0; i < count; i++)
            mrl_der_raw(&d, MRL_LIT("\x30\x05\x06\x03\x2a\x03\x04"));
        mrl_der_end(&d);
        assert_ok(mrl_der_finish(&d));
        assert_int_equal(
            read_attribute(1, MRL_LIT(MRL_OID_SMIME_CAPABILITIES), mrl_buf_bytes(&value), &csr),
            count <= MRL_CAPABILITIES_MAX ? MRL_OK : MRL_ERR_MALFORMED);
    }
}

static void a_challenge_has_up_to_255_bytes(void **state)
{
    MRL_SCOPED(mrl_buf) value = {0};
    MRL_SCOPED(mrl_buf) longer = {0};
    MRL_AUTO(mrl_csr) csr = NULL;
    struct mrl_der v = mrl_der_on(&value), l = mrl_der_on(&longer);
    static const uint8_t text[MRL_CHALLENGE_PASSWORD_MAX + 1];
    struct mrl_csr *none = NULL;

    (void)state;
    mrl_der_put(&v, MRL_DER_UTF8, mrl_bytes_of(text, MRL_CHALLENGE_PASSWORD_MAX));
    mrl_der_put(&l, MRL_DER_UTF8, mrl_bytes_of(text, sizeof(text)));
    assert_ok(read_attribute(1, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD), mrl_buf_bytes(&value), &csr));
    assert_int_equal(
        read_attribute(1, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD), mrl_buf_bytes(&longer), &none),
        MRL_ERR_MALFORMED);
}

static void an_unacceptable_wish_is_not_written(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) out = {0};
    const mrl_bytes bad_uri = MRL_LIT("no scheme");
    const struct mrl_csr_request bad[] = {{MRL_BYTES_NONE, {0}, {0}},
                                          {MRL_LIT("a\0b"), {0}, {0}},
                                          {MRL_LIT("a"), {&bad_uri, 1}, {0}},
                                          {MRL_LIT("a"), {0}, MRL_LIT("\xff")}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_csr_write(&bad[i], k, &out), MRL_ERR_INVALID);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_agent_writes_is_read_and_checked),
        cmocka_unit_test(an_est_body_is_base64_pem_or_der),
        cmocka_unit_test(bytes_after_the_end_and_cut_requests_are_refused),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(every_changed_bit_is_refused),
        cmocka_unit_test(requests_of_other_makers_are_judged_by_their_key),
        cmocka_unit_test(the_key_of_somebody_else_cannot_be_claimed),
        cmocka_unit_test(change_subject_name_is_seen_with_both_its_parts),
        cmocka_unit_test(attributes_come_once_with_one_value_and_are_limited),
        cmocka_unit_test(wishes_for_a_key_made_elsewhere_are_read),
        cmocka_unit_test(a_key_identifier_has_64_bytes_and_not_65),
        cmocka_unit_test(there_are_32_capabilities_and_not_33),
        cmocka_unit_test(a_challenge_has_up_to_255_bytes),
        cmocka_unit_test(an_unacceptable_wish_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
