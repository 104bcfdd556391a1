/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/weak_key.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "tests/unit/crypto/fixtures.h"

/* An RSA SubjectPublicKeyInfo with this modulus. */
static void spki_of_modulus(const BIGNUM *n, struct mrl_buf *spki)
{
    uint8_t bytes[MRL_RSA_MOST_BITS / 8];
    int len = BN_bn2bin(n, bytes);
    struct mrl_der d = mrl_der_on(spki);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, MRL_LIT("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"));
    mrl_der_begin(&d, MRL_DER_BIT_STRING);
    mrl_der_raw(&d, MRL_LIT("\0"));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, mrl_bytes_of(bytes, (size_t)len));
    mrl_der_unsigned(&d, MRL_LIT("\x01\x00\x01"));
    mrl_der_end(&d);
    mrl_der_end(&d);
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
}

/* Takes n. */
static enum mrl_key_weakness judge_modulus(BIGNUM *n)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_AUTO(mrl_key) key = NULL;

    spki_of_modulus(n, &spki);
    BN_free(n);
    assert_ok(mrl_key_from_spki(mrl_buf_bytes(&spki), &key, NULL));
    return mrl_key_weakness(mrl_buf_bytes(&spki));
}

static BIGNUM *new_number(void)
{
    BIGNUM *n = BN_new();

    assert_non_null(n);
    return n;
}

static BIGNUM *product(const BIGNUM *a, const BIGNUM *b)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = new_number();

    assert_int_equal(BN_mul(n, a, b, ctx), 1);
    BN_CTX_free(ctx);
    return n;
}

static BIGNUM *random_prime(int bits)
{
    BIGNUM *p = new_number();

    assert_int_equal(BN_generate_prime_ex(p, bits, /*safe=*/0, NULL, NULL, NULL), 1);
    return p;
}

/* The first prime that is at least `gap` above p. */
static BIGNUM *prime_after(const BIGNUM *p, BN_ULONG gap)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *q = BN_dup(p);

    assert_int_equal(BN_add_word(q, gap & ~(BN_ULONG)1), 1);
    do
        assert_int_equal(BN_add_word(q, 2), 1);
    while (BN_check_prime(q, ctx, NULL) != 1);
    BN_CTX_free(ctx);
    return q;
}

static void sound_keys_of_every_type_pass(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};
    BIGNUM *p = random_prime(1024), *q = random_prime(1024);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) k = make_key(types[i]);
        MRL_SCOPED(mrl_buf) spki = {0};

        assert_ok(mrl_key_to_spki(k, &spki));
        assert_int_equal(mrl_key_weakness(mrl_buf_bytes(&spki)), MRL_KEY_SOUND);
    }
    assert_int_equal(judge_modulus(product(p, q)), MRL_KEY_SOUND);
    BN_free(p);
    BN_free(q);
    assert_int_equal(ERR_peek_error(), 0);
}

/* A modulus of 2048 bits or little more with this factor. */
static enum mrl_key_weakness judge_factor(BN_ULONG factor)
{
    BIGNUM *p = random_prime(1024), *q = random_prime(1024), *n = product(p, q);

    BN_free(p);
    BN_free(q);
    assert_int_equal(BN_mul_word(n, factor), 1);
    return judge_modulus(n);
}

static void a_small_factor_is_found_up_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(judge_factor(3), MRL_KEY_SMALL_FACTOR);
    assert_int_equal(judge_factor(349), MRL_KEY_SMALL_FACTOR);
    assert_int_equal(judge_factor(701), MRL_KEY_SMALL_FACTOR);
    assert_int_equal(judge_factor(709), MRL_KEY_SOUND); /* the next prime */
}

static void a_prime_is_no_modulus(void **state)
{
    (void)state;
    assert_int_equal(judge_modulus(random_prime(2048)), MRL_KEY_PRIME_MODULUS);
}

static enum mrl_key_weakness judge_gap(BN_ULONG gap)
{
    BIGNUM *p = random_prime(1024), *q = prime_after(p, gap), *n = product(p, q);

    BN_free(p);
    BN_free(q);
    return judge_modulus(n);
}

