/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/expectation.h"

#include "devices/hardware.h"
#include "tests/unit/devices/fixture.h"

static uint8_t hash_of_key[MRL_SHA256_SIZE];
static uint8_t hash_of_other[MRL_SHA256_SIZE];
static const mrl_bytes key = MRL_LIT_INIT("the key"), other = MRL_LIT_INIT("another key");

static int hash_keys(void **state)
{
    (void)state;
    return mrl_sha256(key, hash_of_key) != MRL_OK || mrl_sha256(other, hash_of_other) != MRL_OK;
}

static mrl_bytes hash(void)
{
    return mrl_bytes_of(hash_of_key, sizeof(hash_of_key));
}

static mrl_bytes other_hash(void)
{
    return mrl_bytes_of(hash_of_other, sizeof(hash_of_other));
}

static mrl_err add_expected(struct fixture *f, const char *id, struct mrl_expectation e,
                            struct mrl_why *why)
{
    const struct mrl_device_new d = {.id = mrl_str(id), .expectation = e};

    return mrl_device_add(f->registry, &admin, &d, why);
}

struct judging {
    mrl_bytes device;
    const struct mrl_shown *shown;
    struct mrl_why why;
};

static mrl_err run_judge(struct mrl_tx *tx, void *context)
{
    struct judging *j = context;

    return mrl_expectation_judge_tx(tx, j->device, j->shown, &j->why);
}

/* NULL: it may. */
static const char *refused(struct fixture *f, const char *device, struct mrl_shown shown)
{
    static struct judging j;
    mrl_err err;

    j = (struct judging){.device = mrl_str(device), .shown = &shown};
    err = mrl_store_read(f->store, run_judge, &j);
    if (err == MRL_OK)
        return NULL;
    assert_int_equal(err, MRL_ERR_DENIED);
    return j.why.text;
}

static void who_is_expected_with_nothing_may_come_with_anything(void **state)
{
    struct fixture *f = *state;

    add(f, "pump", "");
    assert_null(refused(f, "pump", (struct mrl_shown){.spki = key}));
    assert_null(refused(f, "nobody", (struct mrl_shown){.spki = key}));
}

static void the_key_is_that_of_the_request_or_of_the_makers_certificate(void **state)
{
    struct fixture *f = *state;

    assert_ok(add_expected(f, "pump", (struct mrl_expectation){.key = hash()}, NULL));
    assert_null(refused(f, "pump", (struct mrl_shown){.spki = key}));
    assert_null(refused(f, "pump", (struct mrl_shown){.spki = other, .maker_key = key}));
    assert_string_equal(refused(f, "pump", (struct mrl_shown){.spki = other}),
                        "device pump is expected with another key");
    assert_non_null(refused(f, "pump", (struct mrl_shown){.spki = other, .maker_key = other}));
}

static void a_renewal_may_change_the_key(void **state)
{
    struct fixture *f = *state;

    assert_ok(add_expected(
        f, "pump", (struct mrl_expectation){.key = hash(), .serial = MRL_LIT("SN-7")}, NULL));
    assert_null(refused(f, "pump", (struct mrl_shown){.spki = other, .renews = true}));
}

static void the_serial_number_is_that_of_the_makers_certificate(void **state)
{
    struct fixture *f = *state;

    assert_ok(add_expected(f, "pump", (struct mrl_expectation){.serial = MRL_LIT("SN-7")}, NULL));
    assert_null(
        refused(f, "pump", (struct mrl_shown){.maker_key = key, .serial = MRL_LIT("SN-7")}));
    assert_string_equal(refused(f, "pump", (struct mrl_shown){.spki = key}),
                        "device pump is expected with the certificate of its maker");
    assert_string_equal(
        refused(f, "pump", (struct mrl_shown){.maker_key = key, .serial = MRL_LIT("SN-8")}),
        "device pump is expected with another serial number of its maker");
    assert_non_null(refused(f, "pump", (struct mrl_shown){.maker_key = key}));
}

static void every_key_is_in_the_tpm_also_of_a_renewal(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof good = {.ek = hash()}, wrong = {.ek = other_hash()};

    assert_ok(add_expected(f, "pump", (struct mrl_expectation){.ek = hash()}, NULL));
    assert_null(refused(f, "pump", (struct mrl_shown){.proof = &good, .held = true}));
    assert_null(refused(f, "pump", (struct mrl_shown){.renews = true, .held = true}));
    assert_string_equal(refused(f, "pump", (struct mrl_shown){.proof = &wrong, .held = true}),
                        "device pump is expected with another TPM");
    assert_non_null(refused(f, "pump", (struct mrl_shown){.spki = key}));
    assert_non_null(refused(f, "pump", (struct mrl_shown){.spki = key, .renews = true}));
}

static void a_serial_number_is_as_long_as_the_limit_allows_and_no_longer(void **state)
{
    struct fixture *f = *state;
    char text[MRL_EXPECTED_SERIAL_MAX + 2] = "";

    memset(text, '7', MRL_EXPECTED_SERIAL_MAX);
    assert_ok(add_expected(f, "a", (struct mrl_expectation){.serial = mrl_str(text)}, NULL));
    text[MRL_EXPECTED_SERIAL_MAX] = '7';
    assert_int_equal(add_expected(f, "b", (struct mrl_expectation){.serial = mrl_str(text)}, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(add_expected(f, "b", (struct mrl_expectation){.key = key}, NULL),
                     MRL_ERR_INVALID);
}

static void an_operator_changes_one_thing_and_the_others_stay(void **state)
{
    struct fixture *f = *state;
    struct mrl_expectation_change c = {.key = true, .to = {.key = other_hash()}};

    assert_ok(add_expected(
        f, "pump", (struct mrl_expectation){.key = hash(), .serial = MRL_LIT("SN-7")}, NULL));
    assert_ok(mrl_device_set_expectation(f->registry, &admin, MRL_LIT("pump"), &c, NULL));
    assert_non_null(refused(f, "pump", (struct mrl_shown){.spki = other}));
    assert_null(refused(
        f, "pump", (struct mrl_shown){.spki = other, .maker_key = key, .serial = MRL_LIT("SN-7")}));
    c = (struct mrl_expectation_change){.key = true, .serial = true};
    assert_ok(mrl_device_set_expectation(f->registry, &admin, MRL_LIT("pump"), &c, NULL));
    assert_null(refused(f, "pump", (struct mrl_shown){.spki = key}));
    assert_int_equal(mrl_device_set_expectation(f->registry, &admin, MRL_LIT("none"), &c, NULL),
                     MRL_ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_is_expected_with_nothing_may_come_with_anything),
        TEST(the_key_is_that_of_the_request_or_of_the_makers_certificate),
        TEST(a_renewal_may_change_the_key),
        TEST(the_serial_number_is_that_of_the_makers_certificate),
        TEST(every_key_is_in_the_tpm_also_of_a_renewal),
        TEST(a_serial_number_is_as_long_as_the_limit_allows_and_no_longer),
        TEST(an_operator_changes_one_thing_and_the_others_stay),
    };
    return cmocka_run_group_tests(tests, hash_keys, NULL);
}
