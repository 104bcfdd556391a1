/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/terms.h"

#include <string.h>

#include "tests/unit/devices/fixture.h"

static struct mrl_profile with_proof(enum mrl_profile_proof proof)
{
    struct mrl_profile p = mrl_profile_default;

    p.proof = proof;
    return p;
}

static void a_request_without_profile_gets_the_default(void **state)
{
    const struct mrl_profiles own = {.all = {mrl_profile_default}, .count = 1};
    const struct mrl_onboarding none = {0}, some = {.profiles = &own};
    const struct mrl_enrolment plain = {0}, chosen = {.profile = &own.all[0]};

    (void)state;
    assert_ptr_equal(mrl_terms_profile(&none, &plain), &mrl_profile_default);
    assert_ptr_equal(mrl_terms_profile(&some, &plain), &own.all[0]);
    assert_ptr_equal(mrl_terms_profile(&none, &chosen), &own.all[0]);
}

static void a_proof_is_demanded_of_whom_the_profile_says(void **state)
{
    static const struct {
        enum mrl_profile_proof proof;
        bool first;
        mrl_err err;
    } cases[] = {
        {MRL_PROOF_IF_PRESENT, true, MRL_OK},      {MRL_PROOF_IF_PRESENT, false, MRL_OK},
        {MRL_PROOF_FIRST, true, MRL_ERR_INVALID},  {MRL_PROOF_FIRST, false, MRL_OK},
        {MRL_PROOF_ALWAYS, true, MRL_ERR_INVALID}, {MRL_PROOF_ALWAYS, false, MRL_ERR_INVALID},
    };
    const struct mrl_csr_facts without = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_profile p = with_proof(cases[i].proof);

        assert_int_equal(
            mrl_terms_check_binding(&p, MRL_LIT("raw"), &without, cases[i].first, NULL),
            cases[i].err);
    }
}

/* RFC 7030 3.5 */
static void a_proof_that_is_there_is_checked_whatever_the_profile_says(void **state)
{
    const struct mrl_csr_facts good = {.has_challenge = true, .challenge = MRL_LIT("cmF3")},
                               other = {.has_challenge = true, .challenge = MRL_LIT("cmF4")},
                               cut = {.has_challenge = true, .challenge = MRL_LIT("cmF")},
                               empty = {.has_challenge = true};

    (void)state;
    for (unsigned proof = MRL_PROOF_IF_PRESENT; proof <= MRL_PROOF_ALWAYS; proof++) {
        for (unsigned first = 0; first <= 1; first++) {
            struct mrl_profile p = with_proof((enum mrl_profile_proof)proof);
            const mrl_bytes raw = MRL_LIT("raw");

            assert_ok(mrl_terms_check_binding(&p, raw, &good, first, NULL));
            assert_int_equal(mrl_terms_check_binding(&p, raw, &other, first, NULL),
                             MRL_ERR_INVALID);
            assert_int_equal(mrl_terms_check_binding(&p, raw, &cut, first, NULL), MRL_ERR_INVALID);
            assert_int_equal(mrl_terms_check_binding(&p, raw, &empty, first, NULL),
                             MRL_ERR_INVALID);
            assert_int_equal(mrl_terms_check_binding(&p, MRL_BYTES_NONE, &empty, first, NULL),
                             MRL_ERR_INVALID); /* nothing to compare with is not the same */
        }
    }
}

static void kinds_of_keys_are_those_of_the_profile(void **state)
{
    struct mrl_profile p = mrl_profile_default;
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_csr_facts facts = {0};
    struct mrl_why why = {""};

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P384, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    facts.spki = mrl_buf_bytes(&spki);
    assert_ok(mrl_terms_check_key(&p, &facts, NULL));
    p.keys[0] = MRL_KEY_P384;
    p.key_count = 1;
    assert_ok(mrl_terms_check_key(&p, &facts, NULL));
    p.keys[0] = MRL_KEY_P256;
    assert_int_equal(mrl_terms_check_key(&p, &facts, &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, "profile default certifies no P-384 keys");
}

struct admission {
    struct mrl_write write;
    const struct mrl_profile *profile;
    const char *device;
    struct mrl_why why;
};

static mrl_err run_admission(struct mrl_tx *tx, struct mrl_write *w)
{
    struct admission *a = MRL_CONTAINER(w, struct admission, write);

    return mrl_terms_admit_tx(tx, a->profile, mrl_str(a->device), &a->why);
}

static mrl_err admit(struct fixture *f, const struct mrl_profile *p, const char *device)
{
    struct admission a = {.write = {.run = run_admission}, .profile = p, .device = device};
    mrl_err err = mrl_store_write(f->store, &a.write);

    assert_true(err != MRL_ERR_DENIED || a.why.text[0] != '\0');
    return err;
}

static void a_device_is_admitted_by_the_group_it_is_in_now(void **state)
{
    struct fixture *f = *state;
    const mrl_bytes groups[] = {MRL_LIT_INIT("pumps")};
    struct mrl_profile p = mrl_profile_default;

    add(f, "in", "pumps");
    add(f, "out", "gates");
    add(f, "none", "");
    assert_ok(admit(f, &p, "none"));
    p.groups = groups;
    p.group_count = 1;
    assert_ok(admit(f, &p, "in"));
    assert_int_equal(admit(f, &p, "out"), MRL_ERR_DENIED);
    assert_int_equal(admit(f, &p, "none"), MRL_ERR_DENIED);
    assert_int_equal(admit(f, &p, "nobody"), MRL_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_without_profile_gets_the_default),
        cmocka_unit_test(a_proof_is_demanded_of_whom_the_profile_says),
        cmocka_unit_test(a_proof_that_is_there_is_checked_whatever_the_profile_says),
        cmocka_unit_test(kinds_of_keys_are_those_of_the_profile),
        cmocka_unit_test_setup_teardown(a_device_is_admitted_by_the_group_it_is_in_now, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
