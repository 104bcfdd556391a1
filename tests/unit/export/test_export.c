/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include <string.h>
#include <time.h>

#include "audit/read.h"
#include "base/clock.h"
#include "export/cursor.h"
#include "tests/unit/audit/log_fixture.h"

enum { ENTRIES = 2500, PATIENCE_MS = 30000 };

struct world {
    struct place place;
    struct mrl_store *store;
    struct log_on_store log;
    char file[96];
    struct mrl_export_config config;
    struct mrl_exports *exports;
};

static int open_world(void **state)
{
    const struct mrl_migration_list lists[] = {mrl_audit_migrations, mrl_export_migrations};
    struct world *w = calloc(1, sizeof(*w));
    struct mrl_store_options o = {.migrations = lists, .migrations_count = MRL_COUNT(lists)};

    assert_non_null(w);
    place_make(&w->place);
    o.path = w->place.path;
    assert_ok(mrl_store_open(&o, &w->store, NULL));
    log_open(&w->log, w->store, /*sealer=*/NULL);
    (void)snprintf(w->file, sizeof(w->file), "%s/out.ndjson", w->place.folder);
    w->config = (struct mrl_export_config){.name = MRL_LIT("archive"),
                                           .kind = MRL_EXPORT_FILE,
                                           .lag_alarm = 100000,
                                           .timeout_ms = 1000,
                                           .path = mrl_str(w->file)};
    *state = w;
    return 0;
}

static void stop(struct world *w)
{
    mrl_exports_stop(w->exports);
    mrl_exports_free(MRL_TAKE(w->exports));
}

static int close_world(void **state)
{
    struct world *w = *state;

    stop(w);
    log_close(&w->log);
    mrl_store_close(w->store);
    (void)unlink(w->file);
    place_remove(&w->place);
    free(w);
    return 0;
}

struct appending {
    struct mrl_write write;
    unsigned count;
};

static mrl_err run_append(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct mrl_audit_event e = {.action = MRL_AUDIT_DEVICE_ADDED, .target = MRL_LIT("d")};

    for (unsigned i = 0; i < MRL_CONTAINER(w, struct appending, write)->count; i++)
        MRL_TRY(mrl_audit_append(tx, &e, NULL));
    return MRL_OK;
}

static void append(struct world *w, unsigned count)
{
    struct appending a = {.write.run = run_append, .count = count};

    assert_ok(mrl_store_write(w->store, &a.write));
}

static void start(struct world *w)
{
    assert_ok(mrl_exports_new(&w->config, 1, w->store, w->log.audit, &w->exports, /*why=*/NULL));
    assert_ok(mrl_exports_start(w->exports, NULL));
}

static void wait_for(struct world *w, uint64_t seq)
{
    uint64_t end = mrl_monotonic_ms() + PATIENCE_MS;

    while (mrl_export_slowest(w->exports) < seq && mrl_monotonic_ms() < end)
        (void)nanosleep(&(struct timespec){0, 2000000}, NULL);
    assert_true(mrl_export_slowest(w->exports) >= seq);
}

/* Numbers of the lines of the file; each is one more than the line before. */
static void lines_of(const struct world *w, uint64_t *first, uint64_t *last)
{
    char line[1024];
    FILE *f = fopen(w->file, "re");

    assert_non_null(f);
    *first = *last = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        const char *at = strstr(line, "\"seq\":");
        uint64_t seq = at == NULL ? 0 : strtoull(at + strlen("\"seq\":"), NULL, 10);

        if (*first == 0)
            *first = seq;
        else
            assert_int_equal(seq, *last + 1);
        *last = seq;
    }
    (void)fclose(f);
}

static void all_entries_leave_in_order_and_once(void **state)
{
    struct world *w = *state;
    uint64_t first, last;

    append(w, ENTRIES);
    start(w);
    wait_for(w, ENTRIES);
    append(w, 1);
    wait_for(w, ENTRIES + 1);
    stop(w);
    start(w); /* goes on where it was */
    append(w, 1);
    wait_for(w, ENTRIES + 2);
    lines_of(w, &first, &last);
    assert_int_equal(first, 1);
    assert_int_equal(last, ENTRIES + 2);
}

static void a_sink_from_the_newest_on_gets_nothing_older(void **state)
{
    struct world *w = *state;
    uint64_t first, last, cursor = 0;

    append(w, 5);
    w->config.from_now = true;
    start(w);
    wait_for(w, 5);
    append(w, 2);
    wait_for(w, 7);
    lines_of(w, &first, &last);
    assert_int_equal(first, 6);
    assert_int_equal(last, 7);
    assert_ok(mrl_export_cursor_load(w->store, w->config.name, true, &cursor));
    assert_int_equal(cursor, 7);
}

