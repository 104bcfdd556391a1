/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "audit/event.h"
#include "tests/unit/unit.h"

#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

static struct mrl_audit_private private;

static void the_text_is_canonical(void **state)
{
    const struct mrl_audit_detail details[] = {MRL_AUDIT_TEXT("profile", MRL_LIT("device")),
                                               MRL_AUDIT_INT("days", 90),
                                               MRL_AUDIT_INT("big", 9007199254740993)};
    const struct mrl_audit_event e = {
        .action = MRL_AUDIT_DEVICE_ENROLLED,
        .actor = {MRL_ACTOR_DEVICE, MRL_LIT_INIT("d1"), MRL_LIT_INIT("token:t1")},
        .target = MRL_LIT("d1"),
        .reason = MRL_LIT("r"),
        .request = MRL_LIT("q"),
        .repeated = 3,
        .time_ms = 1795472078123,
        .details = details,
        .details_count = MRL_COUNT(details),
        .before = {.known = true, .bytes = {0x01}},
        .after = {.known = true, .bytes = {0xff}},
    };
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_ok(mrl_audit_write_json(&e, 7, MRL_LIT("n1"), &private, &out));
    assert_bytes_equal(
        mrl_buf_bytes(&out),
        MRL_LIT("{\"action\":\"device.enrolled\",\"actor\":{\"auth\":\"token:t1\",\"id\":\"d1\","
                "\"kind\":\"device\"},\"after\":\"ff" ZEROS "\",\"before\":\"01" ZEROS
                "\",\"details\":{\"big\":\"9007199254740993\",\"days\":90,"
                "\"profile\":\"device\"},\"node\":\"n1\",\"outcome\":\"ok\",\"reason\":\"r\","
                "\"repeated\":3,"
                "\"request\":\"q\",\"seq\":7,\"target\":\"d1\","
                "\"time\":1795472078123,\"v\":2}"));
}

/* The salt is fresh each time, the value is in the opening only. */
static void personal_fields_are_commitments(void **state)
{
    const struct mrl_audit_event e = {
        .action = MRL_AUDIT_ROLE_ADDED,
        .actor = {MRL_ACTOR_OPERATOR, MRL_LIT_INIT("alice"), MRL_LIT_INIT("unix:uid=0")},
        .source = MRL_LIT("192.0.2.7:\xff"),
        .time_ms = 1};
    char first[MRL_AUDIT_COMMITMENT + 1], second[MRL_AUDIT_COMMITMENT + 1];
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_audit_private again;

    (void)state;
    assert_ok(mrl_audit_write_json(&e, 1, MRL_LIT("n1"), &private, &out));
    assert_int_equal(private.openings.count, 2);
    assert_bytes_equal(private.openings.at[0].field, MRL_LIT("actor.id"));
    assert_bytes_equal(private.openings.at[0].value, MRL_LIT("alice"));
    assert_bytes_equal(private.openings.at[1].value, MRL_LIT("192.0.2.7:\xef\xbf\xbd"));
    assert_ok(mrl_audit_commit(&private.openings.at[0], first));
    assert_ok(mrl_audit_commit(&private.openings.at[1], second));
    assert_ok(mrl_buf_append(&out, mrl_bytes_of("", 1)));
    assert_null(strstr((char *)out.data, "alice"));
    assert_null(strstr((char *)out.data, "192.0"));
    assert_non_null(strstr((char *)out.data, first));
    assert_non_null(strstr((char *)out.data, second));
    assert_ok(mrl_audit_write_json(&e, 1, MRL_LIT("n1"), &again, &out));
    assert_memory_not_equal(again.openings.at[0].salt, private.openings.at[0].salt, MRL_AUDIT_SALT);
}

static void bytes_of_an_attacker_stay_inside_their_string(void **state)
{
    static const char evil[] =
        "x\",\"seq\":9,\"y\\\n\x1b[2J\x00\xff\xc3(\xed\xa0\x80\xf0\x9f\x94\x92";
    const struct mrl_audit_event e = {.action = MRL_AUDIT_PUBLISH_DENIED,
                                      .outcome = MRL_AUDIT_DENIED,
                                      .target = mrl_bytes_of(evil, sizeof(evil) - 1),
                                      .time_ms = 1};
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_ok(mrl_audit_write_json(&e, 1, MRL_LIT("n1"), &private, &out));
    assert_bytes_equal(
        mrl_buf_bytes(&out),
        MRL_LIT("{\"action\":\"publish.denied\",\"actor\":{\"kind\":\"unknown\"},\"node\":\"n1\","
                "\"outcome\":\"denied\",\"seq\":1,\"target\":\"x\\\",\\\"seq\\\":9,"
                "\\\"y\\\\\\n\\u001b[2J"
                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                "\xf0\x9f\x94\x92\",\"time\":1,\"v\":2}"));
}

