/* SPDX-License-Identifier: Apache-2.0 */
/* The real program, as an operator runs it. */
#include "keys/export.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "crypto/key.h"
#include "keys/keystore_files.h"
#include "keys/spawn.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

enum { TEXT = 16384 };

static char folder[FIXTURE_PATH_MAX]; /* the keystore */
static char desk[FIXTURE_PATH_MAX];   /* the operator's folder: passphrase and result */
static char said[TEXT];               /* standard error of the last run */

static int make_folders(void **state)
{
    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    fixture_folder(desk);
    fixture_write(desk, "passphrase", MRL_LIT("correct horse\n"));
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    fixture_remove(folder);
    fixture_remove(desk);
    return 0;
}

/* Exit status of argv[0] run with argv; what it says on stream is in said. */
static int run(char *const *argv, int stream)
{
    size_t len = 0;
    int fds[2], status;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        if (dup2(null, STDOUT_FILENO) >= 0 && dup2(fds[1], stream) >= 0)
            (void)execv(argv[0], argv);
        _exit(127);
    }
    assert_int_equal(close(fds[1]), 0);
    while ((n = read(fds[0], said + len, sizeof(said) - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int export_with(const char *dir, const char *option, const char *value)
{
    char passphrase[FIXTURE_PATH_MAX + 64], out[FIXTURE_PATH_MAX + 64];
    char *argv[] = {getenv("MERLON_KEYS"),      "export-root", "--dir",
                    (char *)(uintptr_t)dir,     "--out",       out,
                    "--export-passphrase-file", passphrase,    (char *)(uintptr_t)option,
                    (char *)(uintptr_t)value,   NULL};

    (void)snprintf(passphrase, sizeof(passphrase), "%s/passphrase", desk);
    (void)snprintf(out, sizeof(out), "%s/root.pem", desk);
    return run(argv, STDERR_FILENO);
}

static int export(void)
{
    return export_with(folder, NULL, NULL);
}

static void assert_refused(int status, const char *sentence)
{
    assert_int_equal(status, 1);
    if (strstr(said, sentence) == NULL)
        fail_msg("\"%s\" is not in: %s", sentence, said);
}

static void assert_no_result(void)
{
    struct stat st;

    assert_int_equal(stat(fixture_path(desk, "root.pem"), &st), -1);
}

/* What openssl makes of the result: a public key as PEM, in memory of the caller. */
static void read_with_openssl(const char *command, const char *option, const char *more, char *to)
{
    char passphrase[FIXTURE_PATH_MAX + 64], in[FIXTURE_PATH_MAX + 64];
    char *argv[] = {
        getenv("OPENSSL"),         (char *)(uintptr_t)command, "-in", in, "-passin", passphrase,
        (char *)(uintptr_t)option, (char *)(uintptr_t)more,    NULL};

    (void)snprintf(passphrase, sizeof(passphrase), "file:%s/passphrase", desk);
    (void)snprintf(in, sizeof(in), "%s/root.pem", desk);
    assert_int_equal(run(argv, STDOUT_FILENO), 0);
    assert_int_equal(strncmp(said, "-----BEGIN PUBLIC KEY-----\n", 27), 0);
    (void)snprintf(to, TEXT, "%s", said);
}

static void assert_openssl_finds_key_and_certificate_together(void)
{
    static char of_key[TEXT], of_cert[TEXT];

    read_with_openssl("pkey", "-pubout", NULL, of_key);
    read_with_openssl("x509", "-pubkey", "-noout", of_cert);
    assert_string_equal(of_key, of_cert);
}

static void assert_private_to_us(void)
{
    struct stat st;

    assert_int_equal(stat(fixture_path(desk, "root.pem"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0600);
    assert_int_equal(st.st_uid, geteuid());
}

/* The certificate that a serving process has, which also says that the root key left. */
static struct mrl_cert *served_root(void)
{
    const struct mrl_keys_options o = {.program = getenv("MERLON_KEYS"), .dir = folder};
    MRL_AUTO(mrl_keys_client) c = NULL;
    MRL_SCOPED(mrl_keys_info) info = {0};
    struct mrl_cert *cert = NULL;

    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    assert_ok(mrl_keys_info_get(c, &info, NULL));
    assert_true(info.facts.root_exported);
    assert_ok(mrl_cert_from_der(info.facts.generations[0].cert, &cert));
    return cert;
}

static void the_root_leaves_once_and_every_openssl_reads_it(void **state)
{
    uint8_t memory[TEXT];
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_key) certified = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    mrl_bytes pem;

    (void)state;
    assert_int_equal(export(), 0);
    assert_private_to_us();
    pem = fixture_read(desk, "root.pem", memory, sizeof(memory));
    assert_true(mrl_bytes_starts(pem, MRL_LIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")));
    assert_true(mrl_bytes_ends(pem, MRL_LIT("-----END CERTIFICATE-----\n")));
    assert_openssl_finds_key_and_certificate_together();
    cert = served_root();
    assert_ok(mrl_cert_key(cert, &certified));
    assert_int_equal(mrl_key_from_pem(pem, MRL_LIT("another one!"), &key), MRL_ERR_AUTH);
    assert_ok(mrl_key_from_pem(pem, MRL_LIT("correct horse"), &key));
    assert_true(mrl_key_public_eq(key, certified));
    assert_int_equal(unlink(fixture_path(desk, "root.pem")), 0);
    assert_refused(export(), "the root key was exported before; this is possible only once");
    assert_no_result();
}

static void it_is_refused_while_a_key_process_serves(void **state)
{
    const struct mrl_keys_options o = {.program = getenv("MERLON_KEYS"), .dir = folder};
    struct mrl_keys_client *c = NULL;

    (void)state;
    assert_ok(mrl_keys_spawn(&o, &c, NULL));
    assert_refused(export(), "is in use by another key process: stop merlond, then try again");
    assert_no_result();
    mrl_keys_client_free(c);
    assert_int_equal(export(), 0); /* the refusal did not cost it */
}

static void a_passphrase_has_twelve_to_a_thousand_bytes_in_one_line(void **state)
{
    static const struct {
        size_t len;
        mrl_err result;
    } lengths[] = {{0, MRL_ERR_INVALID},
                   {11, MRL_ERR_INVALID},
                   {12, MRL_OK},
                   {1000, MRL_OK},
                   {1001, MRL_ERR_INVALID}};
    char text[1001];

    (void)state;
    memset(text, 'p', sizeof(text));
    for (size_t i = 0; i < MRL_COUNT(lengths); i++) {
        MRL_AUTO(mrl_secret) read = NULL;

        fixture_write(desk, "passphrase", mrl_bytes_of(text, lengths[i].len));
        assert_int_equal(
            mrl_export_read_passphrase(-1, fixture_path(desk, "passphrase"), &read, NULL),
            lengths[i].result);
        if (lengths[i].result == MRL_OK)
            assert_bytes_equal(mrl_secret_bytes(read), mrl_bytes_of(text, lengths[i].len));
    }
    for (size_t i = 0; i < 2; i++) {
        MRL_AUTO(mrl_secret) read = NULL;

        text[6] = i == 0 ? '\n' : '\0';
        fixture_write(desk, "passphrase", mrl_bytes_of(text, 20));
        assert_int_equal(
            mrl_export_read_passphrase(-1, fixture_path(desk, "passphrase"), &read, NULL),
            MRL_ERR_INVALID);
    }
}

static void a_short_passphrase_costs_nothing_and_the_longest_is_read_by_openssl(void **state)
{
    char text[MRL_EXPORT_PASSPHRASE_MOST];

    (void)state;
    fixture_write(desk, "passphrase", MRL_LIT("elevenbytes\n"));
    assert_refused(export(), "the export passphrase is shorter than 12 bytes");
    assert_no_result();
    memset(text, 'p', sizeof(text));
    fixture_write(desk, "passphrase", mrl_bytes_of(text, sizeof(text)));
    assert_int_equal(export(), 0);
    assert_openssl_finds_key_and_certificate_together();
}

static void a_file_or_link_of_that_name_is_never_replaced(void **state)
{
    uint8_t memory[64];

    (void)state;
    fixture_write(desk, "root.pem", MRL_LIT("mine"));
    assert_refused(export(), "root.pem cannot be made: File exists");
    assert_bytes_equal(fixture_read(desk, "root.pem", memory, sizeof(memory)), MRL_LIT("mine"));
    assert_int_equal(unlink(fixture_path(desk, "root.pem")), 0);
    assert_int_equal(symlink("elsewhere", fixture_path(desk, "root.pem")), 0);
    assert_refused(export(), "root.pem cannot be made: File exists");
    assert_int_equal(unlink(fixture_path(desk, "root.pem")), 0);
    assert_int_equal(export(), 0); /* neither cost it */
}

static void a_keystore_that_does_not_open_leaves_no_file(void **state)
{
    (void)state;
    assert_refused(export_with(folder, "--passphrase-file", fixture_path(desk, "passphrase")),
                   "give no passphrase");
    assert_no_result();
    fixture_write(folder, MRL_KEYSTORE_ISSUING, MRL_LIT("rubbish"));
    assert_refused(export(), MRL_KEYSTORE_ISSUING);
    assert_no_result();
}

/* Killed after the record and before the file, it must not work again. */
static void a_torn_record_refuses_it(void **state)
{
    (void)state;
    fixture_write(folder, MRL_KEYSTORE_EXPORT, MRL_LIT("2"));
    assert_refused(export(), "only once");
    assert_no_result();
}

static void an_export_counts_only_with_its_record(void **state)
{
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_buf) text = {.limit = 64}; /* too little for a key: fails before the record */
    MRL_SCOPED(mrl_buf) enough = {.limit = TEXT};
    uint8_t memory[64];

    (void)state;
    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_true(mrl_export_take(&f, &unlock, MRL_LIT("correct horse"), &text, NULL) != MRL_OK);
    assert_int_equal(fixture_read(folder, MRL_KEYSTORE_EXPORT, memory, sizeof(memory)).len, 0);
    assert_ok(mrl_export_take(&f, &unlock, MRL_LIT("correct horse"), &enough, NULL));
    assert_true(fixture_read(folder, MRL_KEYSTORE_EXPORT, memory, sizeof(memory)).len > 20);
    assert_int_equal(mrl_export_take(&f, &unlock, MRL_LIT("correct horse"), &enough, NULL),
                     MRL_ERR_STATE);
}

static void init_for(const char *dir, const char *user)
{
    char *argv[] = {getenv("MERLON_KEYS"),   "init", "--dir", (char *)(uintptr_t)dir, "--user",
                    (char *)(uintptr_t)user, NULL};

    assert_int_equal(run(argv, STDERR_FILENO), 0);
}

/* The keystore is another's, the passphrase and the result are root's alone. */
static void root_gets_the_file_although_another_owns_the_keystore(void **state)
{
    char made[FIXTURE_PATH_MAX + 16];

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can become another user");
    (void)snprintf(made, sizeof(made), "%s.made", folder);
    init_for(made, "nobody");
    assert_refused(export_with(made, NULL, NULL), "belongs to user");
    assert_no_result();
    assert_int_equal(export_with(made, "--user", "nobody"), 0);
    assert_private_to_us();
    assert_openssl_finds_key_and_certificate_together();
    fixture_remove(made);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_folders, remove_folders)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(the_root_leaves_once_and_every_openssl_reads_it),
        FRESH(it_is_refused_while_a_key_process_serves),
        FRESH(a_passphrase_has_twelve_to_a_thousand_bytes_in_one_line),
        FRESH(a_short_passphrase_costs_nothing_and_the_longest_is_read_by_openssl),
        FRESH(a_file_or_link_of_that_name_is_never_replaced),
        FRESH(a_keystore_that_does_not_open_leaves_no_file),
        FRESH(a_torn_record_refuses_it),
        FRESH(an_export_counts_only_with_its_record),
        FRESH(root_gets_the_file_although_another_owns_the_keystore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
