/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sealing.h"

#include <string.h>
#include <unistd.h>

#include "keys/keystore_files.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

static const struct mrl_unlock by_file = {.kind = MRL_UNLOCK_FILE};
static const mrl_bytes context = MRL_LIT_INIT("seal_keys 1");
static const mrl_bytes data_key = MRL_LIT_INIT("a data key of 32 bytes for tests");

static mrl_err make(const char *folder, uint32_t *number, struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    MRL_TRY(mrl_folder_open(folder, &f, why));
    return mrl_sealing_make(&f, &by_file, number, why);
}

static mrl_err drop(const char *folder, uint32_t number, struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    MRL_TRY(mrl_folder_open(folder, &f, why));
    return mrl_sealing_drop(&f, &by_file, number, why);
}

static void wrap_in(const char *folder, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_keystore) k = {0};

    assert_ok(fixture_open(folder, &k, NULL));
    assert_ok(mrl_sealing_wrap(&k.sealing, context, data_key, out));
}

static mrl_err unwrap_in(const char *folder, mrl_bytes with, const struct mrl_buf *sealed)
{
    MRL_SCOPED(mrl_keystore) k = {0};
    MRL_AUTO(mrl_secret) key = NULL;

    assert_ok(fixture_open(folder, &k, NULL));
    MRL_TRY(mrl_sealing_unwrap(&k.sealing, with, mrl_buf_bytes(sealed), &key));
    assert_bytes_equal(mrl_secret_bytes(key), data_key);
    return MRL_OK;
}

static uint32_t wrapped_by(const struct mrl_buf *sealed)
{
    uint32_t number = 0;

    assert_ok(mrl_keys_wrapped_by(mrl_buf_bytes(sealed), &number));
    return number;
}

static void the_newest_wraps_and_all_unwrap_until_dropped(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_buf) first = {0};
    MRL_SCOPED(mrl_buf) second = {0};
    uint32_t number = 0;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    wrap_in(folder, &first);
    assert_int_equal(wrapped_by(&first), 1);
    assert_ok(make(folder, &number, NULL));
    assert_int_equal(number, 2);
    wrap_in(folder, &second);
    assert_int_equal(wrapped_by(&second), 2);
    assert_ok(unwrap_in(folder, context, &first));
    assert_ok(unwrap_in(folder, context, &second));
    assert_int_equal(unwrap_in(folder, MRL_LIT("seal_keys 2"), &second), MRL_ERR_CRYPTO);
    assert_ok(drop(folder, 1, NULL));
    assert_int_equal(unwrap_in(folder, context, &first), MRL_ERR_CRYPTO);
    assert_ok(unwrap_in(folder, context, &second));
    fixture_remove(folder);
}

static void a_wrapped_key_is_not_another_one_s(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_buf) sealed = {0};
    uint32_t number;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    wrap_in(folder, &sealed);
    assert_ok(make(folder, &number, NULL));
    sealed.data[3] = 2; /* says that the second one wrapped it */
    assert_int_equal(unwrap_in(folder, context, &sealed), MRL_ERR_CRYPTO);
    sealed.data[3] = 1;
    for (size_t len = 0; len < sealed.len; len++) {
        struct mrl_buf cut = {.data = sealed.data, .len = len};

        assert_int_equal(unwrap_in(folder, context, &cut), MRL_ERR_CRYPTO);
    }
    assert_ok(unwrap_in(folder, context, &sealed));
    fixture_remove(folder);
}

static void the_newest_and_what_is_not_there_are_not_dropped(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    struct mrl_why why = {0};

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_int_equal(drop(folder, 1, &why), MRL_ERR_STATE);
    assert_non_null(strstr(why.text, "newest"));
    assert_int_equal(drop(folder, 2, &why), MRL_ERR_NOT_FOUND);
    assert_int_equal(drop(folder, 0, &why), MRL_ERR_NOT_FOUND);
    fixture_remove(folder);
}

static void eight_at_a_time_and_no_more(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    struct mrl_why why = {0};
    uint32_t number = 0;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    for (uint32_t n = 2; n <= MRL_SEALING_KEYS_MAX; n++)
        assert_ok(make(folder, &number, NULL));
    assert_int_equal(number, MRL_SEALING_KEYS_MAX);
    assert_int_equal(make(folder, &number, &why), MRL_ERR_LIMIT);
    assert_ok(drop(folder, 3, NULL));
    assert_ok(make(folder, &number, NULL));
    assert_int_equal(number, MRL_SEALING_KEYS_MAX + 1); /* a number never comes back */
    fixture_remove(folder);
}

static void numbers_end_at_99(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    uint32_t number = 1;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    while (number < 99) {
        assert_ok(make(folder, &number, NULL));
        assert_ok(drop(folder, number - 1, NULL));
    }
    assert_int_equal(make(folder, &number, NULL), MRL_ERR_LIMIT);
    fixture_remove(folder);
}

static void a_damaged_or_missing_file_is_named(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_keystore) k = {0};
    uint8_t content[512];
    struct mrl_why why = {0};
    mrl_bytes was;
    uint32_t number;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_ok(make(folder, &number, NULL));
    was = fixture_read(folder, "sealing-2.key", content, sizeof(content));
    content[was.len - 1] ^= 1;
    fixture_write(folder, "sealing-2.key", was);
    assert_int_equal(fixture_open(folder, &k, &why), MRL_ERR_CRYPTO);
    assert_non_null(strstr(why.text, "sealing-2.key"));
    assert_int_equal(make(folder, &number, &why), MRL_ERR_CRYPTO);
    assert_int_equal(unlink(fixture_path(folder, "sealing-2.key")), 0);
    assert_int_equal(unlink(fixture_path(folder, MRL_KEYSTORE_SEALING)), 0);
    assert_int_equal(fixture_open(folder, &k, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, MRL_KEYSTORE_SEALING));
    fixture_remove(folder);
}

static void one_file_does_not_pass_for_another(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_keystore) k = {0};
    uint8_t content[512];
    struct mrl_why why = {0};
    uint32_t number;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_ok(make(folder, &number, NULL));
    fixture_write(folder, "sealing-2.key",
                  fixture_read(folder, MRL_KEYSTORE_SEALING, content, sizeof(content)));
    assert_int_equal(fixture_open(folder, &k, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "sealing-2.key"));
    fixture_remove(folder);
}

static void another_source_makes_nothing(void **state)
{
    const struct mrl_unlock other = {.kind = MRL_UNLOCK_PASSPHRASE};
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    uint32_t number;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_int_equal(mrl_sealing_make(&f, &other, &number, NULL), MRL_ERR_INVALID);
    assert_false(mrl_folder_has(&f, "sealing-2.key"));
    mrl_folder_done(&f);
    f.fd = -1;
    fixture_remove(folder);
}

static void what_is_no_wrapped_key_has_no_number(void **state)
{
    uint32_t number;

    (void)state;
    assert_int_equal(mrl_keys_wrapped_by(MRL_LIT("\0\0\1"), &number), MRL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_wraps_and_all_unwrap_until_dropped),
        cmocka_unit_test(a_wrapped_key_is_not_another_one_s),
        cmocka_unit_test(the_newest_and_what_is_not_there_are_not_dropped),
        cmocka_unit_test(eight_at_a_time_and_no_more),
        cmocka_unit_test(numbers_end_at_99),
        cmocka_unit_test(a_damaged_or_missing_file_is_named),
        cmocka_unit_test(one_file_does_not_pass_for_another),
        cmocka_unit_test(another_source_makes_nothing),
        cmocka_unit_test(what_is_no_wrapped_key_has_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
