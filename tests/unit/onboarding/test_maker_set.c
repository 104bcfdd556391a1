/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/maker_internal.h"

#include <string.h>

#include "tests/unit/onboarding/fixture.h"

static mrl_err find(struct making *m, const struct hierarchy *of, const char *cn,
                    struct mrl_maker_rule *rule, enum mrl_chain_reason *reason)
{
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_cert)
    leaf = issue(make_profile(MRL_CERT_DEVICE, cn), key, issuing_of(of), of->issuing_key);

    return mrl_makers_find(m->makers, leaf, &of->intermediates, FIXTURE_NOW, rule, reason);
}

static void a_certificate_finds_its_maker_as_long_as_that_is_registered(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    enum mrl_chain_reason reason;
    struct mrl_maker_rule rule;

    assert_int_equal(find(m, &m->acme, "p", &rule, &reason), MRL_ERR_NOT_FOUND);
    assert_ok(add_maker(m, &maker));
    assert_ok(find(m, &m->acme, "p", &rule, &reason));
    assert_int_equal(reason, MRL_CHAIN_OK);
    assert_string_equal(rule.name.text, "acme");
    assert_string_equal(rule.prefix, "acme-");
    assert_ok(mrl_maker_remove(m->makers, &admin, MRL_LIT("acme"), NULL));
    assert_int_equal(find(m, &m->acme, "p", &rule, &reason), MRL_ERR_NOT_FOUND);
}

static void the_same_names_with_other_keys_are_no_path(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    enum mrl_chain_reason reason;
    struct mrl_maker_rule rule;
    struct hierarchy other;

    hierarchy_new(&other, MRL_KEY_P256);
    assert_ok(add_maker(m, &maker));
    assert_int_equal(find(m, &other, "p", &rule, &reason), MRL_ERR_AUTH);
    assert_int_equal(reason, MRL_CHAIN_FOREIGN_CA);
    hierarchy_done(&other);
}

static void a_ca_below_a_root_is_an_anchor_when_it_is_alone(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    MRL_SCOPED(mrl_buf) pem = {0};
    enum mrl_chain_reason reason;
    struct mrl_maker_rule rule;

    assert_ok(mrl_cert_to_pem(issuing_of(&m->acme), &pem));
    maker.ca = mrl_buf_bytes(&pem);
    assert_ok(add_maker(m, &maker));
    assert_ok(find(m, &m->acme, "p", &rule, &reason));
}

static void what_leads_to_two_makers_is_nobodys(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    MRL_SCOPED(mrl_buf) pem = {0};
    enum mrl_chain_reason reason;
    struct mrl_maker_rule rule;

    assert_ok(add_maker(m, &maker));
    assert_ok(mrl_cert_to_pem(issuing_of(&m->acme), &pem));
    maker.name = MRL_LIT("brand");
    maker.ca = mrl_buf_bytes(&pem);
    assert_ok(add_maker(m, &maker));
    assert_int_equal(find(m, &m->acme, "p", &rule, &reason), MRL_ERR_STATE);
}

static mrl_err id_of(mrl_bytes cn, const char *prefix, struct mrl_name *id)
{
    struct mrl_maker_rule rule = {.id_from = MRL_MAKER_ID_CN};
    const struct mrl_cert_facts facts = {.cn = cn};
    struct mrl_why why = {""};
    mrl_err err;

    assert_true(mrl_bytes_to_cstr(mrl_str(prefix), rule.prefix, sizeof(rule.prefix)));
    err = mrl_maker_device_id(&rule, &facts, id, &why);
    assert_true(err == MRL_OK || why.text[0] != '\0');
    return err;
}

static void an_id_has_up_to_64_characters_with_its_prefix(void **state)
{
    char cn[MRL_NAME_MAX];
    struct mrl_name id;

    (void)state;
    memset(cn, 'x', sizeof(cn));
    assert_ok(id_of(mrl_bytes_of(cn, MRL_NAME_MAX - 5), "acme-", &id));
    assert_int_equal(id.len, MRL_NAME_MAX);
    assert_int_equal(id_of(mrl_bytes_of(cn, MRL_NAME_MAX - 4), "acme-", &id), MRL_ERR_INVALID);
}

static void what_cannot_be_an_id_is_refused_and_not_replaced(void **state)
{
    static const char *const bad[] = {"", "a/b", "a b", "a+", "#", "$", "a\tb", "\xc3\xa9"};
    struct mrl_name id;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(id_of(mrl_str(bad[i]), "acme-", &id), MRL_ERR_INVALID);
    assert_int_equal(id_of(MRL_LIT("-x"), "", &id), MRL_ERR_INVALID);
    assert_ok(id_of(MRL_LIT("A.b_c:d-1"), "", &id));
    assert_string_equal(id.text, "A.b_c:d-1");
}

static void new_devices_are_counted_by_the_minute(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule rule = {.rate = 3}, other = {.rate = 1};
    int64_t now = FIXTURE_NOW;

    assert_true(mrl_name_set(&rule.name, MRL_LIT("acme")));
    assert_true(mrl_name_set(&other.name, MRL_LIT("other")));
    for (int i = 0; i < 3; i++)
        assert_int_equal(mrl_makers_wait_s(m->makers, &rule, now), 0);
    assert_int_equal(mrl_makers_wait_s(m->makers, &rule, now + 7), 60 - 7);
    assert_int_equal(mrl_makers_wait_s(m->makers, &other, now), 0); /* each has its own */
    assert_int_equal(mrl_makers_wait_s(m->makers, &rule, now + 60), 0);
}

static void places_of_makers_that_went_are_used_again(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule rule = {.rate = 1};
    char name[16];

    for (int i = 0; i < 3 * MRL_MAKERS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        assert_true(mrl_name_set(&rule.name, mrl_str(name)));
        assert_int_equal(mrl_makers_wait_s(m->makers, &rule, FIXTURE_NOW + 60 * i), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAKERS(a_certificate_finds_its_maker_as_long_as_that_is_registered),
        WITH_MAKERS(the_same_names_with_other_keys_are_no_path),
        WITH_MAKERS(a_ca_below_a_root_is_an_anchor_when_it_is_alone),
        WITH_MAKERS(what_leads_to_two_makers_is_nobodys),
        cmocka_unit_test(an_id_has_up_to_64_characters_with_its_prefix),
        cmocka_unit_test(what_cannot_be_an_id_is_refused_and_not_replaced),
        WITH_MAKERS(new_devices_are_counted_by_the_minute),
        WITH_MAKERS(places_of_makers_that_went_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
