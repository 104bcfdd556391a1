/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/answers.h"

#include <openssl/ocsp.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/rcu.h"
#include "tests/unit/crypto/fixtures.h"

enum { LIFE = 1000 };

static struct hierarchy hierarchy;
static const mrl_bytes serial = MRL_LIT_INIT("\x11\x22");
static const struct mrl_status good = {.expires = FIXTURE_NOW + 10 * DAY};
static const struct mrl_status revoked = {
    .expires = FIXTURE_NOW + 10 * DAY, .revoked = FIXTURE_NOW, .reason = MRL_CRL_KEY_COMPROMISE};

static int start(void **state)
{
    (void)state;
    hierarchy_new(&hierarchy, MRL_KEY_P256);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    hierarchy_done(&hierarchy);
    return 0;
}

static struct mrl_answers *new_answers(size_t kept)
{
    struct mrl_answers_config config = {.life_s = LIFE, .kept = kept};
    struct mrl_answers *a;

    assert_ok(mrl_ocsp_issuer_of(issuing_of(&hierarchy), &config.issuer));
    assert_ok(mrl_answers_new(&config, &a));
    return a;
}

static void give_responder(struct mrl_answers *a)
{
    struct mrl_key *key = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_cert)
    cert = issue(make_profile(MRL_CERT_OCSP, "ocsp"), key, issuing_of(&hierarchy),
                 hierarchy.issuing_key);

    assert_ok(mrl_answers_set_responder(a, key, mrl_cert_facts(cert)->der));
}

/* The answer's status by OpenSSL, its signature checked with the certificate in it. */
static int answered(struct mrl_answers *a, enum mrl_ocsp_hash hash, const struct mrl_status *status,
                    int64_t now, struct mrl_answer_times *times)
{
    MRL_SCOPED(mrl_buf) der = {0};
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    const uint8_t *at;
    int said;

    assert_ok(mrl_answers_write(a, hash, serial, status, now, &der, times));
    at = der.data;
    response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
    assert_non_null(response);
    basic = OCSP_response_get1_basic(response);
    assert_int_equal(OCSP_basic_verify(basic, NULL, NULL, OCSP_NOVERIFY), 1);
    said = OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL, NULL, NULL);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return said;
}

static void without_a_responder_there_is_no_answer(void **state)
{
    struct mrl_answers *a = new_answers(10);
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_answer_times times;

    (void)state;
    assert_int_equal(mrl_answers_renew_at(a), 0);
    assert_int_equal(mrl_answers_write(a, MRL_OCSP_SHA1, serial, &good, FIXTURE_NOW, &der, &times),
                     MRL_ERR_STATE);
    assert_false(mrl_answers_prepare(a, serial, &good, FIXTURE_NOW));
    assert_int_equal(der.len, 0);
    mrl_answers_free(a);
}

