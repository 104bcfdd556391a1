/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/profile.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_profile named(const char *name)
{
    struct mrl_profile p = mrl_profile_default;

    p.name = mrl_str(name);
    return p;
}

static struct mrl_profiles with(const char *name)
{
    return (struct mrl_profiles){.all = {named(name)}, .count = 1};
}

static void no_label_is_the_default_profile(void **state)
{
    struct mrl_profiles none = {.count = 0}, own = with("default");

    (void)state;
    own.all[0].life_s = 7;
    assert_ptr_equal(mrl_profiles_find(NULL, MRL_BYTES_NONE), &mrl_profile_default);
    assert_ptr_equal(mrl_profiles_find(&none, MRL_BYTES_NONE), &mrl_profile_default);
    assert_ptr_equal(mrl_profiles_find(&none, MRL_LIT("default")), &mrl_profile_default);
    assert_ptr_equal(mrl_profiles_find(&own, MRL_BYTES_NONE), &own.all[0]);
    assert_ptr_equal(mrl_profiles_find(&own, MRL_LIT("default")), &own.all[0]);
}

static void a_label_is_compared_byte_by_byte(void **state)
{
    struct mrl_profiles p = with("Gate-1");

    (void)state;
    assert_ptr_equal(mrl_profiles_find(&p, MRL_LIT("Gate-1")), &p.all[0]);
    assert_null(mrl_profiles_find(&p, MRL_LIT("gate-1")));
    assert_null(mrl_profiles_find(&p, MRL_LIT("Gate-1\0")));
    assert_null(mrl_profiles_find(&p, MRL_LIT("Gate")));
}

static void the_default_takes_every_key_and_device(void **state)
{
    (void)state;
    for (unsigned type = 0; type < MRL_PROFILE_KEYS_MAX; type++)
        assert_true(mrl_profile_takes(&mrl_profile_default, (enum mrl_key_type)type));
    assert_true(mrl_profile_admits(&mrl_profile_default, MRL_BYTES_NONE));
    assert_int_equal(mrl_profile_default.proof, MRL_PROOF_IF_PRESENT);
    assert_false(mrl_profile_default.serverkeygen);
}

static void groups_are_those_named(void **state)
{
    const mrl_bytes groups[] = {MRL_LIT_INIT("pumps"), MRL_LIT_INIT("gates")};
    struct mrl_profile p = named("p");

    (void)state;
    p.groups = groups;
    p.group_count = 2;
    assert_true(mrl_profile_admits(&p, MRL_LIT("gates")));
    assert_false(mrl_profile_admits(&p, MRL_LIT("gate")));
    assert_false(mrl_profile_admits(&p, MRL_BYTES_NONE)); /* a device without group */
}

/* RFC 7030 3.2.2 */
static void a_name_that_is_an_operation_or_no_label_is_refused(void **state)
{
    static const char *const bad[] = {"cacerts", "simpleenroll", "simplereenroll",
                                      "fullcmc", "csrattrs",     "serverkeygen",
                                      "",        "a/b",          "a b",
                                      ".a",      "..",           "\xc3\xa4",
                                      "a%41"};
    static const char *const good[] = {"a", "CACERTS", "A-b_c.9", "mqtt"};
    struct mrl_why why;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_profiles p = with(bad[i]);

        why.text[0] = '\0';
        assert_int_equal(mrl_profiles_check(&p, &why), MRL_ERR_INVALID);
        assert_string_not_equal(why.text, "");
    }
    for (size_t i = 0; i < MRL_COUNT(good); i++) {
        struct mrl_profiles p = with(good[i]);

        assert_ok(mrl_profiles_check(&p, NULL));
    }
}

static void a_name_has_64_bytes_and_not_65(void **state)
{
    char name[MRL_PROFILE_NAME_MAX + 2];
    struct mrl_profiles p;

    (void)state;
    memset(name, 'n', sizeof(name));
    name[MRL_PROFILE_NAME_MAX] = '\0';
    p = with(name);
    assert_ok(mrl_profiles_check(&p, NULL));
    name[MRL_PROFILE_NAME_MAX] = 'n';
    name[MRL_PROFILE_NAME_MAX + 1] = '\0';
    p = with(name);
    assert_int_equal(mrl_profiles_check(&p, NULL), MRL_ERR_INVALID);
}

static void a_name_comes_once(void **state)
{
    struct mrl_profiles p = with("a");
    struct mrl_why why = {""};

    (void)state;
    p.all[1] = named("a");
    p.count = 2;
    assert_int_equal(mrl_profiles_check(&p, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "twice"));
}

static void keys_that_are_made_are_of_a_kind_that_can_be_made(void **state)
{
    struct mrl_profiles p = with("a");
    enum mrl_key_type made;

    (void)state;
    p.all[0].serverkeygen = true;
    p.all[0].keys[0] = MRL_KEY_RSA;
    p.all[0].key_count = 1;
    assert_int_equal(mrl_profiles_check(&p, NULL), MRL_ERR_INVALID);
    p.all[0].keys[1] = MRL_KEY_P384;
    p.all[0].key_count = 2;
    assert_ok(mrl_profiles_check(&p, NULL));
    assert_true(mrl_profile_made_key(&p.all[0], &made));
    assert_int_equal(made, MRL_KEY_P384);
}

static void a_proof_that_is_demanded_is_asked_for(void **state)
{
    struct mrl_profiles p = with("a");

    (void)state;
    p.all[0].silent = true;
    assert_ok(mrl_profiles_check(&p, NULL));
    p.all[0].proof = MRL_PROOF_FIRST;
    assert_int_equal(mrl_profiles_check(&p, NULL), MRL_ERR_INVALID);
    p.all[0].silent = false;
    assert_ok(mrl_profiles_check(&p, NULL));
}

static void the_longest_life_counts(void **state)
{
    struct mrl_profiles p = {.all = {named("a"), named("b")}, .count = 2};

    (void)state;
    assert_int_equal(mrl_profiles_longest_life(&p, 5), 5);
    p.all[1].life_s = 9;
    assert_int_equal(mrl_profiles_longest_life(&p, 5), 9);
    assert_int_equal(mrl_profiles_longest_life(&p, 10), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_label_is_the_default_profile),
        cmocka_unit_test(a_label_is_compared_byte_by_byte),
        cmocka_unit_test(the_default_takes_every_key_and_device),
        cmocka_unit_test(groups_are_those_named),
        cmocka_unit_test(a_name_that_is_an_operation_or_no_label_is_refused),
        cmocka_unit_test(a_name_has_64_bytes_and_not_65),
        cmocka_unit_test(a_name_comes_once),
        cmocka_unit_test(keys_that_are_made_are_of_a_kind_that_can_be_made),
        cmocka_unit_test(a_proof_that_is_demanded_is_asked_for),
        cmocka_unit_test(the_longest_life_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
