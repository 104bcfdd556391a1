/* SPDX-License-Identifier: Apache-2.0 */
#include "export/syslog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/fuzz/frames.h"
#include "tests/unit/unit.h"

static const struct mrl_syslog_style style = {MRL_LIT_INIT("gate.example"),
                                              MRL_LIT_INIT("merlon@32473"), MRL_SYSLOG_MESSAGE_MIN};

static void assert_written(uint64_t seq, mrl_bytes json, const char *expected)
{
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_syslog_write(&style, seq, json, &out));
    assert_bytes_equal(mrl_buf_bytes(&out), mrl_str(expected));
}

static struct frame first_frame(const struct mrl_buf *out)
{
    mrl_bytes stream = mrl_buf_bytes(out);
    struct frame f = {0};

    assert_true(frame_read(&stream, &f));
    return f;
}

static void an_entry_becomes_one_frame(void **state)
{
    (void)state;
    assert_written(7,
                   MRL_LIT("{\"action\":\"device.added\",\"actor\":{\"id\":\"ann\",\"kind\":"
                           "\"operator\"},\"outcome\":\"ok\",\"seq\":7,\"target\":\"d1\","
                           "\"time\":1795472078123,\"v\":1}"),
                   "264 <110>1 2026-11-23T22:14:38.123Z gate.example merlon - device.added "
                   "[merlon@32473 seq=\"7\" outcome=\"ok\" actor=\"operator:ann\" target=\"d1\"] "
                   "{\"action\":\"device.added\",\"actor\":{\"id\":\"ann\",\"kind\":"
                   "\"operator\"},\"outcome\":\"ok\",\"seq\":7,\"target\":\"d1\","
                   "\"time\":1795472078123,\"v\":1}");
}

static void what_a_sink_reveals_stands_for_its_commitment(void **state)
{
    const char *text =
        "{\"actor\":{\"id\":\"sha256:1\",\"kind\":\"operator\"},\"outcome\":\"ok\","
        "\"target\":\"sha256:2\",\"opened\":{\"actor.id\":\"ann\",\"target\":\"bob\"}}";
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_ok(mrl_syslog_write(&style, 1, mrl_str(text), &out));
    assert_ok(mrl_buf_append(&out, mrl_bytes_of("", 1)));
    assert_non_null(strstr((const char *)out.data, " actor=\"operator:ann\" target=\"bob\"] "));
    assert_non_null(strstr((const char *)out.data, text));
}

static void severity_is_that_of_the_outcome(void **state)
{
    (void)state;
    assert_written(1, MRL_LIT("{\"outcome\":\"ok\"}"),
                   "85 <110>1 - gate.example merlon - - [merlon@32473 seq=\"1\" outcome=\"ok\"] "
                   "{\"outcome\":\"ok\"}");
    assert_written(
        1, MRL_LIT("{\"outcome\":\"denied\"}"),
        "93 <108>1 - gate.example merlon - - [merlon@32473 seq=\"1\" outcome=\"denied\"] "
        "{\"outcome\":\"denied\"}");
    assert_written(
        1, MRL_LIT("{\"outcome\":\"failed\"}"),
        "93 <107>1 - gate.example merlon - - [merlon@32473 seq=\"1\" outcome=\"failed\"] "
        "{\"outcome\":\"failed\"}");
}

static void what_is_no_entry_goes_out_as_it_is(void **state)
{
    (void)state;
    assert_written(3, MRL_LIT("] not \"json"),
                   "67 <107>1 - gate.example merlon - - [merlon@32473 seq=\"3\"] ] not \"json");
    assert_written(3, MRL_BYTES_NONE,
                   "56 <107>1 - gate.example merlon - - [merlon@32473 seq=\"3\"] ");
    assert_written(18446744073709551615U, MRL_LIT("x"),
                   "76 <107>1 - gate.example merlon - - "
                   "[merlon@32473 seq=\"18446744073709551615\"] x");
}

