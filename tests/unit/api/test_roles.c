/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/api/fixture.h"

static const char reader[] = "{\"name\":\"reader\",\"text\":\"reads climate\",\"rules\":"
                             "[{\"publish\":false,\"subscribe\":true,\"filter\":\"climate/#\"}]}";

static void a_role_is_made_changed_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 201, "POST", "/v1/roles", reader);

    assert_string_equal(member(&r, "text"), "reads climate");
    reply_done(&r);
    r = expect(f, 409, "POST", "/v1/roles", reader);
    assert_problem(&r, 409, "exists");
    reply_done(&r);
    r = expect(f, 200, "PUT", "/v1/roles/reader/rules",
               "{\"rules\":[{\"publish\":true,\"filter\":\"climate/set\"}]}");
    assert_non_null(
        strstr(r.body, "{\"filter\":\"climate/set\",\"publish\":true,\"subscribe\":false}"));
    reply_done(&r);
    expect_only(f, 204, "DELETE", "/v1/roles/reader", NULL);
    expect_only(f, 404, "GET", "/v1/roles/reader", NULL);
    expect_only(f, 404, "DELETE", "/v1/roles/reader", NULL);
    assert_int_equal(audited(f->api.store, "role.", NULL), 3);
}

static void what_a_rule_withholds_is_said(void **state)
{
    struct fixture *f = *state;
    struct reply r =
        expect(f, 201, "POST", "/v1/roles",
               "{\"name\":\"r\",\"rules\":["
               "{\"publish\":true,\"filter\":\"a\",\"retain\":false,\"clear\":false,\"max_qos\":1},"
               "{\"publish\":true,\"filter\":\"b\",\"retain\":true,\"clear\":true,\"max_qos\":2},"
               "{\"subscribe\":true,\"filter\":\"c\",\"max_qos\":0}]}");

    assert_non_null(strstr(r.body,
                           "{\"clear\":false,\"filter\":\"a\",\"max_qos\":1,\"publish\":true,"
                           "\"retain\":false,\"subscribe\":false}"));
    assert_non_null(strstr(r.body, "{\"filter\":\"b\",\"publish\":true,\"subscribe\":false}"));
    assert_non_null(
        strstr(r.body, "{\"filter\":\"c\",\"max_qos\":0,\"publish\":false,\"subscribe\":true}"));
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "role.added", "publish,no-retain,no-clear,max-qos=1 a"),
                     1);
}

static void rules_that_are_none_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"name\":\"r\"}",
        "{\"name\":\"r\",\"rules\":{}}",
        "{\"name\":\"r\",\"rules\":[7]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true}]}",
        "{\"name\":\"r\",\"rules\":[{\"filter\":\"a\"}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":1,\"filter\":\"a\"}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"a/#/b\"}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"$SYS/a\"}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"a\",\"deny\":true}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"a\",\"max_qos\":3}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"a\",\"max_qos\":-1}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"a\",\"max_qos\":\"1\"}]}",
        "{\"name\":\"r\",\"rules\":[{\"publish\":true,\"filter\":\"a\",\"retain\":0}]}",
        "{\"name\":\"r\",\"rules\":[{\"subscribe\":true,\"filter\":\"a\",\"retain\":false}]}",
        "{\"name\":\"r/s\",\"rules\":[{\"publish\":true,\"filter\":\"a\"}]}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(bodies); i++)
        expect_only(f, 400, "POST", "/v1/roles", bodies[i]);
    assert_int_equal(audited(f->api.store, "role.", NULL), 0);
}

static void rules_of_a_role_are_counted(void **state)
{
    struct fixture *f = *state;

    for (unsigned count = MRL_ROLE_RULES_MAX; count <= MRL_ROLE_RULES_MAX + 1; count++) {
        MRL_SCOPED(mrl_buf) body = {0};

        assert_ok(mrl_buf_printf(&body, "{\"name\":\"big\",\"rules\":["));
        for (unsigned i = 0; i < count; i++)
            assert_ok(mrl_buf_printf(&body, "%s{\"publish\":true,\"filter\":\"t/%u\"}",
                                     i > 0 ? "," : "", i));
        assert_ok(mrl_buf_append(&body, MRL_LIT("]}\0")));
        expect_only(f, count <= MRL_ROLE_RULES_MAX ? 201 : 400, "POST", "/v1/roles",
                    (const char *)body.data);
    }
}

