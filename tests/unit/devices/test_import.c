/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/import.h"

#include "tests/unit/devices/fixture.h"

static struct mrl_import_row row(const char *id, const char *group, const char *note)
{
    return (struct mrl_import_row){
        .device = {.id = mrl_str(id), .group = mrl_str(group), .note = mrl_str(note)}};
}

static struct mrl_import import_of(struct mrl_import_row *rows, size_t count)
{
    return (struct mrl_import){.rows = rows, .count = count};
}

struct counting {
    const char *holds;
    size_t count;
};

static mrl_err count_entry(void *context, const struct mrl_audit_row *entry)
{
    struct counting *c = context;
    char text[2048];

    (void)snprintf(text, sizeof(text), "%.*s", MRL_FMT(entry->json));
    c->count += strstr(text, c->holds) != NULL;
    return MRL_OK;
}

static mrl_err count_entries(struct mrl_tx *tx, void *context)
{
    const struct mrl_audit_filter f = {.action_prefix = MRL_LIT("device.added"),
                                       .limit = MRL_AUDIT_LIST_MAX};

    return mrl_audit_list(tx, &f, count_entry, context);
}

static size_t entries_with(struct fixture *f, const char *holds)
{
    struct counting c = {.holds = holds};

    assert_ok(mrl_store_read(f->store, count_entries, &c));
    return c.count;
}

static void each_device_of_a_batch_is_expected_and_has_its_entry(void **state)
{
    struct fixture *f = *state;
    struct mrl_import_row rows[] = {row("a", "north", ""), row("b", "", "a note")};
    struct mrl_import i = import_of(rows, 2);

    rows[0].device.attributes = MRL_LIT("floor=2\nsite=berlin");
    assert_ok(mrl_device_import(f->registry, &admin, &i, NULL));
    assert_int_equal(i.added, 2);
    assert_int_equal(i.unchanged + i.refused, 0);
    assert_int_equal(state_of(f, "a"), MRL_DEVICE_EXPECTED);
    assert_int_equal(state_of(f, "b"), MRL_DEVICE_EXPECTED);
    assert_int_equal(entries_with(f, "\"target\":\"a\""), 1);
    assert_int_equal(entries_with(f, "\"target\":\"b\""), 1);
    assert_int_equal(entries_with(f, "site=berlin"), 1);
    assert_int_equal(entries_with(f, "\"batch\":2"), 2);
}

/* More than the entries appended at once, and not a multiple of them. */
static void as_many_entries_as_devices(void **state)
{
    struct fixture *f = *state;
    struct mrl_import_row rows[130];
    struct mrl_import i = import_of(rows, MRL_COUNT(rows));
    char ids[MRL_COUNT(rows)][16];

    for (size_t n = 0; n < MRL_COUNT(rows); n++) {
        (void)snprintf(ids[n], sizeof(ids[n]), "d-%zu", n);
        rows[n] = row(ids[n], "g", "");
    }
    assert_ok(mrl_device_import(f->registry, &admin, &i, NULL));
    assert_int_equal(audited(f->store, "device.added", NULL), MRL_COUNT(rows));
    assert_int_equal(entries_with(f, "\"target\":\"d-63\""), 1);
    assert_int_equal(entries_with(f, "\"target\":\"d-64\""), 1);
    assert_int_equal(entries_with(f, "\"target\":\"d-129\""), 1);
}

static void the_same_rows_again_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct mrl_import_row first[] = {row("a", "north", "a note"), row("b", "", "")};
    struct mrl_import_row again[] = {row("b", "", ""), row("a", "north", "a note"),
                                     row("c", "", ""), row("c", "", "")};
    struct mrl_import i = import_of(first, 2), j = import_of(again, 4);

    assert_ok(mrl_device_import(f->registry, &admin, &i, NULL));
    assert_ok(change(f, "b", MRL_DEVICE_SUSPEND));
    assert_ok(mrl_device_import(f->registry, &admin, &j, NULL));
    assert_int_equal(j.added, 1);
    assert_int_equal(j.unchanged, 3);
    assert_int_equal(state_of(f, "b"), MRL_DEVICE_SUSPENDED);
    assert_int_equal(audited(f->store, "device.added", NULL), 3);
}

static void one_row_that_differs_holds_all_back_and_every_one_is_named(void **state)
{
    struct fixture *f = *state;
    struct mrl_import_row rows[] = {row("new", "", ""),        row("a", "south", "a note"),
                                    row("a", "north", "else"), row("b/c", "", ""),
                                    row("gone", "", ""),       row("x", "", "")};
    struct mrl_import i = import_of(rows, MRL_COUNT(rows));
    struct mrl_why why = {{0}};

    add(f, "a", "north");
    add(f, "gone", "");
    assert_ok(change(f, "gone", MRL_DEVICE_RETIRE));
    rows[5].err = MRL_ERR_INVALID; /* as the caller found */
    assert_int_equal(mrl_device_import(f->registry, &admin, &i, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "5 of 6 rows"));
    assert_int_equal(i.added, 0);
    assert_int_equal(rows[0].err, MRL_OK);
    assert_non_null(strstr(rows[1].why.text, "another group"));
    assert_non_null(strstr(rows[2].why.text, "another note"));
    assert_int_equal(rows[3].err, MRL_ERR_INVALID);
    assert_non_null(strstr(rows[4].why.text, "is retired"));
    assert_int_equal(state_of(f, "new"), 0);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM devices"), 2);
    assert_int_equal(audited(f->store, "device.added", NULL), 2);
}

static void a_dry_run_says_what_would_happen_and_adds_nothing(void **state)
{
    struct fixture *f = *state;
    struct mrl_import_row rows[] = {row("a", "north", "a note"), row("b", "", "")};
    struct mrl_import i = import_of(rows, 2);

    add(f, "a", "north");
    i.dry_run = true;
    assert_ok(mrl_device_import(f->registry, &admin, &i, NULL));
    assert_int_equal(i.added, 1);
    assert_int_equal(i.unchanged, 1);
    assert_int_equal(state_of(f, "b"), 0);
    assert_int_equal(audited(f->store, "device.added", NULL), 1);
}

static void a_batch_has_1000_rows_and_not_one_more(void **state)
{
    static struct mrl_import_row rows[MRL_IMPORT_MAX + 1];
    static char ids[MRL_IMPORT_MAX + 1][16];
    struct fixture *f = *state;
    struct mrl_import i = import_of(rows, MRL_IMPORT_MAX + 1);

    for (size_t n = 0; n < MRL_COUNT(rows); n++) {
        (void)snprintf(ids[n], sizeof(ids[n]), "d-%zu", n);
        rows[n] = row(ids[n], "", "");
    }
    assert_int_equal(mrl_device_import(f->registry, &admin, &i, NULL), MRL_ERR_LIMIT);
    i.count = MRL_IMPORT_MAX;
    assert_ok(mrl_device_import(f->registry, &admin, &i, NULL));
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM devices"), MRL_IMPORT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(each_device_of_a_batch_is_expected_and_has_its_entry),
        WITH_REGISTRY(as_many_entries_as_devices),
        WITH_REGISTRY(the_same_rows_again_change_nothing),
        WITH_REGISTRY(one_row_that_differs_holds_all_back_and_every_one_is_named),
        WITH_REGISTRY(a_dry_run_says_what_would_happen_and_adds_nothing),
        WITH_REGISTRY(a_batch_has_1000_rows_and_not_one_more),
    };

    return cmocka_run_group_tests_name("devices/import", tests, NULL, NULL);
}
