/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker who can write the database: each change is found, with the entry. */
#include <string.h>

#include "audit/audit.h"
#include "audit/read.h"
#include "tests/unit/store/fixture.h"

enum { ENTRIES = 10, HEAD_AT = 8 };

struct world {
    struct place place;
    struct mrl_store *store;
    struct mrl_audit *audit;
    struct mrl_key *key;
};

static mrl_err sign_with_key(void *context, const struct mrl_audit_head *head,
                             struct mrl_buf *signature)
{
    char text[MRL_AUDIT_HEAD_TEXT_MAX];

    mrl_audit_head_text(head, text);
    return mrl_key_sign(context, mrl_str(text), signature);
}

static void record(struct world *w, int number)
{
    char target[16];
    struct mrl_audit_event e = {.action = MRL_AUDIT_DEVICE_ADDED,
                                .actor = {MRL_ACTOR_OPERATOR, MRL_LIT_INIT("ann"), {0}}};

    (void)snprintf(target, sizeof(target), "d%d", number);
    e.target = mrl_str(target);
    mrl_audit_record(w->audit, &e, NULL, NULL);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    place_make(&w->place);
    w->store = store_at(&w->place, &mrl_audit_migrations, (struct mrl_store_options){0});
    assert_ok(mrl_audit_new(w->store, &w->audit));
    assert_ok(mrl_key_generate(MRL_KEY_ED25519, &w->key, NULL));
    for (int i = 1; i <= ENTRIES; i++) {
        record(w, i);
        if (i == 3 || i == HEAD_AT) {
            assert_ok(store_exec(w->store, "SELECT 1", MRL_NO_ARGS)); /* all before is committed */
            assert_ok(mrl_audit_sign_head(w->audit, sign_with_key, w->key));
        }
    }
    assert_ok(store_exec(w->store, "SELECT 1", MRL_NO_ARGS));
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    mrl_audit_free(w->audit);
    mrl_store_close(w->store);
    mrl_key_free(w->key);
    place_remove(&w->place);
    free(w);
    return 0;
}

struct verification {
    const struct mrl_key *key;
    struct mrl_audit_verdict verdict;
};

static mrl_err run_verify(struct mrl_tx *tx, void *context)
{
    struct verification *v = context;

    return mrl_audit_verify(tx, v->key, NULL, NULL, &v->verdict);
}

static struct mrl_audit_verdict verify(struct world *w)
{
    struct verification v = {.key = w->key};

    assert_ok(mrl_store_read(w->store, run_verify, &v));
    return v.verdict;
}

static void attack(void **state, const char *sql, uint64_t bad, const char *why)
{
    struct world *w = *state;
    struct mrl_audit_verdict v;

    assert_ok(store_exec(w->store, sql, MRL_NO_ARGS));
    v = verify(w);
    assert_int_equal(v.bad, bad);
    if (strstr(v.why.text, why) == NULL)
        fail_msg("%s", v.why.text);
}

static void an_untouched_log_is_good(void **state)
{
    struct mrl_audit_verdict v = verify(*state);

    assert_int_equal(v.bad, 0);
    assert_int_equal(v.head.size, ENTRIES);
    assert_int_equal(v.signed_size, HEAD_AT);
}

static void any_changed_column_is_found(void **state)
{
    static const char *const changes[] = {"action = 'device.retired'",
                                          "actor = 'operator:bob'",
                                          "actor = 'operator:'",
                                          "target = 'd9'",
                                          "outcome = 'denied'",
                                          "time = time + 1",
                                          "json = json || ' '",
                                          "hash = x'00'",
                                          "json = replace(json, 'ann', 'bob')"};
    struct world *w = *state;

    assert_ok(
        store_exec(w->store, "CREATE TABLE saved AS SELECT * FROM audit_entries", MRL_NO_ARGS));
    for (int entry = 1; entry <= ENTRIES; entry++) {
        for (size_t i = 0; i < MRL_COUNT(changes); i++) {
            char sql[160];

            (void)snprintf(sql, sizeof(sql), "UPDATE audit_entries SET %s WHERE seq = %d",
                           changes[i], entry);
            if (entry == 9 && i == 3)
                continue; /* changes nothing */
            attack(state, sql, (uint64_t)entry, "entry");
            assert_ok(store_exec(w->store, "DELETE FROM audit_entries", MRL_NO_ARGS));
            assert_ok(
                store_exec(w->store, "INSERT INTO audit_entries SELECT * FROM saved", MRL_NO_ARGS));
        }
    }
    assert_int_equal(verify(w).bad, 0);
}

