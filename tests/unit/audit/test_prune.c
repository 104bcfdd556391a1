/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/prune.h"

#include "audit/publish.h"
#include "audit/verify.h"
#include "tests/unit/audit/signed_fixture.h"

static const struct mrl_audit_event pruned = {.action = MRL_AUDIT_AUDIT_PRUNED,
                                              .actor.kind = MRL_ACTOR_SYSTEM,
                                              .target = MRL_LIT_INIT("audit")};

static mrl_err run_verify(struct mrl_tx *tx, void *context)
{
    return mrl_audit_verify(tx, NULL, NULL, context);
}

struct ask {
    struct mrl_tlog_tile tile;
    uint64_t seq;
    struct mrl_buf out;
};

static mrl_err read_tile(struct mrl_tx *tx, void *context)
{
    struct ask *a = context;

    return mrl_audit_publish_tile(tx, a->tile, &a->out);
}

static mrl_err read_proof(struct mrl_tx *tx, void *context)
{
    struct ask *a = context;

    return mrl_audit_prove(tx, a->seq, /*reveal=*/false, &a->out, NULL);
}

static void old_entries_go_and_all_later_ones_are_proven(void **state)
{
    struct signed_log *l = *state;
    struct mrl_audit_verdict v;
    struct ask a = {.tile = {MRL_TLOG_ENTRIES, 0, 256}, .seq = 8193};
    struct mrl_audit_pruned done = {0};

    signed_grow(l, 9000);
    signed_checkpoint(l);
    assert_ok(mrl_audit_prune(l->store, 8200, &pruned, &done, NULL));
    assert_int_equal(done.first, 8193);
    assert_int_equal(done.entries, 8192);
    assert_int_equal(signed_number(l, "SELECT MIN(seq) FROM audit_entries"), 8193);
    assert_int_equal(mrl_store_read(l->store, read_tile, &a), MRL_ERR_STATE);
    a.tile.level = 0;
    assert_ok(mrl_store_read(l->store, read_tile, &a)); /* hashes stay */
    assert_ok(mrl_store_read(l->store, read_proof, &a));
    signed_checkpoint(l);
    assert_ok(mrl_store_read(l->store, run_verify, &v));
    if (v.bad_from != 0)
        fail_msg("%s", v.why.text);
    assert_int_equal(v.first, 8193);
    assert_int_equal(v.signed_entries, 9001);
    mrl_buf_done(&a.out);
}

static void a_changed_entry_after_pruning_is_still_named(void **state)
{
    struct signed_log *l = *state;
    struct mrl_audit_verdict v;
    struct mrl_audit_pruned done;

    signed_grow(l, 1000);
    signed_checkpoint(l);
    assert_ok(mrl_audit_prune(l->store, 600, &pruned, &done, NULL));
    assert_int_equal(done.first, 513);
    signed_exec(l, "UPDATE audit_entries SET json = replace(json, 'device.changed', "
                   "'device.changes') WHERE seq = 700");
    assert_ok(mrl_store_read(l->store, run_verify, &v));
    assert_int_equal(v.bad_from, 700);
}

static void only_whole_bundles_under_a_checkpoint_go(void **state)
{
    struct signed_log *l = *state;
    struct mrl_why why = {""};
    struct mrl_audit_pruned done;

    signed_grow(l, 300);
    assert_int_equal(mrl_audit_prune(l->store, 300, &pruned, &done, &why), MRL_ERR_STATE);
    signed_checkpoint(l);
    assert_int_equal(mrl_audit_prune(l->store, 256, &pruned, &done, &why), MRL_ERR_STATE);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries"), 300);
    assert_ok(mrl_audit_prune(l->store, UINT64_MAX, &pruned, &done, &why));
    assert_int_equal(done.first, 257);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries"), 45);
}

static void a_time_is_found_by_epochs(void **state)
{
    struct signed_log *l = *state;
    uint64_t before = 7;

    signed_grow(l, 9000);
    signed_checkpoint(l);
    assert_ok(mrl_audit_before_time(l->store, 1000, &before));
    assert_int_equal(before, 0);
    assert_ok(mrl_audit_before_time(l->store, 1000 + 4096, &before));
    assert_int_equal(before, 4097);
    assert_ok(mrl_audit_before_time(l->store, INT64_MAX, &before));
    assert_int_equal(before, 8193);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(old_entries_go_and_all_later_ones_are_proven),
        WITH_LOG(a_changed_entry_after_pruning_is_still_named),
        WITH_LOG(only_whole_bundles_under_a_checkpoint_go),
        WITH_LOG(a_time_is_found_by_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