static void what_was_prepared_is_what_is_answered(void **state)
{
    struct mrl_answers *a = new_answers(10);
    struct mrl_answer_times times;

    (void)state;
    give_responder(a);
    assert_true(mrl_answers_renew_at(a) > 0);
    assert_true(mrl_answers_prepare(a, serial, &good, FIXTURE_NOW));
    assert_false(mrl_answers_prepare(a, serial, &good, FIXTURE_NOW + LIFE / 2 - 1));
    assert_int_equal(answered(a, MRL_OCSP_SHA1, &good, FIXTURE_NOW + LIFE / 4, &times),
                     V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(times.this_update, FIXTURE_NOW);
    assert_int_equal(times.next_update, FIXTURE_NOW + LIFE);
    assert_true(mrl_answers_prepare(a, serial, &good, FIXTURE_NOW + LIFE / 2));
    assert_int_equal(mrl_answers_count(a), 1);
    mrl_answers_free(a);
}

static void a_revocation_shows_in_the_next_answer(void **state)
{
    struct mrl_answers *a = new_answers(10);
    struct mrl_answer_times times;

    (void)state;
    give_responder(a);
    assert_true(mrl_answers_prepare(a, serial, &good, FIXTURE_NOW));
    assert_int_equal(answered(a, MRL_OCSP_SHA1, &revoked, FIXTURE_NOW + 1, &times),
                     V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(times.this_update, FIXTURE_NOW + 1);
    assert_int_equal(answered(a, MRL_OCSP_SHA256, &revoked, FIXTURE_NOW + 2, &times),
                     V_OCSP_CERTSTATUS_REVOKED);
    mrl_answers_free(a);
}

static void an_answer_is_never_given_in_its_last_quarter(void **state)
{
    struct mrl_answers *a = new_answers(10);
    struct mrl_answer_times times;

    (void)state;
    give_responder(a);
    for (unsigned hash = 0; hash < MRL_OCSP_HASHES; hash++) {
        (void)answered(a, (enum mrl_ocsp_hash)hash, &good, FIXTURE_NOW, &times);
        (void)answered(a, (enum mrl_ocsp_hash)hash, &good, FIXTURE_NOW + LIFE * 3 / 4 - 1, &times);
        assert_int_equal(times.this_update, FIXTURE_NOW);
        (void)answered(a, (enum mrl_ocsp_hash)hash, &good, FIXTURE_NOW + LIFE * 3 / 4, &times);
        assert_int_equal(times.this_update, FIXTURE_NOW + LIFE * 3 / 4);
    }
    assert_int_equal(mrl_answers_count(a), 2);
    mrl_answers_sweep(a, FIXTURE_NOW + LIFE * 3 / 4 + LIFE - 1);
    assert_int_equal(mrl_answers_count(a), 2);
    mrl_answers_sweep(a, FIXTURE_NOW + LIFE * 3 / 4 + LIFE);
    assert_int_equal(mrl_answers_count(a), 0);
    mrl_answers_free(a);
}

static void so_many_are_kept_and_not_one_more(void **state)
{
    struct mrl_answers *a = new_answers(2);
    struct mrl_answer_times times;
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    give_responder(a);
    assert_true(mrl_answers_prepare(a, MRL_LIT("\x01"), &good, FIXTURE_NOW));
    assert_true(mrl_answers_prepare(a, MRL_LIT("\x02"), &good, FIXTURE_NOW));
    assert_false(mrl_answers_prepare(a, MRL_LIT("\x03"), &good, FIXTURE_NOW));
    assert_ok(
        mrl_answers_write(a, MRL_OCSP_SHA1, MRL_LIT("\x03"), &good, FIXTURE_NOW, &der, &times));
    assert_int_equal(mrl_answers_count(a), 2);
    assert_true(mrl_answers_prepare(a, MRL_LIT("\x02"), &good, FIXTURE_NOW + LIFE)); /* in place */
    assert_int_equal(mrl_answers_count(a), 2);
    mrl_answers_free(a);
}

static void a_new_responder_signs_and_what_the_old_one_signed_stays_good(void **state)
{
    struct mrl_answers *a = new_answers(10);
    struct mrl_answer_times times;

    (void)state;
    give_responder(a);
    assert_true(mrl_answers_prepare(a, serial, &good, FIXTURE_NOW));
    give_responder(a);
    assert_int_equal(answered(a, MRL_OCSP_SHA1, &good, FIXTURE_NOW + 1, &times),
                     V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(times.this_update, FIXTURE_NOW);
    assert_int_equal(answered(a, MRL_OCSP_SHA256, &good, FIXTURE_NOW + 1, &times),
                     V_OCSP_CERTSTATUS_GOOD);
    mrl_answers_free(a);
}

static void an_answer_does_not_outlive_its_responder(void **state)
{
    struct mrl_answers *a = new_answers(10);
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_answer_times times;
    struct mrl_key *key = make_key(MRL_KEY_P256);
    struct mrl_cert_profile p = make_profile(MRL_CERT_OCSP, "ocsp");

    (void)state;
    p.not_after = FIXTURE_NOW + LIFE / 2;
    MRL_AUTO(mrl_cert) cert = issue(p, key, issuing_of(&hierarchy), hierarchy.issuing_key);
    assert_ok(mrl_answers_set_responder(a, key, mrl_cert_facts(cert)->der));
    (void)answered(a, MRL_OCSP_SHA1, &good, FIXTURE_NOW, &times);
    assert_int_equal(times.next_update, FIXTURE_NOW + LIFE / 2);
    assert_int_equal(
        mrl_answers_write(a, MRL_OCSP_SHA1, serial, &good, FIXTURE_NOW + LIFE / 2, &der, &times),
        MRL_ERR_STATE);
    mrl_answers_free(a);
}

/* --- many at once --- */

static struct mrl_answers *shared;
static atomic_uint failures;

static void *ask(void *nothing)
{
    (void)nothing;
    mrl_rcu_register();
    for (unsigned n = 0; n < 400; n++) {
        uint8_t asked[2] = {1, (uint8_t)(n % 8)};
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_answer_times times;

        if (mrl_answers_write(shared, (enum mrl_ocsp_hash)(n % 2), mrl_bytes_of(asked, 2),
                              n < 200 ? &good : &revoked, FIXTURE_NOW, &der, &times) != MRL_OK)
            atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

static void many_threads_ask_at_once(void **state)
{
    pthread_t threads[3];

    (void)state;
    shared = new_answers(6);
    give_responder(shared);
    for (size_t i = 0; i < MRL_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
    for (unsigned n = 0; n < 50; n++)
        mrl_answers_sweep(shared, FIXTURE_NOW + (n % 2) * LIFE);
    for (size_t i = 0; i < MRL_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&failures), 0);
    mrl_answers_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_responder_there_is_no_answer),
        cmocka_unit_test(what_was_prepared_is_what_is_answered),
        cmocka_unit_test(a_revocation_shows_in_the_next_answer),
        cmocka_unit_test(an_answer_is_never_given_in_its_last_quarter),
        cmocka_unit_test(so_many_are_kept_and_not_one_more),
        cmocka_unit_test(a_new_responder_signs_and_what_the_old_one_signed_stays_good),
        cmocka_unit_test(an_answer_does_not_outlive_its_responder),
        cmocka_unit_test(many_threads_ask_at_once),
    };

    mrl_rcu_register();
    return cmocka_run_group_tests(tests, start, stop);
}
