/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/options.h"

#include "tests/unit/unit.h"

enum { MOST = 32 };

/* Parses up to MOST words. */
static mrl_err parse(const char *const *words, struct mrl_keys_arguments *out)
{
    char *argv[MOST + 1] = {"merlon-keys"};
    int argc = 1;

    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return mrl_keys_parse(argc, argv, out, NULL);
}
#define PARSE(out, ...) parse((const char *const[]){__VA_ARGS__, NULL}, (out))

static void init_has_safe_defaults(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "init", "--dir", "d"));
    assert_int_equal(a.command, MRL_KEYS_INIT);
    assert_string_equal(a.dir, "d");
    assert_string_equal(a.tenant, "default");
    assert_int_equal(a.root_type, MRL_KEY_P384);
    assert_false(a.source.fd_given);
}

static void serve_takes_its_limits(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--max-lifetime", "app=90d",
                    "--issue-rate", "7", "--issue-burst", "9"));
    assert_int_equal(a.channel, 3);
    assert_int_equal(a.limits.max_lifetime_s[MRL_KEYS_APPLICATION], 90 * 86400);
    assert_int_equal(a.limits.max_lifetime_s[MRL_KEYS_DEVICE], MRL_POLICY_LIFETIME_S);
    assert_int_equal(a.limits.issue_rate, 7);
    assert_int_equal(a.limits.issue_burst, 9);
    assert_ok(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--issue-rate", "100000",
                    "--issue-burst", "1000000"));
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--issue-burst", "1000001"),
                     MRL_ERR_INVALID);
}

static void serve_takes_the_url_of_revocation(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "serve", "--dir", "d", "--fd", "3"));
    assert_string_equal(a.limits.revocation_url, "");
    assert_int_equal(a.limits.max_lifetime_s[MRL_KEYS_OCSP], MRL_POLICY_OCSP_LIFETIME_S);
    assert_ok(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--revocation-url", "http://h:80/x"));
    assert_string_equal(a.limits.revocation_url, "http://h:80/x");
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--revocation-url", "https://h"),
                     MRL_ERR_INVALID);
}

static void a_sealing_key_is_dropped_by_number(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "new-sealing-key", "--dir", "d"));
    assert_int_equal(a.command, MRL_KEYS_NEW_SEALING);
    assert_ok(PARSE(&a, "drop-sealing-key", "--dir", "d", "--number", "99"));
    assert_int_equal(a.command, MRL_KEYS_DROP_SEALING);
    assert_int_equal(a.sealing_number, 99);
    assert_int_equal(PARSE(&a, "drop-sealing-key", "--dir", "d", "--number", "100"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "drop-sealing-key", "--dir", "d", "--number", "0"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "drop-sealing-key", "--dir", "d"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "new-sealing-key", "--dir", "d", "--number", "2"), MRL_ERR_INVALID);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_int_equal(PARSE(&a, "sign", "--dir", "d"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--fd", "3"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--tenant", "t"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "x"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "40000"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--root-curve", "P-521"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--unlock", "prayer"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "extra"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--max-lifetime", "app"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--max-lifetime", "ca=1d"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--issue-rate", "0"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--issue-rate", "100001"),
                     MRL_ERR_INVALID);
    assert_ok(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--issue-rate", "100000"));
}

static void unlock_and_its_source_must_agree(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "init", "--dir", "d", "--unlock", "passphrase", "--passphrase-fd", "4"));
    assert_ok(PARSE(&a, "init", "--dir", "d", "--unlock", "credential", "--credential", "k"));
    assert_ok(PARSE(&a, "init", "--dir", "d", "--unlock", "file"));
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--unlock", "passphrase"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--unlock", "file", "--passphrase-file", "p"),
                     MRL_ERR_INVALID);
    assert_ok(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--unlock", "tpm"));
    assert_int_equal(a.source.kind, MRL_UNLOCK_TPM);
}

static void a_rekey_has_two_sources(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "rekey", "--dir", "d", "--from", "passphrase", "--passphrase-fd", "4",
                    "--to", "passphrase", "--new-passphrase-file", "p"));
    assert_int_equal(a.source.passphrase_fd, 4);
    assert_false(a.to.fd_given);
    assert_string_equal(a.to.passphrase_file, "p");
    assert_ok(PARSE(&a, "rekey", "--dir", "d", "--to", "tpm", "--new-tpm-pcrs", "sha256:7"));
    assert_int_equal(a.source.kind, MRL_UNLOCK_FILE);
    assert_int_equal(a.to.kind, MRL_UNLOCK_TPM);
    assert_ok(PARSE(&a, "rekey", "--dir", "d", "--from", "tpm", "--to", "file"));
    assert_int_equal(PARSE(&a, "rekey", "--dir", "d"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "rekey", "--dir", "d", "--new-tpm-tcti", "t"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "rekey", "--dir", "d", "--to", "file", "--new-credential", "c"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "rekey", "--dir", "d", "--passphrase-fd", "4", "--to", "passphrase",
                           "--new-passphrase-fd", "4"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--new-credential", "c"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "init", "--dir", "d", "--to", "file"), MRL_ERR_INVALID);
}

static void an_export_needs_a_file_and_one_passphrase(void **state)
{
    struct mrl_keys_arguments a;

    (void)state;
    assert_ok(PARSE(&a, "export-root", "--dir", "d", "--out", "f", "--export-passphrase-fd", "0"));
    assert_int_equal(a.command, MRL_KEYS_EXPORT_ROOT);
    assert_string_equal(a.out, "f");
    assert_int_equal(a.export_passphrase_fd, 0);
    assert_false(a.source.fd_given);
    assert_ok(PARSE(&a, "export-root", "--dir", "d", "--out", "f", "--export-passphrase-file", "p",
                    "--passphrase-file", "q", "--user", "u"));
    assert_string_equal(a.export_passphrase_file, "p");
    assert_int_equal(PARSE(&a, "export-root", "--dir", "d", "--out", "f"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "export-root", "--dir", "d", "--export-passphrase-fd", "0"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "export-root", "--dir", "d", "--out", "f", "--export-passphrase-fd",
                           "0", "--export-passphrase-file", "p"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "export-root", "--dir", "d", "--out", "f", "--export-passphrase-fd",
                           "4", "--passphrase-fd", "4"),
                     MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "serve", "--dir", "d", "--fd", "3", "--out", "f"), MRL_ERR_INVALID);
    assert_int_equal(PARSE(&a, "export-root", "--dir", "d", "--fd", "3", "--out", "f",
                           "--export-passphrase-fd", "0"),
                     MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_has_safe_defaults),
        cmocka_unit_test(serve_takes_its_limits),
        cmocka_unit_test(serve_takes_the_url_of_revocation),
        cmocka_unit_test(a_sealing_key_is_dropped_by_number),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(unlock_and_its_source_must_agree),
        cmocka_unit_test(a_rekey_has_two_sources),
        cmocka_unit_test(an_export_needs_a_file_and_one_passphrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
