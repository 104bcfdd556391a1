/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/hardware.h"

#include "tests/unit/devices/fixture.h"

static const uint8_t ek_one[MRL_SHA256_SIZE] = {1}, ek_two[MRL_SHA256_SIZE] = {2};

static struct mrl_hardware_proof proof_of(const uint8_t ek[static MRL_SHA256_SIZE])
{
    return (struct mrl_hardware_proof){.ek = mrl_bytes_of(ek, MRL_SHA256_SIZE),
                                       .ak = MRL_LIT("name of the ak"),
                                       .maker = MRL_LIT("id:49465800"),
                                       .model = MRL_LIT("SLB9670"),
                                       .version = MRL_LIT("id:00070055")};
}

static int set_up_hardware(void **state)
{
    duties_more = &mrl_hardware_migrations;
    (void)set_up(state);
    add(*state, "d1", "");
    add(*state, "d2", "");
    add(*state, "v1", "vault");
    return 0;
}

static struct mrl_hardware *hardware(struct fixture *f, const char *group)
{
    const mrl_bytes groups[] = {mrl_str(group)};
    struct mrl_hardware *h = NULL;

    assert_ok(mrl_hardware_open(f->store, f->registry, groups, group == NULL ? 0 : 1, &h, NULL));
    return h;
}

/* What a grant does in its write job. */
struct issue {
    struct mrl_write write;
    struct fixture *f;
    const struct mrl_hardware *h;
    const struct mrl_credential_new *credential;
    const struct mrl_hardware_proof *proof;
    struct mrl_registry_update *update;
    bool held;
};

static mrl_err run_issue(struct mrl_tx *tx, struct mrl_write *w)
{
    struct issue *i = MRL_CONTAINER(w, struct issue, write);
    const struct mrl_credential_new *c = i->credential;

    MRL_TRY(mrl_registry_credential_add(tx, c, w->why));
    MRL_TRY(mrl_device_activate_tx(tx, &admin, c->id, w->why));
    MRL_TRY(mrl_hardware_record_tx(i->h, tx, &admin, c, i->proof, &i->held, w->why));
    MRL_TRY(mrl_registry_stage(tx, c->kind, c->id, &i->update));
    if (i->held)
        mrl_registry_update_hardware(i->update, &c->fingerprint);
    return MRL_OK;
}

static void publish_issue(struct mrl_write *w)
{
    const struct issue *i = MRL_CONTAINER(w, struct issue, write);

    mrl_registry_publish(i->f->registry, i->update);
}

static mrl_err issue(struct fixture *f, const struct mrl_hardware *h,
                     const struct mrl_credential_new *c, const struct mrl_hardware_proof *proof)
{
    struct issue i = {.write = {.run = run_issue, .committed = publish_issue},
                      .f = f,
                      .h = h,
                      .credential = c,
                      .proof = proof};
    mrl_err err = mrl_store_write(f->store, &i.write);

    mrl_registry_update_free(i.update);
    return err;
}

static bool is_held(struct fixture *f, const struct mrl_fingerprint *fp)
{
    return mrl_hardware_is_held(f->registry, fp);
}

static void a_proof_stays_with_the_certificate(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one);
    struct mrl_hardware *h = hardware(f, NULL);
    struct fake_cert with, without;

    fake_cert(&with, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&without, MRL_PRINCIPAL_DEVICE, "d1", 2);
    assert_ok(issue(f, h, &with.it, &proof));
    assert_ok(issue(f, h, &without.it, NULL));
    assert_true(is_held(f, &with.it.fingerprint));
    assert_false(is_held(f, &without.it.fingerprint));
    assert_ok(change(f, "d1", MRL_DEVICE_SUSPEND)); /* its rows are read again */
    assert_true(is_held(f, &with.it.fingerprint));
    mrl_hardware_free(h);
}

static void it_is_there_again_after_a_start(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one);
    struct mrl_hardware *h = hardware(f, NULL);
    struct fake_cert c;

    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(issue(f, h, &c.it, &proof));
    mrl_hardware_free(h);
    registry_stop(f);
    registry_start(f);
    assert_false(is_held(f, &c.it.fingerprint));
    h = hardware(f, NULL);
    assert_true(is_held(f, &c.it.fingerprint));
    mrl_hardware_free(h);
}

static void a_further_certificate_for_the_key_has_it_too(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one);
    struct mrl_hardware *h = hardware(f, NULL);
    struct fake_cert first, second;

    fake_cert(&first, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&second, MRL_PRINCIPAL_DEVICE, "d1", 2);
    second.it.spki = first.it.spki;
    assert_ok(issue(f, h, &first.it, &proof));
    assert_ok(issue(f, h, &second.it, NULL));
    assert_true(is_held(f, &second.it.fingerprint));
    mrl_hardware_free(h);
}

