/* SPDX-License-Identifier: Apache-2.0 */
/* One request in all its spellings: which are good, and that those have one name. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "crypto/algorithm.h"
#include "crypto/oid.h"
#include "tests/unit/crypto/fixtures.h"

/* A request taken apart: views of it. */
struct parts {
    mrl_bytes info, algorithm, signature;
};

static struct parts take_apart(const struct mrl_buf *csr)
{
    struct mrl_reader r = {mrl_buf_bytes(csr), 0}, inside;
    struct parts p;

    assert_ok(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    assert_ok(mrl_der_read_any(&inside, NULL, NULL, &p.info));
    assert_ok(mrl_der_read_any(&inside, NULL, NULL, &p.algorithm));
    assert_ok(mrl_der_read_bits(&inside, &p.signature));
    return p;
}

/* Is this request good? Then out is its name. */
static bool is_good(struct parts p, uint8_t out[static MRL_SHA256_SIZE])
{
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_der d = mrl_der_on(&der);
    enum mrl_csr_reason reason;

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, p.info);
    mrl_der_raw(&d, p.algorithm);
    mrl_der_bits(&d, p.signature);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    if (mrl_csr_from_der(mrl_buf_bytes(&der), &csr, &reason) != MRL_OK ||
        mrl_csr_check(csr, &key, &reason) != MRL_OK)
        return false;
    assert_ok(mrl_csr_digest(csr, out));
    return true;
}

static void assert_same_request(struct parts a, struct parts b, bool same)
{
    uint8_t name_a[MRL_SHA256_SIZE], name_b[MRL_SHA256_SIZE];

    assert_true(is_good(a, name_a));
    assert_true(is_good(b, name_b));
    assert_int_equal(memcmp(name_a, name_b, sizeof(name_a)) == 0, same);
}

static void assert_refused(struct parts p, mrl_bytes signature)
{
    uint8_t unused[MRL_SHA256_SIZE];

    p.signature = signature;
    assert_false(is_good(p, unused));
}

static void write_csr(const struct mrl_key *k, const char *name, struct mrl_buf *out)
{
    const struct mrl_csr_request request = {.cn = mrl_str(name)};

    mrl_buf_clear(out);
    assert_ok(mrl_csr_write(&request, k, out));
}

/* ---- ECDSA ---- */

struct ecdsa {
    mrl_bytes r, s; /* views of the signature */
};

static struct ecdsa ecdsa_of(mrl_bytes signature)
{
    struct mrl_reader r = {signature, 0}, inside;
    struct ecdsa e;

    assert_ok(mrl_der_enter(&r, MRL_DER_SEQUENCE, &inside));
    assert_ok(mrl_der_read_unsigned(&inside, &e.r));
    assert_ok(mrl_der_read_unsigned(&inside, &e.s));
    return e;
}

static BIGNUM *order_of(enum mrl_key_type type)
{
    EC_GROUP *group =
        EC_GROUP_new_by_curve_name(type == MRL_KEY_P256 ? NID_X9_62_prime256v1 : NID_secp384r1);
    BIGNUM *order = BN_dup(EC_GROUP_get0_order(group));

    assert_non_null(order);
    EC_GROUP_free(group);
    return order;
}

/* number + sign * magnitude, with size bytes; the number is freed. False: does not fit. */
static bool put_sum(BIGNUM *number, int sign, mrl_bytes magnitude, size_t size, struct mrl_buf *out)
{
    BIGNUM *other = BN_bin2bn(magnitude.data, (int)magnitude.len, NULL);
    uint8_t *to;
    bool fits;

    assert_int_equal((sign < 0 ? BN_sub : BN_add)(number, number, other), 1);
    assert_ok(mrl_buf_reserve(out, size, &to));
    fits = BN_bn2binpad(number, to, (int)size) >= 0;
    if (fits)
        mrl_buf_added(out, size);
    BN_free(number);
    BN_free(other);
    return fits;
}

static void put_ecdsa(struct mrl_buf *out, mrl_bytes r, mrl_bytes s)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, r);
    mrl_der_unsigned(&d, s);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
}

static void the_second_spelling_of_an_ecdsa_signature_is_the_same_request(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) k = make_key(types[i]);
        MRL_SCOPED(mrl_buf) csr = {0};
        MRL_SCOPED(mrl_buf) s = {0};
        MRL_SCOPED(mrl_buf) signature = {0};
        struct parts p, second;
        struct ecdsa e;

        write_csr(k, "pump-7", &csr);
        p = take_apart(&csr);
        e = ecdsa_of(p.signature);
        assert_true(put_sum(order_of(types[i]), -1, e.s, mrl_key_bits(k) / 8, &s));
        put_ecdsa(&signature, e.r, mrl_buf_bytes(&s));
        second = p;
        second.signature = mrl_buf_bytes(&signature);
        assert_false(mrl_bytes_eq(second.signature, p.signature));
        assert_same_request(p, second, /*same=*/true);
    }
}

