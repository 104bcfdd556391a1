/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/eventlog.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/device/power_cut.h"
#include "tests/unit/unit.h"

struct world {
    char dir[64];
    struct mrl_eventlog log;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/merlon-events-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_ok(mrl_eventlog_open(&w->log, &mrl_disk_system, w->dir, NULL));
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    mrl_eventlog_close(&w->log);
    remove_folder(w->dir);
    free(w);
    return 0;
}

static void add(struct world *w, const char *event, const char *text)
{
    const struct mrl_eventlog_field field = {"why", mrl_str(text)};

    assert_ok(mrl_eventlog_add(&w->log, event, &field, 1, NULL));
}

static void reopen(struct world *w)
{
    mrl_eventlog_close(&w->log);
    assert_ok(mrl_eventlog_open(&w->log, &mrl_disk_system, w->dir, NULL));
}

static mrl_err verify(const struct world *w, struct mrl_eventlog_walk *walk, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) text = {0};

    *walk = (struct mrl_eventlog_walk){0};
    return mrl_eventlog_read(w->dir, &text, walk, why);
}

static void read_log(const struct world *w, struct mrl_buf *text)
{
    assert_ok(mrl_disk_read(w->dir, MRL_EVENTLOG_FILE, text, NULL));
}

static void write_log(const struct world *w, mrl_bytes text)
{
    assert_ok(mrl_disk_replace(&mrl_disk_system, w->dir, MRL_EVENTLOG_FILE, text, NULL));
}

static void the_chain_goes_on_over_restarts(void **state)
{
    struct world *w = *state;
    struct mrl_eventlog_walk walk;

    add(w, "a", "1");
    reopen(w);
    add(w, "b", "2");
    assert_ok(verify(w, &walk, NULL));
    assert_int_equal(walk.first, 1);
    assert_int_equal(walk.seq, 3);
    assert_memory_equal(walk.head, w->log.at.head, sizeof(walk.head));
}

/* The text of four lines, and what is done to it. */
static void assert_broken(struct world *w, mrl_bytes text, const char *line)
{
    struct mrl_eventlog_walk walk;
    struct mrl_why why = {""};

    write_log(w, text);
    assert_int_equal(verify(w, &walk, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, line));
}

static void every_changed_byte_is_found_in_its_line(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) text = {0};
    char expected[32];
    unsigned line = 1;

    add(w, "a", "1");
    add(w, "b", "2");
    read_log(w, &text);
    for (size_t i = 0; i < text.len; i++) {
        bool is_end = text.data[i] == '\n';

        (void)snprintf(expected, sizeof(expected), "line %u ", line);
        text.data[i] ^= 0x01;
        if (i + 1 < text.len) /* the last one makes half a line of it */
            assert_broken(w, mrl_buf_bytes(&text), expected);
        text.data[i] ^= 0x01;
        line += is_end;
    }
}

static void a_line_that_is_missing_or_moved_is_found(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) changed = {0};
    mrl_bytes lines[4], rest;

    add(w, "a", "1");
    add(w, "b", "2");
    add(w, "c", "3");
    read_log(w, &text);
    rest = mrl_buf_bytes(&text);
    for (size_t i = 0; i < 4; i++) {
        size_t len = mrl_bytes_find(rest, '\n', 0) + 1;

        lines[i] = mrl_bytes_sub(rest, 0, len);
        rest = mrl_bytes_sub(rest, len, rest.len);
    }
    assert_broken(w, mrl_bytes_sub(mrl_buf_bytes(&text), lines[0].len, text.len), "line 1 ");
    assert_ok(mrl_buf_append(&changed, lines[0]));
    assert_ok(mrl_buf_append(&changed, lines[2]));
    assert_broken(w, mrl_buf_bytes(&changed), "line 2 ");
    assert_ok(mrl_buf_append(&changed, lines[1]));
    assert_broken(w, mrl_buf_bytes(&changed), "line 2 ");
}

