/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include "base/hex.h"
#include "tests/unit/crypto/fixtures.h"

static const uint8_t nonce[MRL_AEAD_NONCE] = {1, 2, 3};

/* Test case 16 of the GCM specification (McGrew and Viega). */
static void seals_as_the_gcm_specification(void **state)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(32);
    uint8_t iv[12], aad[20], plain[60], expected[76];
    MRL_SCOPED(mrl_buf) sealed = {0};

    (void)state;
    assert_ok(mrl_unhex(MRL_LIT("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
                        mrl_secret_data(key), 32));
    assert_ok(mrl_unhex(MRL_LIT("cafebabefacedbaddecaf888"), iv, 12));
    assert_ok(mrl_unhex(MRL_LIT("feedfacedeadbeeffeedfacedeadbeefabaddad2"), aad, 20));
    assert_ok(
        mrl_unhex(MRL_LIT("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3"
                          "c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
                  plain, 60));
    assert_ok(
        mrl_unhex(MRL_LIT("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb"
                          "08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e17"
                          "68cddf8853bb2d551b"),
                  expected, 76));
    assert_ok(mrl_aead_seal(key, iv, mrl_bytes_of(aad, 20), mrl_bytes_of(plain, 60), &sealed));
    assert_bytes_equal(mrl_buf_bytes(&sealed), mrl_bytes_of(expected, 76));
}

static void any_changed_bit_is_refused_and_nothing_is_left(void **state)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"));
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) changed = {0};

    (void)state;
    assert_ok(mrl_aead_seal(key, nonce, MRL_LIT("aad"), MRL_LIT("secret text"), &sealed));
    for (size_t i = 0; i < sealed.len; i++) {
        MRL_SCOPED(mrl_buf) plain = {0};
        struct mrl_secret *out = NULL;

        flipped(mrl_buf_bytes(&sealed), i, &changed);
        assert_int_equal(mrl_aead_open(key, nonce, MRL_LIT("aad"), mrl_buf_bytes(&changed), &plain),
                         MRL_ERR_CRYPTO);
        assert_int_equal(plain.len, 0);
        for (size_t b = 0; b < 11; b++)
            assert_int_equal(plain.data[b], 0); /* the memory decrypted into is wiped */
        assert_int_equal(
            mrl_aead_open_secret(key, nonce, MRL_LIT("aad"), mrl_buf_bytes(&changed), &out),
            MRL_ERR_CRYPTO);
        assert_null(out);
    }
}

static void other_aad_nonce_or_key_does_not_open(void **state)
{
    static const uint8_t other_nonce[MRL_AEAD_NONCE] = {1, 2, 4};
    MRL_AUTO(mrl_secret) key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"));
    MRL_AUTO(mrl_secret) other = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdeF"));
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    mrl_bytes s;

    (void)state;
    assert_ok(mrl_aead_seal(key, nonce, MRL_LIT("aad"), MRL_BYTES_NONE, &sealed));
    s = mrl_buf_bytes(&sealed);
    assert_int_equal(s.len, MRL_AEAD_TAG);
    assert_int_equal(mrl_aead_open(key, nonce, MRL_LIT("aae"), s, &plain), MRL_ERR_CRYPTO);
    assert_int_equal(mrl_aead_open(key, nonce, MRL_BYTES_NONE, s, &plain), MRL_ERR_CRYPTO);
    assert_int_equal(mrl_aead_open(key, other_nonce, MRL_LIT("aad"), s, &plain), MRL_ERR_CRYPTO);
    assert_int_equal(mrl_aead_open(other, nonce, MRL_LIT("aad"), s, &plain), MRL_ERR_CRYPTO);
    assert_int_equal(mrl_aead_open(key, nonce, MRL_LIT("aad"), mrl_bytes_sub(s, 0, 15), &plain),
                     MRL_ERR_MALFORMED);
    assert_ok(mrl_aead_open(key, nonce, MRL_LIT("aad"), s, &plain));
    assert_int_equal(plain.len, 0);
}

static void keys_of_another_size_are_refused(void **state)
{
    MRL_AUTO(mrl_secret) shorter = mrl_secret_new(31);
    MRL_AUTO(mrl_secret) longer = mrl_secret_new(33);
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_int_equal(mrl_aead_seal(shorter, nonce, MRL_BYTES_NONE, MRL_LIT("x"), &out),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_aead_seal(longer, nonce, MRL_BYTES_NONE, MRL_LIT("x"), &out),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_aead_seal(NULL, nonce, MRL_BYTES_NONE, MRL_LIT("x"), &out),
                     MRL_ERR_INVALID);
    assert_int_equal(out.len, 0);
}

