/* SPDX-License-Identifier: Apache-2.0 */
/* The challenges; whether a TPM is one is in test_attest_check.c, the whole with a TPM in
 * tests/integration. */
#include "onboarding/attest.h"

#include <stdio.h>

#include "tests/unit/crypto/tpm2_vectors.h"
#include "tests/unit/devices/fixture.h"

#define VECTOR(v) mrl_bytes_of(v, sizeof(v))

enum { OPEN_MAX = 8 };

static struct mrl_onboarding onboarding;
static struct mrl_attest *attest;
static struct mrl_token_new token; /* of the group "g", for everybody */

static int set_up_attest(void **state)
{
    const struct mrl_token_wish wish = {
        .group = MRL_LIT("g"), .life_s = 600, .uses = MRL_TOKEN_USES_MAX};
    struct mrl_cert_list roots = {0};
    struct mrl_cert *root = NULL;
    struct fixture *f;

    duties_more = &mrl_token_migrations;
    (void)set_up(state);
    f = *state;
    onboarding = (struct mrl_onboarding){.store = f->store, .registry = f->registry};
    assert_ok(mrl_audit_new(f->store, &(struct mrl_audit_options){.sealer = f->sealer},
                            &onboarding.audit));
    assert_ok(mrl_token_create(f->store, &admin, &wish, &token, NULL));
    assert_ok(mrl_cert_from_der(VECTOR(localca_root), &root));
    assert_ok(mrl_cert_list_add(&roots, root));
    assert_ok(mrl_attest_new(&onboarding, &roots, /*life_s=*/600, OPEN_MAX, &attest));
    return 0;
}

static int tear_down_attest(void **state)
{
    mrl_attest_free(attest);
    mrl_token_new_done(&token);
    mrl_audit_free(onboarding.audit);
    return tear_down(state);
}

static struct mrl_attest_claim good_claim(void)
{
    return (struct mrl_attest_claim){.ek_certificate = VECTOR(real_ek_rsa_cert),
                                     .ek_chain = {VECTOR(localca)},
                                     .ek_chain_count = 1,
                                     .ek_public = VECTOR(real_ek_rsa),
                                     .ak_public = VECTOR(ak_pub)};
}

static enum mrl_enrol_refusal begin(const char *device, mrl_bytes binding,
                                    struct mrl_attest_challenge *out)
{
    const struct mrl_enrolment e = {.device = mrl_str(device),
                                    .token = mrl_secret_bytes(token.text),
                                    .binding = binding,
                                    .source = MRL_LIT("192.0.2.1:1")};
    const struct mrl_attest_claim claim = good_claim();
    struct mrl_why why = {""};

    return mrl_attest_begin(attest, &e, &claim, out, &why);
}

static void each_challenge_is_another_one(void **state)
{
    struct mrl_attest_challenge one, two;

    (void)state;
    assert_int_equal(begin("d1", MRL_LIT("channel"), &one), MRL_ENROL_OK);
    assert_int_equal(begin("d1", MRL_LIT("channel"), &two), MRL_ENROL_OK);
    assert_string_not_equal(one.id, two.id);
    assert_memory_not_equal(one.nonce, two.nonce, sizeof(one.nonce));
}

static void a_connection_without_binding_gets_none(void **state)
{
    struct mrl_attest_challenge c;

    (void)state;
    assert_int_equal(begin("d1", MRL_BYTES_NONE, &c), MRL_ENROL_FORBIDDEN);
}

static void a_stranger_gets_none(void **state)
{
    const struct mrl_enrolment e = {.device = MRL_LIT("d1"),
                                    .token = MRL_LIT("wrong"),
                                    .binding = MRL_LIT("channel"),
                                    .source = MRL_LIT("192.0.2.1:1")};
    const struct mrl_attest_claim claim = good_claim();
    struct mrl_attest_challenge c;
    struct mrl_why why = {""};

    (void)state;
    assert_int_equal(mrl_attest_begin(attest, &e, &claim, &c, &why), MRL_ENROL_NOT_AUTHENTIC);
}

static void without_roots_nobody_is_believed(void **state)
{
    struct mrl_cert_list none = {0};
    struct mrl_attest_challenge c;

    (void)state;
    mrl_attest_free(attest);
    assert_ok(mrl_attest_new(&onboarding, &none, 600, OPEN_MAX, &attest));
    assert_int_equal(begin("d1", MRL_LIT("channel"), &c), MRL_ENROL_FORBIDDEN);
}

/* One a device, so that nobody takes more than one place. */
static void there_is_room_for_so_many_challenges(void **state)
{
    struct mrl_attest_challenge c;
    char device[16];

    (void)state;
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        (void)snprintf(device, sizeof(device), "d%u", i);
        assert_int_equal(begin(device, MRL_LIT("channel"), &c), MRL_ENROL_OK);
    }
    assert_int_equal(begin("one-more", MRL_LIT("channel"), &c), MRL_ENROL_UNAVAILABLE);
    assert_int_equal(begin("d7", MRL_LIT("channel"), &c), MRL_ENROL_OK);
}

#define WITH_ATTEST(test) cmocka_unit_test_setup_teardown(test, set_up_attest, tear_down_attest)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ATTEST(each_challenge_is_another_one),
        WITH_ATTEST(a_connection_without_binding_gets_none),
        WITH_ATTEST(a_stranger_gets_none),
        WITH_ATTEST(without_roots_nobody_is_believed),
        WITH_ATTEST(there_is_room_for_so_many_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
