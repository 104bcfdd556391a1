/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the disk fail one after the other. Power that fails is in test_keystore.c and
 * test_rekey.c. */
#include "keys/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

enum failing { NOTHING, WRITE, FSYNC, RENAME };

static enum failing failing;
static char path[FIXTURE_PATH_MAX];
static struct mrl_folder folder;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags);

static bool is_full(enum failing at)
{
    if (failing == at)
        errno = ENOSPC;
    return failing == at;
}

/* One byte of it fits. */
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (failing == WRITE && len > 1)
        return __real_write(fd, data, 1);
    return is_full(WRITE) ? -1 : __real_write(fd, data, len);
}

int __wrap_fsync(int fd)
{
    return is_full(FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return is_full(RENAME) ? -1 : __real_renameat2(from, old, to, new, flags);
}

static int make_folder(void **state)
{
    (void)state;
    failing = NOTHING;
    fixture_folder(path);
    assert_ok(mrl_folder_open(path, &folder, NULL));
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    failing = NOTHING;
    mrl_folder_done(&folder);
    fixture_remove(path);
    return 0;
}

static void a_file_is_private_and_never_replaced(void **state)
{
    MRL_AUTO(mrl_secret) found = NULL;
    struct mrl_why why = {0};
    struct stat st;

    (void)state;
    assert_ok(mrl_folder_create(&folder, "one", MRL_LIT("first"), NULL));
    assert_int_equal(mrl_folder_create(&folder, "one", MRL_LIT("second"), &why), MRL_ERR_EXISTS);
    assert_non_null(strstr(why.text, "never replaced"));
    assert_ok(mrl_folder_read(&folder, "one", &found, NULL));
    assert_true(mrl_bytes_eq(mrl_secret_bytes(found), MRL_LIT("first")));
    assert_int_equal(fstatat(folder.fd, "one", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_a_crash_left_is_written_over(void **state)
{
    MRL_AUTO(mrl_secret) found = NULL;

    (void)state;
    fixture_write(path, "one.tmp", MRL_LIT("half of someth"));
    assert_ok(mrl_folder_create(&folder, "one", MRL_LIT("something"), NULL));
    assert_ok(mrl_folder_read(&folder, "one", &found, NULL));
    assert_true(mrl_bytes_eq(mrl_secret_bytes(found), MRL_LIT("something")));
    assert_false(mrl_folder_has(&folder, "one.tmp"));
}

static void what_does_not_fit_leaves_nothing_and_fits_later(void **state)
{
    (void)state;
    for (enum failing at = WRITE; at <= RENAME; at++) {
        struct mrl_folder_names names;
        struct mrl_why why = {0};

        failing = at;
        assert_int_equal(mrl_folder_create(&folder, "one", MRL_LIT("something"), &why),
                         MRL_ERR_NO_SPACE);
        assert_non_null(strstr(why.text, "one: cannot write: No space left on device"));
        assert_ok(mrl_folder_list(&folder, &names, NULL));
        assert_int_equal(names.count, 0);
    }
    failing = NOTHING;
    assert_ok(mrl_folder_create(&folder, "one", MRL_LIT("something"), NULL));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_file_is_private_and_never_replaced),
        FRESH(what_a_crash_left_is_written_over),
        FRESH(what_does_not_fit_leaves_nothing_and_fits_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
