/* SPDX-License-Identifier: Apache-2.0 */
#include "main/columns.h"

#include <string.h>

#include "main/schema.h"
#include "tests/unit/store/fixture.h"

static void open_store(struct place *p, struct mrl_store **out)
{
    struct mrl_migration_list lists[MRL_SCHEMA_LISTS];
    const struct mrl_store_options o = {
        .path = p->path, .migrations = lists, .migrations_count = MRL_SCHEMA_LISTS};
    struct mrl_why why = {{0}};

    mrl_schema(lists);
    place_make(p);
    if (mrl_store_open(&o, out, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

struct found {
    unsigned times[320]; /* as often as each of mrl_columns is in the schema */
};

static void find(struct found *f, mrl_bytes table, mrl_bytes column)
{
    for (size_t i = 0; i < mrl_columns_count; i++) {
        if (mrl_bytes_eq(mrl_str(mrl_columns[i].at.table), table) &&
            mrl_bytes_eq(mrl_str(mrl_columns[i].at.column), column)) {
            f->times[i]++;
            return;
        }
    }
    fail_msg("%.*s.%.*s is not classified: add it to server/main/columns.c", MRL_FMT(table),
             MRL_FMT(column));
}

static mrl_err look(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
                         " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'",
                         MRL_NO_ARGS, &rows));
    while (mrl_rows_next(rows) == MRL_OK)
        find(context, mrl_row_bytes(rows, 0), mrl_row_bytes(rows, 1));
    return MRL_OK;
}

static void every_column_is_classified_and_every_class_has_its_column(void **state)
{
    struct found f = {{0}};
    struct mrl_store *store = NULL;
    struct place p;

    (void)state;
    assert_true(mrl_columns_count <= MRL_COUNT(f.times));
    open_store(&p, &store);
    assert_ok(mrl_store_read(store, look, &f));
    for (size_t i = 0; i < mrl_columns_count; i++) {
        if (f.times[i] != 1)
            fail_msg("%s.%s is classified but in no table", mrl_columns[i].at.table,
                     mrl_columns[i].at.column);
    }
    mrl_store_close(store);
    place_remove(&p);
}

static bool is_key(const struct mrl_seal_column *c, const char *name)
{
    return (c->number_key != NULL && strcmp(c->number_key, name) == 0) ||
           (c->text_key != NULL && strcmp(c->text_key, name) == 0);
}

/* The walk of a rotation needs the whole key and nothing else. */
static mrl_err look_at_keys(struct mrl_tx *tx, void *context)
{
    const struct mrl_seal_column *c = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    size_t keys = 0;

    MRL_TRY(mrl_tx_query(tx, "SELECT name FROM pragma_table_info($1) WHERE pk > 0",
                         MRL_ARGS(MRL_TEXT(mrl_str(c->table))), &rows));
    while (mrl_rows_next(rows) == MRL_OK) {
        char name[64];

        assert_true(mrl_bytes_to_cstr(mrl_row_bytes(rows, 0), name, sizeof(name)));
        if (!is_key(c, name))
            fail_msg("%s.%s: the key has %s, too", c->table, c->column, name);
        keys++;
    }
    assert_int_equal(keys, (c->number_key != NULL) + (c->text_key != NULL));
    return MRL_OK;
}

static void sealed_columns_name_the_whole_key_of_their_rows(void **state)
{
    struct mrl_seal_column sealed[32];
    size_t n = mrl_columns_sealed(sealed, MRL_COUNT(sealed));
    struct mrl_store *store = NULL;
    struct place p;

    (void)state;
    assert_true(n > 0 && n <= MRL_COUNT(sealed));
    open_store(&p, &store);
    for (size_t i = 0; i < n; i++)
        assert_ok(mrl_store_read(store, look_at_keys, &sealed[i]));
    mrl_store_close(store);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_is_classified_and_every_class_has_its_column),
        cmocka_unit_test(sealed_columns_name_the_whole_key_of_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
