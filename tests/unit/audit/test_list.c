/* SPDX-License-Identifier: Apache-2.0 */
/* Searching gives the same with and without the index. */
#include "audit/read.h"

#include "tests/unit/audit/signed_fixture.h"

struct listing {
    struct mrl_audit_filter filter;
    uint64_t seen[MRL_AUDIT_LIST_MAX];
    size_t count;
};

static mrl_err keep(void *context, const struct mrl_audit_row *row)
{
    struct listing *l = context;

    l->seen[l->count++] = row->seq;
    return MRL_OK;
}

static mrl_err run(struct mrl_tx *tx, void *context)
{
    struct listing *l = context;

    return mrl_audit_list(tx, &l->filter, keep, l);
}

static struct listing list(struct signed_log *log, struct mrl_audit_filter filter)
{
    struct listing l = {.filter = filter};

    if (l.filter.limit == 0)
        l.filter.limit = MRL_AUDIT_LIST_MAX;
    assert_ok(mrl_store_read(log->store, run, &l));
    return l;
}

/* 9000 entries: two epochs in the index, the rest not. */
static void grow(struct signed_log *l)
{
    signed_grow(l, 9000);
    signed_checkpoint(l);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_epochs"), 2);
}

static void a_target_is_found_wherever_it_is(void **state)
{
    struct signed_log *log = *state;
    struct listing l;

    grow(log);
    l = list(log, (struct mrl_audit_filter){.target = MRL_LIT("d6"), .newest_first = true});
    assert_int_equal(l.count, MRL_AUDIT_LIST_MAX);
    assert_int_equal(l.seen[0], 8995); /* 7k */
    assert_int_equal(l.seen[999], 8995 - 999 * 7);
    l = list(log, (struct mrl_audit_filter){.target = MRL_LIT("d6")});
    assert_int_equal(l.seen[0], 7);
    assert_int_equal(l.seen[999], 7000);
}

static void an_actor_is_found_by_the_opened_id(void **state)
{
    struct signed_log *log = *state;
    struct listing l;

    grow(log);
    l = list(log, (struct mrl_audit_filter){
                      .actor = MRL_LIT("operator:bob"), .target = MRL_LIT("d0"), .limit = 3});
    assert_int_equal(l.count, 3);
    assert_int_equal(l.seen[0], 8); /* even numbers are bob's, 7k + 1 are about d0 */
    assert_int_equal(l.seen[1], 22);
    l = list(log, (struct mrl_audit_filter){.actor = MRL_LIT("operator:eve")});
    assert_int_equal(l.count, 0);
    l = list(log, (struct mrl_audit_filter){.actor = MRL_LIT("device:bob")});
    assert_int_equal(l.count, 0);
}

static void times_and_numbers_bound_a_list(void **state)
{
    struct signed_log *log = *state;
    struct listing l;

    grow(log);
    l = list(log, (struct mrl_audit_filter){.since_ms = 1000 + 8990});
    assert_int_equal(l.count, 10);
    assert_int_equal(l.seen[0], 8991);
    l = list(log, (struct mrl_audit_filter){.after_seq = 4094, .before_seq = 4099});
    assert_int_equal(l.count, 4);
    assert_int_equal(l.seen[0], 4095);
    l = list(log, (struct mrl_audit_filter){.after_seq = 9000});
    assert_int_equal(l.count, 0);
}

static void a_prefix_finds_the_actions_that_begin_so(void **state)
{
    const struct mrl_audit_event e = {
        .action = MRL_AUDIT_TOKEN_REFUSED, .outcome = MRL_AUDIT_DENIED, .target = MRL_LIT("d0")};
    const enum mrl_audit_outcome denied = MRL_AUDIT_DENIED;
    struct signed_log *log = *state;
    struct listing l;

    signed_grow(log, 100);
    signed_add(log, &e, 1);
    grow(log);
    l = list(log, (struct mrl_audit_filter){.action_prefix = MRL_LIT("token.")});
    assert_int_equal(l.count, 1);
    assert_int_equal(l.seen[0], 101);
    l = list(log, (struct mrl_audit_filter){.outcome = &denied});
    assert_int_equal(l.count, 1);
    l = list(log, (struct mrl_audit_filter){.action_prefix = MRL_LIT("token.x")});
    assert_int_equal(l.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(a_target_is_found_wherever_it_is),
        WITH_LOG(an_actor_is_found_by_the_opened_id),
        WITH_LOG(times_and_numbers_bound_a_list),
        WITH_LOG(a_prefix_finds_the_actions_that_begin_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
