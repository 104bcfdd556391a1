/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events.h"

#include <string.h>

#include "tests/unit/unit.h"

struct seen {
    struct mrl_buf text; /* "name=data|" per event */
    size_t stop_after;
    size_t count;
};

static bool see(void *context, const char *name, mrl_bytes data)
{
    struct seen *s = context;

    assert_ok(mrl_buf_printf(&s->text, "%s=%.*s|", name, MRL_FMT(data)));
    return ++s->count != s->stop_after;
}

/* In pieces of so many bytes. */
static mrl_err feed(mrl_bytes stream, size_t piece, struct seen *s)
{
    struct mrl_events e = {0};
    mrl_err err = MRL_OK;

    for (size_t at = 0; at < stream.len && err == MRL_OK; at += piece)
        err = mrl_events_feed(&e, mrl_bytes_sub(stream, at, piece), see, s);
    mrl_events_done(&e);
    return err;
}

static void assert_events(mrl_bytes stream, const char *wanted)
{
    for (size_t piece = 1; piece <= stream.len; piece++) {
        struct seen s = {0};

        assert_ok(feed(stream, piece, &s));
        assert_bytes_equal(mrl_buf_bytes(&s.text), mrl_str(wanted));
        mrl_buf_done(&s.text);
    }
}

static void events_are_the_same_however_they_are_cut(void **state)
{
    (void)state;
    assert_events(MRL_LIT(": open\n\nevent: message\ndata: {\"a\":1}\n\n: still here\n\n"
                          "event:other\ndata:x\n\ndata: y\n\n"),
                  "message={\"a\":1}|other=x|message=y|");
}

static void all_three_line_ends_are_line_ends(void **state)
{
    (void)state;
    assert_events(MRL_LIT("data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
                  "message=a|message=b|message=c|");
    assert_events(MRL_LIT("data: a\r\ndata: b\r\n\r\n"), "message=a\nb|");
}

static void fields_are_read_as_the_standard_says(void **state)
{
    (void)state;
    assert_events(MRL_LIT("\xef\xbb\xbf"
                          "data: first\n\n"),
                  "message=first|");
    assert_events(MRL_LIT("data:  two blanks\n\n"), "message= two blanks|");
    assert_events(MRL_LIT("data\ndata:\n\n"), "message=\n|");
    assert_events(MRL_LIT("event: lonely\n\ndata: x\n\n"), "message=x|");
    assert_events(MRL_LIT("id: 7\nretry: 5\nfoo: bar\ndata: x\n\n"), "message=x|");
    assert_events(MRL_LIT("data: cut off"), "");
}

static void a_name_that_is_too_long_is_none(void **state)
{
    (void)state;
    assert_events(MRL_LIT("event: 0123456789012345678901234567890123456789\ndata: x\n\n"),
                  "message=x|");
}

static void the_reader_can_stop(void **state)
{
    struct seen s = {.stop_after = 2};

    (void)state;
    assert_int_equal(feed(MRL_LIT("data: a\n\ndata: b\n\ndata: c\n\n"), 5, &s), MRL_ERR_CLOSED);
    assert_bytes_equal(mrl_buf_bytes(&s.text), MRL_LIT("message=a|message=b|"));
    mrl_buf_done(&s.text);
}

static mrl_err feed_long_line(size_t len)
{
    static const uint8_t block[4096] = {'x'};
    struct mrl_events e = {0};
    struct seen s = {0};
    mrl_err err = MRL_OK;

    for (size_t at = 0; at < len && err == MRL_OK; at += sizeof(block))
        err = mrl_events_feed(
            &e, mrl_bytes_of(block, len - at < sizeof(block) ? len - at : sizeof(block)), see, &s);
    mrl_events_done(&e);
    return err;
}

static void a_line_has_a_limit(void **state)
{
    (void)state;
    assert_ok(feed_long_line(MRL_EVENTS_LINE_MAX));
    assert_int_equal(feed_long_line(MRL_EVENTS_LINE_MAX + 1), MRL_ERR_LIMIT);
}

static void the_data_of_an_event_has_a_limit(void **state)
{
    MRL_SCOPED(mrl_buf) line = {0};
    struct mrl_events e = {0};
    struct seen s = {0};
    mrl_err err = MRL_OK;
    uint8_t *to;
    size_t lines = 0;

    (void)state;
    assert_ok(mrl_buf_append(&line, MRL_LIT("data:")));
    assert_ok(mrl_buf_reserve(&line, (1 << 20) - 1, &to));
    memset(to, 'x', (1 << 20) - 1);
    mrl_buf_added(&line, (1 << 20) - 1);
    assert_ok(mrl_buf_append(&line, MRL_LIT("\n")));
    while (err == MRL_OK && lines < 100) {
        err = mrl_events_feed(&e, mrl_buf_bytes(&line), see, &s);
        lines++;
    }
    assert_int_equal(err, MRL_ERR_LIMIT);
    assert_int_equal(lines, (MRL_EVENTS_DATA_MAX >> 20) + 1);
    mrl_events_done(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_same_however_they_are_cut),
        cmocka_unit_test(all_three_line_ends_are_line_ends),
        cmocka_unit_test(fields_are_read_as_the_standard_says),
        cmocka_unit_test(a_name_that_is_too_long_is_none),
        cmocka_unit_test(the_reader_can_stop),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(the_data_of_an_event_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
