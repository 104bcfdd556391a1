/* SPDX-License-Identifier: Apache-2.0 */
/* Only built with AddressSanitizer: every command of merlon-keys ends without a leak. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/client.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

enum { PATH = FIXTURE_PATH_MAX + 16, ROUNDS = 50 };

static char folder[FIXTURE_PATH_MAX];

static int make_keystore(void **state)
{
    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    return 0;
}

static int remove_keystore(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static int end_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The wait status of the program run to its end. */
static int run(char *const *argv)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout) != NULL)
            (void)execv(getenv("MERLON_UNCONFINED"), argv);
        _exit(127);
    }
    return end_of(pid);
}

static void certify(struct mrl_keys_client *c)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_keys_issue want = {.kind = MRL_KEYS_DEVICE,
                                  .id = MRL_LIT("pump-1"),
                                  .not_before = mrl_wall_s(),
                                  .not_after = mrl_wall_s() + 60};

    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    want.spki = mrl_buf_bytes(&spki);
    assert_ok(mrl_keys_issue(c, &want, &der, NULL));
    want.id = MRL_LIT("-bad");
    assert_int_equal(mrl_keys_issue(c, &want, &der, NULL), MRL_ERR_INVALID);
    want.spki = MRL_LIT("no key");
    assert_int_not_equal(mrl_keys_issue(c, &want, &der, NULL), MRL_OK);
}

/* The same checkpoint each time, which is always signed, and one that would go back. */
static void sign_and_seal(struct mrl_keys_client *c)
{
    uint8_t bytes[MRL_KEYS_WRAPPED_SIZE] = {1}, signature[MRL_KEYS_SIGNATURE_SIZE];
    struct mrl_keys_checkpoint want = {.size = 2, .root = mrl_bytes_of(bytes, sizeof(bytes))};
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_AUTO(mrl_secret) key = NULL;

    assert_ok(mrl_keys_sign_checkpoint(c, &want, signature, NULL));
    want.size--;
    assert_int_equal(mrl_keys_sign_checkpoint(c, &want, signature, NULL), MRL_ERR_DENIED);
    assert_ok(mrl_keys_wrap(c, MRL_LIT("ctx"), mrl_bytes_of(bytes, sizeof(bytes)), &sealed, NULL));
    assert_ok(mrl_keys_unwrap(c, MRL_LIT("ctx"), mrl_buf_bytes(&sealed), &key, NULL));
    mrl_secret_free(MRL_TAKE(key));
    assert_int_not_equal(mrl_keys_unwrap(c, MRL_LIT("ctx"), MRL_LIT("not sealed"), &key, NULL),
                         MRL_OK);
}

static int serve_all_calls(void)
{
    MRL_AUTO(mrl_keys_client) c = NULL;
    MRL_SCOPED(mrl_keys_info) info = {0};
    pid_t pid;
    int fd = fixture_process(getenv("MERLON_UNCONFINED"), folder, &pid);

    assert_ok(mrl_keys_client_new(fd, /*pid=*/0, 10000, &c));
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        certify(c);
        sign_and_seal(c);
    }
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    mrl_keys_client_free(MRL_TAKE(c));
    return end_of(pid);
}

static void serving_ends_without_a_leak(void **state)
{
    (void)state;
    assert_int_equal(serve_all_calls(), 0);
}

static void a_planted_leak_is_found(void **state)
{
    int status;

    (void)state;
    assert_int_equal(setenv("MERLON_LEAK", "1", 1), 0);
    status = serve_all_calls();
    assert_int_equal(unsetenv("MERLON_LEAK"), 0);
    assert_int_not_equal(status, 0);
}

static void init_ends_without_a_leak(void **state)
{
    char made[PATH];
    char *argv[] = {"merlon-keys", "init", "--dir", made, NULL};

    (void)state;
    (void)snprintf(made, sizeof(made), "%s.made", folder);
    assert_int_equal(run(argv), 0);
    assert_int_equal(run(argv), 1 << 8); /* refused: it is there */
    fixture_remove(made);
}

static void an_export_ends_without_a_leak(void **state)
{
    char desk[FIXTURE_PATH_MAX], passphrase[PATH], out[PATH];
    char *argv[] = {
        "merlon-keys", "export-root", "--dir", folder, "--out", out, "--export-passphrase-file",
        passphrase,    NULL};

    (void)state;
    fixture_folder(desk);
    fixture_write(desk, "passphrase", MRL_LIT("correct horse\n"));
    (void)snprintf(passphrase, sizeof(passphrase), "%s/passphrase", desk);
    (void)snprintf(out, sizeof(out), "%s/root.pem", desk);
    assert_int_equal(run(argv), 0);
    assert_int_equal(run(argv), 1 << 8); /* refused: the file is there */
    fixture_remove(desk);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_keystore, remove_keystore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(serving_ends_without_a_leak),
        FRESH(a_planted_leak_is_found),
        FRESH(init_ends_without_a_leak),
        FRESH(an_export_ends_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
