/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/api/fixture.h"

static void a_device_is_added_and_shown(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 201, "POST", "/v1/devices",
                            "{\"id\":\"pump-1\",\"group\":\"pumps\",\"note\":\"cellar\"}");

    assert_string_equal(member(&r, "state"), "expected");
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/devices/pump-1", NULL);
    assert_string_equal(member(&r, "group"), "pumps");
    assert_string_equal(member(&r, "note"), "cellar");
    assert_int_equal(json_array_size(json_object_get(r.json, "credentials")), 0);
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "device.added", "\"target\":\"pump-1\""), 1);
    assert_int_equal(audited(f->api.store, "device.added", "\"id\":\"local:uid=0\""), 1);
}

static const char *attribute(const struct reply *r, const char *name)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(r->json, "attributes"), name));

    return text != NULL ? text : "";
}

static void attributes_are_patched_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 201, "POST", "/v1/devices",
                            "{\"id\":\"d\",\"attributes\":{\"site\":\"berlin\",\"floor\":\"2\"}}");

    assert_string_equal(attribute(&r, "site"), "berlin");
    reply_done(&r);
    r = expect(f, 200, "PATCH", "/v1/devices/d",
               "{\"group\":\"g\",\"attributes\":{\"floor\":null,\"site\":\"bonn\",\"a\":\"\"}}");
    assert_string_equal(attribute(&r, "site"), "bonn");
    assert_string_equal(attribute(&r, "floor"), "");
    assert_int_equal(json_object_size(json_object_get(r.json, "attributes")), 1);
    reply_done(&r);
    r = expect(f, 200, "PATCH", "/v1/devices/d", "{\"attributes\":{\"site\":null}}");
    assert_null(json_object_get(r.json, "attributes"));
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "device.changed", "\"field\":\"attributes\""), 3);
}

static void attributes_that_are_none_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"attributes\":7}",
        "{\"attributes\":{\"a\":7}}",
        "{\"attributes\":{\"a/b\":\"1\"}}",
        "{\"attributes\":{\"\":\"1\"}}",
        "{\"attributes\":{\"a\":\"x/y\"}}",
        "{\"attributes\":{\"a\":\"+\"}}",
        "{\"attributes\":{\"a\":\"x\\n\"}}",
        "{\"attributes\":{\"a\":\"1\",\"a\":\"2\"}}",
    };
    struct fixture *f = *state;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\"}");
    for (size_t i = 0; i < MRL_COUNT(bodies); i++)
        expect_only(f, 400, "PATCH", "/v1/devices/d", bodies[i]);
    expect_only(f, 404, "PATCH", "/v1/devices/e", "{\"attributes\":{\"a\":\"1\"}}");
    assert_int_equal(audited(f->api.store, "device.changed", NULL), 0);
}

static void the_same_device_twice_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"a\"}");
    r = expect(f, 409, "POST", "/v1/devices", "{\"id\":\"a\"}");
    assert_problem(&r, 409, "exists");
    reply_done(&r);
}

static const char *const bad_bodies[] = {
    "{\"id\":\"a\",\"colour\":\"red\"}", /* unknown member */
    "{\"id\":\"a\",\"id\":\"b\"}",       /* twice */
    "{\"id\":7}",
    "{\"id\":\"../etc\"}",
    "{\"id\":\"\"}",
    "{\"group\":\"g\"}",
    "[\"a\"]",
    "{\"id\":\"a\"",
    "{\"id\":\"a\"} trailing",
    "{\"id\":\"a\",\"note\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}",
};

static void a_body_that_is_not_exactly_right_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(bad_bodies); i++) {
        struct reply r = expect(f, 400, "POST", "/v1/devices", bad_bodies[i]);
        bool malformed = strstr(r.body, "problem:malformed") != NULL;

        assert_problem(&r, 400, malformed ? "malformed" : "invalid");
        reply_done(&r);
    }
    assert_int_equal(audited(f->api.store, "device.added", NULL), 0);
}

static void an_unknown_member_is_named(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 400, "POST", "/v1/devices", bad_bodies[0]);

    assert_problem(&r, 400, "invalid");
    assert_non_null(strstr(member(&r, "detail"), "colour"));
    reply_done(&r);
}

static void a_body_of_another_type_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct caller form = {.headers = "Content-Type: text/plain\r\n"};
    struct reply r = ask(f, &form, "POST", "/v1/devices", "{\"id\":\"a\"}");

    assert_problem(&r, 415, "media-type");
    reply_done(&r);
}

