/* SPDX-License-Identifier: Apache-2.0 */
#include "main/profiles.h"

#include <string.h>

#include "tests/unit/unit.h"

static mrl_err read_config(struct mrl_arena *arena, const char *text, struct mrl_profiles *out,
                           struct mrl_why *why)
{
    static struct mrl_config c;
    MRL_SCOPED(mrl_buf) whole = {0};

    assert_ok(mrl_buf_printf(&whole, "[server]\nstate = \"/s\"\n%s", text));
    MRL_TRY(mrl_config_read(&mrl_config_schema, mrl_buf_bytes(&whole), arena, &c, why));
    return mrl_profiles_of_config(&c, out, why);
}

static void a_profile_of_a_name_only_is_the_default(void **state)
{
    struct mrl_arena arena = {0};
    struct mrl_profiles p;

    (void)state;
    assert_ok(read_config(&arena, "[[profile]]\nname = \"gates\"\n", &p, NULL));
    assert_int_equal(p.count, 1);
    assert_bytes_equal(p.all[0].name, MRL_LIT("gates"));
    assert_int_equal(p.all[0].life_s, 0);
    assert_int_equal(p.all[0].key_count, MRL_PROFILE_KEYS_MAX);
    assert_int_equal(p.all[0].keys[0], MRL_KEY_P256);
    assert_int_equal(p.all[0].group_count, 0);
    assert_int_equal(p.all[0].proof, MRL_PROOF_IF_PRESENT);
    assert_false(p.all[0].serverkeygen);
    mrl_arena_done(&arena);
}

static void every_key_of_the_table_arrives(void **state)
{
    struct mrl_arena arena = {0};
    struct mrl_profiles p;

    (void)state;
    assert_ok(read_config(&arena,
                          "[[profile]]\nname = \"a\"\nlife = \"7d\"\ngroups = [\"x\", \"y\"]\n"
                          "keys = [\"P-384\", \"RSA\"]\nproof = \"always\"\nserverkeygen = true\n",
                          &p, NULL));
    assert_int_equal(p.all[0].life_s, 7 * 86400);
    assert_int_equal(p.all[0].group_count, 2);
    assert_true(mrl_profile_admits(&p.all[0], MRL_LIT("y")));
    assert_int_equal(p.all[0].key_count, 2);
    assert_int_equal(p.all[0].keys[0], MRL_KEY_P384);
    assert_int_equal(p.all[0].proof, MRL_PROOF_ALWAYS);
    assert_true(p.all[0].serverkeygen);
    mrl_arena_done(&arena);
}

static void what_cannot_be_is_told(void **state)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"[[profile]]\nname = \"cacerts\"\n", "operation of EST"},
        {"[[profile]]\nname = \"a\"\nkeys = [\"P-521\"]\n", "P-521"},
        {"[[profile]]\nname = \"a\"\nkeys = [\"RSA\", \"RSA\"]\n", "twice"},
        {"[[profile]]\nname = \"a\"\nkeys = []\n", "keys"},
        {"[[profile]]\nname = \"a\"\nproof = \"never\"\n", "proof"},
        {"[[profile]]\nlife = \"7d\"\n", "name"},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_arena arena = {0};
        struct mrl_profiles p;
        struct mrl_why why = {""};

        assert_int_equal(read_config(&arena, cases[i].text, &p, &why), MRL_ERR_INVALID);
        if (strstr(why.text, cases[i].told) == NULL)
            fail_msg("%s: %s", cases[i].text, why.text);
        mrl_arena_done(&arena);
    }
}

static void there_are_32_and_not_33(void **state)
{
    struct mrl_arena arena = {0};
    struct mrl_profiles p;
    MRL_SCOPED(mrl_buf) text = {0};

    (void)state;
    for (int i = 0; i < MRL_PROFILES_MAX; i++)
        assert_ok(mrl_buf_printf(&text, "[[profile]]\nname = \"p%d\"\n", i));
    assert_ok(mrl_buf_append(&text, mrl_bytes_of("", 1)));
    assert_ok(read_config(&arena, (const char *)text.data, &p, NULL));
    assert_int_equal(p.count, MRL_PROFILES_MAX);
    text.len--;
    assert_ok(mrl_buf_printf(&text, "[[profile]]\nname = \"p%d\"\n", MRL_PROFILES_MAX));
    assert_ok(mrl_buf_append(&text, mrl_bytes_of("", 1)));
    mrl_arena_done(&arena);
    assert_int_equal(read_config(&arena, (const char *)text.data, &p, NULL), MRL_ERR_INVALID);
    mrl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_of_a_name_only_is_the_default),
        cmocka_unit_test(every_key_of_the_table_arrives),
        cmocka_unit_test(what_cannot_be_is_told),
        cmocka_unit_test(there_are_32_and_not_33),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
