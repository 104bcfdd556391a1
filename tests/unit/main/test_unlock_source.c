/* SPDX-License-Identifier: Apache-2.0 */
#include "main/unlock_source.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_arena arena;

static int free_arena(void **state)
{
    (void)state;
    mrl_arena_done(&arena);
    return 0;
}

/* The source that [keys] with these lines gives; it has views into the arena. */
static mrl_err source_of(const char *lines, struct mrl_unlock_source *out, struct mrl_why *why)
{
    static char text[1024];
    struct mrl_config config;

    (void)snprintf(text, sizeof(text), "[server]\nstate = \"/s\"\n[keys]\n%s", lines);
    assert_ok(mrl_config_read(&mrl_config_schema, mrl_str(text), &arena, &config, why));
    return mrl_unlock_source_of(&config, out, why);
}

static void the_default_is_the_file(void **state)
{
    struct mrl_unlock_source s;

    (void)state;
    assert_ok(source_of("", &s, NULL));
    assert_int_equal(s.kind, MRL_UNLOCK_FILE);
    assert_null(s.credential);
    assert_null(s.tpm_tcti);
}

static void a_tpm_needs_no_more_than_its_name(void **state)
{
    struct mrl_unlock_source s;

    (void)state;
    assert_ok(source_of("unlock = \"tpm\"\ntpm_pcrs = \"sha256:7\"\n", &s, NULL));
    assert_int_equal(s.kind, MRL_UNLOCK_TPM);
    assert_string_equal(s.tpm_tcti, "device:/dev/tpmrm0");
    assert_string_equal(s.tpm_pcrs, "sha256:7");
    assert_null(s.pin_file);
}

static void a_token_needs_module_token_and_pin(void **state)
{
    struct mrl_unlock_source s;
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(source_of("unlock = \"pkcs11\"\n", &s, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "pkcs11-module"));
    assert_int_equal(source_of("unlock = \"pkcs11\"\npkcs11_module = \"m.so\"\n", &s, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "absolute"));
    assert_ok(source_of("unlock = \"pkcs11\"\npkcs11_module = \"/m.so\"\npkcs11_token = \"t\"\n"
                        "pin_credential = \"pin\"\npkcs11_env = [\"A=1\", \"B=2\"]\n",
                        &s, NULL));
    assert_string_equal(s.pkcs11_key, "merlon-unlock");
    assert_int_equal(s.pkcs11_env_count, 2);
    assert_string_equal(s.pkcs11_env[1], "B=2");
}

static void keys_of_another_kind_do_no_harm(void **state)
{
    struct mrl_unlock_source s;

    (void)state;
    assert_ok(source_of("unlock = \"credential\"\npin_file = \"/pin\"\n"
                        "pkcs11_module = \"/m.so\"\npassphrase_file = \"/p\"\n",
                        &s, NULL));
    assert_string_equal(s.credential, "merlon-unlock");
    assert_null(s.pin_file);
    assert_null(s.pkcs11_module);
    assert_null(s.passphrase_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_default_is_the_file, free_arena),
        cmocka_unit_test_teardown(a_tpm_needs_no_more_than_its_name, free_arena),
        cmocka_unit_test_teardown(a_token_needs_module_token_and_pin, free_arena),
        cmocka_unit_test_teardown(keys_of_another_kind_do_no_harm, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
