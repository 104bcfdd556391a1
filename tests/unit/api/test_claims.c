/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and templates, and two devices that race for one token. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "onboarding/claim.h"
#include "onboarding/pending.h"
#include "onboarding/provision.h"
#include "tests/unit/api/fixture.h"

#define TEMPLATE \
    "{\"parameters\":{\"Serial\":{\"pattern\":\"*\"}},\"device\":\"m-${Serial}\",\"group\":\"g\"}"

static int set_up_claims(void **state)
{
    (void)set_up(state);
    expect_only(*state, 200, "PUT", "/v1/templates/meters", TEMPLATE);
    return 0;
}

/* {"csr": ..., "name": name, ...} with what else a claim needs. Free it. */
static char *claim_body(const char *name, const char *more)
{
    MRL_AUTO(mrl_key) key = NULL;
    char *csr = csr_body(name, &key);
    MRL_SCOPED(mrl_buf) body = {0};
    char *text;

    assert_ok(
        mrl_buf_printf(&body, "%.*s,\"name\":\"%s\",%s}", (int)strlen(csr) - 1, csr, name, more));
    free(csr);
    text = mrl_bytes_dup_cstr(mrl_buf_bytes(&body));
    assert_non_null(text);
    return text;
}

static void expect_claim(struct fixture *f, unsigned status, const char *name, const char *more)
{
    char *body = claim_body(name, more);

    expect_only(f, status, "POST", "/v1/claims", body);
    free(body);
}

static void a_claim_is_made_shown_and_revoked(void **state)
{
    struct fixture *f = *state;
    char *body = claim_body("line-3", "\"templates\":[\"meters\"],\"uses\":5,\"life\":\"1h\"");
    struct reply r = expect(f, 201, "POST", "/v1/claims", body);

    assert_non_null(strstr(member(&r, "certificate"), "BEGIN CERTIFICATE"));
    reply_done(&r);
    expect_only(f, 409, "POST", "/v1/claims", body); /* name and key were used */
    free(body);
    r = expect(f, 200, "GET", "/v1/claims/line-3", NULL);
    assert_string_equal(member(&r, "state"), "active");
    assert_null(strstr(r.body, "certificate\""));
    reply_done(&r);
    expect_only(f, 404, "GET", "/v1/claims/line-4", NULL);
    expect_only(f, 404, "POST", "/v1/claims/line-4/revoke", NULL);
    expect_only(f, 409, "DELETE", "/v1/templates/meters", NULL);
    r = expect(f, 200, "POST", "/v1/claims/line-3/revoke", "{\"reason\":\"leaked\"}");
    assert_string_equal(member(&r, "state"), "revoked");
    assert_string_equal(member(&r, "reason"), "leaked");
    reply_done(&r);
    expect_only(f, 409, "POST", "/v1/claims/line-3/revoke", NULL);
    expect_only(f, 204, "DELETE", "/v1/templates/meters", NULL);
    assert_int_equal(audited(f->api.store, "claim.created", "\"target\":\"line-3\""), 1);
    assert_int_equal(audited(f->api.store, "claim.revoked", "\"reason\":\"leaked\""), 1);
}

static void what_a_claim_may_be_has_limits(void **state)
{
    struct fixture *f = *state;
    static const char sixteen[] =
        "\"templates\":[\"t0\",\"t1\",\"t2\",\"t3\",\"t4\",\"t5\",\"t6\",\"t7\",\"t8\",\"t9\","
        "\"t10\",\"t11\",\"t12\",\"t13\",\"t14\",\"t15\"%s],\"uses\":1";
    char target[64], more[400];

    for (int i = 0; i < 16; i++) {
        (void)snprintf(target, sizeof(target), "/v1/templates/t%d", i);
        expect_only(f, 200, "PUT", target, TEMPLATE);
    }
    (void)snprintf(more, sizeof(more), sixteen, "");
    expect_claim(f, 201, "c16", more);
    (void)snprintf(more, sizeof(more), sixteen, ",\"meters\"");
    expect_claim(f, 400, "c17", more);
    expect_claim(f, 400, "a", "\"templates\":[],\"uses\":1");
    expect_claim(f, 404, "a", "\"templates\":[\"ghost\"],\"uses\":1");
    expect_claim(f, 400, "a", "\"templates\":[\"a/b\"],\"uses\":1");
    expect_claim(f, 400, "a", "\"templates\":\"meters\",\"uses\":1");
    expect_claim(f, 400, "a", "\"templates\":[\"meters\"]");
    expect_claim(f, 400, "a", "\"templates\":[\"meters\"],\"uses\":0");
    expect_claim(f, 400, "a", "\"templates\":[\"meters\"],\"uses\":10000001");
    expect_claim(f, 201, "a", "\"templates\":[\"meters\"],\"uses\":10000000");
    expect_claim(f, 400, "b", "\"templates\":[\"meters\"],\"uses\":1,\"life\":\"0s\"");
    expect_claim(f, 400, "b", "\"templates\":[\"meters\"],\"uses\":1,\"life\":\"731d\"");
    expect_claim(f, 400, "a b", "\"templates\":[\"meters\"],\"uses\":1");
}

