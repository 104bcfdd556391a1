/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void assert_content(const char *name, mrl_bytes expected)
{
    MRL_AUTO(mrl_secret) content = NULL;

    assert_ok(mrl_witness_folder_read(&state_.folder, name, &content, NULL));
    assert_bytes_equal(mrl_secret_bytes(content), expected);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
    MRL_AUTO(mrl_secret) content = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(mrl_witness_folder_read(&state_.folder, "file", &content, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", MRL_LIT("a longer text"), NULL));
    assert_content("file", MRL_LIT("a longer text"));
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", MRL_LIT("short"), NULL));
    assert_content("file", MRL_LIT("short"));
    assert_int_equal(fstatat(state_.folder.fd, "file", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(faccessat(state_.folder.fd, "file.tmp", F_OK, 0), -1);
}

static void what_an_interrupted_write_left_is_written_over(void **state)
{
    (void)state;
    assert_ok(
        mrl_witness_folder_replace(&state_.folder, "file.tmp", MRL_LIT("rest of a crash"), NULL));
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", MRL_LIT("new"), NULL));
    assert_content("file", MRL_LIT("new"));
}

static void a_write_that_fails_leaves_the_old_file(void **state)
{
    struct mrl_why why = {0};

    (void)state;
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", MRL_LIT("old"), NULL));
    assert_int_equal(mkdirat(state_.folder.fd, "file.tmp", 0700), 0); /* is in the way */
    assert_int_equal(mrl_witness_folder_replace(&state_.folder, "file", MRL_LIT("new"), &why),
                     MRL_ERR_IO);
    assert_non_null(strstr(why.text, "file"));
    assert_content("file", MRL_LIT("old"));
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    MRL_AUTO(mrl_secret) content = NULL;

    (void)state;
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", MRL_LIT("text"), NULL));
    assert_int_equal(fchmodat(state_.folder.fd, "file", 0604, 0), 0);
    assert_int_equal(mrl_witness_folder_read(&state_.folder, "file", &content, NULL),
                     MRL_ERR_DENIED);
}

static void a_link_is_not_followed(void **state)
{
    MRL_AUTO(mrl_secret) content = NULL;

    (void)state;
    assert_int_equal(symlinkat("/etc/hostname", state_.folder.fd, "file"), 0);
    assert_int_not_equal(mrl_witness_folder_read(&state_.folder, "file", &content, NULL), MRL_OK);
}

static void a_file_has_64_kib_at_most(void **state)
{
    static const uint8_t bytes[MRL_WITNESS_FILE_MAX + 1];
    MRL_AUTO(mrl_secret) content = NULL;
    mrl_bytes most = mrl_bytes_of(bytes, MRL_WITNESS_FILE_MAX);

    (void)state;
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", most, NULL));
    assert_content("file", most);
    most.len++;
    assert_ok(mrl_witness_folder_replace(&state_.folder, "file", most, NULL));
    assert_int_equal(mrl_witness_folder_read(&state_.folder, "file", &content, NULL),
                     MRL_ERR_LIMIT);
}

static void a_folder_has_one_owner_at_a_time(void **state)
{
    struct mrl_witness_folder second;

    (void)state;
    assert_int_equal(mrl_witness_folder_open(state_.path, /*make=*/false, &second, NULL),
                     MRL_ERR_BUSY);
    fixture_state_reopen(&state_);
}

static void a_folder_is_made_closed_to_others_and_open_ones_are_refused(void **state)
{
    MRL_SCOPED(mrl_witness_folder) f = {.fd = -1};
    char path[128];
    struct stat st;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/inner", state_.path);
    assert_int_equal(mrl_witness_folder_open(path, /*make=*/false, &f, NULL), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_witness_folder_open(path, /*make=*/true, &f, NULL));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    mrl_witness_folder_done(&f);
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(mrl_witness_folder_open(path, /*make=*/true, &f, NULL), MRL_ERR_DENIED);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_file_is_replaced_as_a_whole),
        FRESH(what_an_interrupted_write_left_is_written_over),
        FRESH(a_write_that_fails_leaves_the_old_file),
        FRESH(a_file_that_others_may_read_is_refused),
        FRESH(a_link_is_not_followed),
        FRESH(a_file_has_64_kib_at_most),
        FRESH(a_folder_has_one_owner_at_a_time),
        FRESH(a_folder_is_made_closed_to_others_and_open_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