static void hostile_values_stay_inside_their_quotes(void **state)
{
    static const char json[] =
        "{\"action\":\"device.added\",\"target\":\"a\\\"]\\\\ [x@1 y=\\\"z\\\"]\\n\\u007f\","
        "\"actor\":{\"kind\":\"]\",\"id\":\"\\u0001\xc3\xa4\"}}";
    MRL_SCOPED(mrl_buf) out = {0};
    struct frame f;

    (void)state;
    assert_ok(mrl_syslog_write(&style, 2, mrl_str(json), &out));
    f = first_frame(&out);
    assert_bytes_equal(f.params, MRL_LIT(" seq=\"2\" actor=\"\\]:?\xc3\xa4\" "
                                         "target=\"a\\\"\\]\\\\ [x@1 y=\\\"z\\\"\\]??\""));
    assert_bytes_equal(f.msg, mrl_str(json));
}

static void an_action_that_is_no_msgid_is_left_out(void **state)
{
    static const char *const jsons[] = {"{\"action\":\"a b\"}", "{\"action\":\"a\\nb\"}",
                                        "{\"action\":\"\xc3\xa4\"}",
                                        "{\"action\":\"a23456789012345678901234567890123\"}"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(jsons); i++) {
        MRL_SCOPED(mrl_buf) out = {0};

        assert_ok(mrl_syslog_write(&style, 2, mrl_str(jsons[i]), &out));
        assert_bytes_equal(first_frame(&out).fields[5], MRL_LIT("-"));
    }
}

static void long_values_are_cut_at_a_character(void **state)
{
    MRL_SCOPED(mrl_buf) json = {0};
    MRL_SCOPED(mrl_buf) out = {0};
    struct frame f;

    (void)state;
    assert_ok(mrl_buf_append(&json, MRL_LIT("{\"target\":\"a")));
    for (int i = 0; i < MRL_SYSLOG_VALUE_MAX; i++)
        assert_ok(mrl_buf_append(&json, MRL_LIT("\xc3\xa4")));
    assert_ok(mrl_buf_append(&json, MRL_LIT("\"}")));
    assert_ok(mrl_syslog_write(&style, 2, mrl_buf_bytes(&json), &out));
    f = first_frame(&out);
    assert_int_equal(f.params.len, strlen(" seq=\"2\" target=\"\"") + MRL_SYSLOG_VALUE_MAX - 1);
    assert_true(mrl_utf8_valid(f.params));
}

/* An entry whose message has exactly size bytes. */
static void make_entry(size_t size, struct mrl_buf *json)
{
    static const char header[] = "<107>1 - gate.example merlon - - [merlon@32473 seq=\"2\"] ";

    while (json->len < size - strlen(header))
        assert_ok(mrl_buf_append(json, MRL_LIT("x")));
}

static void a_message_at_the_limit_is_one_and_above_it_is_split(void **state)
{
    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        MRL_SCOPED(mrl_buf) json = {0};
        MRL_SCOPED(mrl_buf) out = {0};
        mrl_bytes stream;
        struct frame f;
        size_t frames = 0;

        make_entry(style.message_bytes + over, &json);
        assert_ok(mrl_syslog_write(&style, 2, mrl_buf_bytes(&json), &out));
        for (stream = mrl_buf_bytes(&out); stream.len > 0; frames++)
            assert_true(frame_read(&stream, &f));
        assert_int_equal(frames, over + 1);
    }
}

static void the_parts_of_the_largest_entry_join_to_its_text(void **state)
{
    MRL_SCOPED(mrl_buf) json = {0};
    MRL_SCOPED(mrl_buf) out = {0};
    MRL_SCOPED(mrl_buf) joined = {0};
    mrl_bytes stream;
    size_t part = 0;

    (void)state;
    while (json.len + 3 <= 65535)
        assert_ok(mrl_buf_append(&json, MRL_LIT("\xe2\x82\xac")));
    assert_ok(mrl_syslog_write(&style, 2, mrl_buf_bytes(&json), &out));
    for (stream = mrl_buf_bytes(&out); stream.len > 0;) {
        char numbering[64];
        struct frame f;
        size_t before = stream.len;

        assert_true(frame_read(&stream, &f));
        assert_in_range(before - stream.len, 1, style.message_bytes + strlen("2048 "));
        assert_true(mrl_utf8_valid(f.msg));
        (void)snprintf(numbering, sizeof(numbering), " part=\"%zu\" parts=\"34\"", ++part);
        assert_true(mrl_bytes_ends(f.params, mrl_str(numbering)));
        assert_ok(mrl_buf_append(&joined, f.msg));
    }
    assert_int_equal(part, 34);
    assert_bytes_equal(mrl_buf_bytes(&joined), mrl_buf_bytes(&json));
}

