/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/hex.h"
#include "tests/unit/api/fixture.h"

static void an_application_gets_a_certificate_that_is_on_record(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    char hex[2 * MRL_SHA256_SIZE + 1], detail[128];
    enum mrl_chain_reason reason;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\",\"note\":\"billing\"}");
    certify(f, "application", "backend", &identity);
    assert_bytes_equal(mrl_cert_facts(identity.cert)->cn, MRL_LIT("backend"));
    assert_ok(mrl_cert_verify_chain(identity.cert, mrl_issuing_intermediates(f->api.issuing),
                                    mrl_issuing_roots(f->api.issuing), MRL_PURPOSE_CLIENT,
                                    mrl_cert_facts(identity.cert)->not_before + 60, &reason));
    mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(identity.cert)->fingerprint), hex);
    (void)snprintf(detail, sizeof(detail), "\"fingerprint\":\"%s\"", hex);
    assert_int_equal(audited(f->api.store, "application.changed", detail), 1);
    assert_int_equal(audited(f->api.store, "application.changed", "\"target\":\"backend\""), 1);
    r = expect(f, 200, "GET", "/v1/applications/backend", NULL);
    assert_non_null(strstr(r.body, hex));
    reply_done(&r);
    identity_done(&identity);
}

static void the_answer_holds_the_chain_leaf_first(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_cert_list) chain = {0};
    MRL_AUTO(mrl_key) key = NULL;
    char *body = csr_body("backend", &key);
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    r = expect(f, 201, "POST", "/v1/applications/backend/certificates", body);
    assert_ok(mrl_cert_list_add_pem(&chain, mrl_str(member(&r, "certificate"))));
    assert_int_equal(chain.count, 2);
    assert_bytes_equal(mrl_cert_facts(chain.certs[0])->cn, MRL_LIT("backend"));
    assert_ok(mrl_cert_verify_signature(chain.certs[0], chain.certs[1]));
    assert_true(mrl_cert_facts(chain.certs[1])->is_ca);
    reply_done(&r);
    free(body);
}

static void a_request_for_another_name_gets_nothing(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_key) key = NULL;
    char *body = csr_body("admin", &key);
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    r = expect(f, 400, "POST", "/v1/applications/backend/certificates", body);
    assert_problem(&r, 400, "invalid");
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "application.changed", NULL), 0);
    free(body);
}

static void what_is_no_request_gets_nothing(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"csr\":\"\"}",
        "{\"csr\":\"hello\"}",
        "{\"csr\":7}",
        "{\"csr\":\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}",
    };
    struct fixture *f = *state;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    for (size_t i = 0; i < MRL_COUNT(bodies); i++)
        expect_only(f, 400, "POST", "/v1/applications/backend/certificates", bodies[i]);
}

static void nobody_gets_a_certificate_for_a_ghost(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_key) key = NULL;
    char *body = csr_body("ghost", &key);
    struct reply r = expect(f, 404, "POST", "/v1/applications/ghost/certificates", body);

    assert_problem(&r, 404, "not-found");
    reply_done(&r);
    free(body);
}

static void a_disabled_account_gets_no_certificate(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_key) key = NULL;
    char *body = csr_body("backend", &key);
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    r = expect(f, 200, "POST", "/v1/applications/backend/disable", "{\"reason\":\"paused\"}");
    assert_string_equal(member(&r, "state"), "disabled");
    assert_string_equal(member(&r, "reason"), "paused");
    reply_done(&r);
    r = expect(f, 409, "POST", "/v1/applications/backend/certificates", body);
    assert_problem(&r, 409, "state");
    reply_done(&r);
    r = expect(f, 200, "POST", "/v1/applications/backend/enable", NULL);
    assert_string_equal(member(&r, "state"), "active");
    reply_done(&r);
    expect_only(f, 201, "POST", "/v1/applications/backend/certificates", body);
    free(body);
}

static void the_seventeenth_active_certificate_is_over_the_limit(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    for (int i = 0; i <= 16; i++) {
        MRL_AUTO(mrl_key) key = NULL;
        char *body = csr_body("backend", &key);

        r = expect(f, i < 16 ? 201 : 409, "POST", "/v1/applications/backend/certificates", body);
        if (i == 16)
            assert_problem(&r, 409, "limit");
        reply_done(&r);
        free(body);
    }
    assert_int_equal(audited(f->api.store, "application.changed", NULL), 16);
}

static void operators_have_roles(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 400, "POST", "/v1/operators", "{\"id\":\"ann\"}");
    expect_only(f, 400, "POST", "/v1/operators", "{\"id\":\"ann\",\"roles\":[]}");
    expect_only(f, 400, "POST", "/v1/operators", "{\"id\":\"ann\",\"roles\":[\"root\"]}");
    expect_only(f, 400, "POST", "/v1/operators", "{\"id\":\"ann\",\"roles\":\"admin\"}");
    expect_only(f, 400, "POST", "/v1/operators", "{\"id\":\"ann\",\"roles\":[7]}");
    expect_only(f, 400, "POST", "/v1/applications", "{\"id\":\"app\",\"roles\":[\"admin\"]}");
    r = expect(f, 201, "POST", "/v1/operators",
               "{\"id\":\"ann\",\"roles\":[\"viewer\",\"auditor\"]}");
    assert_int_equal(json_array_size(json_object_get(r.json, "roles")), 2);
    reply_done(&r);
    r = expect(f, 200, "PUT", "/v1/operators/ann/roles", "{\"roles\":[\"admin\"]}");
    assert_non_null(strstr(r.body, "\"roles\":[\"admin\"]"));
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "operator.added", "\"target\":\"ann\""), 1);
}

static void the_two_kinds_of_accounts_are_apart(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"same\"}");
    expect_only(f, 404, "GET", "/v1/operators/same", NULL);
    r = expect(f, 200, "GET", "/v1/operators", NULL);
    assert_int_equal(json_array_size(json_object_get(r.json, "items")), 0);
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/applications", NULL);
    assert_int_equal(json_array_size(json_object_get(r.json, "items")), 1);
    reply_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(an_application_gets_a_certificate_that_is_on_record),
        WITH_API(the_answer_holds_the_chain_leaf_first),
        WITH_API(a_request_for_another_name_gets_nothing),
        WITH_API(what_is_no_request_gets_nothing),
        WITH_API(nobody_gets_a_certificate_for_a_ghost),
        WITH_API(a_disabled_account_gets_no_certificate),
        WITH_API(the_seventeenth_active_certificate_is_over_the_limit),
        WITH_API(operators_have_roles),
        WITH_API(the_two_kinds_of_accounts_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