static void primes_next_to_each_other_and_squares_are_found(void **state)
{
    BIGNUM *p = random_prime(1024);

    (void)state;
    assert_int_equal(judge_gap(0), MRL_KEY_CLOSE_PRIMES);
    assert_int_equal(judge_gap((BN_ULONG)1 << 40), MRL_KEY_CLOSE_PRIMES);
    assert_int_equal(judge_modulus(product(p, p)), MRL_KEY_CLOSE_PRIMES);
    BN_free(p);
}

/* The largest number whose square is at most n. */
static BIGNUM *root_of_number(const BIGNUM *n, BN_CTX *ctx)
{
    BIGNUM *root = new_number(), *next = new_number();

    assert_int_equal(BN_set_bit(next, (BN_num_bits(n) + 1) / 2), 1);
    do {
        assert_non_null(BN_copy(root, next));
        assert_int_equal(BN_div(next, NULL, n, root, ctx), 1);
        assert_int_equal(BN_add(next, next, root), 1);
        assert_int_equal(BN_rshift1(next, next), 1);
    } while (BN_cmp(next, root) < 0);
    BN_free(next);
    return root;
}

/* n = a^2 - b^2 where the root of n is `rounds` below a: b^2 is just below 2 a rounds. Its factors
 * are a - b and a + b, of which Fermat's method does not mind whether they are primes. */
static BIGNUM *modulus_found_after(BN_ULONG rounds)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *a = random_prime(1024), *twice = BN_dup(a), *b, *p = new_number(), *q = new_number(),
           *n;

    assert_int_equal(BN_mul_word(twice, 2 * rounds), 1);
    b = root_of_number(twice, ctx);
    if (BN_is_odd(b))
        assert_int_equal(BN_sub_word(b, 1), 1);
    assert_int_equal(BN_sub(p, a, b) == 1 && BN_add(q, a, b) == 1, 1);
    n = product(p, q);
    BN_free(a);
    BN_free(twice);
    BN_free(b);
    BN_free(p);
    BN_free(q);
    BN_CTX_free(ctx);
    return n;
}

static enum mrl_key_weakness judge_rounds(BN_ULONG rounds)
{
    enum mrl_key_weakness found;

    do
        found = judge_modulus(modulus_found_after(rounds));
    while (found == MRL_KEY_SMALL_FACTOR);
    return found;
}

static void fermat_stops_at_its_limit(void **state)
{
    (void)state;
    assert_int_equal(judge_rounds(MRL_FERMAT_ROUNDS), MRL_KEY_CLOSE_PRIMES);
    assert_int_equal(judge_rounds(MRL_FERMAT_ROUNDS + 1), MRL_KEY_SOUND);
}

static bool is_prime_word(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return true;
}

/* As the generator of CVE-2017-15361 makes them: k * M + (65537^a mod M), where M is the product of
 * the first 126 primes. */
static BIGNUM *infineon_prime(void)
{
    BIGNUM *m = new_number(), *p = new_number(), *e = new_number(), *k = new_number();
    BN_CTX *ctx = BN_CTX_new();

    assert_int_equal(BN_one(m), 1);
    for (unsigned n = 2; n <= 701; n++)
        if (is_prime_word(n))
            assert_int_equal(BN_mul_word(m, n), 1);
    do {
        assert_int_equal(BN_rand(k, 60, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY), 1);
        assert_int_equal(BN_rand(p, 62, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), 1);
        assert_int_equal(BN_set_word(e, 65537), 1);
        assert_int_equal(BN_mod_exp(p, e, p, m, ctx), 1);
        assert_int_equal(BN_mul(k, k, m, ctx), 1);
        assert_int_equal(BN_add(p, p, k), 1);
    } while (BN_check_prime(p, ctx, NULL) != 1);
    BN_free(m);
    BN_free(e);
    BN_free(k);
    BN_CTX_free(ctx);
    return p;
}

static void keys_of_the_broken_generator_are_found(void **state)
{
    BIGNUM *p = infineon_prime(), *q = infineon_prime(), *other = random_prime(1024);

    (void)state;
    assert_int_equal(judge_modulus(product(p, q)), MRL_KEY_ROCA);
    assert_int_equal(judge_modulus(product(p, other)), MRL_KEY_SOUND);
    BN_free(p);
    BN_free(q);
    BN_free(other);
}

static enum mrl_key_weakness judge_ed25519(const char *y, uint8_t sign)
{
    uint8_t spki[44] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

    memcpy(spki + 12, y, 32);
    spki[43] |= sign;
    return mrl_key_weakness(mrl_bytes_of(spki, sizeof(spki)));
}

