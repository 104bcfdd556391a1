/* SPDX-License-Identifier: Apache-2.0 */
/* Who may what, seen from outside: every route asks, and a denial is on record. */
#include <string.h>

#include "access/operator.h"
#include "api/request.h"
#include "tests/unit/api/fixture.h"

static const char *const roles[] = {"viewer", "operator", "security", "auditor", "admin"};
enum { ROLES = MRL_COUNT(roles) };

/* One request, and who is let through to it: v, o, s, u (auditor), a. */
static const struct {
    const char *method, *target, *body, *let;
} matrix[] = {
    {"GET", "/v1/status", NULL, "vosa"},
    {"GET", "/v1/ca", NULL, "vosua"},
    {"GET", "/v1/devices", NULL, "vosa"},
    {"POST", "/v1/devices", "{}", "oa"},
    {"POST", "/v1/devices/d/suspend", NULL, "osa"},
    {"POST", "/v1/devices/d/revoke", NULL, "sa"},
    {"POST", "/v1/devices/d/retire", NULL, "sa"},
    {"POST", "/v1/tokens", "{}", "oa"},
    {"GET", "/v1/tokens", NULL, "osa"},
    {"DELETE", "/v1/tokens/0", NULL, "osa"},
    {"GET", "/v1/applications", NULL, "vosa"},
    {"POST", "/v1/applications", "{}", "a"},
    {"POST", "/v1/applications/x/certificates", "{}", "a"},
    {"POST", "/v1/applications/x/revoke", NULL, "sa"},
    {"GET", "/v1/operators", NULL, "sa"},
    {"POST", "/v1/operators", "{}", "a"},
    {"POST", "/v1/operators/x/certificates", "{}", "a"},
    {"PUT", "/v1/operators/x/roles", "{}", "a"},
    {"GET", "/v1/roles", NULL, "osa"},
    {"POST", "/v1/roles", "{}", "a"},
    {"POST", "/v1/roles/r/assignments", "{}", "a"},
    {"GET", "/v1/policy/explain", NULL, "osa"},
    {"GET", "/v1/policy/lint", NULL, "osa"},
    {"GET", "/v1/audit", NULL, "sua"},
    {"GET", "/v1/audit/export", NULL, "sua"},
    {"GET", "/v1/audit/entries/1", NULL, "sua"},
    {"GET", "/v1/audit/entries/1/proof", NULL, "sua"},
    {"GET", "/v1/audit/key", NULL, "sua"},
    {"GET", "/audit/checkpoint", NULL, "sua"},
    {"POST", "/v1/audit/verify", NULL, "sua"},
    {"POST", "/v1/audit/erase", "{}", "a"},
    {"POST", "/v1/audit/prune", "{}", "a"},
    {"GET", "/v1/keys", NULL, "vosa"},
    {"POST", "/v1/keys/rotate", "[]", "a"},
    {"POST", "/v1/keys/rewrap", "[]", "a"},
    {"GET", "/v1/events?topics=/", NULL, "vosa"},
    {"GET", "/metrics", NULL, "vosa"},
};

static void check_role(struct fixture *f, const struct identity *identity, const char *role)
{
    const struct caller caller = {.identity = identity};
    char letter = (char)(strcmp(role, "auditor") == 0 ? 'u' : role[0]);

    for (size_t i = 0; i < MRL_COUNT(matrix); i++) {
        bool let = strchr(matrix[i].let, letter) != NULL;
        struct reply r;

        if (let && strncmp(matrix[i].target, "/v1/events", 10) == 0)
            continue; /* has no end */
        r = ask(f, &caller, matrix[i].method, matrix[i].target, matrix[i].body);
        if (r.status == 0 || r.status == 401 || (r.status == 403) == let)
            fail_msg("%s: %s %s gave %u: %s", role, matrix[i].method, matrix[i].target, r.status,
                     r.body);
        if (!let)
            assert_problem(&r, 403, "denied");
        reply_done(&r);
    }
}

static void each_role_gets_what_it_may_and_no_more(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ROLES; i++) {
        struct identity identity = {0};

        operator_with(f, roles[i], roles[i], &identity);
        check_role(f, &identity, roles[i]);
        identity_done(&identity);
    }
}

/* Entries are written in order: when this one is on the disk, those before it are. */
static void catch_up(struct fixture *f)
{
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"last\"}");
}

static void a_denial_is_recorded_with_actor_and_target(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    const struct caller caller = {.identity = &identity};
    uint64_t before = mrl_counter_read(f->api.metrics, MRL_COUNTER_API_DENIED);
    struct reply r;

    operator_with(f, "eve", "viewer", &identity);
    r = ask(f, &caller, "POST", "/v1/devices/pump-7/revoke", NULL);
    assert_problem(&r, 403, "denied");
    assert_non_null(strstr(member(&r, "detail"), "devices:revoke"));
    reply_done(&r);
    assert_int_equal(mrl_counter_read(f->api.metrics, MRL_COUNTER_API_DENIED), before + 1);
    catch_up(f);
    assert_int_equal(audited(f->api.store, "api.denied", "\"id\":\"eve\""), 1);
    assert_int_equal(audited(f->api.store, "api.denied", "\"target\":\"pump-7\""), 1);
    assert_int_equal(audited(f->api.store, "api.denied", "\"reason\":\"devices:revoke\""), 1);
    assert_int_equal(audited(f->api.store, "api.denied", "\"path\":\"/v1/devices/pump-7/revoke\""),
                     1);
    identity_done(&identity);
}

