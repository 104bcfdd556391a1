/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include <pthread.h>
#include <string.h>

#include "audit/read.h"
#include "base/clock.h"
#include "tests/unit/audit/log_fixture.h"

enum { THREADS = 4, NOTES = 2500 };

struct world {
    struct place place;
    struct mrl_store *store;
    struct log_on_store log;
};

static struct world *world_with(uint64_t bytes_max)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    place_make(&w->place);
    w->store = store_at(&w->place, &mrl_audit_migrations,
                        (struct mrl_store_options){.bytes_max = bytes_max});
    log_open(&w->log, w->store, /*sealer=*/NULL);
    return w;
}

static int open_world(void **state)
{
    *state = world_with(0);
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    log_close(&w->log);
    mrl_store_close(w->store);
    place_remove(&w->place);
    free(w);
    return 0;
}

/* Writes all windows and waits. */
static void flush(struct world *w)
{
    mrl_audit_free(w->log.audit);
    log_open(&w->log, w->store, /*sealer=*/NULL);
}

/* Numbers without a gap. */
static void assert_entries(struct world *w, uint64_t size)
{
    assert_int_equal(store_number(w->store, "SELECT COUNT(*) FROM audit_entries"), size);
    assert_int_equal(store_number(w->store, "SELECT COALESCE(MAX(seq), 0) FROM audit_entries"),
                     size);
}

struct append_job {
    struct mrl_write write;
    mrl_err result;
    uint64_t seq;
};

static mrl_err append_and_end(struct mrl_tx *tx, struct mrl_write *w)
{
    struct append_job *j = MRL_CONTAINER(w, struct append_job, write);
    const struct mrl_audit_event e = {.action = MRL_AUDIT_ROLE_ADDED, .target = MRL_LIT("r")};

    MRL_TRY(mrl_audit_append(tx, &e, &j->seq));
    return j->result;
}

static void an_undone_job_takes_its_entry_along(void **state)
{
    struct world *w = *state;
    struct append_job good = {.write.run = append_and_end};
    struct append_job bad = {.write.run = append_and_end, .result = MRL_ERR_STATE};

    for (uint64_t i = 1; i <= 3; i++) {
        assert_ok(mrl_store_write(w->store, &good.write));
        assert_int_equal(good.seq, i);
        assert_int_equal(mrl_store_write(w->store, &bad.write), MRL_ERR_STATE);
        assert_int_equal(bad.seq, i + 1);
    }
    assert_entries(w, 3);
}

static mrl_err append_once(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct mrl_audit_event e = {.action = MRL_AUDIT_CA_ROOT_EXPORTED};

    (void)w;
    return mrl_audit_append_once(tx, &e);
}

static void what_happens_once_is_entered_once(void **state)
{
    struct world *w = *state;
    struct append_job other = {.write.run = append_and_end};
    struct mrl_write once = {.run = append_once};

    assert_ok(mrl_store_write(w->store, &other.write)); /* of another action: no hindrance */
    for (int i = 0; i < 3; i++)
        assert_ok(mrl_store_write(w->store, &once));
    assert_entries(w, 2);
}

/* What append_once looks for is a beginning. */
static void no_action_begins_with_the_name_of_another(void **state)
{
    (void)state;
    for (int a = 0; a < MRL_AUDIT_ACTION_COUNT_; a++)
        for (int b = 0; b < MRL_AUDIT_ACTION_COUNT_; b++)
            assert_int_equal(
                mrl_bytes_starts(mrl_str(mrl_audit_action_name((enum mrl_audit_action)a)),
                                 mrl_str(mrl_audit_action_name((enum mrl_audit_action)b))),
                a == b);
}

static void count_done(void *context, mrl_err result)
{
    if (result == MRL_OK)
        (*(int *)context)++;
}

static void a_recorded_entry_calls_back_once(void **state)
{
    struct world *w = *state;
    const struct mrl_audit_event e = {.action = MRL_AUDIT_CONNECTION_OPENED};
    int count = 0;

    mrl_audit_record(w->log.audit, &e, count_done, &count);
    flush(w);
    assert_int_equal(count, 1);
    assert_entries(w, 1);
}

static void note_denial(struct world *w, mrl_bytes source, mrl_bytes target)
{
    const struct mrl_audit_event e = {.action = MRL_AUDIT_CONNECTION_REFUSED,
                                      .outcome = MRL_AUDIT_DENIED,
                                      .source = source,
                                      .target = target,
                                      .reason = MRL_LIT("certificate")};

    mrl_audit_note(w->log.audit, &e);
}

static void *note_many(void *context)
{
    for (int i = 0; i < NOTES; i++) {
        note_denial(context, MRL_LIT("192.0.2.7:1000"), MRL_LIT("a"));
        note_denial(context, MRL_LIT("192.0.3.7:1000"), MRL_LIT("a"));
    }
    return NULL;
}

