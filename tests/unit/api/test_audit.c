/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/hex.h"
#include "tests/unit/api/fixture.h"

static void add(struct fixture *f, unsigned count)
{
    char body[64];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(body, sizeof(body), "{\"id\":\"d-%u\"}", i);
        expect_only(f, 201, "POST", "/v1/devices", body);
    }
}

static size_t found(struct fixture *f, const char *query)
{
    char target[256];
    struct reply r;
    size_t count;

    (void)snprintf(target, sizeof(target), "/v1/audit?%s", query);
    r = expect(f, 200, "GET", target, NULL);
    count = json_array_size(json_object_get(r.json, "items"));
    reply_done(&r);
    return count;
}

static void entries_are_found_by_what_is_asked(void **state)
{
    struct fixture *f = *state;

    add(f, 3);
    expect_only(f, 200, "POST", "/v1/devices/d-1/retire", NULL);
    assert_int_equal(found(f, "action=device."), 4);
    assert_int_equal(found(f, "action=device.added"), 3);
    assert_int_equal(found(f, "target=d-1"), 2);
    assert_int_equal(found(f, "target=d-1&action=device.retired"), 1);
    assert_int_equal(found(f, "actor=operator:local:uid=0"), 4);
    assert_int_equal(found(f, "actor=operator:nobody"), 0);
    assert_int_equal(found(f, "outcome=denied"), 0);
    assert_int_equal(found(f, "since_ms=9000000000000"), 0);
}

static void filters_that_are_none_are_refused(void **state)
{
    static const char *const queries[] = {
        "outcome=good",          "order=random", "since_ms=yesterday",
        "action=Device%27%20--", "limit=0",      "cursor=abc",
    };
    struct fixture *f = *state;
    char target[256];

    for (size_t i = 0; i < MRL_COUNT(queries); i++) {
        (void)snprintf(target, sizeof(target), "/v1/audit?%s", queries[i]);
        expect_only(f, 400, "GET", target, NULL);
    }
}

static void pages_run_in_either_direction(void **state)
{
    static const struct {
        const char *order;
        int first, step;
    } orders[] = {{"newest", 7, -1}, {"oldest", 1, 1}};
    struct fixture *f = *state;
    char target[512];

    add(f, 7);
    for (size_t i = 0; i < MRL_COUNT(orders); i++) {
        int want = orders[i].first, pages = 0;
        bool more = true;

        (void)snprintf(target, sizeof(target), "/v1/audit?limit=3&order=%s", orders[i].order);
        while (more) {
            struct reply r = expect(f, 200, "GET", target, NULL);
            json_t *item;
            size_t at;

            json_array_foreach(json_object_get(r.json, "items"), at, item)
            {
                assert_int_equal(json_integer_value(json_object_get(item, "seq")), want);
                want += orders[i].step;
            }
            pages++;
            more = json_object_get(r.json, "next") != NULL;
            if (more)
                (void)snprintf(target, sizeof(target), "/v1/audit?limit=3&order=%s&cursor=%s",
                               orders[i].order, member(&r, "next"));
            reply_done(&r);
        }
        assert_int_equal(pages, 3);
    }
}

/* The number of a line, which is also in the text. */
static uint64_t line_number(const char *line)
{
    json_t *o = json_loads(line, 0, NULL);
    json_t *entry = json_loads(json_string_value(json_object_get(o, "json")), 0, NULL);
    json_int_t seq = json_integer_value(json_object_get(o, "seq"));

    assert_int_equal(json_integer_value(json_object_get(entry, "seq")), seq);
    json_decref(entry);
    json_decref(o);
    return (uint64_t)seq;
}

static void an_export_has_the_very_texts(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;
    char target[64], *rest;

    add(f, 5);
    while (last < 5) {
        struct reply r;

        (void)snprintf(target, sizeof(target), "/v1/audit/export?after=%llu&limit=2",
                       (unsigned long long)last);
        r = expect(f, 200, "GET", target, NULL);
        assert_non_null(strstr(r.head, "application/x-ndjson"));
        for (char *line = strtok_r(r.body, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            assert_int_equal(line_number(line), last + 1);
            last++;
        }
        reply_done(&r);
    }
    expect_only(f, 200, "GET", "/v1/audit/export?limit=1000", NULL);
    expect_only(f, 400, "GET", "/v1/audit/export?limit=1001", NULL);
    expect_only(f, 400, "GET", "/v1/audit/export?after=x", NULL);
}

static void an_entry_shows_what_is_committed_to(void **state)
{
    struct fixture *f = *state;
    struct reply r;
    json_t *opened;

    add(f, 1);
    r = expect(f, 200, "GET", "/v1/audit/entries/1", NULL);
    opened = json_object_get(r.json, "opened");
    assert_non_null(strstr(member(&r, "entry"), "\"source\":\"sha256:"));
    assert_string_equal(json_string_value(json_object_get(opened, "source")), "local:uid=0,pid=0");
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/audit", NULL);
    assert_non_null(strstr(r.body, "\"source\":\"local:uid=0,pid=0\""));
    assert_non_null(strstr(r.body, "\"committed\":true"));
    reply_done(&r);
    expect_only(f, 404, "GET", "/v1/audit/entries/2", NULL);
    expect_only(f, 404, "GET", "/v1/audit/entries/0", NULL);
    expect_only(f, 404, "GET", "/v1/audit/entries/x", NULL);
}

/* Never wrong data: whoever holds the database cannot give an entry another source. */
static void an_envelope_of_another_entry_is_named(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    add(f, 2);
    assert_ok(store_exec(f->api.store,
                         "UPDATE audit_entries SET private = (SELECT private FROM audit_entries"
                         " WHERE seq = 1) WHERE seq = 2",
                         MRL_NO_ARGS));
    r = expect(f, 500, "GET", "/v1/audit", NULL);
    assert_problem(&r, 500, "corrupt");
    assert_non_null(strstr(member(&r, "detail"), "audit_entries"));
    assert_non_null(strstr(member(&r, "detail"), "2"));
    reply_done(&r);
}

static void an_entry_that_is_no_json_any_more_does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    add(f, 3);
    assert_ok(store_exec(f->api.store, "UPDATE audit_entries SET json = $1 WHERE seq = 2",
                         MRL_ARGS(MRL_TEXT(MRL_LIT("garbage")))));
    r = expect(f, 200, "GET", "/v1/audit", NULL);
    assert_int_equal(json_array_size(json_object_get(r.json, "items")), 3);
    assert_non_null(strstr(r.body, "{\"seq\":2,\"unreadable\":true}"));
    reply_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(entries_are_found_by_what_is_asked),
        WITH_API(filters_that_are_none_are_refused),
        WITH_API(pages_run_in_either_direction),
        WITH_API(an_export_has_the_very_texts),
        WITH_API(an_entry_shows_what_is_committed_to),
        WITH_API(an_envelope_of_another_entry_is_named),
        WITH_API(an_entry_that_is_no_json_any_more_does_not_hide_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