static void a_role_is_given_and_taken_away(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/roles", reader);
    r = expect(f, 201, "POST", "/v1/roles/reader/assignments", "{\"to\":\"group:pumps\"}");
    assert_non_null(strstr(r.body, "\"assigned_to\":[\"group:pumps\"]"));
    reply_done(&r);
    expect_only(f, 409, "POST", "/v1/roles/reader/assignments", "{\"to\":\"group:pumps\"}");
    expect_only(f, 400, "POST", "/v1/roles/reader/assignments", "{\"to\":\"pumps\"}");
    expect_only(f, 400, "POST", "/v1/roles/reader/assignments", "{\"to\":\"planet:mars\"}");
    expect_only(f, 404, "POST", "/v1/roles/ghost/assignments", "{\"to\":\"group:pumps\"}");
    expect_only(f, 409, "DELETE", "/v1/roles/reader", NULL); /* while somebody holds it */
    expect_only(f, 204, "DELETE", "/v1/roles/reader/assignments/group:pumps", NULL);
    expect_only(f, 404, "DELETE", "/v1/roles/reader/assignments/group:pumps", NULL);
    expect_only(f, 204, "DELETE", "/v1/roles/reader", NULL);
    assert_int_equal(audited(f->api.store, "role.granted", "\"holder\":\"pumps\""), 1);
    assert_int_equal(audited(f->api.store, "role.withdrawn", "\"holder\":\"pumps\""), 1);
}

static void roles_of_the_program_cannot_be_changed(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "GET", "/v1/roles/device-default", NULL);

    assert_true(json_is_true(json_object_get(r.json, "built_in")));
    reply_done(&r);
    r = expect(f, 403, "DELETE", "/v1/roles/device-default", NULL);
    assert_problem(&r, 403, "denied");
    reply_done(&r);
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"last\"}"); /* entries are in order */
    assert_int_equal(audited(f->api.store, "api.denied", "\"target\":\"device-default\""), 1);
}

static void the_policy_is_explained(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/roles", reader);
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\",\"group\":\"pumps\"}");
    expect_only(f, 201, "POST", "/v1/roles/reader/assignments", "{\"to\":\"group:pumps\"}");
    r = expect(f, 200, "GET",
               "/v1/policy/explain?principal=device:d&action=subscribe&topic=climate/%23", NULL);
    assert_true(json_is_true(json_object_get(r.json, "allowed")));
    assert_string_equal(member(&r, "role"), "reader");
    assert_string_equal(member(&r, "filter"), "climate/#");
    assert_int_equal(json_integer_value(json_object_get(r.json, "qos")), 0);
    assert_true(json_is_false(json_object_get(r.json, "may_connect"))); /* not enrolled yet */
    reply_done(&r);
    r = expect(f, 200, "GET",
               "/v1/policy/explain?principal=device:d&action=publish&topic=devices/d/x"
               "&qos=2&retain=keep",
               NULL);
    assert_true(json_is_true(json_object_get(r.json, "allowed")));
    assert_string_equal(member(&r, "filled"), "devices/d/#");
    reply_done(&r);
    r = expect(f, 200, "GET",
               "/v1/policy/explain?principal=device:d&action=publish&topic=climate/a", NULL);
    assert_true(json_is_false(json_object_get(r.json, "allowed")));
    assert_string_equal(member(&r, "difference"), "the rule allows to subscribe, not to publish");
    assert_non_null(strstr(r.body, "\"nearest\":{\"filled\":\"climate/#\",\"filter\":\"climate/#\","
                                   "\"role\":\"reader\"}"));
    reply_done(&r);
}

