/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/checkpoint.h"

#include "audit/entries.h"
#include "audit/publish.h"
#include "tests/unit/audit/signed_fixture.h"
#include "tlog/tree.h"

static mrl_err read_checkpoint(struct mrl_tx *tx, void *context)
{
    return mrl_audit_publish_checkpoint(tx, context);
}

/* The newest checkpoint, signed by the key of the log. */
static struct mrl_checkpoint newest(struct signed_log *l)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_note *parsed = malloc(sizeof(*parsed));
    struct mrl_checkpoint c;
    struct mrl_why why = {""};

    assert_non_null(parsed);
    assert_ok(mrl_store_read(l->store, read_checkpoint, &note));
    if (mrl_checkpoint_open(mrl_buf_bytes(&note), &l->vkey, parsed, &c, &why) != MRL_OK)
        fail_msg("%s", why.text);
    free(parsed);
    c.origin = MRL_BYTES_NONE;
    return c;
}

struct rows {
    struct mrl_tlog_tree tree;
};

/* The same root by another way: leaf after leaf from the texts. */
static mrl_err add_row(void *context, const struct mrl_audit_row *row)
{
    struct rows *r = context;
    struct mrl_tlog_hash leaf;

    MRL_TRY(mrl_tlog_leaf(row->json, &leaf));
    return mrl_tlog_tree_add(&r->tree, &leaf);
}

static mrl_err read_rows(struct mrl_tx *tx, void *context)
{
    const struct mrl_audit_range all = {.from = 1, .to = INT64_MAX};

    return mrl_audit_walk_entries(tx, &all, add_row, context, NULL);
}

static void assert_root_of_all(struct signed_log *l, uint64_t size)
{
    struct mrl_checkpoint c = newest(l);
    struct rows r = {.tree.size = 0};
    struct mrl_tlog_hash root;

    assert_int_equal(c.size, size);
    assert_ok(mrl_store_read(l->store, read_rows, &r));
    assert_int_equal(r.tree.size, size);
    assert_ok(mrl_tlog_tree_root(&r.tree, &root));
    assert_memory_equal(root.bytes, c.root.bytes, sizeof(root.bytes));
}

static void the_root_is_that_of_all_entries_at_every_edge(void **state)
{
    static const size_t steps[] = {1, 1, 253, 1, 1, 255, 1, 300, 700, 2600};
    struct signed_log *l = *state;
    uint64_t size = 0;

    for (size_t i = 0; i < MRL_COUNT(steps); i++) {
        signed_grow(l, steps[i]);
        size += steps[i];
        signed_checkpoint(l);
        assert_root_of_all(l, size);
    }
}

static void a_restart_goes_on_from_the_stored_edge(void **state)
{
    static const size_t steps[] = {255, 1, 1, 511, 4096, 7};
    struct signed_log *l = *state;
    uint64_t size = 0;

    for (size_t i = 0; i < MRL_COUNT(steps); i++) {
        signed_grow(l, steps[i]);
        size += steps[i];
        signed_checkpoint(l);
        signed_close(l);
        signed_open(l);
        assert_root_of_all(l, size);
    }
}

static void nothing_new_is_not_signed_again(void **state)
{
    struct signed_log *l = *state;

    signed_checkpoint(l);
    assert_int_equal(l->asked, 0);
    signed_grow(l, 3);
    signed_checkpoint(l);
    signed_checkpoint(l);
    assert_int_equal(l->asked, 1);
}

static void many_entries_make_several_checkpoints(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, MRL_AUDIT_CHECKPOINT_MOST);
    signed_checkpoint(l);
    assert_int_equal(l->asked, 1);
    signed_grow(l, MRL_AUDIT_CHECKPOINT_MOST + 1);
    signed_checkpoint(l);
    assert_int_equal(l->asked, 3);
    assert_root_of_all(l, 2 * MRL_AUDIT_CHECKPOINT_MOST + 1);
}

static void it_is_due_with_256_entries(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, MRL_AUDIT_CHECKPOINT_ENTRIES - 1);
    assert_false(mrl_audit_checkpoint_due(l->audit));
    signed_grow(l, 1);
    assert_true(mrl_audit_checkpoint_due(l->audit));
    signed_checkpoint(l);
    assert_false(mrl_audit_checkpoint_due(l->audit));
}

/* The key process signed, but the answer got lost: the next one starts from there. */
static mrl_err sign_and_time_out(void *context, const struct mrl_audit_signing *what,
                                 uint8_t signature[static MRL_AUDIT_SIGNATURE], struct mrl_why *why)
{
    MRL_TRY(signed_sign(context, what, signature, why));
    return MRL_ERR_TIMEOUT;
}

static void a_lost_signature_does_not_stop_the_log(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 5);
    signed_checkpoint(l);
    signed_grow(l, 5);
    assert_int_equal(mrl_audit_checkpoint(l->audit, sign_and_time_out, l, NULL), MRL_ERR_TIMEOUT);
    assert_int_equal(newest(l).size, 5);
    signed_grow(l, 400);
    signed_checkpoint(l);
    assert_root_of_all(l, 410);
}

static void a_cut_log_is_not_signed(void **state)
{
    struct signed_log *l = *state;
    struct mrl_audit_stats stats;
    struct mrl_why why = {""};

    signed_grow(l, 10);
    signed_checkpoint(l);
    signed_exec(l, "DELETE FROM audit_entries WHERE seq > 8");
    assert_int_equal(mrl_audit_checkpoint(l->audit, signed_sign, l, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "8 entries"));
    mrl_audit_stats(l->audit, &stats);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(l->asked, 1);
}

static void a_hole_is_not_signed(void **state)
{
    struct signed_log *l = *state;
    struct mrl_why why = {""};

    signed_grow(l, 10);
    signed_exec(l, "DELETE FROM audit_entries WHERE seq = 4");
    assert_int_equal(mrl_audit_checkpoint(l->audit, signed_sign, l, &why), MRL_ERR_CORRUPT);
    assert_string_equal(why.text, "entry 4 is missing");
}

static void the_last_of_each_day_stays(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 1);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_checkpoints SET time = time - 86400000");
    for (int i = 0; i < 3; i++) {
        signed_grow(l, 1);
        signed_checkpoint(l);
    }
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_checkpoints"), 2);
    assert_int_equal(signed_number(l, "SELECT MIN(size) FROM audit_checkpoints"), 1);
    assert_int_equal(signed_number(l, "SELECT MAX(size) FROM audit_checkpoints"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(the_root_is_that_of_all_entries_at_every_edge),
        WITH_LOG(a_restart_goes_on_from_the_stored_edge),
        WITH_LOG(nothing_new_is_not_signed_again),
        WITH_LOG(many_entries_make_several_checkpoints),
        WITH_LOG(it_is_due_with_256_entries),
        WITH_LOG(a_lost_signature_does_not_stop_the_log),
        WITH_LOG(a_cut_log_is_not_signed),
        WITH_LOG(a_hole_is_not_signed),
        WITH_LOG(the_last_of_each_day_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
