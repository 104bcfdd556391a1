/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/generations.h"

#include "tests/unit/access/fixture.h"

static struct place place;
static struct mrl_store *store;

/* What a key process would tell; a certificate is only bytes here. */
static const struct mrl_keys_facts first = {
    .generation_count = 2,
    .generations = {{.kind = MRL_CA_ROOT, .number = 1, .cert = MRL_LIT_INIT("root 1")},
                    {.kind = MRL_CA_ISSUING, .number = 1, .cert = MRL_LIT_INIT("issuing 1")}}};
static const struct mrl_keys_facts second = {
    .generation_count = 3,
    .generations = {{.kind = MRL_CA_ROOT, .number = 1, .cert = MRL_LIT_INIT("root 1")},
                    {.kind = MRL_CA_ISSUING, .number = 1, .cert = MRL_LIT_INIT("issuing 1")},
                    {.kind = MRL_CA_ISSUING, .number = 2, .cert = MRL_LIT_INIT("issuing 2")}}};

static int set_up(void **state)
{
    (void)state;
    duties_more = &mrl_ca_migrations;
    place_make(&place);
    store = duties_store(&place);
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    duties_close(store);
    place_remove(&place);
    return 0;
}

static void tell(const struct mrl_keys_facts *facts, struct mrl_ca_rows *rows)
{
    struct mrl_why why = {""};

    if (mrl_ca_sync(store, facts, rows, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

static mrl_err step(enum mrl_ca_kind kind, uint8_t number, enum mrl_ca_state to)
{
    const struct mrl_ca_step s = {.kind = kind, .number = number, .to = to};

    return mrl_ca_take_step(store, &admin, &s, NULL);
}

static void the_first_of_a_kind_is_active_and_later_ones_are_prepared(void **state)
{
    struct mrl_ca_rows rows;

    (void)state;
    tell(&first, &rows);
    assert_int_equal(rows.at[0].state, MRL_CA_ACTIVE);
    assert_int_equal(rows.at[1].state, MRL_CA_ACTIVE);
    tell(&second, &rows);
    assert_int_equal(rows.count, 3);
    assert_int_equal(rows.at[1].state, MRL_CA_ACTIVE);
    assert_int_equal(rows.at[2].state, MRL_CA_PREPARED);
}

static void one_is_active_and_the_one_before_is_superseded(void **state)
{
    struct mrl_ca_rows rows;

    (void)state;
    tell(&second, &rows);
    assert_ok(step(MRL_CA_ISSUING, 2, MRL_CA_ACTIVE));
    assert_ok(step(MRL_CA_ISSUING, 2, MRL_CA_ACTIVE)); /* again: nothing changes */
    tell(&second, &rows);
    assert_int_equal(rows.at[1].state, MRL_CA_SUPERSEDED);
    assert_int_equal(rows.at[2].state, MRL_CA_ACTIVE);
    assert_int_equal(rows.at[0].state, MRL_CA_ACTIVE); /* of another kind */
    assert_ok(step(MRL_CA_ISSUING, 1, MRL_CA_ACTIVE)); /* taken back */
    tell(&second, &rows);
    assert_int_equal(rows.at[1].state, MRL_CA_ACTIVE);
    assert_int_equal(rows.at[2].state, MRL_CA_SUPERSEDED);
}

static void what_is_active_is_not_retired_and_what_is_retired_stays_so(void **state)
{
    struct mrl_ca_rows rows;

    (void)state;
    tell(&second, &rows);
    assert_int_equal(step(MRL_CA_ISSUING, 1, MRL_CA_RETIRED), MRL_ERR_STATE);
    assert_int_equal(step(MRL_CA_ISSUING, 3, MRL_CA_ACTIVE), MRL_ERR_NOT_FOUND);
    assert_ok(step(MRL_CA_ISSUING, 2, MRL_CA_ACTIVE));
    assert_ok(step(MRL_CA_ISSUING, 1, MRL_CA_RETIRED));
    assert_int_equal(step(MRL_CA_ISSUING, 1, MRL_CA_ACTIVE), MRL_ERR_STATE);
    tell(&second, &rows);
    assert_int_equal(rows.at[1].state, MRL_CA_RETIRED);
}

static void another_certificate_of_a_known_number_is_refused(void **state)
{
    struct mrl_keys_facts other = first;
    struct mrl_ca_rows rows;
    struct mrl_why why = {""};

    (void)state;
    tell(&first, &rows);
    other.generations[1].cert = MRL_LIT("issuing 1 of another keystore");
    assert_int_equal(mrl_ca_sync(store, &other, &rows, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "another issuing CA 1"));
}

static void a_kind_is_one_of_two_words(void **state)
{
    enum mrl_ca_kind kind;

    (void)state;
    assert_ok(mrl_ca_kind_read(MRL_LIT("root"), &kind));
    assert_int_equal(kind, MRL_CA_ROOT);
    assert_ok(mrl_ca_kind_read(MRL_LIT("issuing"), &kind));
    assert_int_equal(kind, MRL_CA_ISSUING);
    assert_int_equal(mrl_ca_kind_read(MRL_LIT("Root"), &kind), MRL_ERR_INVALID);
    assert_int_equal(mrl_ca_kind_read(MRL_LIT(""), &kind), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_of_a_kind_is_active_and_later_ones_are_prepared,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(one_is_active_and_the_one_before_is_superseded, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(what_is_active_is_not_retired_and_what_is_retired_stays_so,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(another_certificate_of_a_known_number_is_refused, set_up,
                                        take_down),
        cmocka_unit_test(a_kind_is_one_of_two_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