static void steps_follow_the_table_of_states(void **state)
{
    static const struct {
        const char *step;
        unsigned status;
        const char *state;
    } steps[] = {
        {"release", 409, NULL},      {"suspend", 200, "suspended"}, {"suspend", 409, NULL},
        {"resume", 200, "expected"}, {"quarantine", 409, NULL},     {"revoke", 200, "expected"},
        {"retire", 200, "retired"},  {"resume", 409, NULL},         {"retire", 409, NULL},
    };
    struct fixture *f = *state;
    char target[64];

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\"}");
    for (size_t i = 0; i < MRL_COUNT(steps); i++) {
        struct reply r;

        (void)snprintf(target, sizeof(target), "/v1/devices/d/%s", steps[i].step);
        r = expect(f, steps[i].status, "POST", target, "{\"reason\":\"because\"}");
        if (steps[i].state != NULL)
            assert_string_equal(member(&r, "state"), steps[i].state);
        else
            assert_problem(&r, 409, "state");
        reply_done(&r);
    }
    assert_int_equal(audited(f->api.store, "device.retired", "\"reason\":\"because\""), 1);
}

static void a_device_nobody_knows_is_not_found(void **state)
{
    static const char *const requests[][2] = {{"GET", "/v1/devices/ghost"},
                                              {"POST", "/v1/devices/ghost/suspend"},
                                              {"GET", "/v1/nothing"},
                                              {"GET", "/v1/devices/"},
                                              {"GET", "/v1"}};
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(requests); i++) {
        struct reply r = expect(f, 404, requests[i][0], requests[i][1], NULL);

        assert_problem(&r, 404, "not-found");
        reply_done(&r);
    }
}

static void another_method_is_told_what_there_is(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 405, "DELETE", "/v1/devices/a", NULL);

    assert_problem(&r, 405, "method");
    assert_non_null(strstr(r.head, "Allow: GET, PATCH"));
    reply_done(&r);
}

static void group_and_note_change_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\",\"group\":\"g\",\"note\":\"n\"}");
    r = expect(f, 200, "PATCH", "/v1/devices/d", "{\"note\":\"other\"}");
    assert_string_equal(member(&r, "group"), "g");
    assert_string_equal(member(&r, "note"), "other");
    reply_done(&r);
    r = expect(f, 200, "PATCH", "/v1/devices/d", "{\"group\":\"\"}");
    assert_null(json_object_get(r.json, "group"));
    reply_done(&r);
}

static void add_many(struct fixture *f, unsigned count)
{
    char body[64];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(body, sizeof(body), "{\"id\":\"d-%03u\",\"group\":\"%s\"}", i,
                       i % 2 == 0 ? "even" : "odd");
        expect_only(f, 201, "POST", "/v1/devices", body);
    }
}

/* Follows the cursors; counts, and checks that no device comes twice. */
static unsigned walk(struct fixture *f, const char *query, unsigned *pages)
{
    char target[512], last[64] = "";
    unsigned count = 0;

    (void)snprintf(target, sizeof(target), "/v1/devices?%s", query);
    for (*pages = 1;; (*pages)++) {
        struct reply r = expect(f, 200, "GET", target, NULL);
        json_t *item;
        size_t at;

        json_array_foreach(json_object_get(r.json, "items"), at, item)
        {
            const char *id = json_string_value(json_object_get(item, "id"));

            assert_true(strcmp(last, id) < 0);
            (void)snprintf(last, sizeof(last), "%s", id);
            count++;
        }
        if (json_object_get(r.json, "next") == NULL) {
            reply_done(&r);
            return count;
        }
        (void)snprintf(target, sizeof(target), "/v1/devices?%s&cursor=%s", query,
                       member(&r, "next"));
        reply_done(&r);
    }
}

static void lists_come_in_pages(void **state)
{
    struct fixture *f = *state;
    unsigned pages;

    add_many(f, 10);
    assert_int_equal(walk(f, "limit=3", &pages), 10);
    assert_int_equal(pages, 4);
    assert_int_equal(walk(f, "limit=5", &pages), 10);
    assert_int_equal(pages, 2); /* no empty page at the end */
    assert_int_equal(walk(f, "limit=2&group=odd", &pages), 5);
    assert_int_equal(walk(f, "state=expected", &pages), 10);
    assert_int_equal(walk(f, "state=active", &pages), 0);
}

static void limits_of_a_page_hold(void **state)
{
    struct fixture *f = *state;

    expect_only(f, 200, "GET", "/v1/devices?limit=500", NULL);
    expect_only(f, 400, "GET", "/v1/devices?limit=501", NULL);
    expect_only(f, 400, "GET", "/v1/devices?limit=0", NULL);
    expect_only(f, 400, "GET", "/v1/devices?limit=-1", NULL);
    expect_only(f, 400, "GET", "/v1/devices?limit=1x", NULL);
    expect_only(f, 400, "GET", "/v1/devices?state=happy", NULL);
}

