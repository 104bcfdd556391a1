/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/sealed.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

static const uint8_t salt[MRL_UNLOCK_SALT] = {7};

/* Writes text into a pipe and gathers it as a passphrase. */
static mrl_err gather(mrl_bytes text, struct mrl_unlock *out)
{
    struct mrl_unlock_source source = {.kind = MRL_UNLOCK_PASSPHRASE, .fd_given = true};
    int ends[2];
    mrl_err err;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text.data, text.len), text.len);
    assert_int_equal(close(ends[1]), 0);
    source.passphrase_fd = ends[0];
    err = mrl_unlock_gather(&source, out, NULL);
    assert_int_equal(close(ends[0]), 0);
    return err;
}

static void a_passphrase_has_twelve_characters_and_no_line_end(void **state)
{
    MRL_SCOPED(mrl_unlock) u = {0};
    MRL_SCOPED(mrl_unlock) short_one = {0};

    (void)state;
    assert_ok(gather(MRL_LIT("twelve chars\n"), &u));
    assert_int_equal(u.kind, MRL_UNLOCK_PASSPHRASE);
    assert_bytes_equal(mrl_secret_bytes(u.material), MRL_LIT("twelve chars"));
    assert_int_equal(gather(MRL_LIT("eleven char\n"), &short_one), MRL_ERR_INVALID);
}

static void a_passphrase_of_4096_bytes_is_the_longest(void **state)
{
    static uint8_t text[4097];
    MRL_SCOPED(mrl_unlock) u = {0};
    MRL_SCOPED(mrl_unlock) long_one = {0};

    (void)state;
    memset(text, 'p', sizeof(text));
    assert_ok(gather(mrl_bytes_of(text, 4096), &u));
    assert_int_equal(gather(mrl_bytes_of(text, 4097), &long_one), MRL_ERR_LIMIT);
}

static void the_wrong_passphrase_does_not_open(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_unlock) right = {0};
    MRL_SCOPED(mrl_unlock) wrong = {0};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    const struct mrl_keystore_plan plan = {MRL_KEY_P256, MRL_KEY_P256, MRL_LIT("acme"), 1800000000,
                                           /*root_offline=*/false};
    MRL_SCOPED(mrl_keystore) k = {0};
    struct mrl_why why = {0};

    (void)state;
    fixture_folder(folder);
    assert_ok(gather(MRL_LIT("correct horse battery"), &right));
    assert_ok(gather(MRL_LIT("correct horse batterz"), &wrong));
    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_ok(mrl_keystore_create(&f, &right, &plan, NULL));
    assert_false(mrl_folder_has(&f, MRL_UNLOCK_FILE_NAME));
    assert_int_equal(mrl_keystore_open(&f, &wrong, &k, &why), MRL_ERR_CRYPTO);
    assert_non_null(strstr(why.text, "passphrase is wrong"));
    assert_non_null(strstr(why.text, "/manifest"));
    assert_ok(mrl_keystore_open(&f, &right, &k, NULL));
    mrl_folder_done(&f);
    assert_int_equal(fixture_open(folder, &k, &why), MRL_ERR_INVALID); /* no source given */
    assert_non_null(strstr(why.text, "--passphrase-fd"));
    fixture_remove(folder);
}