#define ZEROS_30 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define FFS_30                                                     \
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" \
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

static void points_of_small_order_are_found_with_either_sign(void **state)
{
    static const char *const ys[] = {
        "\x00" ZEROS_30 "\x00",
        "\x01" ZEROS_30 "\x00",
        "\xec" FFS_30 "\x7f",
        "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
        "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
        "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
        "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(ys); i++) {
        assert_int_equal(judge_ed25519(ys[i], 0), MRL_KEY_SMALL_ORDER);
        assert_int_equal(judge_ed25519(ys[i], 0x80), MRL_KEY_SMALL_ORDER);
    }
}

/* RFC 8032 5.1.3: y of 2^255-19 or more does not decode. */
static void a_second_spelling_is_refused_from_the_prime_on(void **state)
{
    (void)state;
    assert_int_equal(judge_ed25519("\xeb" FFS_30 "\x7f", 0), MRL_KEY_SOUND);
    assert_int_equal(judge_ed25519("\xed" FFS_30 "\x7f", 0), MRL_KEY_NOT_CANONICAL);
    assert_int_equal(judge_ed25519("\xee" FFS_30 "\x7f", 0x80), MRL_KEY_NOT_CANONICAL);
    assert_int_equal(judge_ed25519("\xff" FFS_30 "\x7f", 0), MRL_KEY_NOT_CANONICAL);
}

/* Without the look at the point this request would be good: with the neutral element as key, R the
 * neutral element and S = 0 verify for whatever was signed. */
static void a_request_nobody_signed_verifies_under_the_neutral_element(void **state)
{
    static const uint8_t spki[44] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\x01";
    static const uint8_t signature[64] = {1};
    MRL_AUTO(mrl_key) key = NULL;

    (void)state;
    assert_ok(mrl_key_from_spki(mrl_bytes_of(spki, sizeof(spki)), &key, NULL));
    assert_ok(mrl_key_verify(key, MRL_SIGN_ED25519, MRL_LIT("anything"),
                             mrl_bytes_of(signature, sizeof(signature))));
    assert_int_equal(mrl_key_weakness(mrl_bytes_of(spki, sizeof(spki))), MRL_KEY_SMALL_ORDER);
}

/* The public key to a private number. */
static enum mrl_key_weakness judge_number(int nid, mrl_bytes head, const BIGNUM *d)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
    EC_POINT *point = EC_POINT_new(group);
    MRL_SCOPED(mrl_buf) spki = {0};
    uint8_t bytes[97];
    size_t len;

    assert_int_equal(EC_POINT_mul(group, point, d, NULL, NULL, NULL), 1);
    len =
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof(bytes), NULL);
    assert_ok(mrl_buf_append(&spki, head));
    assert_ok(mrl_buf_append(&spki, mrl_bytes_of(bytes, len)));
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return mrl_key_weakness(mrl_buf_bytes(&spki));
}

static enum mrl_key_weakness judge_scalar(int nid, mrl_bytes head, BN_ULONG number)
{
    BIGNUM *d = new_number();
    enum mrl_key_weakness w;

    assert_int_equal(BN_set_word(d, number), 1);
    w = judge_number(nid, head, d);
    BN_free(d);
    return w;
}

static enum mrl_key_weakness judge_octets(int nid, mrl_bytes head, const uint8_t *octets,
                                          size_t len)
{
    BIGNUM *d = BN_bin2bn(octets, (int)len, NULL);
    enum mrl_key_weakness w = judge_number(nid, head, d);

    BN_free(d);
    return w;
}

static enum mrl_key_weakness judge_seed(const uint8_t seed[static 32])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    uint8_t spki[44], *to = spki;

    assert_int_equal(i2d_PUBKEY(key, &to), sizeof(spki));
    EVP_PKEY_free(key);
    return mrl_key_weakness(mrl_bytes_of(spki, sizeof(spki)));
}

static enum mrl_key_weakness judge_pem(const char *pem)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};

    assert_ok(mrl_key_from_pem(mrl_str(pem), MRL_BYTES_NONE, &key));
    assert_ok(mrl_key_to_spki(key, &spki));
    return mrl_key_weakness(mrl_buf_bytes(&spki));
}

