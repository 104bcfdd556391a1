/* SPDX-License-Identifier: Apache-2.0 */
/* The real merlon-unlock, with a PKCS#11 module (token.c) that misbehaves on demand. What works is
 * shown with swtpm and SoftHSM2 by the integration tests. */
#include "keys/unlock_process.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/unlock_message.h"
#include "tests/unit/unit.h"

static bool impatient; /* the next wait ends before its answer is there */
static int waited_ms;  /* that one would have waited */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (!impatient)
        return __real_poll(fds, count, timeout);
    impatient = false;
    waited_ms = timeout;
    return 0;
}

static struct mrl_unlock_source source(const char *mode)
{
    return (struct mrl_unlock_source){.kind = MRL_UNLOCK_PKCS11,
                                      .pkcs11_module = getenv("MERLON_TOKEN"),
                                      .pkcs11_token = "fake",
                                      .pkcs11_key = "key",
                                      .pkcs11_env = {mode},
                                      .pkcs11_env_count = 1,
                                      .program = getenv("MERLON_UNLOCK")};
}

/* What a request to make a key comes to. */
static mrl_err make_with(const struct mrl_unlock_source *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) blob = {0};
    struct mrl_unlock_process *p = NULL;
    mrl_err err;

    assert_ok(mrl_unlock_process_start(s, MRL_LIT("1234"), NULL, &p, NULL));
    err = mrl_unlock_process_make(p, &blob, why);
    mrl_unlock_process_free(p);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    return err;
}

static void assert_refused(const char *mode, mrl_err err, const char *sentence)
{
    const struct mrl_unlock_source s = source(mode);
    struct mrl_why why = {0};

    assert_int_equal(make_with(&s, &why), err);
    if (strstr(why.text, sentence) == NULL)
        fail_msg("\"%s\" is not in: %s", sentence, why.text);
}

static void a_token_that_a_wrong_pin_would_lock_is_not_tried(void **state)
{
    (void)state;
    assert_refused("TOKEN=final-try", MRL_ERR_BUSY, "one more wrong PIN would lock the token");
    assert_refused("TOKEN=locked", MRL_ERR_BUSY, "security officer");
    assert_refused("TOKEN=wrong-pin", MRL_ERR_AUTH, "PIN of the token is wrong");
}

static void a_key_that_can_leave_the_token_is_refused(void **state)
{
    (void)state;
    assert_refused("TOKEN=extractable", MRL_ERR_INVALID, "can be taken out");
}

static void a_module_that_crashes_is_named_as_the_fault(void **state)
{
    (void)state;
    assert_refused("TOKEN=crash", MRL_ERR_CLOSED, "ended by signal 6");
}

static void what_is_not_there_is_named(void **state)
{
    struct mrl_unlock_source s = source("TOKEN=");
    struct mrl_why why = {0};

    (void)state;
    s.pkcs11_token = "other";
    assert_int_equal(make_with(&s, &why), MRL_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "no token is labelled other"));
    s.pkcs11_module = "/nonexistent.so";
    assert_int_equal(make_with(&s, &why), MRL_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nonexistent.so is no PKCS#11 module"));
    s.program = "/nonexistent";
    assert_int_equal(make_with(&s, &why), MRL_ERR_CLOSED);
    assert_non_null(strstr(why.text, "cannot be executed"));
}

static void an_iv_of_the_token_is_kept(void **state)
{
    const struct mrl_unlock_source s = source("TOKEN=strange-iv");
    MRL_SCOPED(mrl_buf) blob = {0};
    MRL_AUTO(mrl_secret) first = NULL;
    MRL_AUTO(mrl_secret) second = NULL;
    struct mrl_unlock_process *p = NULL;

    (void)state;
    assert_ok(mrl_unlock_process_start(&s, MRL_LIT("1234"), NULL, &p, NULL));
    assert_ok(mrl_unlock_process_make(p, &blob, NULL));
    assert_ok(mrl_unlock_process_open(p, mrl_buf_bytes(&blob), &first, NULL));
    assert_ok(mrl_unlock_process_open(p, mrl_buf_bytes(&blob), &second, NULL));
    mrl_unlock_process_free(p);
    assert_int_equal(mrl_secret_bytes(first).len, MRL_UNLOCK_MATERIAL);
    assert_true(mrl_secret_eq(mrl_secret_bytes(first), mrl_secret_bytes(second)));
}

