/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/signing.h"

#include "tests/unit/crypto/fixtures.h"

static void pieces_sign_like_the_whole(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) key = make_key(types[i]);
        MRL_AUTO(mrl_signing) s = NULL;
        MRL_SCOPED(mrl_buf) signature = {0};

        assert_ok(mrl_signing_new(key, &s));
        assert_ok(mrl_signing_add(s, MRL_LIT("one, ")));
        assert_ok(mrl_signing_add(s, MRL_LIT("")));
        assert_ok(mrl_signing_add(s, MRL_LIT("two")));
        assert_ok(mrl_signing_end(s, &signature));
        assert_ok(mrl_key_verify(key, mrl_key_algorithm(key), MRL_LIT("one, two"),
                                 mrl_buf_bytes(&signature)));
        assert_int_equal(mrl_key_verify(key, mrl_key_algorithm(key), MRL_LIT("one, tw"),
                                        mrl_buf_bytes(&signature)),
                         MRL_ERR_CRYPTO);
    }
}

static void a_key_that_cannot_is_told_so(void **state)
{
    MRL_AUTO(mrl_key) ed25519 = make_key(MRL_KEY_ED25519);
    MRL_AUTO(mrl_key) whole = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_key) public = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_signing *s = NULL;

    (void)state;
    assert_int_equal(mrl_signing_new(ed25519, &s), MRL_ERR_UNSUPPORTED);
    assert_ok(mrl_key_to_spki(whole, &spki));
    assert_ok(mrl_key_from_spki(mrl_buf_bytes(&spki), &public, NULL));
    assert_int_equal(mrl_signing_new(public, &s), MRL_ERR_STATE);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_sign_like_the_whole),
        cmocka_unit_test(a_key_that_cannot_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