static void a_broken_log_is_put_aside_and_the_next_one_says_so(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) aside = {0};
    MRL_SCOPED(mrl_buf) now = {0};
    struct mrl_eventlog_walk walk;

    add(w, "a", "1");
    read_log(w, &text);
    text.data[10] ^= 0x01;
    write_log(w, mrl_buf_bytes(&text));
    reopen(w);
    assert_ok(verify(w, &walk, NULL));
    assert_true(walk.first > 2); /* no number is given twice */
    assert_ok(mrl_disk_read(w->dir, MRL_EVENTLOG_BROKEN, &aside, NULL));
    assert_bytes_equal(mrl_buf_bytes(&aside), mrl_buf_bytes(&text));
    read_log(w, &now);
    assert_ok(mrl_buf_append(&now, mrl_bytes_of("", 1)));
    assert_non_null(strstr((const char *)now.data, "\"event\":\"log.broken\""));
    assert_non_null(strstr((const char *)now.data, "line 1 "));
}

static void the_size_is_bounded_and_the_chain_survives_it(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) both = {0};
    struct mrl_eventlog_walk walk = {0};

    for (unsigned i = 0; i < 2000; i++) {
        add(w, "event", "something that takes a little room in each of the lines");
        if (i % 97 == 0)
            reopen(w);
    }
    assert_ok(mrl_eventlog_read(w->dir, &both, &walk, NULL));
    assert_true(walk.first > 1 && walk.seq > 2000);
    assert_in_range(both.len, MRL_EVENTLOG_FILE_MAX, 2 * MRL_EVENTLOG_FILE_MAX);
    assert_memory_equal(walk.head, w->log.at.head, sizeof(walk.head));
}

static void long_and_strange_values_make_a_line_all_the_same(void **state)
{
    struct world *w = *state;
    struct mrl_eventlog_walk walk;
    char text[2 * MRL_EVENTLOG_VALUE_MAX + 1];

    memset(text, '\x01', sizeof(text) - 1); /* six bytes each in JSON */
    text[sizeof(text) - 1] = '\0';
    add(w, "long", text);
    add(w, "long", "\xff\xfe not text");
    memset(text, '\\', sizeof(text) - 1);
    add(w, "long", text);
    assert_ok(verify(w, &walk, NULL));
    assert_int_equal(walk.seq, 4);
}

/* Whatever operation is the last one: the log opens, follows, and holds what was acknowledged. */
static void a_power_cut_at_any_step_loses_nothing_acknowledged(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 40; steps++) {
        struct world w;
        struct power_cut cut;
        struct mrl_disk disk = power_cut_disk(&cut, steps);
        struct mrl_eventlog_walk walk;
        uint64_t kept;

        (void)snprintf(w.dir, sizeof(w.dir), "/tmp/merlon-events-XXXXXX");
        assert_non_null(mkdtemp(w.dir));
        if (mrl_eventlog_open(&w.log, &disk, w.dir, NULL) == MRL_OK) {
            w.log.bytes = MRL_EVENTLOG_FILE_MAX - 2 * MRL_EVENTLOG_LINE_MAX; /* it will rotate */
            for (unsigned i = 0; i < 12; i++)
                (void)mrl_eventlog_add(&w.log, "e", NULL, 0, NULL);
        }
        kept = w.log.at.seq;
        mrl_eventlog_close(&w.log);
        assert_ok(mrl_eventlog_open(&w.log, &mrl_disk_system, w.dir, NULL));
        assert_true(w.log.at.seq >= kept);
        assert_ok(verify(&w, &walk, NULL));
        assert_true(access(w.dir, F_OK) == 0 && walk.seq == w.log.at.seq);
        mrl_eventlog_close(&w.log);
        remove_folder(w.dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_chain_goes_on_over_restarts, open_world, close_world),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_found_in_its_line, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_line_that_is_missing_or_moved_is_found, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_broken_log_is_put_aside_and_the_next_one_says_so,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(the_size_is_bounded_and_the_chain_survives_it, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(long_and_strange_values_make_a_line_all_the_same,
                                        open_world, close_world),
        cmocka_unit_test(a_power_cut_at_any_step_loses_nothing_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
