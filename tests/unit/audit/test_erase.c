/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/erase.h"

#include "audit/publish.h"
#include "audit/verify.h"
#include "tests/unit/audit/signed_fixture.h"

static const struct mrl_audit_event erased = {.action = MRL_AUDIT_AUDIT_ERASED,
                                              .actor.kind = MRL_ACTOR_SYSTEM,
                                              .target = MRL_LIT_INIT("audit")};

struct count {
    struct mrl_audit_filter filter;
    size_t entries, opened;
};

static mrl_err count_row(void *context, const struct mrl_audit_row *row)
{
    struct count *c = context;

    c->entries++;
    c->opened += row->opened->count;
    return MRL_OK;
}

static mrl_err run_count(struct mrl_tx *tx, void *context)
{
    struct count *c = context;

    return mrl_audit_list(tx, &c->filter, count_row, c);
}

static struct count count(struct signed_log *l, const char *actor)
{
    struct count c = {.filter = {.actor = mrl_str(actor), .limit = MRL_AUDIT_LIST_MAX}};

    assert_ok(mrl_store_read(l->store, run_count, &c));
    return c;
}

static mrl_err run_verify(struct mrl_tx *tx, void *context)
{
    return mrl_audit_verify(tx, NULL, NULL, context);
}

static void assert_good(struct signed_log *l)
{
    struct mrl_audit_verdict v;

    assert_ok(mrl_store_read(l->store, run_verify, &v));
    if (v.bad_from != 0)
        fail_msg("%s", v.why.text);
}

static void an_actor_is_gone_and_the_log_still_holds(void **state)
{
    struct signed_log *l = *state;
    struct mrl_audit_erased done = {0};
    int64_t texts;

    signed_grow(l, 5000);
    signed_checkpoint(l);
    texts = signed_number(l, "SELECT SUM(length(json)) FROM audit_entries");
    assert_ok(mrl_audit_erase(l->store, MRL_LIT("operator:alice"), &erased, &done, NULL));
    assert_int_equal(done.entries, 2500);
    assert_int_equal(done.seq, 5001);
    assert_int_equal(count(l, "operator:alice").entries, 0);
    assert_int_equal(count(l, "operator:bob").entries, MRL_AUDIT_LIST_MAX);
    assert_int_equal(count(l, "operator:bob").opened, 2 * MRL_AUDIT_LIST_MAX);
    assert_int_equal(signed_number(l, "SELECT SUM(length(json)) FROM audit_entries"
                                      " WHERE seq <= 5000"),
                     texts);
    signed_checkpoint(l);
    assert_good(l);
}

/* The operator who acts stays, the one who is acted on goes. */
static void who_was_acted_on_is_gone_too(void **state)
{
    const struct mrl_audit_event e = {.action = MRL_AUDIT_OPERATOR_ADDED,
                                      .actor = {.kind = MRL_ACTOR_OPERATOR, .id = MRL_LIT("bob")},
                                      .source = MRL_LIT("unix"),
                                      .target = MRL_LIT("alice")};
    struct signed_log *l = *state;
    struct mrl_audit_erased done = {0};

    signed_add(l, &e, 1);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries"
                                      " WHERE json LIKE '%alice%' OR json LIKE '%bob%'"),
                     0);
    assert_int_equal(count(l, "operator:bob").opened, 3);
    assert_ok(mrl_audit_erase(l->store, MRL_LIT("operator:alice"), &erased, &done, NULL));
    assert_int_equal(done.entries, 1);
    assert_int_equal(count(l, "operator:bob").opened, 2);
    signed_checkpoint(l);
    assert_good(l);
}

static void what_is_no_actor_is_refused(void **state)
{
    struct signed_log *l = *state;
    struct mrl_audit_erased done = {7, 7};

    assert_int_equal(mrl_audit_erase(l->store, MRL_LIT("alice"), &erased, &done, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_audit_erase(l->store, MRL_LIT("operator:"), &erased, &done, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(done.entries, 7);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(an_actor_is_gone_and_the_log_still_holds),
        WITH_LOG(who_was_acted_on_is_gone_too),
        WITH_LOG(what_is_no_actor_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
