/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/identity.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/witness/fixture.h"

static struct fixture_state state_;

static int set_up(void **state)
{
    (void)state;
    fixture_state_init(&state_);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_state_done(&state_);
    return 0;
}

static void a_key_is_made_once_and_stays_the_same(void **state)
{
    MRL_SCOPED(mrl_witness_identity) first = {0};
    MRL_SCOPED(mrl_witness_identity) second = {0};
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(mrl_witness_identity_load(&state_.folder, MRL_LIT("w"), &first, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_ok(mrl_witness_identity_create(&state_.folder, NULL));
    assert_ok(mrl_witness_identity_load(&state_.folder, MRL_LIT("w"), &first, NULL));
    assert_int_equal(mrl_witness_identity_create(&state_.folder, &why), MRL_ERR_EXISTS);
    assert_ok(mrl_witness_identity_load(&state_.folder, MRL_LIT("w"), &second, NULL));
    assert_int_equal(first.public.id, second.public.id);
    assert_int_equal(first.public.kind, MRL_NOTE_COSIGNATURE);
}

static void a_cosignature_is_one_of_the_public_key(void **state)
{
    MRL_SCOPED(mrl_witness_identity) i = {0};
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_note parsed;
    uint64_t time;

    (void)state;
    assert_ok(mrl_witness_identity_create(&state_.folder, NULL));
    assert_ok(mrl_witness_identity_load(&state_.folder, MRL_LIT("witness.example/w1"), &i, NULL));
    assert_ok(mrl_buf_append(&note, MRL_LIT("text\n\n")));
    assert_ok(mrl_witness_cosign(&i, MRL_LIT("text\n"), 1700000000, &note));
    assert_ok(mrl_note_read(mrl_buf_bytes(&note), &parsed, NULL));
    assert_ok(mrl_note_check(&parsed, &i.public, &time));
    assert_int_equal(time, 1700000000);
}

static void a_name_that_no_note_could_hold_is_invalid(void **state)
{
    static const char *const bad[] = {"", "a b", "a+b", "a\nb"};
    struct mrl_witness_identity i;

    (void)state;
    assert_ok(mrl_witness_identity_create(&state_.folder, NULL));
    for (size_t n = 0; n < MRL_COUNT(bad); n++)
        assert_int_equal(mrl_witness_identity_load(&state_.folder, mrl_str(bad[n]), &i, NULL),
                         MRL_ERR_INVALID);
}

static void a_file_that_holds_no_ed25519_key_is_corrupt(void **state)
{
    MRL_AUTO(mrl_key) other = NULL;
    MRL_AUTO(mrl_secret) pem = NULL;
    struct mrl_witness_identity i;
    struct mrl_why why = {0};

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &other, NULL));
    assert_ok(mrl_key_to_pem(other, MRL_BYTES_NONE, &pem));
    assert_ok(
        mrl_witness_folder_replace(&state_.folder, "witness.key", mrl_secret_bytes(pem), NULL));
    assert_int_equal(mrl_witness_identity_load(&state_.folder, MRL_LIT("w"), &i, &why),
                     MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "witness.key"));
    assert_ok(mrl_witness_folder_replace(&state_.folder, "witness.key", MRL_LIT("no key"), NULL));
    assert_int_equal(mrl_witness_identity_load(&state_.folder, MRL_LIT("w"), &i, NULL),
                     MRL_ERR_CORRUPT);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_key_is_made_once_and_stays_the_same),
        FRESH(a_cosignature_is_one_of_the_public_key),
        FRESH(a_name_that_no_note_could_hold_is_invalid),
        FRESH(a_file_that_holds_no_ed25519_key_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