static void a_removed_entry_is_found(void **state)
{
    attack(state, "DELETE FROM audit_entries WHERE seq = 5", 5, "is missing");
}

static void a_removed_entry_with_renumbering_is_found(void **state)
{
    struct world *w = *state;

    assert_ok(store_exec(w->store, "DELETE FROM audit_entries WHERE seq = 5", MRL_NO_ARGS));
    attack(state, "UPDATE audit_entries SET seq = 5 WHERE seq = 6", 5, "does not fit");
}

static void a_removed_beginning_is_found(void **state)
{
    attack(state, "DELETE FROM audit_entries WHERE seq <= 2", 1, "is missing");
}

static void a_dropped_tail_is_found_by_the_signed_head(void **state)
{
    attack(state, "DELETE FROM audit_entries WHERE seq > 6", 7, "signed head is beyond");
}

static void a_dropped_tail_is_not_signed_over(void **state)
{
    struct world *w = *state;

    assert_ok(store_exec(w->store, "DELETE FROM audit_entries WHERE seq > 6", MRL_NO_ARGS));
    assert_int_equal(mrl_audit_sign_head(w->audit, sign_with_key, w->key), MRL_ERR_CORRUPT);
}

static void swapped_entries_are_found(void **state)
{
    struct world *w = *state;

    assert_ok(store_exec(w->store, "UPDATE audit_entries SET seq = 99 WHERE seq = 4", MRL_NO_ARGS));
    assert_ok(store_exec(w->store, "UPDATE audit_entries SET seq = 4 WHERE seq = 5", MRL_NO_ARGS));
    attack(state, "UPDATE audit_entries SET seq = 5 WHERE seq = 99", 4, "does not fit");
}

static void an_inserted_entry_is_found(void **state)
{
    attack(state,
           "INSERT INTO audit_entries SELECT 0, time, action, actor, target, outcome, json,"
           " hash FROM audit_entries WHERE seq = 1",
           1, "out of order");
}

static void a_forged_or_moved_head_is_found(void **state)
{
    attack(state, "UPDATE audit_heads SET size = 7 WHERE size = 8", 7, "signature");
}

static void a_head_without_a_signature_is_found(void **state)
{
    attack(state, "UPDATE audit_heads SET signature = x'' WHERE size = 3", 3, "signature");
}

static void the_head_of_another_key_is_found(void **state)
{
    struct world *w = *state;

    mrl_key_free(w->key);
    assert_ok(mrl_key_generate(MRL_KEY_ED25519, &w->key, NULL));
    assert_int_equal(verify(w).bad, 3);
}

static mrl_err rewrite_log(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM audit_entries", MRL_NO_ARGS, NULL));
    for (int i = 1; i <= ENTRIES; i++) {
        const struct mrl_audit_event e = {.action = MRL_AUDIT_DEVICE_ADDED, .target = MRL_LIT("x")};

        MRL_TRY(mrl_audit_append(tx, &e, NULL));
    }
    return MRL_OK;
}

static void a_log_rewritten_with_good_hashes_is_found(void **state)
{
    struct world *w = *state;
    struct mrl_write rewrite = {.run = rewrite_log};

    assert_ok(mrl_store_write(w->store, &rewrite));
    attack(state, "SELECT 1", 3, "is another than the one whose head was signed");
}

static void a_finding_stays_the_finding(void **state)
{
    struct mrl_audit_chain c = {0};
    struct mrl_audit_row row = {2, MRL_LIT_INIT("{}"), {0}};

    (void)state;
    assert_int_equal(mrl_audit_chain_row(&c, &row, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(c.bad, 1);
    row.seq = 1;
    assert_int_equal(mrl_audit_chain_row(&c, &row, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(c.bad, 1);
}

int main(void)
{
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_LOG(an_untouched_log_is_good),
        WITH_LOG(any_changed_column_is_found),
        WITH_LOG(a_removed_entry_is_found),
        WITH_LOG(a_removed_entry_with_renumbering_is_found),
        WITH_LOG(a_removed_beginning_is_found),
        WITH_LOG(a_dropped_tail_is_found_by_the_signed_head),
        WITH_LOG(a_dropped_tail_is_not_signed_over),
        WITH_LOG(swapped_entries_are_found),
        WITH_LOG(an_inserted_entry_is_found),
        WITH_LOG(a_forged_or_moved_head_is_found),
        WITH_LOG(a_head_without_a_signature_is_found),
        WITH_LOG(the_head_of_another_key_is_found),
        WITH_LOG(a_log_rewritten_with_good_hashes_is_found),
        cmocka_unit_test(a_finding_stays_the_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
