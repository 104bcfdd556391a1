/* SPDX-License-Identifier: Apache-2.0 */
#include "access/quotas.h"

#include "tests/unit/access/open_fixture.h"

static mrl_err give(struct fixture *f, const char *target, enum mrl_quota_limit limit,
                    uint64_t value)
{
    struct mrl_quota_override set = {.given = 1u << limit};
    struct mrl_role_target t = to(target);

    set.of[limit] = value;
    return mrl_quota_change(f->access, &admin, &t, &set, 0, NULL);
}

static mrl_err take_back(struct fixture *f, const char *target, enum mrl_quota_limit limit)
{
    const struct mrl_quota_override nothing = {0};
    struct mrl_role_target t = to(target);

    return mrl_quota_change(f->access, &admin, &t, &nothing, 1u << limit, NULL);
}

/* What holds is the writer thread's: ask for it there. */
struct question {
    struct mrl_write write;
    struct mrl_access *access;
    struct mrl_subject who;
    const struct mrl_quota *quota;
};

static mrl_err ask(struct mrl_tx *tx, struct mrl_write *w)
{
    struct question *q = MRL_CONTAINER(w, struct question, write);

    (void)tx;
    q->quota = mrl_access_quota(q->access, &q->who);
    return MRL_OK;
}

static uint64_t holds(struct fixture *f, enum mrl_principal_kind kind, const char *id,
                      const char *group, enum mrl_quota_limit limit)
{
    struct question q = {
        .write.run = ask, .access = f->access, .who = {kind, mrl_str(id), mrl_str(group)}};
    uint64_t value;

    assert_ok(mrl_store_write(f->store, &q.write));
    value = q.quota->of[limit];
    mrl_quota_unref(q.quota);
    return value;
}

static void a_device_goes_before_its_group_and_that_before_the_default(void **state)
{
    struct fixture *f = *state;
    const enum mrl_principal_kind device = MRL_PRINCIPAL_DEVICE;

    assert_int_equal(holds(f, device, "d1", "north", MRL_QUOTA_MESSAGES), 100);
    assert_ok(give(f, "group:north", MRL_QUOTA_MESSAGES, 20));
    assert_ok(give(f, "group:north", MRL_QUOTA_QUEUE, 7));
    assert_ok(give(f, "device:d1", MRL_QUOTA_MESSAGES, 3));
    assert_int_equal(holds(f, device, "d1", "north", MRL_QUOTA_MESSAGES), 3);
    assert_int_equal(holds(f, device, "d1", "north", MRL_QUOTA_QUEUE), 7);
    assert_int_equal(holds(f, device, "d1", "", MRL_QUOTA_QUEUE), 1000);
    assert_int_equal(holds(f, device, "d2", "north", MRL_QUOTA_MESSAGES), 20);
    assert_int_equal(holds(f, device, "d2", "south", MRL_QUOTA_MESSAGES), 100);
    assert_int_equal(f->told, 3);
}

static void a_name_means_a_device_or_an_application_never_both(void **state)
{
    struct fixture *f = *state;

    assert_ok(give(f, "application:d1", MRL_QUOTA_SESSIONS, 9));
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "", MRL_QUOTA_SESSIONS), 4);
    assert_int_equal(holds(f, MRL_PRINCIPAL_APPLICATION, "d1", "", MRL_QUOTA_SESSIONS), 9);
    assert_int_equal(holds(f, MRL_PRINCIPAL_APPLICATION, "d1", "", MRL_QUOTA_MESSAGES), 0);
}

static void what_is_taken_back_holds_no_more(void **state)
{
    struct fixture *f = *state;
    struct mrl_role_target d1 = to("device:d1");
    struct mrl_quota_override given;

    assert_ok(give(f, "device:d1", MRL_QUOTA_QUEUE, 7));
    assert_ok(give(f, "device:d1", MRL_QUOTA_PACKET, 4096));
    assert_ok(take_back(f, "device:d1", MRL_QUOTA_QUEUE));
    assert_ok(mrl_quota_given(f->access, &d1, &given));
    assert_int_equal(given.given, 1u << MRL_QUOTA_PACKET);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "", MRL_QUOTA_QUEUE), 1000);
    assert_ok(mrl_quota_clear(f->access, &admin, &d1, NULL));
    assert_int_equal(mrl_quota_given(f->access, &d1, &given), MRL_ERR_NOT_FOUND);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "", MRL_QUOTA_PACKET), 256 << 10);
    assert_int_equal(mrl_quota_clear(f->access, &admin, &d1, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(take_back(f, "device:d1", MRL_QUOTA_QUEUE), MRL_ERR_NOT_FOUND);
}

static void a_bad_change_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct mrl_role_target d1 = to("device:d1");
    struct mrl_quota_override both = {.given = 1u << MRL_QUOTA_QUEUE, .of[MRL_QUOTA_QUEUE] = 7};

    assert_int_equal(give(f, "device:d1", MRL_QUOTA_IN_FLIGHT, 0), MRL_ERR_INVALID);
    assert_int_equal(give(f, "device:d1", MRL_QUOTA_IN_FLIGHT, 65536), MRL_ERR_INVALID);
    assert_int_equal(mrl_quota_change(f->access, &admin, &d1, &both, 1u << MRL_QUOTA_QUEUE, NULL),
                     MRL_ERR_INVALID);
    both.given = 0;
    assert_int_equal(mrl_quota_change(f->access, &admin, &d1, &both, 0, NULL), MRL_ERR_INVALID);
    assert_int_equal(f->told, 0);
    assert_int_equal(audited(f->store, "quota.", NULL), 0);
}

