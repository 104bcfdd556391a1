/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/purges.h"

#include "tests/unit/devices/fixture.h"

static int set_up_purges(void **state)
{
    struct fixture *f;

    duties_more = &mrl_purges_migrations;
    if (set_up(state) != 0)
        return -1;
    f = *state;
    return mrl_registry_also_on_revoke(f->registry, mrl_purges_note, NULL) == MRL_OK ? 0 : -1;
}

struct found {
    size_t count;
    char ids[64];
};

static void see(void *context, mrl_bytes device)
{
    struct found *found = context;
    size_t len = strlen(found->ids);

    found->count++;
    (void)snprintf(found->ids + len, sizeof(found->ids) - len, "%.*s ", MRL_FMT(device));
}

static mrl_err run_each(struct mrl_tx *tx, void *context)
{
    return mrl_purges_each_tx(tx, see, context);
}

static struct found to_be_done(struct fixture *f)
{
    struct found found = {0};

    assert_ok(mrl_store_read(f->store, run_each, &found));
    return found;
}

static mrl_err run_done(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_purges_done_tx(tx, MRL_LIT("a"));
}

static mrl_err step(struct fixture *f, const char *id, enum mrl_device_action action)
{
    return mrl_device_change(f->registry, &admin, mrl_str(id), action, MRL_LIT("why"), NULL);
}

static void a_retirement_is_to_be_followed_by_a_purge_until_that_is_done(void **state)
{
    struct fixture *f = *state;
    struct mrl_write w = {.run = run_done};

    add(f, "a", "");
    add(f, "b", "");
    assert_ok(step(f, "a", MRL_DEVICE_RETIRE));
    assert_ok(step(f, "b", MRL_DEVICE_RETIRE));
    assert_string_equal(to_be_done(f).ids, "a b ");
    assert_ok(mrl_store_write(f->store, &w));
    assert_string_equal(to_be_done(f).ids, "b ");
}

static void other_steps_are_not(void **state)
{
    struct fixture *f = *state;

    add(f, "a", "");
    assert_ok(step(f, "a", MRL_DEVICE_REVOKE));
    assert_int_equal(to_be_done(f).count, 0);
    assert_ok(step(f, "a", MRL_DEVICE_RETIRE));
    assert_ok(step(f, "a", MRL_DEVICE_LIFT));
    assert_ok(step(f, "a", MRL_DEVICE_RETIRE)); /* before the first purge was done */
    assert_int_equal(to_be_done(f).count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_retirement_is_to_be_followed_by_a_purge_until_that_is_done, set_up_purges, tear_down),
        cmocka_unit_test_setup_teardown(other_steps_are_not, set_up_purges, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