static void a_credential_comes_from_its_folder_and_is_long_enough(void **state)
{
    const struct mrl_unlock_source source = {.kind = MRL_UNLOCK_CREDENTIAL, .credential = "keys"};
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_unlock) u = {0};
    struct mrl_why why = {0};

    (void)state;
    fixture_folder(folder);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the only thread */
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(mrl_unlock_gather(&source, &u, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "LoadCredentialEncrypted"));
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the only thread */
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    fixture_write(folder, "keys", MRL_LIT("0123456789abcdef0123456789abcde"));
    assert_int_equal(mrl_unlock_gather(&source, &u, &why), MRL_ERR_INVALID);
    fixture_write(folder, "keys", MRL_LIT("0123456789abcdef0123456789abcdef"));
    assert_ok(mrl_unlock_gather(&source, &u, &why));
    assert_int_equal(u.kind, MRL_UNLOCK_CREDENTIAL);
    mrl_unlock_done(&u);
    assert_int_equal(chmod(fixture_path(folder, "keys"), 0440), 0); /* an ACL shows as group */
    assert_ok(mrl_unlock_gather(&source, &u, &why));
    mrl_unlock_done(&u);
    assert_int_equal(chmod(fixture_path(folder, "keys"), 0444), 0);
    assert_int_equal(mrl_unlock_gather(&source, &u, &why), MRL_ERR_DENIED);
    fixture_remove(folder);
}

static void a_passphrase_file_open_to_the_group_is_refused(void **state)
{
    char folder[FIXTURE_PATH_MAX], path[FIXTURE_PATH_MAX + 64];
    const struct mrl_unlock_source source = {.kind = MRL_UNLOCK_PASSPHRASE,
                                             .passphrase_file = path};
    MRL_SCOPED(mrl_unlock) u = {0};

    (void)state;
    fixture_folder(folder);
    fixture_write(folder, "pass", MRL_LIT("correct horse"));
    (void)snprintf(path, sizeof(path), "%s/pass", folder);
    assert_ok(mrl_unlock_gather(&source, &u, NULL));
    mrl_unlock_done(&u);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(mrl_unlock_gather(&source, &u, NULL), MRL_ERR_DENIED);
    fixture_remove(folder);
}

static void a_pin_has_1_to_255_bytes(void **state)
{
    static const struct {
        size_t len;
        mrl_err err;
    } lengths[] = {{0, MRL_ERR_INVALID}, {1, MRL_OK}, {255, MRL_OK}, {256, MRL_ERR_INVALID}};
    char folder[FIXTURE_PATH_MAX], path[FIXTURE_PATH_MAX + 64], text[257];
    const struct mrl_unlock_source source = {.kind = MRL_UNLOCK_TPM, .pin_file = path};

    (void)state;
    fixture_folder(folder);
    (void)snprintf(path, sizeof(path), "%s/pin", folder);
    for (size_t i = 0; i < MRL_COUNT(lengths); i++) {
        MRL_SCOPED(mrl_unlock) u = {0};

        memset(text, '1', sizeof(text));
        text[lengths[i].len] = '\n'; /* not part of it */
        fixture_write(folder, "pin", mrl_bytes_of(text, lengths[i].len + 1));
        assert_int_equal(mrl_unlock_gather(&source, &u, NULL), lengths[i].err);
        assert_int_equal(mrl_secret_bytes(u.material).len,
                         lengths[i].err == MRL_OK ? lengths[i].len : 0);
    }
    fixture_remove(folder);
}

static void an_unlock_file_of_another_size_is_corrupt(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    const struct mrl_unlock u = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_kek) kek = {0};

    (void)state;
    fixture_folder(folder);
    assert_ok(mrl_folder_open(folder, &f, NULL));
    fixture_write(folder, MRL_UNLOCK_FILE_NAME, MRL_LIT("0123456789abcdef0123456789abcde"));
    assert_int_equal(mrl_kek_derive(&f, &u, MRL_UNLOCK_FILE, salt, &kek, NULL), MRL_ERR_CORRUPT);
    fixture_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_passphrase_has_twelve_characters_and_no_line_end),
        cmocka_unit_test(a_passphrase_of_4096_bytes_is_the_longest),
        cmocka_unit_test(the_wrong_passphrase_does_not_open),
        cmocka_unit_test(a_credential_comes_from_its_folder_and_is_long_enough),
        cmocka_unit_test(a_passphrase_file_open_to_the_group_is_refused),
        cmocka_unit_test(a_pin_has_1_to_255_bytes),
        cmocka_unit_test(an_unlock_file_of_another_size_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
