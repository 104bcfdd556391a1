/* SPDX-License-Identifier: Apache-2.0 */
/* The attacker can write to the database, but has no audit key. */
#include "audit/verify.h"

#include "tests/unit/audit/signed_fixture.h"

static mrl_err run(struct mrl_tx *tx, void *context)
{
    return mrl_audit_verify(tx, NULL, NULL, context);
}

static struct mrl_audit_verdict verify(struct signed_log *l)
{
    struct mrl_audit_verdict v;

    assert_ok(mrl_store_read(l->store, run, &v));
    return v;
}

static void assert_bad(struct signed_log *l, uint64_t from, uint64_t to, const char *says)
{
    struct mrl_audit_verdict v = verify(l);

    assert_int_equal(v.bad_from, from);
    assert_int_equal(v.bad_to, to);
    if (strstr(v.why.text, says) == NULL)
        fail_msg("%s", v.why.text);
}

static void a_whole_log_is_good(void **state)
{
    struct signed_log *l = *state;
    struct mrl_audit_verdict v = verify(l);

    assert_int_equal(v.bad_from, 0);
    assert_int_equal(v.entries, 0);
    signed_grow(l, 9000);
    signed_checkpoint(l);
    signed_grow(l, 10); /* not covered yet */
    v = verify(l);
    if (v.bad_from != 0)
        fail_msg("%s", v.why.text);
    assert_int_equal(v.entries, 9010);
    assert_int_equal(v.signed_entries, 9000);
    assert_int_equal(v.first, 1);
}

static void a_changed_entry_is_named(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 600);
    signed_checkpoint(l);
    signed_exec(l,
                "UPDATE audit_entries SET json = replace(json, '\"d3\"', '\"d4\"') WHERE seq = 270"
                " OR seq = 25");
    assert_bad(l, 25, 25, "entry 25 is another");
}

static void one_in_the_partial_bundle_shows_by_the_checkpoint(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 260);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_entries SET json = replace(json, '\"v\":2', '\"v\":3')"
                   " WHERE seq = 259");
    assert_bad(l, 1, 260, "checkpoint was signed over");
}

static void a_missing_entry_is_named(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 600);
    signed_checkpoint(l);
    signed_exec(l, "DELETE FROM audit_entries WHERE seq = 300");
    assert_bad(l, 300, 300, "entry 300 is missing");
}

static void a_cut_tail_is_named(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 600);
    signed_checkpoint(l);
    signed_exec(l, "DELETE FROM audit_entries WHERE seq > 590");
    assert_bad(l, 591, 600, "a checkpoint was signed over them");
}

static void exchanged_entries_are_named(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 300);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_entries SET seq = -1 WHERE seq = 7");
    signed_exec(l, "UPDATE audit_entries SET seq = 7 WHERE seq = 8");
    signed_exec(l, "UPDATE audit_entries SET seq = 8 WHERE seq = -1");
    assert_bad(l, 7, 7, "another");
}

static void changed_tiles_are_noticed(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 600);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_tiles SET hashes = zeroblob(8192) WHERE id = 1");
    assert_bad(l, 257, 257, "than the one in the tiles");
    signed_exec(l, "DELETE FROM audit_tiles WHERE id = 1");
    assert_bad(l, 257, 512, "their tile is missing");
}

static void a_changed_tile_that_still_grows_is_noticed(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 600);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_tiles SET hashes = zeroblob(64) WHERE id = 72057594037927936");
    assert_bad(l, 1, 600, "a tile above them is another one");
}

static void a_checkpoint_of_another_key_is_noticed(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 5);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_checkpoints SET note = replace(note, 'test/', 'tess/')");
    assert_bad(l, 1, 5, "not signed by the key");
}

static void a_changed_index_is_noticed(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 4096);
    signed_checkpoint(l);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_epochs"), 1);
    signed_exec(l, "DELETE FROM audit_index WHERE id = (SELECT MIN(id) FROM audit_index)");
    assert_bad(l, 1, 4096, "search index");
}

static void a_moved_envelope_is_named(void **state)
{
    struct signed_log *l = *state;

    signed_grow(l, 5);
    signed_checkpoint(l);
    signed_exec(l, "UPDATE audit_entries SET private ="
                   " (SELECT private FROM audit_entries WHERE seq = 2) WHERE seq = 4");
    assert_bad(l, 4, 4, "audit_entries");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(a_whole_log_is_good),
        WITH_LOG(a_changed_entry_is_named),
        WITH_LOG(one_in_the_partial_bundle_shows_by_the_checkpoint),
        WITH_LOG(a_missing_entry_is_named),
        WITH_LOG(a_cut_tail_is_named),
        WITH_LOG(exchanged_entries_are_named),
        WITH_LOG(changed_tiles_are_noticed),
        WITH_LOG(a_changed_tile_that_still_grows_is_noticed),
        WITH_LOG(a_checkpoint_of_another_key_is_noticed),
        WITH_LOG(a_changed_index_is_noticed),
        WITH_LOG(a_moved_envelope_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
