/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit/chain.h"
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

/* What the command line does with the lines. */
static void verify_line(struct mrl_audit_chain *chain, const char *line)
{
    json_t *o = json_loads(line, 0, NULL);
    uint8_t hash[MRL_AUDIT_HASH_SIZE];
    struct mrl_audit_row row = {
        .seq = (uint64_t)json_integer_value(json_object_get(o, "seq")),
        .json = mrl_str(json_string_value(json_object_get(o, "json"))),
        .hash = mrl_bytes_of(hash, sizeof(hash)),
    };

    assert_ok(
        mrl_unhex(mrl_str(json_string_value(json_object_get(o, "hash"))), hash, sizeof(hash)));
    assert_ok(mrl_audit_chain_row(chain, &row, NULL));
    json_decref(o);
}

static void an_export_can_be_verified_by_others(void **state)
{
    struct fixture *f = *state;
    struct mrl_audit_chain chain = {0};
    char target[64], *rest;

    add(f, 5);
    for (uint64_t after = 0; after < 5; after = chain.at.size) {
        struct reply r;

        (void)snprintf(target, sizeof(target), "/v1/audit/export?after=%llu&limit=2",
                       (unsigned long long)after);
        r = expect(f, 200, "GET", target, NULL);
        assert_non_null(strstr(r.head, "application/x-ndjson"));
        for (char *line = strtok_r(r.body, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest))
            verify_line(&chain, line);
        reply_done(&r);
    }
    assert_int_equal(chain.at.size, 5);
    expect_only(f, 200, "GET", "/v1/audit/export?limit=1000", NULL);
    expect_only(f, 400, "GET", "/v1/audit/export?limit=1001", NULL);
    expect_only(f, 400, "GET", "/v1/audit/export?after=x", NULL);
}

static mrl_err sign(void *context, const struct mrl_audit_head *head, struct mrl_buf *signature)
{
    uint8_t bytes[MRL_KEYS_SIGNATURE_SIZE];

    MRL_TRY(mrl_keys_sign_head(context, head->size, head->hash, bytes, NULL));
    return mrl_buf_append(signature, mrl_bytes_of(bytes, sizeof(bytes)));
}

static void heads_come_with_their_signatures(void **state)
{
    struct fixture *f = *state;
    json_t *head;
    struct reply r;

    add(f, 1);
    assert_ok(mrl_audit_sign_head(f->api.audit, sign, f->keys));
    expect_only(f, 200, "POST", "/v1/devices/d-0/retire", NULL);
    assert_ok(mrl_audit_sign_head(f->api.audit, sign, f->keys));
    r = expect(f, 200, "GET", "/v1/audit/heads?limit=1", NULL);
    head = json_array_get(json_object_get(r.json, "items"), 0);
    assert_int_equal(json_integer_value(json_object_get(head, "size")), 1);
    assert_int_equal(strlen(json_string_value(json_object_get(head, "signature"))), 128);
    assert_non_null(json_object_get(r.json, "next"));
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/audit/key", NULL);
    assert_int_equal(strlen(member(&r, "public_key")), 64);
    reply_done(&r);
}

static void verification_here_is_itself_on_record(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    add(f, 2);
    assert_ok(mrl_audit_sign_head(f->api.audit, sign, f->keys));
    r = expect(f, 200, "POST", "/v1/audit/verify", NULL);
    assert_true(json_is_true(json_object_get(r.json, "verified")));
    assert_int_equal(json_integer_value(json_object_get(r.json, "entries")), 2);
    assert_int_equal(json_integer_value(json_object_get(r.json, "signed_entries")), 2);
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "audit.verified", "\"outcome\":\"ok\""), 1);
}

static void a_changed_entry_is_named(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    add(f, 3);
    assert_ok(store_exec(f->api.store, "UPDATE audit_entries SET json = $1 WHERE seq = 2",
                         MRL_ARGS(MRL_TEXT(MRL_LIT("{}")))));
    r = expect(f, 200, "POST", "/v1/audit/verify", NULL);
    assert_true(json_is_false(json_object_get(r.json, "verified")));
    assert_int_equal(json_integer_value(json_object_get(r.json, "first_bad_entry")), 2);
    assert_true(strlen(member(&r, "why")) > 0);
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "audit.verified", "\"outcome\":\"failed\""), 1);
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
        WITH_API(an_export_can_be_verified_by_others),
        WITH_API(heads_come_with_their_signatures),
        WITH_API(verification_here_is_itself_on_record),
        WITH_API(a_changed_entry_is_named),
        WITH_API(an_entry_that_is_no_json_any_more_does_not_hide_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
