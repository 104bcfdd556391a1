/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { MAX = 5000 };

struct folder {
    char dir[32];
    char file[64];
    struct mrl_cli cli;
};

static void start(struct folder *f)
{
    *f = (struct folder){.dir = "/tmp/merlon-file-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->file, sizeof(f->file), "%s/file", f->dir);
}

static void end(struct folder *f)
{
    (void)unlink(f->file); /* may be gone */
    assert_int_equal(rmdir(f->dir), 0);
}

static void make(struct folder *f, size_t size)
{
    MRL_SCOPED(mrl_buf) data = {0};
    uint8_t *to;

    assert_ok(mrl_buf_reserve(&data, size, &to));
    mrl_buf_added(&data, size);
    assert_int_equal(
        mrl_cli_file_replace(&f->cli, f->file, 0600, mrl_buf_bytes(&data), /*sync=*/true),
        MRL_EXIT_OK);
}

static void assert_read(size_t size, mrl_exit wanted)
{
    MRL_SCOPED(mrl_buf) data = {0};
    struct folder f;
    bool there = false;

    start(&f);
    make(&f, size);
    assert_int_equal(mrl_cli_file_read_max(&f.cli, f.file, MAX, &data, &there), wanted);
    assert_true(there);
    if (wanted == MRL_EXIT_OK)
        assert_int_equal(data.len, size);
    end(&f);
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    (void)state;
    assert_read(0, MRL_EXIT_OK);
    assert_read(MAX, MRL_EXIT_OK);
    assert_read(MAX + 1, MRL_EXIT_REFUSED);
    assert_read(3 * MAX, MRL_EXIT_REFUSED);
}

static void a_missing_file_is_an_error_only_when_it_must_be_there(void **state)
{
    MRL_SCOPED(mrl_buf) data = {0};
    struct folder f;
    bool there = true;

    (void)state;
    start(&f);
    assert_int_equal(mrl_cli_file_read_max(&f.cli, f.file, MAX, &data, &there), MRL_EXIT_OK);
    assert_false(there);
    assert_int_equal(mrl_cli_file_read_max(&f.cli, f.file, MAX, &data, NULL), MRL_EXIT_REFUSED);
    assert_int_equal(mrl_cli_file_read(&f.cli, f.file, &data), MRL_EXIT_REFUSED);
    end(&f);
}

static void a_new_file_never_takes_the_place_of_an_old_one(void **state)
{
    MRL_SCOPED(mrl_buf) data = {0};
    struct folder f;

    (void)state;
    start(&f);
    assert_int_equal(mrl_cli_file_create(&f.cli, f.file, 0600, MRL_LIT("first")), MRL_EXIT_OK);
    assert_int_equal(mrl_cli_file_create(&f.cli, f.file, 0600, MRL_LIT("second")),
                     MRL_EXIT_REFUSED);
    assert_int_equal(mrl_cli_file_read(&f.cli, f.file, &data), MRL_EXIT_OK);
    assert_bytes_equal(mrl_buf_bytes(&data), MRL_LIT("first"));
    end(&f);
}

static void a_replaced_file_is_the_new_one_and_nothing_stays_behind(void **state)
{
    MRL_SCOPED(mrl_buf) data = {0};
    struct folder f;

    (void)state;
    start(&f);
    make(&f, MAX);
    assert_int_equal(mrl_cli_file_replace(&f.cli, f.file, 0644, MRL_LIT("second"), /*sync=*/false),
                     MRL_EXIT_OK);
    assert_int_equal(mrl_cli_file_read(&f.cli, f.file, &data), MRL_EXIT_OK);
    assert_bytes_equal(mrl_buf_bytes(&data), MRL_LIT("second"));
    end(&f); /* the folder is empty otherwise */
}

static void folders_are_made_down_to_the_file(void **state)
{
    struct folder f;
    char path[128];

    (void)state;
    start(&f);
    (void)snprintf(path, sizeof(path), "%s/a/b/file", f.dir);
    assert_int_equal(mrl_cli_file_folders(&f.cli, path), MRL_EXIT_OK);
    assert_int_equal(mrl_cli_file_folders(&f.cli, path), MRL_EXIT_OK);
    (void)snprintf(path, sizeof(path), "%s/a/b", f.dir);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/a", f.dir);
    assert_int_equal(rmdir(path), 0);
    make(&f, 1);
    (void)snprintf(path, sizeof(path), "%s/file/x/y", f.dir);
    assert_int_equal(mrl_cli_file_folders(&f.cli, path), MRL_EXIT_REFUSED);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
        cmocka_unit_test(a_missing_file_is_an_error_only_when_it_must_be_there),
        cmocka_unit_test(a_new_file_never_takes_the_place_of_an_old_one),
        cmocka_unit_test(a_replaced_file_is_the_new_one_and_nothing_stays_behind),
        cmocka_unit_test(folders_are_made_down_to_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