static void defaults_are_under_what_was_given(void **state)
{
    struct fixture *f = *state;
    uint64_t of[MRL_QUOTA_COUNT_];

    assert_ok(give(f, "group:north", MRL_QUOTA_QUEUE, 7));
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        of[i] = mrl_quota_rules[i].fallback;
    of[MRL_QUOTA_MESSAGES] = 11;
    of[MRL_QUOTA_QUEUE] = 12;
    mrl_quota_set_defaults(f->access, MRL_PRINCIPAL_DEVICE, of);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "north", MRL_QUOTA_MESSAGES), 11);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "north", MRL_QUOTA_QUEUE), 7);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "", MRL_QUOTA_QUEUE), 12);
}

static void limits_survive_a_restart(void **state)
{
    struct fixture *f = *state;

    assert_ok(give(f, "group:north", MRL_QUOTA_QUEUE, 7));
    assert_ok(give(f, "group:north", MRL_QUOTA_MESSAGES, 0));
    assert_ok(give(f, "device:d1", MRL_QUOTA_SESSIONS, 2));
    close_access(f);
    open_access(f);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "north", MRL_QUOTA_QUEUE), 7);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "north", MRL_QUOTA_MESSAGES), 0);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "north", MRL_QUOTA_SESSIONS), 2);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d2", "north", MRL_QUOTA_SESSIONS), 4);
}

static void every_change_is_in_the_log(void **state)
{
    struct fixture *f = *state;

    assert_ok(give(f, "device:d1", MRL_QUOTA_QUEUE, 7));
    assert_int_equal(audited(f->store, "quota.changed", "\"details\":{\"queue\":7}"), 1);
    assert_int_equal(audited(f->store, "quota.changed", "\"target\":\"device:d1\""), 1);
}

static mrl_err fill(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(
        tx,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
        " INSERT INTO quotas (target, name, value, changed)"
        " SELECT 'device:x' || i, 'queue', 5, 0 FROM n",
        MRL_ARGS(MRL_INT(MRL_QUOTA_TARGETS_MAX - 1)), NULL);
}

static void limits_are_given_to_at_most_100000_targets(void **state)
{
    struct fixture *f = *state;
    struct mrl_write w = {.run = fill};

    assert_ok(mrl_store_write(f->store, &w));
    assert_ok(give(f, "device:last", MRL_QUOTA_QUEUE, 7));
    assert_int_equal(give(f, "device:more", MRL_QUOTA_QUEUE, 7), MRL_ERR_LIMIT);
    assert_ok(give(f, "device:last", MRL_QUOTA_SESSIONS, 7));
}

static mrl_err spoil(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO quotas (target, name, value, changed) VALUES"
                        " ('device:d1', 'queue', -5, 0), ('device:d1', 'of a later version', 1, 0),"
                        " ('device:d1', 'sessions', 3, 0)",
                        MRL_NO_ARGS, NULL));
    return MRL_OK;
}

static void a_stored_value_that_cannot_be_does_not_hold(void **state)
{
    struct fixture *f = *state;
    struct mrl_write w = {.run = spoil};

    assert_ok(mrl_store_write(f->store, &w));
    close_access(f);
    open_access(f);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "", MRL_QUOTA_QUEUE), 1000);
    assert_int_equal(holds(f, MRL_PRINCIPAL_DEVICE, "d1", "", MRL_QUOTA_SESSIONS), 3);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Whatever was given to a device or an application of that name. */
static void a_claim_has_limits_of_its_own(void **state)
{
    struct fixture *f = *state;
    const struct mrl_subject claim = {.kind = MRL_PRINCIPAL_CLAIM, .id = MRL_LIT("same")};
    const struct mrl_role_target device = to("device:same"), application = to("application:same");
    const struct mrl_quota_override given = {
        .given = 1u << MRL_QUOTA_SESSIONS | 1u << MRL_QUOTA_MESSAGES,
        .of = {[MRL_QUOTA_SESSIONS] = 1, [MRL_QUOTA_MESSAGES] = 7}};
    const struct mrl_quota *q;

    assert_ok(mrl_quota_change(f->access, &admin, &device, &given, 0, NULL));
    assert_ok(mrl_quota_change(f->access, &admin, &application, &given, 0, NULL));
    q = mrl_access_quota(f->access, &claim);
    assert_int_equal(q->of[MRL_QUOTA_SESSIONS], 10000);
    assert_int_equal(q->of[MRL_QUOTA_SUBSCRIPTIONS], 32);
    assert_int_equal(q->of[MRL_QUOTA_PACKET], 64 << 10);
    assert_int_equal(q->of[MRL_QUOTA_MESSAGES], 0);
    mrl_quota_unref(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_device_goes_before_its_group_and_that_before_the_default),
        WITH_STORE(a_name_means_a_device_or_an_application_never_both),
        WITH_STORE(what_is_taken_back_holds_no_more),
        WITH_STORE(a_bad_change_leaves_nothing_behind),
        WITH_STORE(defaults_are_under_what_was_given),
        WITH_STORE(limits_survive_a_restart),
        WITH_STORE(every_change_is_in_the_log),
        WITH_STORE(limits_are_given_to_at_most_100000_targets),
        WITH_STORE(a_stored_value_that_cannot_be_does_not_hold),
        WITH_STORE(a_claim_has_limits_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
