/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/templates.h"

#include <string.h>

#include "tests/unit/devices/fixture.h"

#define BODY "{\"parameters\":{},\"device\":\"x\"}"
#define HOOKED(url) "{\"parameters\":{},\"device\":\"x\",\"hook\":{\"url\":\"" url "\"}}"
#define SECRET "0123456789abcdef"

static int set_up_templates(void **state)
{
    duties_more = &mrl_provisioning_migrations;
    return set_up(state);
}

static mrl_err set(struct fixture *f, const char *name, const char *body, const char *secret,
                   int64_t *version)
{
    const struct mrl_template_wish wish = {mrl_str(name), mrl_str(body), mrl_str(secret)};
    struct mrl_why why = {""};
    mrl_err err = mrl_template_set(f->store, f->sealer, &admin, &wish, version, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0'); /* every refusal has its sentence */
    return err;
}

static void assert_secret(struct fixture *f, const char *name, const char *secret)
{
    MRL_SCOPED(mrl_template_loaded) l = {0};

    assert_ok(mrl_template_load(f->store, f->sealer, mrl_str(name), &l, NULL));
    assert_int_equal(l.secret != NULL, secret != NULL);
    if (secret != NULL)
        assert_bytes_equal(mrl_secret_bytes(l.secret), mrl_str(secret));
}

static void versions_count_from_one(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_template_loaded) l = {0};
    int64_t version = 0;

    assert_ok(set(f, "m", BODY, "", &version));
    assert_int_equal(version, 1);
    assert_ok(set(f, "m", HOOKED("unix:/a"), "", &version));
    assert_int_equal(version, 2);
    assert_ok(mrl_template_load(f->store, f->sealer, MRL_LIT("m"), &l, NULL));
    assert_int_equal(l.version, 2);
    assert_bytes_equal(mrl_template_hook(l.template)->url, MRL_LIT("unix:/a"));
    assert_int_equal(mrl_template_load(f->store, f->sealer, MRL_LIT("n"), &l, NULL),
                     MRL_ERR_NOT_FOUND);
}

/* Who may set templates must not be able to have another server asked in the factory's name. */
static void a_secret_stays_with_its_address(void **state)
{
    struct fixture *f = *state;
    int64_t version;

    assert_int_equal(set(f, "m", BODY, SECRET, &version), MRL_ERR_INVALID);
    assert_ok(set(f, "m", HOOKED("unix:/a"), SECRET, &version));
    assert_secret(f, "m", SECRET);
    assert_ok(set(f, "m", HOOKED("unix:/a"), "", &version));
    assert_secret(f, "m", SECRET);
    assert_ok(set(f, "m", HOOKED("unix:/b"), "", &version));
    assert_secret(f, "m", NULL);
    assert_ok(set(f, "m", HOOKED("unix:/b"), SECRET SECRET, &version));
    assert_ok(set(f, "m", BODY, "", &version));
    assert_ok(set(f, "m", HOOKED("unix:/b"), "", &version));
    assert_secret(f, "m", NULL);
}

static void a_secret_is_as_long_as_the_limits_allow(void **state)
{
    struct fixture *f = *state;
    char longest[MRL_HOOK_SECRET_MAX + 2] = {0};
    int64_t version;

    assert_int_equal(set(f, "m", HOOKED("unix:/a"), "0123456789abcde", &version), MRL_ERR_INVALID);
    assert_ok(set(f, "m", HOOKED("unix:/a"), SECRET, &version));
    memset(longest, 'x', MRL_HOOK_SECRET_MAX);
    assert_ok(set(f, "m", HOOKED("unix:/a"), longest, &version));
    longest[MRL_HOOK_SECRET_MAX] = 'x';
    assert_int_equal(set(f, "m", HOOKED("unix:/a"), longest, &version), MRL_ERR_INVALID);
}

static void a_name_stands_as_it_is_in_a_topic(void **state)
{
    static const char *const wrong[] = {
        "", "a/b", "+", "#", "a b", "-a", ".a", "a\n", "0123456789012345678901234567890123"};
    struct fixture *f = *state;
    int64_t version;

    for (size_t i = 0; i < MRL_COUNT(wrong); i++)
        assert_int_equal(set(f, wrong[i], BODY, "", &version), MRL_ERR_INVALID);
    assert_ok(set(f, "01234567890123456789012345678901", BODY, "", &version)); /* 32 */
    assert_int_equal(set(f, "012345678901234567890123456789012", BODY, "", &version),
                     MRL_ERR_INVALID);
}

static void count_listed(void *context, const struct mrl_template_info *t)
{
    (void)t;
    (*(size_t *)context)++;
}

static void there_are_as_many_as_the_limit_allows(void **state)
{
    struct fixture *f = *state;
    int64_t version;
    char name[16];
    size_t listed = 0;

    for (unsigned i = 0; i < MRL_TEMPLATES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        assert_ok(set(f, name, BODY, "", &version));
    }
    assert_int_equal(set(f, "more", BODY, "", &version), MRL_ERR_LIMIT);
    assert_ok(set(f, "t7", BODY, "", &version)); /* which is no more of them */
    assert_ok(mrl_template_delete(f->store, &admin, MRL_LIT("t8"), NULL));
    assert_int_equal(mrl_template_delete(f->store, &admin, MRL_LIT("t8"), NULL), MRL_ERR_NOT_FOUND);
    assert_ok(set(f, "more", BODY, "", &version));
    assert_ok(mrl_template_list(f->store, MRL_BYTES_NONE, 1000, count_listed, &listed));
    assert_int_equal(listed, MRL_TEMPLATES_MAX);
    assert_int_equal(mrl_template_list(f->store, MRL_BYTES_NONE, 1001, count_listed, &listed),
                     MRL_ERR_INVALID);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up_templates, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(versions_count_from_one),
        WITH(a_secret_stays_with_its_address),
        WITH(a_secret_is_as_long_as_the_limits_allow),
        WITH(a_name_stands_as_it_is_in_a_topic),
        WITH(there_are_as_many_as_the_limit_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