static void nothing_comes_from_a_revoked_certificate(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one);
    struct mrl_hardware *h = hardware(f, NULL);
    struct fake_cert first, second;

    fake_cert(&first, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&second, MRL_PRINCIPAL_DEVICE, "d1", 2);
    second.it.spki = first.it.spki;
    assert_ok(issue(f, h, &first.it, &proof));
    assert_ok(
        mrl_credential_revoke(f->registry, &admin, &first.it.fingerprint, MRL_LIT("lost"), NULL));
    assert_ok(issue(f, h, &second.it, NULL));
    assert_false(is_held(f, &second.it.fingerprint));
    mrl_hardware_free(h);
}

static void a_tpm_is_that_of_one_device_until_it_is_lifted(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one), other = proof_of(ek_two);
    struct mrl_hardware *h = hardware(f, NULL);
    struct fake_cert mine, stolen, own;
    uint64_t lifted;

    fake_cert(&mine, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&stolen, MRL_PRINCIPAL_DEVICE, "d2", 1);
    fake_cert(&own, MRL_PRINCIPAL_DEVICE, "d2", 2);
    assert_ok(issue(f, h, &mine.it, &proof));
    assert_int_equal(issue(f, h, &stolen.it, &proof), MRL_ERR_EXISTS);
    assert_ok(issue(f, h, &own.it, &other));
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(issue(f, h, &stolen.it, &proof), MRL_ERR_EXISTS);
    assert_int_equal(mrl_hardware_lift(h, &admin, MRL_LIT("d1"), MRL_BYTES_NONE, &lifted, NULL),
                     MRL_ERR_INVALID);
    assert_ok(mrl_hardware_lift(h, &admin, MRL_LIT("d1"), MRL_LIT("sold"), &lifted, NULL));
    assert_int_equal(lifted, 1);
    assert_int_equal(mrl_hardware_lift(h, &admin, MRL_LIT("d1"), MRL_LIT("sold"), &lifted, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_ok(issue(f, h, &stolen.it, &proof));
    mrl_hardware_free(h);
}

static void a_group_can_demand_it(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one);
    struct mrl_hardware *h = hardware(f, "vault");
    struct fake_cert c;

    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "v1", 1);
    assert_int_equal(issue(f, h, &c.it, NULL), MRL_ERR_DENIED);
    assert_ok(issue(f, h, &c.it, &proof));
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(issue(f, h, &c.it, NULL));
    mrl_hardware_free(h);
    h = hardware(f, "*");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d2", 1);
    assert_int_equal(issue(f, h, &c.it, NULL), MRL_ERR_DENIED);
    mrl_hardware_free(h);
}

static void a_wrong_group_is_told(void **state)
{
    struct fixture *f = *state;
    const mrl_bytes groups[] = {MRL_LIT_INIT("a/b")};
    struct mrl_hardware *h = NULL;
    struct mrl_why why = {""};

    assert_int_equal(mrl_hardware_open(f->store, f->registry, groups, 1, &h, &why),
                     MRL_ERR_INVALID);
    assert_true(why.text[0] != '\0');
}

static void count(void *context, const struct mrl_hardware_info *info)
{
    const struct mrl_hardware_proof expected = proof_of(ek_one);

    ++*(size_t *)context;
    assert_bytes_equal(info->proof.ek, expected.ek);
    assert_bytes_equal(info->proof.ak, expected.ak);
    assert_bytes_equal(info->proof.model, expected.model);
}

static void the_proofs_of_a_device_are_listed(void **state)
{
    struct fixture *f = *state;
    const struct mrl_hardware_proof proof = proof_of(ek_one);
    struct mrl_hardware *h = hardware(f, NULL);
    struct fake_cert c;
    size_t n = 0;

    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(issue(f, h, &c.it, &proof));
    assert_ok(mrl_hardware_list(h, MRL_LIT("d1"), count, &n));
    assert_int_equal(n, 1);
    assert_ok(mrl_hardware_list(h, MRL_LIT("d2"), count, &n));
    assert_int_equal(n, 1);
    mrl_hardware_free(h);
}

#define WITH_HARDWARE(test) cmocka_unit_test_setup_teardown(test, set_up_hardware, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HARDWARE(a_proof_stays_with_the_certificate),
        WITH_HARDWARE(it_is_there_again_after_a_start),
        WITH_HARDWARE(a_further_certificate_for_the_key_has_it_too),
        WITH_HARDWARE(nothing_comes_from_a_revoked_certificate),
        WITH_HARDWARE(a_tpm_is_that_of_one_device_until_it_is_lifted),
        WITH_HARDWARE(a_group_can_demand_it),
        WITH_HARDWARE(a_wrong_group_is_told),
        WITH_HARDWARE(the_proofs_of_a_device_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
