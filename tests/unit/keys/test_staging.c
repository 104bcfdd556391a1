/* SPDX-License-Identifier: Apache-2.0 */
/* The crashes in between are in test_rekey.c. */
#include "keys/staging.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

static char path[FIXTURE_PATH_MAX];
static struct mrl_folder folder;

static int make_folder(void **state)
{
    (void)state;
    fixture_folder(path);
    fixture_keystore(path);
    assert_ok(mrl_folder_open(path, &folder, NULL));
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    mrl_folder_done(&folder);
    fixture_remove(path);
    return 0;
}

static bool exists(const char *name)
{
    return mrl_folder_has(&folder, name);
}

static void what_a_crash_left_is_not_in_a_new_one(void **state)
{
    MRL_SCOPED(mrl_staging) s = {.folder = {.fd = -1}};
    MRL_SCOPED(mrl_staging) again = {.folder = {.fd = -1}};

    (void)state;
    assert_ok(mrl_staging_begin(&folder, &s, NULL));
    assert_ok(mrl_folder_create(&s.folder, "left", MRL_LIT("x"), NULL));
    assert_ok(mrl_staging_begin(&folder, &again, NULL));
    assert_false(mrl_folder_has(&again.folder, "left"));
    assert_ok(mrl_staging_drop(&folder, NULL));
    assert_false(exists("rekey.new"));
    assert_ok(mrl_staging_drop(&folder, NULL)); /* nothing there is fine */
}

static void nothing_moves_before_the_commit(void **state)
{
    MRL_SCOPED(mrl_staging) s = {.folder = {.fd = -1}};

    (void)state;
    assert_ok(mrl_staging_begin(&folder, &s, NULL));
    assert_ok(mrl_folder_create(&s.folder, "moved", MRL_LIT("x"), NULL));
    assert_ok(mrl_staging_settle(&folder, NULL));
    assert_false(exists("moved"));
    assert_ok(mrl_staging_commit(&folder, &s, NULL));
    assert_ok(mrl_staging_settle(&folder, NULL));
    assert_true(exists("moved"));
    assert_false(exists("rekey.ready"));
}

static void only_the_source_in_use_keeps_its_file(void **state)
{
    MRL_SCOPED(mrl_staging) s = {.folder = {.fd = -1}};

    (void)state;
    fixture_write(path, MRL_UNLOCK_TPM_NAME, MRL_LIT("old"));
    assert_ok(mrl_staging_begin(&folder, &s, NULL));
    assert_ok(mrl_staging_commit(&folder, &s, NULL));
    assert_ok(mrl_staging_settle(&folder, NULL));
    assert_false(exists(MRL_UNLOCK_TPM_NAME));
    assert_true(exists("unlock.key"));
}

static void a_folder_open_to_others_is_refused(void **state)
{
    MRL_SCOPED(mrl_staging) s = {.folder = {.fd = -1}};
    struct mrl_why why = {0};

    (void)state;
    assert_ok(mrl_staging_begin(&folder, &s, NULL));
    assert_ok(mrl_staging_commit(&folder, &s, NULL));
    assert_int_equal(fchmodat(folder.fd, "rekey.ready", 0750, 0), 0);
    assert_int_equal(mrl_staging_settle(&folder, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "rekey.ready"));
    assert_int_equal(fchmodat(folder.fd, "rekey.ready", 0700, 0), 0);
    assert_ok(mrl_staging_settle(&folder, NULL));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(what_a_crash_left_is_not_in_a_new_one),
        FRESH(nothing_moves_before_the_commit),
        FRESH(only_the_source_in_use_keeps_its_file),
        FRESH(a_folder_open_to_others_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
