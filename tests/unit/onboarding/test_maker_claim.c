/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/maker_claim.h"

#include <string.h>

#include "tests/unit/onboarding/fixture.h"

static const struct mrl_actor someone = {.kind = MRL_ACTOR_DEVICE, .id = MRL_LIT_INIT("d")};

static struct mrl_maker_rule rule_of(const char *name, enum mrl_maker_approve approve)
{
    struct mrl_maker_rule rule = {.approve = approve, .rate = 60};

    assert_true(mrl_name_set(&rule.name, mrl_str(name)));
    return rule;
}

struct job {
    struct mrl_write write;
    const struct mrl_maker_claim *claim;
    bool waits;
};

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct job *j = MRL_CONTAINER(w, struct job, write);

    return mrl_maker_claim_tx(tx, j->claim, mrl_wall_s(), &j->waits, NULL);
}

/* The key is the text itself: here nobody parses it. */
static mrl_err claim(struct making *m, const struct mrl_maker_rule *rule, const char *device,
                     const char *key, bool *waits)
{
    struct mrl_cert_facts facts = {.spki = mrl_str(key)};
    const struct mrl_maker_claim c = {.maker = rule,
                                      .device = mrl_str(device),
                                      .certificate = &facts,
                                      .actor = &someone,
                                      .door = MRL_LIT("est")};
    struct job j = {.write = {.run = run}, .claim = &c};
    mrl_err err;

    assert_ok(mrl_fingerprint_of(facts.spki, &facts.fingerprint));
    err = mrl_store_write(m->f->store, &j.write);
    if (waits != NULL)
        *waits = j.waits;
    return err;
}

static void register_acme(struct making *m, uint64_t devices)
{
    struct mrl_maker_new maker = new_maker(m, "acme");

    maker.devices = devices;
    assert_ok(add_maker(m, &maker));
}

static void a_key_is_one_devices_for_ever(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule acme = rule_of("acme", MRL_MAKER_APPROVE_ALL),
                          again = rule_of("again", MRL_MAKER_APPROVE_ALL);

    register_acme(m, 0);
    assert_ok(claim(m, &acme, "d1", "key 1", NULL));
    assert_ok(claim(m, &acme, "d1", "key 1", NULL));
    assert_int_equal(claim(m, &acme, "d2", "key 1", NULL), MRL_ERR_EXISTS);
    assert_int_equal(claim(m, &acme, "d1", "key 2", NULL), MRL_ERR_EXISTS);
    assert_int_equal(claim(m, &again, "d1", "key 1", NULL), MRL_ERR_DENIED);
    assert_ok(mrl_maker_remove(m->makers, &admin, MRL_LIT("acme"), NULL));
    assert_int_equal(claim(m, &again, "d1", "key 2", NULL), MRL_ERR_EXISTS);
    assert_int_equal(claim(m, &acme, "d3", "key 3", NULL), MRL_ERR_DENIED); /* it was removed */
}

static void a_device_made_otherwise_is_out_of_reach(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule all = rule_of("acme", MRL_MAKER_APPROVE_ALL),
                          manual = rule_of("acme", MRL_MAKER_APPROVE_MANUAL);

    register_acme(m, 0);
    add(m->f, "d1", "");
    assert_int_equal(claim(m, &all, "d1", "key 1", NULL), MRL_ERR_EXISTS);
    assert_int_equal(claim(m, &manual, "d1", "key 1", NULL), MRL_ERR_EXISTS);
}

static void the_list_is_for_devices_that_never_had_a_certificate(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule listed = rule_of("acme", MRL_MAKER_APPROVE_LISTED);
    struct fake_cert cert;

    register_acme(m, 0);
    assert_int_equal(claim(m, &listed, "d1", "key 1", NULL), MRL_ERR_DENIED);
    add(m->f, "d1", "");
    assert_ok(claim(m, &listed, "d1", "key 1", NULL));
    add(m->f, "d2", "");
    fake_cert(&cert, MRL_PRINCIPAL_DEVICE, "d2", 1);
    assert_ok(enrol(m->f, &cert.it));
    assert_int_equal(claim(m, &listed, "d2", "key 2", NULL), MRL_ERR_EXISTS);
    assert_ok(change(m->f, "d2", MRL_DEVICE_REVOKE)); /* expected again */
    assert_int_equal(claim(m, &listed, "d2", "key 2", NULL), MRL_ERR_EXISTS);
}

static void a_maker_has_so_many_devices_and_not_one_more(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule acme = rule_of("acme", MRL_MAKER_APPROVE_ALL);

    register_acme(m, 2);
    acme.devices = 2;
    assert_ok(claim(m, &acme, "d1", "key 1", NULL));
    assert_ok(claim(m, &acme, "d2", "key 2", NULL));
    assert_int_equal(claim(m, &acme, "d3", "key 3", NULL), MRL_ERR_LIMIT);
    assert_ok(claim(m, &acme, "d1", "key 1", NULL)); /* a known one needs no room */
}

static void a_device_that_waits_is_expected(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule manual = rule_of("acme", MRL_MAKER_APPROVE_MANUAL);
    bool waits;

    register_acme(m, 0);
    assert_ok(claim(m, &manual, "d1", "key 1", &waits));
    assert_true(waits);
    assert_ok(claim(m, &manual, "d1", "key 1", &waits));
    assert_true(waits);
}

static void who_was_revoked_waits_whatever_the_rule_says(void **state)
{
    struct making *m = *state;
    struct mrl_maker_rule all = rule_of("acme", MRL_MAKER_APPROVE_ALL);
    bool waits;

    register_acme(m, 0);
    assert_ok(claim(m, &all, "d1", "key 1", &waits));
    assert_false(waits);
    assert_ok(change(m->f, "d1", MRL_DEVICE_REVOKE));
    assert_ok(claim(m, &all, "d1", "key 1", &waits));
    assert_true(waits);
    assert_ok(change(m->f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(claim(m, &all, "d1", "key 1", &waits), MRL_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAKERS(a_key_is_one_devices_for_ever),
        WITH_MAKERS(a_device_made_otherwise_is_out_of_reach),
        WITH_MAKERS(the_list_is_for_devices_that_never_had_a_certificate),
        WITH_MAKERS(a_maker_has_so_many_devices_and_not_one_more),
        WITH_MAKERS(a_device_that_waits_is_expected),
        WITH_MAKERS(who_was_revoked_waits_whatever_the_rule_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