static void the_largest_text_is_read_and_a_larger_one_goes_out_as_it_is(void **state)
{
    (void)state;
    for (size_t above = 0; above <= 1; above++) {
        const mrl_bytes head = MRL_LIT("{\"outcome\":\"ok\",\"target\":\"");
        MRL_SCOPED(mrl_buf) json = {0};
        MRL_SCOPED(mrl_buf) out = {0};
        struct frame f;

        assert_ok(mrl_buf_append(&json, head));
        while (json.len + 2 < MRL_SYSLOG_TEXT_MAX + above)
            assert_ok(mrl_buf_append(&json, MRL_LIT("t")));
        assert_ok(mrl_buf_append(&json, MRL_LIT("\"}")));
        assert_ok(mrl_syslog_write(&style, 2, mrl_buf_bytes(&json), &out));
        f = first_frame(&out);
        assert_true(mrl_bytes_starts(f.params, above == 0 ? MRL_LIT(" seq=\"2\" outcome=\"ok\" ")
                                                          : MRL_LIT(" seq=\"2\" part=")));
        assert_true(mrl_bytes_starts(f.msg, head));
    }
}

static void assert_style(mrl_bytes hostname, mrl_bytes sd_id, size_t bytes, mrl_err expected)
{
    const struct mrl_syslog_style s = {hostname, sd_id, bytes};

    assert_int_equal(mrl_syslog_style_check(&s, NULL), expected);
}

static void a_style_that_breaks_the_format_is_refused(void **state)
{
    static const char long_id[] = "abcdefghijklmnopqrstuvwxyz@123456";
    char host[MRL_SYSLOG_HOSTNAME_MAX + 1];

    (void)state;
    memset(host, 'h', sizeof(host));
    assert_style(mrl_bytes_of(host, sizeof(host) - 1), MRL_LIT("m@1"), 2048, MRL_OK);
    assert_style(mrl_bytes_of(host, sizeof(host)), MRL_LIT("m@1"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_BYTES_NONE, MRL_LIT("m@1"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("a b"), MRL_LIT("m@1"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), mrl_str(long_id + 1), 2048, MRL_OK);
    assert_style(MRL_LIT("h"), mrl_str(long_id), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), MRL_LIT("merlon"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), MRL_LIT("@1"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), MRL_LIT("m@x"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), MRL_LIT("m]@1"), 2048, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), MRL_LIT("m@1"), MRL_SYSLOG_MESSAGE_MIN - 1, MRL_ERR_INVALID);
    assert_style(MRL_LIT("h"), MRL_LIT("m@1"), MRL_SYSLOG_MESSAGE_MAX, MRL_OK);
    assert_style(MRL_LIT("h"), MRL_LIT("m@1"), MRL_SYSLOG_MESSAGE_MAX + 1, MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_becomes_one_frame),
        cmocka_unit_test(what_a_sink_reveals_stands_for_its_commitment),
        cmocka_unit_test(severity_is_that_of_the_outcome),
        cmocka_unit_test(what_is_no_entry_goes_out_as_it_is),
        cmocka_unit_test(hostile_values_stay_inside_their_quotes),
        cmocka_unit_test(an_action_that_is_no_msgid_is_left_out),
        cmocka_unit_test(long_values_are_cut_at_a_character),
        cmocka_unit_test(a_message_at_the_limit_is_one_and_above_it_is_split),
        cmocka_unit_test(the_largest_text_is_read_and_a_larger_one_goes_out_as_it_is),
        cmocka_unit_test(the_parts_of_the_largest_entry_join_to_its_text),
        cmocka_unit_test(a_style_that_breaks_the_format_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
