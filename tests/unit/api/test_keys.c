/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/api/fixture.h"

static const struct caller root; /* on the UNIX socket */

static json_int_t keys_in(const struct reply *r)
{
    return (json_int_t)json_array_size(json_object_get(r->json, "data_keys"));
}

static bool is_running(const struct reply *r)
{
    return json_is_true(json_object_get(json_object_get(r->json, "rotation"), "running"));
}

static void the_first_key_is_shown(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "GET", "/v1/keys", NULL);
    const json_t *key = json_array_get(json_object_get(r.json, "data_keys"), 0);

    assert_int_equal(keys_in(&r), 1);
    assert_int_equal(json_integer_value(json_object_get(key, "number")), 1);
    assert_int_equal(json_integer_value(json_object_get(key, "sealing_key")), 1);
    assert_true(json_is_true(json_object_get(key, "seals")));
    assert_false(is_running(&r));
    reply_done(&r);
}

/* Here nothing takes the steps but the test. */
static void a_rotation_is_begun_once_and_both_ends_are_on_record(void **state)
{
    struct fixture *f = *state;
    bool more = true;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"pump\",\"note\":\"cellar\"}");
    r = expect(f, 202, "POST", "/v1/keys/rotate", NULL);
    assert_int_equal(keys_in(&r), 2);
    assert_true(is_running(&r));
    reply_done(&r);
    assert_int_equal(f->begun, 1);
    r = ask(f, &root, "POST", "/v1/keys/rotate", NULL);
    assert_problem(&r, 409, "state");
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "keys.rotation_started", "\"data_key\":2"), 1);
    while (more)
        assert_ok(mrl_seal_rotation_step(f->api.rotation, &more, NULL));
    r = expect(f, 200, "GET", "/v1/keys", NULL);
    assert_int_equal(keys_in(&r), 1);
    assert_false(is_running(&r));
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/devices/pump", NULL);
    assert_string_equal(member(&r, "note"), "cellar");
    reply_done(&r);
}

static void rewrapping_is_on_record(void **state)
{
    struct fixture *f = *state;

    expect_only(f, 200, "POST", "/v1/keys/rewrap", NULL);
    assert_int_equal(audited(f->api.store, "keys.rewrapped", "\"data_key\":1"), 1);
    assert_int_equal(f->root.wraps, 2);
}

static void a_root_key_that_does_not_answer_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    f->root.fails = MRL_ERR_TIMEOUT;
    r = ask(f, &root, "POST", "/v1/keys/rotate", NULL);
    assert_problem(&r, 503, "busy");
    reply_done(&r);
    r = ask(f, &root, "POST", "/v1/keys/rewrap", NULL);
    assert_problem(&r, 503, "busy");
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/keys", NULL);
    assert_int_equal(keys_in(&r), 1);
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "keys.", NULL), 0);
}

static void a_body_is_empty(void **state)
{
    struct fixture *f = *state;
    struct reply r = ask(f, &root, "POST", "/v1/keys/rotate", "{\"now\":true}");

    assert_problem(&r, 400, "invalid");
    reply_done(&r);
    assert_int_equal(f->begun, 0);
}

static void a_note_of_another_row_is_told_by_table_and_row(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"one\",\"note\":\"first\"}");
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"two\",\"note\":\"second\"}");
    assert_ok(store_exec(f->api.store,
                         "UPDATE devices SET note = (SELECT note FROM devices WHERE id = 'one')"
                         " WHERE id = 'two'",
                         MRL_NO_ARGS));
    r = ask(f, &root, "GET", "/v1/devices/two", NULL);
    assert_problem(&r, 500, "corrupt");
    assert_non_null(strstr(member(&r, "detail"), "table devices, column note, row two"));
    reply_done(&r);
    expect_only(f, 200, "GET", "/v1/devices/one", NULL);
    expect_only(f, 200, "PATCH", "/v1/devices/two", "{\"note\":\"second\"}"); /* the remedy */
    expect_only(f, 200, "GET", "/v1/devices", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(the_first_key_is_shown),
        WITH_API(a_rotation_is_begun_once_and_both_ends_are_on_record),
        WITH_API(rewrapping_is_on_record),
        WITH_API(a_root_key_that_does_not_answer_changes_nothing),
        WITH_API(a_body_is_empty),
        WITH_API(a_note_of_another_row_is_told_by_table_and_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