static void the_state_of_a_device_is_part_of_the_answer(void **state)
{
    static const struct {
        const char *step, *state, *note;
    } rows[] = {
        {NULL, "expected", "not enrolled yet"},
        {"suspend", "suspended", "may not connect"},
        {"retire", "retired", "never connects again"},
    };
    struct fixture *f = *state;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\"}");
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        char target[64];
        struct reply r;

        (void)snprintf(target, sizeof(target), "/v1/devices/d/%s",
                       rows[i].step != NULL ? rows[i].step : "");
        if (rows[i].step != NULL)
            expect_only(f, 200, "POST", target, "{}");
        r = expect(f, 200, "GET",
                   "/v1/policy/explain?principal=device:d&action=publish&topic=devices/d/x", NULL);
        assert_string_equal(member(&r, "state"), rows[i].state);
        assert_non_null(strstr(member(&r, "note"), rows[i].note));
        assert_true(json_is_false(json_object_get(r.json, "may_connect")));
        reply_done(&r);
    }
}

static void the_roles_are_looked_at(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "GET", "/v1/policy/lint", NULL);

    assert_int_equal(json_integer_value(json_object_get(r.json, "errors")), 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "warnings")), 0);
    reply_done(&r);
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\",\"group\":\"pumps\"}");
    expect_only(f, 201, "POST", "/v1/roles",
                "{\"name\":\"broad\",\"rules\":[{\"subscribe\":true,\"filter\":\"devices/#\"},"
                "{\"publish\":true,\"filter\":\"sites/${attr.site}\"}]}");
    expect_only(f, 201, "POST", "/v1/roles/broad/assignments", "{\"to\":\"group:pumps\"}");
    expect_only(f, 201, "POST", "/v1/roles/broad/assignments", "{\"to\":\"group:pump\"}");
    r = expect(f, 200, "GET", "/v1/policy/lint?role=broad", NULL);
    assert_non_null(strstr(r.body, "\"filter\":\"devices/#\",\"id\":\"crosses-devices\",\"role\":"
                                   "\"broad\",\"rule\":1,\"severity\":\"error\""));
    assert_non_null(strstr(r.body, "\"id\":\"empty-group\",\"role\":\"broad\",\"severity\""));
    assert_non_null(strstr(r.body, "\"id\":\"variable-without-value\""));
    assert_int_equal(json_integer_value(json_object_get(r.json, "errors")), 1);
    assert_int_equal(json_integer_value(json_object_get(r.json, "warnings")), 2);
    reply_done(&r);
    expect_only(f, 200, "PATCH", "/v1/devices/d", "{\"attributes\":{\"site\":\"berlin\"}}");
    r = expect(f, 200, "GET", "/v1/policy/lint?role=broad", NULL);
    assert_null(strstr(r.body, "variable-without-value"));
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/policy/lint?role=device-default", NULL);
    assert_int_equal(json_array_size(json_object_get(r.json, "findings")), 0);
    reply_done(&r);
    expect_only(f, 404, "GET", "/v1/policy/lint?role=ghost", NULL);
}

static void a_question_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *query;
        unsigned status;
    } questions[] = {
        {"", 400},
        {"?principal=device:d&action=publish", 400},
        {"?principal=d&action=publish&topic=a", 400},
        {"?principal=group:g&action=publish&topic=a", 400},
        {"?principal=device:d&action=read&topic=a", 400},
        {"?principal=device:d&action=publish&topic=a/%23", 400},
        {"?principal=device:d&action=publish&topic=a&qos=3", 400},
        {"?principal=device:d&action=publish&topic=a&retain=yes", 400},
        {"?principal=device:d&action=subscribe&topic=a&retain=keep", 400},
        {"?principal=device:ghost&action=publish&topic=a", 404},
        {"?principal=device:d&principal=device:e&action=publish&topic=a", 400},
    };
    struct fixture *f = *state;
    char target[256];

    for (size_t i = 0; i < MRL_COUNT(questions); i++) {
        (void)snprintf(target, sizeof(target), "/v1/policy/explain%s", questions[i].query);
        expect_only(f, questions[i].status, "GET", target, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(a_role_is_made_changed_and_deleted),
        WITH_API(what_a_rule_withholds_is_said),
        WITH_API(rules_that_are_none_are_refused),
        WITH_API(rules_of_a_role_are_counted),
        WITH_API(a_role_is_given_and_taken_away),
        WITH_API(roles_of_the_program_cannot_be_changed),
        WITH_API(the_policy_is_explained),
        WITH_API(the_state_of_a_device_is_part_of_the_answer),
        WITH_API(the_roles_are_looked_at),
        WITH_API(a_question_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