/* The key process of a daemon allows it, too (main/key_process.c). */
static void the_longest_life_is_the_limit(void **state)
{
    struct fixture *f = *state;
    struct mrl_claim_wish wish = {.name = MRL_LIT("x"),
                                  .templates = &(mrl_bytes){(const uint8_t *)"meters", 6},
                                  .template_count = 1,
                                  .uses = 1,
                                  .life_s = MRL_CLAIM_LIFE_MAX_S + 1,
                                  .csr = MRL_LIT("none")};
    const struct mrl_actor who = {.kind = MRL_ACTOR_SYSTEM};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};

    assert_int_equal(mrl_claim_create(&f->onboarding, &who, &wish, &der, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "life"));
    wish.life_s = MRL_CLAIM_LIFE_MAX_S;
    assert_int_equal(mrl_claim_create(&f->onboarding, &who, &wish, &der, &why), MRL_ERR_INVALID);
    assert_null(strstr(why.text, "life")); /* the request is what is wrong now */
}

struct filling {
    struct mrl_write write;
    unsigned count;
};

static mrl_err run_fill(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct filling *x = MRL_CONTAINER(w, struct filling, write);

    for (unsigned i = 0; i < x->count; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "c%u", i);
        MRL_TRY(mrl_tx_exec(tx,
                            "INSERT INTO claims (name, templates, uses, state, fingerprint, serial,"
                            " not_before, not_after, der, key, created, changed)"
                            " VALUES ($1, 'meters=1', 1, 1, $2, $2, 0, $3, $2, $2, 0, 0)",
                            MRL_ARGS(MRL_TEXT(mrl_str(name)), MRL_BLOB(mrl_str(name)),
                                     MRL_INT(mrl_wall_s() + 1000)),
                            NULL));
    }
    return MRL_OK;
}

static void as_many_claims_are_in_force_as_the_limit_allows(void **state)
{
    struct fixture *f = *state;
    struct filling x = {.write = {.run = run_fill}, .count = MRL_CLAIMS_MAX - 1};

    assert_ok(mrl_store_write(f->api.store, &x.write));
    expect_claim(f, 201, "last", "\"templates\":[\"meters\"],\"uses\":1");
    expect_claim(f, 409, "more", "\"templates\":[\"meters\"],\"uses\":1");
    expect_only(f, 200, "POST", "/v1/claims/last/revoke", NULL);
    expect_claim(f, 201, "more", "\"templates\":[\"meters\"],\"uses\":1");
}

static void a_template_is_shown_without_its_secret(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "PUT", "/v1/templates/hooked",
                            "{\"parameters\":{},\"device\":\"x\","
                            "\"hook\":{\"url\":\"unix:/a\",\"secret\":\"0123456789abcdef\"}}");

    assert_null(strstr(r.body, "0123456789abcdef"));
    assert_true(json_is_true(json_object_get(r.json, "has_secret")));
    reply_done(&r);
    expect_only(f, 400, "PUT", "/v1/templates/hooked",
                "{\"parameters\":{},\"hook\":{\"secret\":7}}");
    expect_only(f, 400, "PUT", "/v1/templates/hooked", "[]");
    expect_only(f, 400, "PUT", "/v1/templates/a%20b", TEMPLATE);
    expect_only(f, 404, "GET", "/v1/templates/ghost", NULL);
    expect_only(f, 404, "DELETE", "/v1/templates/ghost", NULL);
    r = expect(f, 200, "GET", "/v1/templates", NULL);
    assert_int_equal(json_array_size(json_object_get(r.json, "items")), 2);
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/audit?action=template.set", NULL);
    assert_null(strstr(r.body, "0123456789abcdef"));
    reply_done(&r);
}

/* --- the race --- */

enum { RACERS = 8 };

struct race {
    struct mrl_provisioning provisioning;
    struct mrl_provision_from from;
    mrl_bytes token;
    atomic_uint won, bad_token;
};

struct racer {
    struct race *race;
    char serial[8];
    pthread_t thread;
};