static const char counted[] =
    "SELECT SUM(CASE WHEN json LIKE '%\"repeated\":%' THEN CAST(substr(json, instr(json, "
    "'\"repeated\":') + 11) AS INTEGER) ELSE 1 END) FROM audit_entries";

static void a_flood_from_many_threads_is_counted_exactly(void **state)
{
    struct world *w = *state;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, w), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    flush(w);
    assert_int_equal(store_number(w->store, counted), 2 * THREADS * NOTES);
    assert_entries(w, 4);
}

static void a_window_ends_after_its_time(void **state)
{
    struct world *w = *state;
    uint64_t now = mrl_monotonic_ms();

    note_denial(w, MRL_LIT("192.0.2.7:1"), MRL_LIT("a"));
    note_denial(w, MRL_LIT("192.0.2.9:2"), MRL_LIT("a")); /* the same network */
    mrl_audit_tick(w->log.audit, now + MRL_AUDIT_WINDOW_MS - 1);
    assert_ok(store_exec(w->store, "SELECT 1", MRL_NO_ARGS));
    assert_int_equal(store_number(w->store, "SELECT COUNT(*) FROM audit_entries"), 1);
    mrl_audit_tick(w->log.audit, mrl_monotonic_ms() + MRL_AUDIT_WINDOW_MS);
    assert_ok(store_exec(w->store, "SELECT 1", MRL_NO_ARGS));
    assert_int_equal(store_number(w->store, "SELECT COUNT(*) FROM audit_entries"), 2);
    note_denial(w, MRL_LIT("192.0.2.7:3"), MRL_LIT("a")); /* a new window */
    flush(w);
    assert_entries(w, 3);
}

static void networks_decide_not_addresses(void **state)
{
    static const struct {
        const char *source;
        int64_t entries; /* so far */
    } cases[] = {
        {"[2001:db8:0:1::1]:5", 1}, {"[2001:db8:0:1:ffff::2]:6", 1}, {"[2001:db8:0:2::1]:5", 2},
        {"192.0.2.1:5", 3},         {"[::ffff:192.0.2.77]:5", 3},    {"unix", 4},
        {"not an address", 5},
    };
    struct world *w = *state;

    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        note_denial(w, mrl_str(cases[i].source), MRL_LIT("a"));
        assert_ok(store_exec(w->store, "SELECT 1", MRL_NO_ARGS));
        assert_int_equal(store_number(w->store, "SELECT COUNT(*) FROM audit_entries"),
                         cases[i].entries);
    }
}

static void more_kinds_than_windows_are_counted_together(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < MRL_AUDIT_WINDOWS_MAX + 7; i++) {
        char source[24];

        (void)snprintf(source, sizeof(source), "10.%d.%d.1:1", i / 256, i % 256);
        note_denial(w, mrl_str(source), MRL_LIT("a"));
    }
    flush(w);
    assert_int_equal(store_number(w->store, counted), MRL_AUDIT_WINDOWS_MAX + 7);
    assert_entries(w, MRL_AUDIT_WINDOWS_MAX + 1);
}

static void one_who_tries_many_names_gets_sixteen_windows_and_one(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 1000; i++) {
        char target[16];

        (void)snprintf(target, sizeof(target), "t%d", i);
        note_denial(w, MRL_LIT("192.0.2.7:1"), mrl_str(target));
    }
    note_denial(w, MRL_LIT("192.0.2.7:1"), MRL_LIT("t3")); /* still known by its name */
    note_denial(w, MRL_LIT("192.0.9.9:1"), MRL_LIT("t3")); /* and others by theirs */
    flush(w);
    assert_int_equal(store_number(w->store, counted), 1002);
    assert_entries(w, MRL_AUDIT_WINDOWS_OF_ONE + 2 + 1 + 1);
    assert_int_equal(store_number(w->store, "SELECT COUNT(*) FROM audit_entries WHERE json LIKE "
                                            "'%\"repeated\":983,%'"),
                     1);
}

static void what_a_full_disk_refused_is_said_later(void **state)
{
    struct world *w = world_with(300 << 10);
    const struct mrl_audit_event e = {.action = MRL_AUDIT_CONNECTION_CLOSED};
    int64_t written;

    (void)state;
    assert_ok(store_exec(w->store, "CREATE TABLE ballast (body BLOB)", MRL_NO_ARGS));
    while (store_exec(w->store, "INSERT INTO ballast VALUES (zeroblob(4000))", MRL_NO_ARGS) ==
           MRL_OK)
        continue;
    for (int i = 0; i < 100; i++)
        mrl_audit_record(w->log.audit, &e, NULL, NULL);
    assert_ok(store_exec(w->store, "SELECT 1", MRL_NO_ARGS));
    written = store_number(w->store, "SELECT COUNT(*) FROM audit_entries");
    assert_true(written < 100);
    assert_ok(store_exec(w->store, "DELETE FROM ballast", MRL_NO_ARGS));
    mrl_audit_tick(w->log.audit, mrl_monotonic_ms());
    flush(w);
    assert_int_equal(store_number(w->store, "SELECT COUNT(*) FROM audit_entries WHERE json LIKE "
                                            "'{\"action\":\"audit.lost\"%'"),
                     1);
    assert_int_equal(store_number(w->store, counted), 100);
    assert_entries(w, (uint64_t)written + 1);
    *state = w;
    (void)close_world(state);
}

