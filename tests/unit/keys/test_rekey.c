/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that changes the disk goes through __wrap_ functions (see meson.build): the process
 * dies before the n-th one, or that one fails. */
#include "keys/rekey.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/keystore_files.h"
#include "keys/staging.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

static char folder[FIXTURE_PATH_MAX];

static unsigned calls;   /* made so far */
static unsigned stop_at; /* the one that does not happen; 0: none */
static bool stop_kills;  /* the process; otherwise the call fails */

static bool stopped(void)
{
    if (++calls != stop_at)
        return false;
    if (stop_kills)
        (void)raise(SIGKILL);
    errno = EIO;
    return true;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return stopped() ? -1 : __real_fsync(fd);
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    return stopped() ? -1 : __real_write(fd, data, len);
}

int __real_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags)
{
    return stopped() ? -1 : __real_unlinkat(fd, name, flags);
}

int __real_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_mkdirat(int fd, const char *name, mode_t mode)
{
    return stopped() ? -1 : __real_mkdirat(fd, name, mode);
}

int __real_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name)
{
    return stopped() ? -1 : __real_renameat(from, name, to, new_name);
}

int __real_renameat2(int from, const char *name, int to, const char *new_name, unsigned flags);
int __wrap_renameat2(int from, const char *name, int to, const char *new_name, unsigned flags);
int __wrap_renameat2(int from, const char *name, int to, const char *new_name, unsigned flags)
{
    return stopped() ? -1 : __real_renameat2(from, name, to, new_name, flags);
}

/* A credential needs no file in the folder and no slow derivation. */
static struct mrl_unlock credential(const char *text)
{
    return (struct mrl_unlock){.kind = MRL_UNLOCK_CREDENTIAL,
                               .material = mrl_secret_copy(mrl_str(text))};
}

static mrl_err open_with(const struct mrl_unlock *u, struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_keystore) k = {0};

    MRL_TRY(mrl_folder_open(folder, &f, why));
    return mrl_keystore_open(&f, u, &k, why);
}

static mrl_err rekey(const struct mrl_unlock *from, const struct mrl_unlock *to,
                     struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    MRL_TRY(mrl_folder_open(folder, &f, why));
    return mrl_rekey(&f, from, to, why);
}

static int make_keystore(void **state)
{
    (void)state;
    stop_at = 0;
    fixture_folder(folder);
    fixture_keystore(folder);
    return 0;
}

static int remove_keystore(void **state)
{
    (void)state;
    stop_at = 0;
    fixture_remove(folder);
    return 0;
}

static void root_of(const struct mrl_unlock *u, struct mrl_fingerprint *out)
{
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_keystore) k = {0};

    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_ok(mrl_keystore_open(&f, u, &k, NULL));
    *out = mrl_cert_facts(k.cas.at[0].cert)->fingerprint;
}

static void the_new_source_opens_the_same_keys_and_the_old_one_nothing(void **state)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_unlock) to = credential("0123456789abcdef0123456789abcdef");
    struct mrl_fingerprint before, after;
    struct mrl_why why = {0};

    (void)state;
    root_of(&file, &before);
    assert_ok(rekey(&file, &to, &why));
    root_of(&to, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(open_with(&file, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "give --credential"));
    assert_int_equal(access(fixture_path(folder, MRL_UNLOCK_FILE_NAME), F_OK), -1);
}

static void the_same_kind_gets_new_secrets(void **state)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_unlock) old = credential("0123456789abcdef0123456789abcdef");
    MRL_SCOPED(mrl_unlock) changed = credential("0123456789abcdef0123456789abcdeg");
    uint8_t first[64], second[64];
    mrl_bytes before = fixture_read(folder, MRL_UNLOCK_FILE_NAME, first, sizeof(first));

    (void)state;
    assert_ok(rekey(&file, &file, NULL));
    assert_ok(open_with(&file, NULL));
    assert_false(
        mrl_bytes_eq(before, fixture_read(folder, MRL_UNLOCK_FILE_NAME, second, sizeof(second))));
    assert_ok(rekey(&file, &old, NULL));
    assert_ok(rekey(&old, &changed, NULL));
    assert_int_equal(open_with(&old, NULL), MRL_ERR_CRYPTO);
    assert_ok(open_with(&changed, NULL));
}