static void a_stranger_on_the_socket_is_nobody(void **state)
{
    struct fixture *f = *state;
    const struct mrl_peer stranger = {.kind = MRL_PEER_LOCAL, .uid = (uint32_t)geteuid() + 12345};
    const struct caller caller = {.peer = &stranger};
    char actor[64];
    struct reply r = ask(f, &caller, "GET", "/v1/devices", NULL);

    assert_problem(&r, 401, "unauthenticated");
    assert_non_null(strstr(r.head, "WWW-Authenticate:"));
    reply_done(&r);
    /* nor is it told what exists */
    r = ask(f, &caller, "GET", "/v1/nothing", NULL);
    assert_problem(&r, 401, "unauthenticated");
    reply_done(&r);
    catch_up(f);
    (void)snprintf(actor, sizeof(actor), "\"id\":\"local:uid=%u\",\"kind\":\"unknown\"",
                   stranger.uid);
    assert_int_equal(audited(f->api.store, "api.denied", actor), 2);
}

static void the_daemons_own_account_is_an_administrator(void **state)
{
    struct fixture *f = *state;
    const struct mrl_peer self = {.kind = MRL_PEER_LOCAL, .uid = (uint32_t)geteuid()};
    const struct caller caller = {.peer = &self};
    struct reply r = ask(f, &caller, "GET", "/v1/operators", NULL);

    assert_int_equal(r.status, 200);
    reply_done(&r);
}

static void loopback_without_certificate_is_nobody(void **state)
{
    struct fixture *f = *state;
    const struct identity none = {0};
    const struct caller caller = {.identity = &none};
    struct reply r = ask(f, &caller, "GET", "/v1/status", NULL);

    assert_problem(&r, 401, "unauthenticated");
    reply_done(&r);
}

static void an_application_is_no_operator(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    const struct caller caller = {.identity = &identity};
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    certify(f, "application", "backend", &identity);
    r = ask(f, &caller, "GET", "/v1/status", NULL);
    assert_int_equal(r.status, 0); /* refused in the handshake */
    reply_done(&r);
    identity_done(&identity);
}

static void a_revoked_operator_is_out_at_once(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    const struct caller caller = {.identity = &identity};
    struct reply r;

    operator_with(f, "mallory", "admin", &identity);
    r = ask(f, &caller, "GET", "/v1/operators", NULL);
    assert_int_equal(r.status, 200);
    reply_done(&r);
    expect_only(f, 200, "POST", "/v1/operators/mallory/revoke", "{\"reason\":\"left\"}");
    r = ask(f, &caller, "GET", "/v1/operators", NULL);
    assert_int_equal(r.status, 0);
    reply_done(&r);
    identity_done(&identity);
}

static void roles_that_change_count_from_the_next_request(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    const struct caller caller = {.identity = &identity};
    struct reply r;

    operator_with(f, "bob", "viewer", &identity);
    expect_only(f, 200, "PUT", "/v1/operators/bob/roles", "{\"roles\":[\"auditor\"]}");
    r = ask(f, &caller, "GET", "/v1/audit", NULL);
    assert_int_equal(r.status, 200);
    reply_done(&r);
    r = ask(f, &caller, "GET", "/v1/devices", NULL);
    assert_problem(&r, 403, "denied");
    reply_done(&r);
    identity_done(&identity);
}

static void another_web_site_cannot_use_an_operators_browser(void **state)
{
    static const char *const foreign[] = {
        "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n",
        "Origin: https://evil.example\r\n", "Origin: null\r\n", "Origin: http://localhost\r\n"};
    struct fixture *f = *state;
    struct caller caller = {0};
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"d\"}");
    for (size_t i = 0; i < MRL_COUNT(foreign); i++) {
        caller.headers = foreign[i];
        r = ask(f, &caller, "POST", "/v1/devices/d/retire", NULL);
        assert_problem(&r, 403, "cross-site");
        reply_done(&r);
    }
    caller.headers = "Origin: https://localhost\r\nSec-Fetch-Site: same-origin\r\n";
    r = ask(f, &caller, "POST", "/v1/devices/d/retire", NULL);
    assert_int_equal(r.status, 200);
    reply_done(&r);
}

/* What the table may not lose: nothing that changes something is open to all, and no two rows
 * answer one request. */
static void every_route_asks_for_a_permission(void **state)
{
    (void)state;
    for (size_t i = 0; i < mrl_api_route_count; i++) {
        const struct mrl_api_route *a = &mrl_api_routes[i];

        assert_true(a->permission >= 0 || strcmp(a->method, "GET") == 0);
        assert_true(a->permission < MRL_PERMISSION_COUNT_);
        for (size_t k = i + 1; k < mrl_api_route_count; k++)
            assert_false(strcmp(a->method, mrl_api_routes[k].method) == 0 &&
                         strcmp(a->path, mrl_api_routes[k].path) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(each_role_gets_what_it_may_and_no_more),
        WITH_API(a_denial_is_recorded_with_actor_and_target),
        WITH_API(a_stranger_on_the_socket_is_nobody),
        WITH_API(the_daemons_own_account_is_an_administrator),
        WITH_API(loopback_without_certificate_is_nobody),
        WITH_API(an_application_is_no_operator),
        WITH_API(a_revoked_operator_is_out_at_once),
        WITH_API(roles_that_change_count_from_the_next_request),
        WITH_API(another_web_site_cannot_use_an_operators_browser),
        cmocka_unit_test(every_route_asks_for_a_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