static void *run_racer(void *context)
{
    struct racer *r = context;
    struct mrl_provision_message m = {
        .token = r->race->token,
        .parameters = {{MRL_LIT("Serial"), mrl_str(r->serial)}},
        .count = 1,
    };
    MRL_SCOPED(mrl_provision_thing) thing = {0};
    struct mrl_why why = {""};
    enum mrl_provision_refusal refusal = mrl_provision_register(
        &r->race->provisioning, &r->race->from, MRL_LIT("meters"), &m, &thing, &why);

    if (refusal == MRL_PROVISION_OK)
        atomic_fetch_add(&r->race->won, 1);
    else if (refusal == MRL_PROVISION_BAD_TOKEN || refusal == MRL_PROVISION_DENIED)
        atomic_fetch_add(&r->race->bad_token, 1);
    return NULL;
}

static void fresh_certificate(struct race *race, struct mrl_provision_certificate *out)
{
    MRL_AUTO(mrl_key) key = NULL;
    char *body = csr_body("whatever", &key);
    MRL_AUTO(json_t) json = NULL;
    mrl_bytes csr = MRL_BYTES_NONE;
    struct mrl_why why = {""};

    assert_ok(mrl_json_read(mrl_str(body), &MRL_JSON_LIMITS_DEFAULT, &json, NULL));
    assert_ok(mrl_json_get_str(json, "csr", &csr, NULL));
    if (mrl_provision_certify(&race->provisioning, &race->from, csr, out, &why) != MRL_PROVISION_OK)
        fail_msg("%s", why.text);
    free(body);
}

static void one_token_makes_one_device_however_many_race_for_it(void **state)
{
    static const struct mrl_fingerprint claim = {{1}};
    struct fixture *f = *state;
    struct race race = {.provisioning = {&f->onboarding, f->sealer},
                        .from = {.claim = MRL_LIT("line-3"), .certificate = &claim}};
    MRL_SCOPED(mrl_provision_certificate) made = {0};
    struct racer racers[RACERS];
    struct reply r;

    expect_claim(f, 201, "line-3", "\"templates\":[\"meters\"],\"uses\":5");
    fresh_certificate(&race, &made);
    race.token = mrl_secret_bytes(made.token);
    for (int i = 0; i < RACERS; i++) {
        racers[i].race = &race;
        (void)snprintf(racers[i].serial, sizeof(racers[i].serial), "%d", i);
        assert_int_equal(pthread_create(&racers[i].thread, NULL, run_racer, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    assert_int_equal(race.won, 1);
    assert_int_equal(race.bad_token, RACERS - 1);
    r = expect(f, 200, "GET", "/v1/devices", NULL);
    assert_int_equal(json_array_size(json_object_get(r.json, "items")), 1);
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/claims/line-3", NULL);
    assert_int_equal(json_integer_value(json_object_get(r.json, "used")), 1);
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "provisioning.registered", NULL), 1);
}

static mrl_err run_age(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "UPDATE provisioning_pending SET expires = 1", MRL_NO_ARGS, NULL);
}

static void what_nobody_registered_in_time_is_gone_and_noted(void **state)
{
    static const struct mrl_fingerprint claim = {{1}};
    struct fixture *f = *state;
    struct race race = {.provisioning = {&f->onboarding, f->sealer},
                        .from = {.claim = MRL_LIT("line-3"), .certificate = &claim}};
    struct racer racer = {.race = &race, .serial = "1"};
    struct mrl_write age = {.run = run_age};
    MRL_SCOPED(mrl_provision_certificate) made = {0};

    expect_claim(f, 201, "line-3", "\"templates\":[\"meters\"],\"uses\":5");
    fresh_certificate(&race, &made);
    race.token = mrl_secret_bytes(made.token);
    assert_ok(mrl_provision_expire(&race.provisioning));
    assert_int_equal(audited(f->api.store, "provisioning.expired", NULL), 0);
    assert_ok(mrl_store_write(f->api.store, &age));
    (void)run_racer(&racer); /* its time is over, though it is still there */
    assert_int_equal(race.bad_token, 1);
    assert_ok(mrl_provision_expire(&race.provisioning));
    assert_int_equal(audited(f->api.store, "provisioning.expired", "\"count\":1"), 1);
    assert_ok(mrl_provision_expire(&race.provisioning));
    assert_int_equal(audited(f->api.store, "provisioning.expired", NULL), 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up_claims, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_claim_is_made_shown_and_revoked),
        WITH(what_a_claim_may_be_has_limits),
        WITH(the_longest_life_is_the_limit),
        WITH(as_many_claims_are_in_force_as_the_limit_allows),
        WITH(a_template_is_shown_without_its_secret),
        WITH(one_token_makes_one_device_however_many_race_for_it),
        WITH(what_nobody_registered_in_time_is_gone_and_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
