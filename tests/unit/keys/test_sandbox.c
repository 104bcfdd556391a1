/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sandbox.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

enum { COULD = 0, SETUP = 2, COULD_NOT = 3 };

static char folder[FIXTURE_PATH_MAX];

static int make_folder(void **state)
{
    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

/* Wait status of the helper that tries attempt inside the sandbox. */
static int attempt(const char *name, const char *mode)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl(getenv("MERLON_SANDBOXED"), "sandboxed", name, folder, mode, NULL);
        _exit(SETUP);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void assert_killed(const char *name)
{
    int status = attempt(name, "full");

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
        fail_msg("%s was not killed: wait status 0x%x", name, status);
}

static void what_the_process_needs_still_works(void **state)
{
    (void)state;
    assert_int_equal(attempt("nothing", "full"), COULD << 8);
    assert_int_equal(attempt("use-stderr", "full"), COULD << 8);
}

static void every_way_out_kills_the_process(void **state)
{
    static const char *const ways[] = {"socket",   "exec",        "fork",   "passwd",
                                       "key-file", "new-file",    "ptrace", "code",
                                       "other-fd", "other-fd-at", "sync"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(ways); i++)
        assert_killed(ways[i]);
}

static void landlock_alone_closes_the_file_system(void **state)
{
    static const char *const ways[] = {"passwd", "key-file", "new-file", "exec"};

    (void)state;
    if (attempt("nothing", "landlock") == SETUP << 8)
        skip_because("this kernel has no Landlock");
    for (size_t i = 0; i < MRL_COUNT(ways); i++)
        assert_int_equal(attempt(ways[i], "landlock"), COULD_NOT << 8);
}

/* A user change cannot be tested without root, nor be undone: in a child. */
static void root_becomes_the_user_for_good(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can become another user");
    pid = fork();
    if (pid == 0)
        _exit(mrl_sandbox_drop_user("nobody", NULL) == MRL_OK && geteuid() != 0 && getegid() != 0 &&
                      getgroups(0, NULL) == 0 && setuid(0) != 0
                  ? COULD
                  : COULD_NOT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, COULD << 8);
}

static void an_account_that_does_not_exist_is_named(void **state)
{
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(mrl_sandbox_drop_user("no-such-account", &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, "there is no user account named no-such-account");
    assert_ok(mrl_sandbox_drop_user(NULL, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_process_needs_still_works),
        cmocka_unit_test(every_way_out_kills_the_process),
        cmocka_unit_test(landlock_alone_closes_the_file_system),
        cmocka_unit_test(root_becomes_the_user_for_good),
        cmocka_unit_test(an_account_that_does_not_exist_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