struct listing {
    struct mrl_audit_filter filter;
    uint64_t seqs[16];
    size_t count;
};

static mrl_err collect(void *context, const struct mrl_audit_row *row)
{
    struct listing *l = context;

    MRL_ENSURE(l->count < MRL_COUNT(l->seqs), MRL_ERR_LIMIT);
    l->seqs[l->count++] = row->seq;
    return MRL_OK;
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    struct listing *l = context;

    return mrl_audit_list(tx, &l->filter, collect, l);
}

static void assert_list(struct world *w, struct mrl_audit_filter f, const char *expected)
{
    struct listing l = {.filter = f};
    char text[128] = "";

    if (l.filter.limit == 0)
        l.filter.limit = MRL_AUDIT_LIST_MAX;
    assert_ok(mrl_store_read(w->store, run_list, &l));
    for (size_t i = 0; i < l.count; i++)
        (void)snprintf(&text[strlen(text)], sizeof(text) - strlen(text), "%llu ",
                       (unsigned long long)l.seqs[i]);
    assert_string_equal(text, expected);
}

static void filters_choose_entries(void **state)
{
    static const enum mrl_audit_action actions[] = {MRL_AUDIT_DEVICE_ADDED,
                                                    MRL_AUDIT_DEVICE_REVOKED, MRL_AUDIT_ROLE_ADDED,
                                                    MRL_AUDIT_API_DENIED};
    static const enum mrl_audit_outcome denied = MRL_AUDIT_DENIED;
    struct world *w = *state;
    struct listing l = {.filter.limit = MRL_AUDIT_LIST_MAX + 1};

    for (size_t i = 0; i < MRL_COUNT(actions); i++) {
        const struct mrl_audit_event e = {
            .action = actions[i],
            .outcome = i == 3 ? MRL_AUDIT_DENIED : MRL_AUDIT_OK,
            .actor = {MRL_ACTOR_OPERATOR, mrl_str(i % 2 == 0 ? "ann" : "bob"), {0}},
            .target = mrl_str(i < 2 ? "d1" : "x"),
            .time_ms = 1000 + (int64_t)i};

        mrl_audit_record(w->log.audit, &e, NULL, NULL);
    }
    flush(w);
    assert_list(w, (struct mrl_audit_filter){.limit = 0}, "1 2 3 4 ");
    assert_list(w, (struct mrl_audit_filter){.action_prefix = MRL_LIT("device.")}, "1 2 ");
    assert_list(w, (struct mrl_audit_filter){.actor = MRL_LIT("operator:bob")}, "2 4 ");
    assert_list(w, (struct mrl_audit_filter){.target = MRL_LIT("d1"), .newest_first = true},
                "2 1 ");
    assert_list(w, (struct mrl_audit_filter){.outcome = &denied}, "4 ");
    assert_list(w, (struct mrl_audit_filter){.since_ms = 1002}, "3 4 ");
    assert_list(w, (struct mrl_audit_filter){.after_seq = 1, .before_seq = 4, .limit = 1}, "2 ");
    assert_list(w, (struct mrl_audit_filter){.target = MRL_LIT("' OR 1=1 --")}, "");
    assert_int_equal(mrl_store_read(w->store, run_list, &l), MRL_ERR_LIMIT);
    l.filter = (struct mrl_audit_filter){.limit = 1, .action_prefix = MRL_LIT("device.%")};
    assert_int_equal(mrl_store_read(w->store, run_list, &l), MRL_ERR_INVALID);
}

int main(void)
{
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_LOG(an_undone_job_takes_its_entry_along),
        WITH_LOG(what_happens_once_is_entered_once),
        cmocka_unit_test(no_action_begins_with_the_name_of_another),
        WITH_LOG(a_recorded_entry_calls_back_once),
        WITH_LOG(a_flood_from_many_threads_is_counted_exactly),
        WITH_LOG(a_window_ends_after_its_time),
        WITH_LOG(networks_decide_not_addresses),
        WITH_LOG(more_kinds_than_windows_are_counted_together),
        WITH_LOG(one_who_tries_many_names_gets_sixteen_windows_and_one),
        cmocka_unit_test(what_a_full_disk_refused_is_said_later),
        WITH_LOG(filters_choose_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