/* What stands before the point. */
static const mrl_bytes p256 = MRL_LIT_INIT("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                                           "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00");
static const mrl_bytes p384 = MRL_LIT_INIT("\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                                           "\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00");

enum { PATTERNS = 256 + 4, LONGEST = 48 };

/* One byte repeated, or counting up from 0 or 1, down to 0, down from 255. */
static void write_pattern(unsigned pattern, uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(pattern < 256    ? pattern
                          : pattern == 256 ? i
                          : pattern == 257 ? i + 1
                          : pattern == 258 ? len - 1 - i
                                           : 255 - i);
}

static void keys_of_a_dead_random_source_are_known(void **state)
{
    (void)state;
    for (unsigned pattern = 0; pattern < PATTERNS; pattern++) {
        uint8_t octets[LONGEST];

        write_pattern(pattern, octets, sizeof(octets));
        if (pattern > 0) /* 0 is no private number */
            assert_int_equal(judge_octets(NID_secp384r1, p384, octets, 48), MRL_KEY_DEAD_RANDOM);
        write_pattern(pattern, octets, 32);
        if (pattern > 0)
            assert_int_equal(judge_octets(NID_X9_62_prime256v1, p256, octets, 32),
                             MRL_KEY_DEAD_RANDOM);
        assert_int_equal(judge_seed(octets), MRL_KEY_DEAD_RANDOM);
        octets[31] ^= 0x80; /* one bit more of randomness is not enough, and not known here */
        assert_int_equal(judge_seed(octets), MRL_KEY_SOUND);
    }
}

static void published_keys_are_known(void **state)
{
    (void)state;
    assert_int_equal(judge_scalar(NID_X9_62_prime256v1, p256, 1), MRL_KEY_PUBLISHED);
    assert_int_equal(judge_scalar(NID_X9_62_prime256v1, p256, 8), MRL_KEY_PUBLISHED);
    assert_int_equal(judge_scalar(NID_X9_62_prime256v1, p256, 9), MRL_KEY_SOUND);
    assert_int_equal(judge_scalar(NID_secp384r1, p384, 8), MRL_KEY_PUBLISHED);
    assert_int_equal(judge_scalar(NID_secp384r1, p384, 9), MRL_KEY_SOUND);
    /* RFC 9500 2.3, testECCP256 */
    assert_int_equal(judge_pem("-----BEGIN EC PRIVATE KEY-----\n"
                               "MHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49\n"
                               "AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV\n"
                               "uKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==\n"
                               "-----END EC PRIVATE KEY-----\n"),
                     MRL_KEY_PUBLISHED);
    /* RFC 8410 10.3 */
    assert_int_equal(judge_pem("-----BEGIN PRIVATE KEY-----\n"
                               "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                               "-----END PRIVATE KEY-----\n"),
                     MRL_KEY_PUBLISHED);
}

static void what_is_no_key_is_not_judged(void **state)
{
    (void)state;
    assert_int_equal(mrl_key_weakness(MRL_BYTES_NONE), MRL_KEY_SOUND);
    assert_int_equal(mrl_key_weakness(MRL_LIT("\x30\x00")), MRL_KEY_SOUND);
    assert_string_equal(mrl_key_weakness_name(MRL_KEY_ROCA), "roca");
    assert_string_equal(mrl_key_weakness_name(MRL_KEY_WEAKNESS_COUNT_), "sound");
    for (int w = MRL_KEY_SOUND; w < MRL_KEY_WEAKNESS_COUNT_; w++) {
        assert_non_null(mrl_key_weakness_name((enum mrl_key_weakness)w));
        assert_non_null(mrl_key_weakness_text((enum mrl_key_weakness)w));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_keys_of_every_type_pass),
        cmocka_unit_test(a_small_factor_is_found_up_to_its_limit),
        cmocka_unit_test(a_prime_is_no_modulus),
        cmocka_unit_test(primes_next_to_each_other_and_squares_are_found),
        cmocka_unit_test(fermat_stops_at_its_limit),
        cmocka_unit_test(keys_of_the_broken_generator_are_found),
        cmocka_unit_test(points_of_small_order_are_found_with_either_sign),
        cmocka_unit_test(a_second_spelling_is_refused_from_the_prime_on),
        cmocka_unit_test(a_request_nobody_signed_verifies_under_the_neutral_element),
        cmocka_unit_test(published_keys_are_known),
        cmocka_unit_test(keys_of_a_dead_random_source_are_known),
        cmocka_unit_test(what_is_no_key_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
