/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/source.h"

#include <string.h>

#include "tests/unit/unit.h"

/* Takes an option by its name. */
static mrl_err take(struct mrl_unlock_source *s, const char *name, const char *value)
{
    for (size_t i = 0; i < MRL_SOURCE_OPTIONS; i++)
        if (strcmp(mrl_source_option(i, /*of_new=*/false), name) == 0)
            return mrl_source_take(s, i, value, NULL);
    fail_msg("there is no option %s", name);
    return MRL_ERR_NOT_FOUND;
}

static void the_kind_is_told_by_its_own_options(void **state)
{
    static const struct {
        const char *option, *value;
        enum mrl_unlock_kind kind;
    } cases[] = {{"passphrase-file", "p", MRL_UNLOCK_PASSPHRASE},
                 {"passphrase-fd", "0", MRL_UNLOCK_PASSPHRASE},
                 {"credential", "c", MRL_UNLOCK_CREDENTIAL},
                 {"tpm-tcti", "t", MRL_UNLOCK_TPM}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_unlock_source s = {0};

        assert_ok(take(&s, cases[i].option, cases[i].value));
        assert_ok(mrl_source_check(&s, "", NULL));
        assert_int_equal(s.kind, cases[i].kind);
    }
}

static void sources_that_exclude_each_other_are_refused(void **state)
{
    struct mrl_unlock_source s = {.fd_given = true, .credential = "c"};
    struct mrl_unlock_source both = {.fd_given = true, .passphrase_file = "p"};
    struct mrl_unlock_source pins = {
        .kind = MRL_UNLOCK_TPM, .pin_file = "p", .pin_credential = "c"};
    struct mrl_unlock_source alone = {.pin_file = "p"};

    (void)state;
    assert_int_equal(mrl_source_check(&s, "", NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_source_check(&both, "", NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_source_check(&pins, "", NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_source_check(&alone, "", NULL), MRL_ERR_INVALID);
}

static void what_is_missing_is_named_with_its_prefix(void **state)
{
    struct mrl_unlock_source s = {.kind = MRL_UNLOCK_PKCS11, .pkcs11_module = "/m.so"};
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(mrl_source_check(&s, "new-", &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, "--new-pkcs11-token is missing");
    s.pkcs11_token = s.pkcs11_key = s.pin_file = "x";
    assert_ok(mrl_source_check(&s, "new-", NULL));
    s.pkcs11_module = "m.so";
    assert_int_equal(mrl_source_check(&s, "", NULL), MRL_ERR_INVALID);
}

static void texts_and_variables_have_limits(void **state)
{
    static char text[MRL_SOURCE_TEXT_MAX + 2];
    struct mrl_unlock_source s = {0};

    (void)state;
    memset(text, 'x', MRL_SOURCE_TEXT_MAX + 1);
    assert_int_equal(take(&s, "tpm-tcti", text), MRL_ERR_INVALID);
    text[MRL_SOURCE_TEXT_MAX] = '\0';
    assert_ok(take(&s, "tpm-tcti", text));
    assert_int_equal(take(&s, "pkcs11-env", "NAME"), MRL_ERR_INVALID);
    assert_int_equal(take(&s, "pkcs11-env", "=value"), MRL_ERR_INVALID);
    for (size_t i = 0; i < MRL_SOURCE_ENV; i++)
        assert_ok(take(&s, "pkcs11-env", "NAME=value"));
    assert_int_equal(take(&s, "pkcs11-env", "NAME=value"), MRL_ERR_INVALID);
}

static void arguments_say_the_same_and_no_descriptor(void **state)
{
    const struct mrl_unlock_source s = {.kind = MRL_UNLOCK_PKCS11,
                                        .fd_given = true,
                                        .pkcs11_module = "/m.so",
                                        .pkcs11_env = {"A=1", "B=2"},
                                        .pkcs11_env_count = 2};
    static const char *const expected[] = {"--unlock",     "pkcs11", "--pkcs11-module", "/m.so",
                                           "--pkcs11-env", "A=1",    "--pkcs11-env",    "B=2"};
    const char *argv[MRL_SOURCE_ARGUMENTS];
    size_t argc = 0;

    (void)state;
    mrl_source_arguments(&s, argv, &argc);
    assert_int_equal(argc, MRL_COUNT(expected));
    for (size_t i = 0; i < argc; i++)
        assert_string_equal(argv[i], expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kind_is_told_by_its_own_options),
        cmocka_unit_test(sources_that_exclude_each_other_are_refused),
        cmocka_unit_test(what_is_missing_is_named_with_its_prefix),
        cmocka_unit_test(texts_and_variables_have_limits),
        cmocka_unit_test(arguments_say_the_same_and_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