static void a_cursor_is_good_for_its_list_only(void **state)
{
    static const char *const bad[] = {
        "", "x", "AAAA", "%00", "L3YxL2RldmljZXMA", "!!!", "L3YxL2RldmljZXMAZC0wMDA="};
    struct fixture *f = *state;
    struct reply r;
    char target[256];

    add_many(f, 2);
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        (void)snprintf(target, sizeof(target), "/v1/devices?cursor=%s", bad[i]);
        expect_only(f, 400, "GET", target, NULL);
    }
    r = expect(f, 200, "GET", "/v1/devices?limit=1", NULL);
    (void)snprintf(target, sizeof(target), "/v1/tokens?cursor=%s", member(&r, "next"));
    reply_done(&r);
    r = expect(f, 400, "GET", target, NULL);
    assert_problem(&r, 400, "invalid");
    reply_done(&r);
}

static void a_batch_is_added_whole_and_again_changes_nothing(void **state)
{
    static const char body[] = "{\"devices\":[{\"id\":\"a\",\"group\":\"g\",\"note\":\"n\","
                               "\"attributes\":{\"site\":\"berlin\",\"floor\":\"2\"}},"
                               "{\"id\":\"b\"}]}";
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "POST", "/v1/devices:import", body);

    assert_int_equal(json_integer_value(json_object_get(r.json, "added")), 2);
    reply_done(&r);
    r = expect(f, 200, "POST", "/v1/devices:import", body);
    assert_int_equal(json_integer_value(json_object_get(r.json, "added")), 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "unchanged")), 2);
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/devices/a", NULL);
    assert_string_equal(attribute(&r, "floor"), "2");
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "device.added", "\"target\":\"b\""), 2);
    expect_only(f, 200, "POST", "/v1/devices:import",
                "{\"devices\":[{\"id\":\"c\"}],\"dry_run\":true}");
    expect_only(f, 404, "GET", "/v1/devices/c", NULL);
    expect_only(f, 200, "POST", "/v1/devices:import", "{\"devices\":[]}");
}

static void every_refused_row_of_a_batch_is_named(void **state)
{
    struct fixture *f = *state;
    struct reply r =
        expect(f, 422, "POST", "/v1/devices:import",
               "{\"devices\":[{\"id\":\"a\"},7,{\"group\":\"g\"},{\"id\":\"b\",\"x\":1},"
               "{\"id\":\"b/c\"},{\"id\":\"d\",\"attributes\":{\"s\":\"+\"}}]}");
    const json_t *errors = json_object_get(r.json, "errors");

    assert_problem(&r, 422, "rows");
    assert_int_equal(json_array_size(errors), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *one = json_array_get(errors, i);

        assert_int_equal(json_integer_value(json_object_get(one, "row")), i + 1);
        assert_true(json_string_length(json_object_get(one, "detail")) > 0);
    }
    reply_done(&r);
    expect_only(f, 404, "GET", "/v1/devices/a", NULL);
}

static void a_batch_that_is_none_is_refused(void **state)
{
    static const char *const bodies[] = {"{}", "{\"devices\":7}", "{\"devices\":[],\"x\":1}",
                                         "{\"devices\":[],\"dry_run\":1}", "[]"};
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(bodies); i++)
        expect_only(f, 400, "POST", "/v1/devices:import", bodies[i]);
}

static void a_batch_of_1000_rows_and_not_one_more(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_buf) body = {0};

    assert_int_equal(mrl_buf_printf(&body, "{\"devices\":[{\"id\":\"d-0\"}"), MRL_OK);
    for (unsigned i = 1; i < 1000; i++)
        assert_int_equal(mrl_buf_printf(&body, ",{\"id\":\"d-%u\"}", i), MRL_OK);
    assert_int_equal(mrl_buf_append(&body, mrl_bytes_of(",7]}", 5)), MRL_OK);
    expect_only(f, 400, "POST", "/v1/devices:import", (const char *)body.data);
    body.data[body.len - 5] = ' ';
    body.data[body.len - 4] = ' ';
    expect_only(f, 200, "POST", "/v1/devices:import", (const char *)body.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(a_device_is_added_and_shown),
        WITH_API(attributes_are_patched_one_by_one),
        WITH_API(attributes_that_are_none_are_refused),
        WITH_API(the_same_device_twice_is_a_conflict),
        WITH_API(a_body_that_is_not_exactly_right_is_refused),
        WITH_API(an_unknown_member_is_named),
        WITH_API(a_body_of_another_type_is_refused),
        WITH_API(steps_follow_the_table_of_states),
        WITH_API(a_device_nobody_knows_is_not_found),
        WITH_API(another_method_is_told_what_there_is),
        WITH_API(group_and_note_change_one_by_one),
        WITH_API(lists_come_in_pages),
        WITH_API(limits_of_a_page_hold),
        WITH_API(a_cursor_is_good_for_its_list_only),
        WITH_API(a_batch_is_added_whole_and_again_changes_nothing),
        WITH_API(every_refused_row_of_a_batch_is_named),
        WITH_API(a_batch_that_is_none_is_refused),
        WITH_API(a_batch_of_1000_rows_and_not_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
