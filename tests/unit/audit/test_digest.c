/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/digest.h"

#include "tests/unit/store/fixture.h"

static const struct mrl_migration migrations[] = {
    {"t", 1, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)"}};
static const struct mrl_migration_list list = {migrations, 1};

struct world {
    struct place place;
    struct mrl_store *store;
    const char *sql;
    struct mrl_audit_digest digest;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    place_make(&w->place);
    w->store = store_at(&w->place, &list, (struct mrl_store_options){0});
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    mrl_store_close(w->store);
    place_remove(&w->place);
    free(w);
    return 0;
}

static mrl_err run(struct mrl_tx *tx, void *context)
{
    struct world *w = context;

    return mrl_audit_digest(tx, w->sql, MRL_NO_ARGS, &w->digest);
}

static struct mrl_audit_digest digest_of(struct world *w, const char *sql)
{
    w->sql = sql;
    assert_ok(mrl_store_read(w->store, run, w));
    return w->digest;
}

static void a_record_that_is_not_there_has_none(void **state)
{
    assert_false(digest_of(*state, "SELECT * FROM t").known);
}

static void every_column_and_every_row_counts(void **state)
{
    static const char *const selects[] = {
        "SELECT 1, 'ab', 'c'",
        "SELECT 1, 'a', 'bc'",
        "SELECT 1, 'ab'",
        "SELECT 1, 'ab', NULL",
        "SELECT 1, 'ab', ''",
        "SELECT 2, 'ab', 'c'",
        "SELECT 1, 'ab', 'c' UNION ALL SELECT 1, 'ab', 'c'",
    };
    struct mrl_audit_digest digests[MRL_COUNT(selects)];

    for (size_t i = 0; i < MRL_COUNT(selects); i++) {
        digests[i] = digest_of(*state, selects[i]);
        assert_true(digests[i].known);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(digests[i].bytes, digests[k].bytes, MRL_SHA256_SIZE);
    }
}

static void the_same_record_has_the_same_digest(void **state)
{
    struct world *w = *state;
    struct mrl_audit_digest first;

    assert_ok(store_exec(w->store, "INSERT INTO t VALUES (1, 'x', NULL)", MRL_NO_ARGS));
    first = digest_of(w, "SELECT * FROM t WHERE id = 1");
    assert_memory_equal(first.bytes, digest_of(w, "SELECT id, a, b FROM t").bytes, MRL_SHA256_SIZE);
    assert_ok(store_exec(w->store, "UPDATE t SET a = 'y'", MRL_NO_ARGS));
    assert_memory_not_equal(first.bytes, digest_of(w, "SELECT * FROM t").bytes, MRL_SHA256_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_that_is_not_there_has_none, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(every_column_and_every_row_counts, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_same_record_has_the_same_digest, open_world,
                                        close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