static void the_wrong_old_source_changes_nothing(void **state)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_unlock) wrong = credential("0123456789abcdef0123456789abcdef");
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(rekey(&wrong, &file, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "its own unlock.key"));
    assert_ok(open_with(&file, NULL));
}

static void a_damaged_file_is_named_and_nothing_is_changed(void **state)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_unlock) to = credential("0123456789abcdef0123456789abcdef");
    struct mrl_why why = {0};

    (void)state;
    fixture_write(folder, MRL_KEYSTORE_AUDIT, MRL_LIT("rubbish"));
    assert_int_equal(rekey(&file, &to, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, MRL_KEYSTORE_AUDIT));
    assert_int_equal(access(fixture_path(folder, "rekey.new"), F_OK), -1);
}

static void the_record_of_an_export_goes_along(void **state)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_keystore) k = {0};

    (void)state;
    fixture_write(folder, MRL_KEYSTORE_EXPORT, MRL_LIT("2027-01-01T00:00:00.000Z\n"));
    assert_ok(rekey(&file, &file, NULL));
    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_ok(mrl_keystore_open(&f, &file, &k, NULL));
    assert_true(k.root_exported);
}

static void every_sealing_key_goes_along(void **state)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_unlock) to = credential("0123456789abcdef0123456789abcdef");
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_keystore) k = {0};
    uint32_t number;

    (void)state;
    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_ok(mrl_sealing_make(&f, &file, &number, NULL));
    assert_ok(mrl_rekey(&f, &file, &to, NULL));
    assert_ok(mrl_keystore_open(&f, &to, &k, NULL));
    assert_int_equal(k.sealing.count, 2);
}

/* A rekey from file to `to` that is stopped at call n, in a process of its own. Gives whether it
 * came to its end. */
static bool rekey_stopped_at(unsigned n, bool kills, const struct mrl_unlock *to)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        calls = 0;
        stop_kills = kills;
        stop_at = n;
        _exit(rekey(&file, to, NULL) == MRL_OK ? (calls < n ? 0 : 2) : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) || (kills && WTERMSIG(status) == SIGKILL));
    return status == 0;
}

static void assert_one_source_opens(const struct mrl_unlock *to, unsigned n)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};
    struct mrl_why why = {0};
    bool is_new = open_with(to, &why) == MRL_OK;
    bool is_old = open_with(&file, is_new ? NULL : &why) == MRL_OK;

    if (is_new == is_old)
        fail_msg("stopped at call %u: %s opens it: %s", n, is_new ? "both" : "neither", why.text);
}

static void assert_no_trace(void)
{
    assert_int_equal(access(fixture_path(folder, "rekey.new"), F_OK), -1);
    assert_int_equal(access(fixture_path(folder, "rekey.ready"), F_OK), -1);
}

/* After whatever happened, a rekey from what opens it succeeds and leaves nothing behind. */
static void finish(const struct mrl_unlock *to)
{
    const struct mrl_unlock file = {MRL_UNLOCK_FILE, NULL};

    if (open_with(to, NULL) == MRL_OK)
        assert_ok(rekey(to, &file, NULL));
    else
        assert_ok(rekey(&file, &file, NULL));
    assert_ok(open_with(&file, NULL));
    assert_no_trace();
}

static unsigned stop_everywhere(bool kills)
{
    MRL_SCOPED(mrl_unlock) to = credential("0123456789abcdef0123456789abcdef");
    unsigned n = 1;

    for (bool ended = false; !ended; n++) {
        ended = rekey_stopped_at(n, kills, &to);
        assert_one_source_opens(&to, n);
        finish(&to);
    }
    return n;
}

static void killed_at_any_call_one_source_opens_it(void **state)
{
    (void)state;
    assert_true(stop_everywhere(/*kills=*/true) > 40);
}

static void failing_at_any_call_one_source_opens_it(void **state)
{
    (void)state;
    assert_true(stop_everywhere(/*kills=*/false) > 40);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_keystore, remove_keystore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(the_new_source_opens_the_same_keys_and_the_old_one_nothing),
        FRESH(the_same_kind_gets_new_secrets),
        FRESH(the_wrong_old_source_changes_nothing),
        FRESH(a_damaged_file_is_named_and_nothing_is_changed),
        FRESH(the_record_of_an_export_goes_along),
        FRESH(every_sealing_key_goes_along),
        FRESH(killed_at_any_call_one_source_opens_it),
        FRESH(failing_at_any_call_one_source_opens_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