static void a_kept_key_does_the_same(void **state)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"));
    MRL_AUTO(mrl_secret) shorter = mrl_secret_new(31);
    MRL_AUTO(mrl_aead) kept = NULL;
    static const mrl_bytes texts[] = {MRL_LIT_INIT("one"), MRL_LIT_INIT(""), MRL_LIT_INIT("three")};

    (void)state;
    assert_int_equal(mrl_aead_new(shorter, &kept), MRL_ERR_INVALID);
    assert_ok(mrl_aead_new(key, &kept));
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        const uint8_t iv[MRL_AEAD_NONCE] = {(uint8_t)i};
        MRL_SCOPED(mrl_buf) once = {0};
        MRL_SCOPED(mrl_buf) again = {0};
        MRL_SCOPED(mrl_buf) plain = {0};
        MRL_AUTO(mrl_secret) secret = NULL;

        assert_ok(mrl_aead_seal(key, iv, MRL_LIT("aad"), texts[i], &once));
        assert_ok(mrl_aead_seal_with(kept, iv, MRL_LIT("aad"), texts[i], &again));
        assert_bytes_equal(mrl_buf_bytes(&once), mrl_buf_bytes(&again));
        assert_ok(mrl_aead_open_with(kept, iv, MRL_LIT("aad"), mrl_buf_bytes(&once), &plain));
        assert_bytes_equal(mrl_buf_bytes(&plain), texts[i]);
        assert_ok(
            mrl_aead_open_secret_with(kept, iv, MRL_LIT("aad"), mrl_buf_bytes(&once), &secret));
        assert_bytes_equal(mrl_secret_bytes(secret), texts[i]);
    }
}

/* A context that refused something works for the next one. */
static void a_kept_key_refuses_and_goes_on(void **state)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"));
    MRL_AUTO(mrl_aead) kept = NULL;
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) changed = {0};
    MRL_SCOPED(mrl_buf) plain = {0};

    (void)state;
    assert_ok(mrl_aead_new(key, &kept));
    assert_ok(mrl_aead_seal_with(kept, nonce, MRL_LIT("aad"), MRL_LIT("text"), &sealed));
    for (size_t i = 0; i < sealed.len; i++) {
        flipped(mrl_buf_bytes(&sealed), i, &changed);
        assert_int_equal(
            mrl_aead_open_with(kept, nonce, MRL_LIT("aad"), mrl_buf_bytes(&changed), &plain),
            MRL_ERR_CRYPTO);
        assert_int_equal(plain.len, 0);
        assert_ok(mrl_aead_open_with(kept, nonce, MRL_LIT("aad"), mrl_buf_bytes(&sealed), &plain));
        assert_bytes_equal(mrl_buf_bytes(&plain), MRL_LIT("text"));
        mrl_buf_clear(&plain);
    }
    assert_int_equal(mrl_aead_open_with(kept, nonce, MRL_LIT("aad"),
                                        mrl_bytes_sub(mrl_buf_bytes(&sealed), 0, 15), &plain),
                     MRL_ERR_MALFORMED);
}

static void an_envelope_opens_only_unchanged(void **state)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"));
    MRL_AUTO(mrl_secret) plain = NULL;
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) again = {0};
    MRL_SCOPED(mrl_buf) changed = {0};

    (void)state;
    assert_ok(mrl_envelope_seal(key, MRL_LIT("keystore"), MRL_LIT("root key"), &sealed));
    assert_ok(mrl_envelope_seal(key, MRL_LIT("keystore"), MRL_LIT("root key"), &again));
    assert_int_equal(sealed.len, 8 + MRL_ENVELOPE_OVERHEAD);
    assert_false(mrl_bytes_eq(mrl_buf_bytes(&sealed), mrl_buf_bytes(&again))); /* random nonce */
    assert_ok(mrl_envelope_open(key, MRL_LIT("keystore"), mrl_buf_bytes(&sealed), &plain));
    assert_bytes_equal(mrl_secret_bytes(plain), MRL_LIT("root key"));
    for (size_t i = 0; i < sealed.len; i++) {
        struct mrl_secret *none = NULL;
        mrl_err err;

        flipped(mrl_buf_bytes(&sealed), i, &changed);
        err = mrl_envelope_open(key, MRL_LIT("keystore"), mrl_buf_bytes(&changed), &none);
        assert_int_equal(err, i == 0 ? MRL_ERR_MALFORMED : MRL_ERR_CRYPTO);
        err = mrl_envelope_open(key, MRL_LIT("keystore"),
                                mrl_bytes_sub(mrl_buf_bytes(&sealed), 0, i), &none);
        assert_int_equal(err, i < MRL_ENVELOPE_OVERHEAD ? MRL_ERR_MALFORMED : MRL_ERR_CRYPTO);
        assert_null(none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_as_the_gcm_specification),
        cmocka_unit_test(any_changed_bit_is_refused_and_nothing_is_left),
        cmocka_unit_test(other_aad_nonce_or_key_does_not_open),
        cmocka_unit_test(keys_of_another_size_are_refused),
        cmocka_unit_test(a_kept_key_does_the_same),
        cmocka_unit_test(a_kept_key_refuses_and_goes_on),
        cmocka_unit_test(an_envelope_opens_only_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