static void a_late_answer_is_not_taken_for_the_next_one(void **state)
{
    const struct mrl_unlock_source s = source("TOKEN=");
    MRL_SCOPED(mrl_buf) blob = {0};
    MRL_AUTO(mrl_secret) material = NULL;
    struct mrl_unlock_process *p = NULL;

    (void)state;
    assert_ok(mrl_unlock_process_start(&s, MRL_LIT("1234"), NULL, &p, NULL));
    for (int times = 0; times < 2; times++) {
        impatient = true;
        assert_int_equal(mrl_unlock_process_make(p, &blob, NULL), MRL_ERR_TIMEOUT);
    }
    assert_ok(mrl_unlock_process_make(p, &blob, NULL));
    assert_ok(mrl_unlock_process_open(p, mrl_buf_bytes(&blob), &material, NULL));
    mrl_unlock_process_free(p);
}

static void an_answer_is_waited_for_45_s(void **state)
{
    const struct mrl_unlock_source s = source("TOKEN=");
    struct mrl_why why = {0};

    (void)state;
    impatient = true;
    assert_int_equal(make_with(&s, &why), MRL_ERR_TIMEOUT);
    assert_int_equal(waited_ms, 45000);
    assert_non_null(strstr(why.text, "did not answer within 45 s"));
}

static void a_blob_has_a_longest_length(void **state)
{
    static const uint8_t bytes[MRL_UNLOCK_BLOB_MAX + 1];
    const struct mrl_unlock_source s = source("TOKEN=");
    MRL_AUTO(mrl_secret) material = NULL;
    struct mrl_unlock_process *p = NULL;
    struct mrl_why why = {0};

    (void)state;
    assert_ok(mrl_unlock_process_start(&s, MRL_LIT("1234"), NULL, &p, NULL));
    assert_int_equal(
        mrl_unlock_process_open(p, mrl_bytes_of(bytes, MRL_UNLOCK_BLOB_MAX), &material, &why),
        MRL_ERR_CORRUPT); /* by merlon-unlock, which reads it */
    assert_non_null(strstr(why.text, "is damaged"));
    assert_int_equal(
        mrl_unlock_process_open(p, mrl_bytes_of(bytes, sizeof(bytes)), &material, &why),
        MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "is too long"));
    mrl_unlock_process_free(p);
}

static bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

/* The pid of the only child of pid, or 0. */
static pid_t child_of(pid_t pid)
{
    char path[64], text[32] = "";
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = fopen(path, "re");
    if (f == NULL)
        return 0;
    if (fgets(text, sizeof(text), f) == NULL)
        text[0] = '\0';
    (void)fclose(f); /* only read */
    return (pid_t)strtol(text, NULL, 10);
}

static bool comes_to(bool (*holds)(pid_t pid), pid_t pid)
{
    uint64_t end = mrl_monotonic_ms() + 30000;

    while (!holds(pid) && mrl_monotonic_ms() < end)
        (void)usleep(10000);
    return holds(pid);
}

static bool has_child(pid_t pid)
{
    return child_of(pid) > 0;
}

static bool is_gone(pid_t pid)
{
    return !is_alive(pid);
}

static void hardware_that_hangs_does_not_outlive_the_key_process(void **state)
{
    const struct mrl_unlock_source s = source("TOKEN=hang");
    pid_t keys, unlock;

    (void)state;
    keys = fork();
    if (keys == 0) {
        (void)make_with(&s, NULL); /* never comes back */
        _exit(1);
    }
    assert_true(comes_to(has_child, keys));
    unlock = child_of(keys);
    assert_int_equal(kill(keys, SIGKILL), 0);
    assert_int_equal(waitpid(keys, NULL, 0), keys);
    assert_true(comes_to(is_gone, unlock));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_that_a_wrong_pin_would_lock_is_not_tried),
        cmocka_unit_test(a_key_that_can_leave_the_token_is_refused),
        cmocka_unit_test(a_module_that_crashes_is_named_as_the_fault),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(an_iv_of_the_token_is_kept),
        cmocka_unit_test(a_late_answer_is_not_taken_for_the_next_one),
        cmocka_unit_test(an_answer_is_waited_for_45_s),
        cmocka_unit_test(a_blob_has_a_longest_length),
        cmocka_unit_test(hardware_that_hangs_does_not_outlive_the_key_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