static void a_cursor_beyond_the_log_is_set_back_to_its_end(void **state)
{
    struct world *w = *state;
    uint64_t cursor = 0;

    append(w, 3);
    assert_ok(mrl_export_cursor_save(w->store, MRL_LIT("a"), 3));
    assert_ok(mrl_export_cursor_load(w->store, MRL_LIT("a"), false, &cursor));
    assert_int_equal(cursor, 3);
    assert_ok(mrl_export_cursor_save(w->store, MRL_LIT("a"), 4));
    assert_ok(mrl_export_cursor_load(w->store, MRL_LIT("a"), false, &cursor));
    assert_int_equal(cursor, 3);
    assert_ok(mrl_export_cursor_load(w->store, MRL_LIT("b"), false, &cursor));
    assert_int_equal(cursor, 0);
}

static mrl_err keep_json(void *context, const struct mrl_audit_row *row)
{
    return mrl_buf_append(context, row->json);
}

static mrl_err read_gaps(struct mrl_tx *tx, void *context)
{
    const struct mrl_audit_filter f = {.action_prefix = MRL_LIT("export.gap"), .limit = 10};

    return mrl_audit_list(tx, &f, keep_json, context);
}

static void entries_that_are_gone_are_named(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) gaps = {0};

    append(w, 20);
    assert_ok(store_exec(w->store, "DELETE FROM audit_entries WHERE seq <= 10", MRL_NO_ARGS));
    start(w);
    wait_for(w, 21); /* the entry that says so leaves, too */
    assert_ok(mrl_store_read(w->store, read_gaps, &gaps));
    assert_ok(mrl_buf_append(&gaps, mrl_bytes_of("", 1)));
    assert_non_null(strstr((const char *)gaps.data, "\"details\":{\"first\":1,\"last\":10}"));
}

static void the_alarm_is_raised_above_its_limit(void **state)
{
    struct world *w = *state;
    struct mrl_export_status status[MRL_EXPORTS_MAX];
    size_t count;

    w->config.lag_alarm = 10;
    assert_ok(mrl_exports_new(&w->config, 1, w->store, w->log.audit, &w->exports, NULL));
    for (unsigned above = 0; above <= 1; above++) {
        append(w, above == 0 ? 10 : 1);
        mrl_exports_tick(w->exports);
        assert_ok(mrl_exports_status(w->exports, status, &count));
        assert_int_equal(mrl_export_lag(&status[0]), 10 + above);
        assert_int_equal(status[0].lagging, above);
    }
}

static void what_cannot_be_written_is_told_and_written_later(void **state)
{
    struct world *w = *state;
    struct mrl_export_status status[MRL_EXPORTS_MAX];
    uint64_t end = mrl_monotonic_ms() + PATIENCE_MS;
    size_t count;

    assert_int_equal(symlink("/dev/null", w->file), 0);
    append(w, 3);
    start(w);
    do
        assert_ok(mrl_exports_status(w->exports, status, &count));
    while (status[0].why.text[0] == '\0' && mrl_monotonic_ms() < end);
    assert_non_null(strstr(status[0].why.text, w->file));
    assert_int_equal(status[0].confirmed, 0);
    assert_int_equal(unlink(w->file), 0);
    wait_for(w, 3);
    assert_ok(mrl_exports_status(w->exports, status, &count));
    assert_true(status[0].works);
}

static void sinks_are_counted_and_named_once(void **state)
{
    struct mrl_export_config many[MRL_EXPORTS_MAX + 1];
    struct mrl_exports *e = NULL;
    char names[MRL_EXPORTS_MAX + 1][2];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(many); i++) {
        names[i][0] = (char)('a' + i);
        many[i] =
            (struct mrl_export_config){.name = mrl_bytes_of(names[i], 1), .path = MRL_LIT("/x")};
    }
    assert_ok(mrl_exports_new(many, MRL_EXPORTS_MAX, NULL, NULL, &e, NULL));
    assert_int_equal(mrl_export_slowest(e), 0);
    mrl_exports_free(e);
    assert_int_equal(mrl_exports_new(many, MRL_EXPORTS_MAX + 1, NULL, NULL, &e, NULL),
                     MRL_ERR_INVALID);
    many[1].name = many[0].name;
    assert_int_equal(mrl_exports_new(many, 2, NULL, NULL, &e, NULL), MRL_ERR_INVALID);
    assert_true(mrl_export_slowest(NULL) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_entries_leave_in_order_and_once, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_sink_from_the_newest_on_gets_nothing_older, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_cursor_beyond_the_log_is_set_back_to_its_end, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(entries_that_are_gone_are_named, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_alarm_is_raised_above_its_limit, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_told_and_written_later,
                                        open_world, close_world),
        cmocka_unit_test(sinks_are_counted_and_named_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