static void numbers_of_an_ecdsa_signature_are_below_the_order(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) larger_r = {0};
    MRL_SCOPED(mrl_buf) larger_s = {0};
    MRL_SCOPED(mrl_buf) with_r = {0};
    MRL_SCOPED(mrl_buf) with_s = {0};
    struct parts p;
    struct ecdsa e;

    (void)state;
    write_csr(k, "pump-7", &csr);
    p = take_apart(&csr);
    e = ecdsa_of(p.signature);
    assert_true(put_sum(order_of(MRL_KEY_P256), 1, e.r, 33, &larger_r));
    assert_true(put_sum(order_of(MRL_KEY_P256), 1, e.s, 33, &larger_s));
    put_ecdsa(&with_r, mrl_buf_bytes(&larger_r), e.s);
    put_ecdsa(&with_s, e.r, mrl_buf_bytes(&larger_s));
    assert_refused(p, mrl_buf_bytes(&with_r));
    assert_refused(p, mrl_buf_bytes(&with_s));
}

/* The same numbers in BER that is not DER: X.690 8.1.3.5, 8.3.2, 10.1. */
static void an_ecdsa_signature_is_der(void **state)
{
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_P256);
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) zero = {0};
    MRL_SCOPED(mrl_buf) more = {0};
    MRL_SCOPED(mrl_buf) after = {0};
    MRL_SCOPED(mrl_buf) length = {0};
    struct mrl_der z = mrl_der_on(&zero), m = mrl_der_on(&more);
    mrl_bytes content;
    struct parts p;
    struct ecdsa e;

    (void)state;
    write_csr(k, "pump-7", &csr);
    p = take_apart(&csr);
    e = ecdsa_of(p.signature);
    content = mrl_bytes_sub(p.signature, 2, p.signature.len);
    mrl_der_begin(&z, MRL_DER_SEQUENCE);
    mrl_der_begin(&z, MRL_DER_INTEGER);
    mrl_der_raw(&z, MRL_LIT("\0\0"));
    mrl_der_raw(&z, e.r);
    mrl_der_end(&z);
    mrl_der_unsigned(&z, e.s);
    mrl_der_end(&z);
    assert_ok(mrl_der_finish(&z));
    mrl_der_begin(&m, MRL_DER_SEQUENCE);
    mrl_der_raw(&m, content);
    mrl_der_small(&m, 1);
    mrl_der_end(&m);
    assert_ok(mrl_der_finish(&m));
    assert_ok(mrl_buf_append(&after, p.signature));
    assert_ok(mrl_buf_append(&after, MRL_LIT("\0")));
    assert_ok(mrl_buf_append(&length, MRL_LIT("\x30\x81")));
    assert_ok(mrl_buf_append(&length, mrl_bytes_sub(p.signature, 1, p.signature.len)));
    assert_refused(p, mrl_buf_bytes(&zero));
    assert_refused(p, mrl_buf_bytes(&more));
    assert_refused(p, mrl_buf_bytes(&after));
    assert_refused(p, mrl_buf_bytes(&length));
}

/* ---- another request ---- */

static void what_is_signed_anew_is_another_request_unless_it_comes_out_the_same(void **state)
{
    static const struct {
        enum mrl_key_type type;
        bool same;
    } cases[] = {{MRL_KEY_P256, false}, {MRL_KEY_P384, false}, {MRL_KEY_ED25519, true}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_AUTO(mrl_key) k = make_key(cases[i].type);
        MRL_SCOPED(mrl_buf) once = {0};
        MRL_SCOPED(mrl_buf) again = {0};
        MRL_SCOPED(mrl_buf) other = {0};

        write_csr(k, "pump-7", &once);
        write_csr(k, "pump-7", &again);
        write_csr(k, "pump-8", &other);
        assert_same_request(take_apart(&once), take_apart(&again), cases[i].same);
        assert_same_request(take_apart(&once), take_apart(&other), /*same=*/false);
    }
}

/* ---- Ed25519 ---- */

/* RFC 8032 5.1.7: S is below the order, 2^252 + 27742317777372353535851937790883648493. */
static void the_number_of_an_ed25519_signature_is_below_the_order(void **state)
{
    static const char order[] = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
    enum { HALF = 32 };
    MRL_AUTO(mrl_key) k = make_key(MRL_KEY_ED25519);
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) bad = {0};
    BIGNUM *number = NULL;
    struct parts p;
    BIGNUM *s;

    (void)state;
    write_csr(k, "pump-7", &csr);
    p = take_apart(&csr);
    assert_int_equal(p.signature.len, 2 * HALF);
    assert_int_equal(BN_hex2bn(&number, order), (int)strlen(order));
    s = BN_lebin2bn(&p.signature.data[HALF], HALF, NULL);
    assert_int_equal(BN_add(s, s, number), 1);
    assert_ok(mrl_buf_append(&bad, p.signature));
    assert_int_equal(BN_bn2lebinpad(s, &bad.data[HALF], HALF), HALF);
    assert_refused(p, mrl_buf_bytes(&bad));
    BN_free(number);
    BN_free(s);
}

