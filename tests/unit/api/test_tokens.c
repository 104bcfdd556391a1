/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "tests/unit/api/fixture.h"

static void a_token_comes_with_all_an_agent_needs(void **state)
{
    struct fixture *f = *state;
    const struct mrl_cert_facts *root = mrl_cert_facts(mrl_issuing_roots(f->api.issuing)->certs[0]);
    char hex[2 * MRL_SHA256_SIZE + 1], last[1200];
    struct reply r;

    mrl_hex(mrl_fingerprint_bytes(&root->fingerprint), hex);
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"pump\"}");
    r = expect(f, 201, "POST", "/v1/tokens", "{\"device\":\"pump\",\"life\":\"30m\"}");
    assert_int_equal(strlen(member(&r, "token")), MRL_TOKEN_TEXT);
    assert_int_equal(strlen(member(&r, "id")), MRL_TOKEN_ID_TEXT);
    assert_string_equal(member(&r, "device"), "pump");
    assert_string_equal(member(&r, "enrolment_address"), "localhost:8443");
    assert_string_equal(member(&r, "server_name"), "localhost");
    assert_string_equal(member(&r, "root_sha256"), hex);
    mrl_time_format(mrl_wall_ms() + 31 * 60 * 1000, last);
    assert_true(strcmp(member(&r, "expires"), last) < 0);
    mrl_time_format(mrl_wall_ms() + 29 * 60 * 1000, last);
    assert_true(strcmp(member(&r, "expires"), last) > 0);
    reply_done(&r);
}

static void the_text_of_a_token_is_shown_once_and_never_logged(void **state)
{
    struct fixture *f = *state;
    struct reply made, r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"pump\"}");
    made = expect(f, 201, "POST", "/v1/tokens", "{\"device\":\"pump\"}");
    r = expect(f, 200, "GET", "/v1/tokens", NULL);
    assert_non_null(strstr(r.body, member(&made, "id")));
    assert_null(strstr(r.body, member(&made, "token")));
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/audit", NULL);
    assert_non_null(strstr(r.body, "token.created"));
    assert_null(strstr(r.body, member(&made, "token")));
    reply_done(&r);
    reply_done(&made);
}

static void a_wish_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
    } wishes[] = {
        {"{}", 400},
        {"{\"device\":\"pump\",\"group\":\"g\"}", 400},
        {"{\"device\":\"ghost\"}", 404},
        {"{\"device\":\"pump\",\"uses\":2}", 400},
        {"{\"group\":\"g\",\"uses\":0}", 400},
        {"{\"group\":\"g\",\"uses\":1000000}", 201},
        {"{\"group\":\"g\",\"uses\":1000001}", 400},
        {"{\"group\":\"g\",\"uses\":\"3\"}", 400},
        {"{\"group\":\"g\",\"life\":\"90d\"}", 201},
        {"{\"group\":\"g\",\"life\":\"7776001s\"}", 400},
        {"{\"group\":\"g\",\"life\":\"soon\"}", 400},
        {"{\"group\":\"g\",\"life\":3600}", 400},
        {"{\"group\":\"g\",\"lifetime\":\"1h\"}", 400},
    };
    struct fixture *f = *state;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"pump\"}");
    for (size_t i = 0; i < MRL_COUNT(wishes); i++)
        expect_only(f, wishes[i].status, "POST", "/v1/tokens", wishes[i].body);
}

static void a_device_that_is_off_gets_no_token(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"pump\"}");
    expect_only(f, 200, "POST", "/v1/devices/pump/suspend", NULL);
    r = expect(f, 409, "POST", "/v1/tokens", "{\"device\":\"pump\"}");
    assert_problem(&r, 409, "state");
    reply_done(&r);
}

static void a_token_is_cancelled_once(void **state)
{
    struct fixture *f = *state;
    struct reply made, r;
    char target[64];

    made = expect(f, 201, "POST", "/v1/tokens", "{\"group\":\"g\",\"uses\":5}");
    (void)snprintf(target, sizeof(target), "/v1/tokens/%s", member(&made, "id"));
    r = expect(f, 204, "DELETE", target, NULL);
    assert_string_equal(r.body, "");
    reply_done(&r);
    r = expect(f, 409, "DELETE", target, NULL);
    assert_problem(&r, 409, "state");
    reply_done(&r);
    expect_only(f, 404, "DELETE", "/v1/tokens/0000000000000000", NULL);
    r = expect(f, 200, "GET", "/v1/tokens", NULL);
    assert_non_null(strstr(r.body, "\"state\":\"cancelled\""));
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "token.deleted", member(&made, "id")), 1);
    reply_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(a_token_comes_with_all_an_agent_needs),
        WITH_API(the_text_of_a_token_is_shown_once_and_never_logged),
        WITH_API(a_wish_that_makes_no_sense_is_refused),
        WITH_API(a_device_that_is_off_gets_no_token),
        WITH_API(a_token_is_cancelled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