static bool says_truncated(const struct mrl_audit_event *e)
{
    MRL_SCOPED(mrl_buf) out = {0};
    json_t *root;
    bool truncated;

    assert_ok(mrl_audit_write_json(e, UINT32_MAX, MRL_LIT("n1"), &private, &out));
    assert_true(out.len <= MRL_AUDIT_ENTRY_MAX);
    root = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    truncated = json_is_true(json_object_get(root, "truncated"));
    json_decref(root);
    return truncated;
}

static void long_values_are_cut_and_it_is_said(void **state)
{
    char text[MRL_AUDIT_TARGET_MAX + 1];
    struct mrl_audit_event e = {.action = MRL_AUDIT_PUBLISH_DENIED};

    (void)state;
    memset(text, 'a', sizeof(text));
    e.target = mrl_bytes_of(text, MRL_AUDIT_TARGET_MAX);
    assert_false(says_truncated(&e));
    e.target = mrl_bytes_of(text, MRL_AUDIT_TARGET_MAX + 1);
    assert_true(says_truncated(&e));
    text[MRL_AUDIT_TARGET_MAX - 1] = (char)0xc3; /* a character across the limit */
    text[MRL_AUDIT_TARGET_MAX] = (char)0xa4;
    assert_true(says_truncated(&e));
}

static void the_largest_event_fits_an_entry(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q"};
    struct mrl_audit_detail details[MRL_AUDIT_DETAILS_MAX + 1];
    uint8_t *worst = malloc(65536);
    mrl_bytes bytes = mrl_bytes_of(worst, 65536);
    struct mrl_audit_event e = {.action = MRL_AUDIT_API_DENIED,
                                .actor = {MRL_ACTOR_APPLICATION, bytes, bytes},
                                .source = bytes,
                                .target = bytes,
                                .reason = bytes,
                                .request = bytes,
                                .details = details,
                                .details_count = MRL_AUDIT_DETAILS_MAX};
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_non_null(worst);
    memset(worst, 0x01, 65536); /* six bytes each when escaped */
    for (size_t i = 0; i < MRL_COUNT(details); i++)
        details[i] = MRL_AUDIT_TEXT(names[i], bytes);
    assert_true(says_truncated(&e));
    e.details_count++;
    assert_int_equal(mrl_audit_write_json(&e, 1, MRL_LIT("n1"), &private, &out), MRL_ERR_LIMIT);
    free(worst);
}

static void names_that_could_confuse_are_refused(void **state)
{
    static const char *const names[] = {"", "A", "a\"b", "a b"};
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        const struct mrl_audit_detail d = MRL_AUDIT_INT(names[i], 1);
        const struct mrl_audit_event e = {.details = &d, .details_count = 1};

        assert_int_equal(mrl_audit_write_json(&e, 1, MRL_LIT("n1"), &private, &out),
                         MRL_ERR_INVALID);
    }
    assert_int_equal(out.len, 0);
}

/* docs/operate/audit-events.md as it must be. */
static void write_document(struct mrl_buf *out)
{
    assert_ok(mrl_buf_printf(
        out,
        "# Audit events\n\nEvery entry of the audit log names one of these actions. The names are "
        "stable and never reused.\n`tests/unit/audit/test_event.c` writes this page "
        "(`--print`) and checks it against `server/audit/actions.h`.\n\n"
        "| action | meaning |\n| --- | --- |\n"));
    for (unsigned i = 0; i < MRL_AUDIT_ACTION_COUNT_; i++)
        assert_ok(mrl_buf_printf(out, "| `%s` | %s |\n",
                                 mrl_audit_action_name((enum mrl_audit_action)i),
                                 mrl_audit_action_meaning((enum mrl_audit_action)i)));
}

static void the_document_lists_every_action(void **state)
{
    MRL_SCOPED(mrl_buf) expected = {0};
    const char *path = getenv("MRL_AUDIT_EVENTS");
    char text[65536];
    size_t len;
    FILE *f;

    (void)state;
    assert_non_null(path);
    f = fopen(path, "re");
    assert_non_null(f);
    len = fread(text, 1, sizeof(text), f);
    (void)fclose(f);
    write_document(&expected);
    assert_bytes_equal(mrl_bytes_of(text, len), mrl_buf_bytes(&expected));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_canonical),
        cmocka_unit_test(personal_fields_are_commitments),
        cmocka_unit_test(bytes_of_an_attacker_stay_inside_their_string),
        cmocka_unit_test(long_values_are_cut_and_it_is_said),
        cmocka_unit_test(the_largest_event_fits_an_entry),
        cmocka_unit_test(names_that_could_confuse_are_refused),
        cmocka_unit_test(the_document_lists_every_action),
    };

    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        MRL_SCOPED(mrl_buf) out = {0};

        write_document(&out);
        return fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
