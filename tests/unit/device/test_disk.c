/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/device/power_cut.h"
#include "tests/unit/unit.h"

static void replaced_file_is_old_or_new_after_a_cut_at_every_step(void **state)
{
    struct power_cut cut;
    unsigned steps = 0;
    bool done = false;

    (void)state;
    for (; !done; steps++) {
        char dir[] = "/tmp/merlon-disk-XXXXXX";
        MRL_SCOPED(mrl_buf) text = {0};
        struct mrl_disk disk = power_cut_disk(&cut, steps);

        assert_non_null(mkdtemp(dir));
        assert_ok(mrl_disk_replace(&mrl_disk_system, dir, "f", MRL_LIT("old"), NULL));
        done = mrl_disk_replace(&disk, dir, "f", MRL_LIT("new"), NULL) == MRL_OK;
        assert_ok(mrl_disk_read(dir, "f", &text, NULL));
        assert_true(mrl_bytes_eq(mrl_buf_bytes(&text), MRL_LIT("new")) ||
                    (!done && mrl_bytes_eq(mrl_buf_bytes(&text), MRL_LIT("old"))));
        remove_folder(dir);
    }
    assert_int_equal(steps, 6); /* create, write, sync, rename, sync of the folder; then all */
}

static void files_are_for_their_owner_only(void **state)
{
    char dir[] = "/tmp/merlon-disk-XXXXXX";
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(mrl_disk_replace(&mrl_disk_system, dir, "key", MRL_LIT("k"), NULL));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(stat("key", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(mrl_disk_folder(dir, NULL), MRL_ERR_DENIED);
    assert_int_equal(chdir("/"), 0);
    remove_folder(dir);
}

/* Its owner could exchange every file in it, whatever the mode says. */
static void a_folder_of_another_user_is_refused(void **state)
{
    char dir[] = "/tmp/merlon-disk-XXXXXX";
    struct mrl_why why = {""};

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(mrl_disk_folder(dir, NULL));
    if (chown(dir, 65534, (gid_t)-1) == 0) {
        assert_int_equal(mrl_disk_folder(dir, &why), MRL_ERR_DENIED);
        assert_non_null(strstr(why.text, "another user"));
    } else { /* not root: "/" is */
        assert_int_equal(mrl_disk_folder("/", NULL), MRL_ERR_DENIED);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void absent_and_large_files_are_told_apart(void **state)
{
    char dir[] = "/tmp/merlon-disk-XXXXXX";
    MRL_SCOPED(mrl_buf) text = {.limit = 3};

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(mrl_disk_read(dir, "f", &text, NULL), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_disk_remove(&mrl_disk_system, dir, "f", NULL));
    assert_ok(mrl_disk_replace(&mrl_disk_system, dir, "f", MRL_LIT("abc"), NULL));
    assert_ok(mrl_disk_read(dir, "f", &text, NULL));
    mrl_buf_clear(&text);
    assert_ok(mrl_disk_replace(&mrl_disk_system, dir, "f", MRL_LIT("abcd"), NULL));
    assert_int_equal(mrl_disk_read(dir, "f", &text, NULL), MRL_ERR_LIMIT);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaced_file_is_old_or_new_after_a_cut_at_every_step),
        cmocka_unit_test(files_are_for_their_owner_only),
        cmocka_unit_test(a_folder_of_another_user_is_refused),
        cmocka_unit_test(absent_and_large_files_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