/* ---- RSA ---- */

static struct mrl_key *rsa_key(void)
{
    EVP_PKEY *pkey = foreign_rsa(2048, 65537);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    struct mrl_key *k = NULL;
    uint8_t *der = NULL;
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

    assert_true(len > 0);
    assert_ok(mrl_key_from_pkcs8(mrl_bytes_of(der, (size_t)len), &k));
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(pkey);
    return k;
}

/* RFC 4055 5: implementations accept the parameters absent as well as present. */
static void the_identifier_of_an_rsa_algorithm_has_two_spellings_of_one_request(void **state)
{
    MRL_AUTO(mrl_key) k = rsa_key();
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) algorithm = {0};
    struct mrl_der d = mrl_der_on(&algorithm);
    struct parts p, second;

    (void)state;
    write_csr(k, "pump-7", &csr);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_RSA_SHA256));
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    p = second = take_apart(&csr);
    second.algorithm = mrl_buf_bytes(&algorithm);
    assert_false(mrl_bytes_eq(second.algorithm, p.algorithm));
    assert_same_request(p, second, /*same=*/true);
}

/* s + n is the same number to the modulus n; it has the right size for some signatures only, so
 * one of those is looked for. */
static void add_modulus(const struct mrl_key *k, struct mrl_buf *csr, struct mrl_buf *signature)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    mrl_bytes n;
    bool fits = false;

    assert_ok(mrl_key_to_spki(k, &spki));
    assert_ok(mrl_spki_modulus(mrl_buf_bytes(&spki), &n));
    for (unsigned i = 0; i < 1000 && !fits; i++) {
        char name[16];
        mrl_bytes s;

        assert_true(snprintf(name, sizeof(name), "pump-%u", i) > 0);
        write_csr(k, name, csr);
        s = take_apart(csr).signature;
        mrl_buf_clear(signature);
        fits = put_sum(BN_bin2bn(s.data, (int)s.len, NULL), 1, n, n.len, signature);
    }
    assert_true(fits);
}

/* RFC 8017 8.2.2: as long as the modulus, and below it. */
static void an_rsa_signature_has_one_spelling(void **state)
{
    MRL_AUTO(mrl_key) k = rsa_key();
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) larger = {0};
    MRL_SCOPED(mrl_buf) zero = {0};
    MRL_SCOPED(mrl_buf) after = {0};
    uint8_t name[MRL_SHA256_SIZE];
    struct parts p;

    (void)state;
    add_modulus(k, &csr, &larger);
    p = take_apart(&csr);
    assert_ok(mrl_buf_append(&zero, MRL_LIT("\0")));
    assert_ok(mrl_buf_append(&zero, p.signature));
    assert_ok(mrl_buf_append(&after, p.signature));
    assert_ok(mrl_buf_append(&after, MRL_LIT("\0")));
    assert_true(is_good(p, name));
    assert_refused(p, mrl_buf_bytes(&larger));
    assert_refused(p, mrl_buf_bytes(&zero));
    assert_refused(p, mrl_buf_bytes(&after));
}

/* RSA-PSS, whose signatures are never the same twice, is not among the algorithms. */
static void rsa_pss_is_no_algorithm_of_a_request(void **state)
{
    MRL_AUTO(mrl_key) k = rsa_key();
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) algorithm = {0};
    struct mrl_der d = mrl_der_on(&algorithm);
    struct parts p;

    (void)state;
    write_csr(k, "pump-7", &csr);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"));
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    p = take_apart(&csr);
    p.algorithm = mrl_buf_bytes(&algorithm);
    assert_refused(p, p.signature);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_spelling_of_an_ecdsa_signature_is_the_same_request),
        cmocka_unit_test(numbers_of_an_ecdsa_signature_are_below_the_order),
        cmocka_unit_test(an_ecdsa_signature_is_der),
        cmocka_unit_test(what_is_signed_anew_is_another_request_unless_it_comes_out_the_same),
        cmocka_unit_test(the_number_of_an_ed25519_signature_is_below_the_order),
        cmocka_unit_test(the_identifier_of_an_rsa_algorithm_has_two_spellings_of_one_request),
        cmocka_unit_test(an_rsa_signature_has_one_spelling),
        cmocka_unit_test(rsa_pss_is_no_algorithm_of_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
