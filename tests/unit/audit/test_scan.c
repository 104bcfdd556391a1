/* SPDX-License-Identifier: Apache-2.0 */
/* The scan says the same as a JSON reader, or that it cannot say. */
#include "audit/scan.h"

#include <string.h>

#include "audit/event.h"
#include "audit/facts.h"
#include "tests/unit/unit.h"

static const struct mrl_audit_openings none;

static void assert_same(mrl_bytes json)
{
    const struct mrl_audit_row row = {1, json, &none, MRL_BYTES_NONE};
    struct mrl_audit_scan s;
    struct mrl_audit_facts f;

    assert_ok(mrl_audit_scan(json, &s));
    assert_ok(mrl_audit_facts_parse(&row, &f));
    assert_bytes_equal(s.action, f.action);
    assert_bytes_equal(s.kind, f.kind);
    assert_bytes_equal(s.actor, f.actor);
    assert_bytes_equal(s.target, f.target);
    assert_bytes_equal(s.outcome, f.outcome);
    assert_int_equal(s.time_ms, f.time_ms);
    assert_int_equal(s.seq, f.seq);
    mrl_audit_facts_done(&f);
}

static void entries_are_read_as_json_is(void **state)
{
    const struct mrl_audit_detail details[] = {MRL_AUDIT_TEXT("action", MRL_LIT("not \"this\"")),
                                               MRL_AUDIT_INT("seq", 99),
                                               MRL_AUDIT_TEXT("kind", MRL_LIT("\\"))};
    const struct mrl_audit_event events[] = {
        {.action = MRL_AUDIT_SERVER_STARTED, .time_ms = 1},
        {.action = MRL_AUDIT_DEVICE_ADDED,
         .actor = {.kind = MRL_ACTOR_OPERATOR, .id = MRL_LIT("alice"), .auth = MRL_LIT("unix")},
         .target = MRL_LIT("pump-7"),
         .reason = MRL_LIT("it said \"target\":\"x\", and {braces}"),
         .source = MRL_LIT("192.0.2.7:1"),
         .details = details,
         .details_count = MRL_COUNT(details)}};
    struct mrl_audit_private private;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(events); i++) {
        MRL_SCOPED(mrl_buf) json = {0};

        assert_ok(mrl_audit_write_json(&events[i], 7, MRL_LIT("n1"), &private, &json));
        assert_same(mrl_buf_bytes(&json));
    }
}

static void what_it_cannot_say_is_left_to_the_reader(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "{}x",
        "{\"target\":\"a\\u00e9\"}",
        "{\"action\":7}",
        "{\"seq\":\"9007199254740993\"}",
        "{\"time\":-5}",
        "{\"action\":\"x\"",
        "{\"action\":\"x\",}",
        "{\"action\":\"x\\",
        "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}",
        "[1]",
    };
    struct mrl_audit_scan s;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++)
        assert_int_equal(mrl_audit_scan(mrl_str(texts[i]), &s), MRL_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_read_as_json_is),
        cmocka_unit_test(what_it_cannot_say_is_left_to_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
