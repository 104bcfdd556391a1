/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/credential.h"

#include "base/clock.h"
#include "tests/unit/devices/fixture.h"

static void a_certificate_is_judged_at_both_ends_of_its_time(void **state)
{
    static const struct {
        int64_t now;
        enum mrl_judgement expected;
    } rows[] = {
        {INT64_MIN, MRL_JUDGED_NOT_YET_VALID}, {999, MRL_JUDGED_NOT_YET_VALID},
        {1000, MRL_JUDGED_ACCEPTED},           {1001, MRL_JUDGED_ACCEPTED},
        {2000, MRL_JUDGED_ACCEPTED},           {2001, MRL_JUDGED_EXPIRED},
        {INT64_MAX, MRL_JUDGED_EXPIRED},
    };
    struct fixture *f = *state;
    struct fake_cert c;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_UNKNOWN);
    assert_ok(enrol(f, &c.it));
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        assert_int_equal(judged(f, &c.it.fingerprint, rows[i].now), rows[i].expected);
}

static enum mrl_judgement renewal(struct fixture *f, const struct mrl_fingerprint *fp, int64_t now,
                                  int64_t grace)
{
    enum mrl_judgement j;

    mrl_rcu_read_begin();
    j = mrl_registry_judge_renewal(f->registry, fp, now, grace, NULL);
    mrl_rcu_read_end();
    return j;
}

static void a_renewal_has_its_grace_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct fake_cert c;

    mrl_rcu_register();
    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_int_equal(renewal(f, &c.it.fingerprint, 2010, 10), MRL_JUDGED_ACCEPTED);
    assert_int_equal(renewal(f, &c.it.fingerprint, 2011, 10), MRL_JUDGED_EXPIRED);
    assert_int_equal(renewal(f, &c.it.fingerprint, 999, 10), MRL_JUDGED_NOT_YET_VALID);
    assert_int_equal(renewal(f, &c.it.fingerprint, 2001, 0), MRL_JUDGED_EXPIRED);
    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    assert_int_equal(renewal(f, &c.it.fingerprint, 1500, 10), MRL_JUDGED_REVOKED);
}

static void the_door_decides_which_kinds_come_in(void **state)
{
    struct fixture *f = *state;
    const struct mrl_principal *p;
    struct fake_cert c;

    mrl_rcu_register();
    assert_ok(mrl_account_add(f->registry, &admin, MRL_PRINCIPAL_OPERATOR, MRL_LIT("ann"),
                              MRL_OPERATOR_VIEWER, MRL_BYTES_NONE, NULL));
    fake_cert(&c, MRL_PRINCIPAL_OPERATOR, "ann", 1);
    assert_ok(enrol(f, &c.it));
    mrl_rcu_read_begin();
    assert_int_equal(mrl_registry_judge(f->registry, &c.it.fingerprint, 1500,
                                        MRL_KIND_BIT(MRL_PRINCIPAL_DEVICE), &p),
                     MRL_JUDGED_WRONG_KIND);
    assert_non_null(p);
    assert_int_equal(mrl_registry_judge(f->registry, &c.it.fingerprint, 1500, 0, NULL),
                     MRL_JUDGED_WRONG_KIND);
    assert_int_equal(mrl_registry_judge(f->registry, &c.it.fingerprint, 1500,
                                        MRL_KIND_BIT(MRL_PRINCIPAL_OPERATOR), &p),
                     MRL_JUDGED_ACCEPTED);
    assert_int_equal(p->operator_roles, MRL_OPERATOR_VIEWER);
    mrl_rcu_read_end();
    assert_int_equal(renewal(f, &c.it.fingerprint, 1500, 10), MRL_JUDGED_WRONG_KIND);
}

static void every_state_has_its_judgement(void **state)
{
    static const struct {
        enum mrl_device_action action;
        enum mrl_judgement expected;
    } steps[] = {
        {MRL_DEVICE_QUARANTINE, MRL_JUDGED_ACCEPTED}, {MRL_DEVICE_SUSPEND, MRL_JUDGED_SUSPENDED},
        {MRL_DEVICE_RESUME, MRL_JUDGED_ACCEPTED},     {MRL_DEVICE_REVOKE, MRL_JUDGED_REVOKED},
        {MRL_DEVICE_RETIRE, MRL_JUDGED_RETIRED},
    };
    struct fixture *f = *state;
    struct fake_cert c;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    for (size_t i = 0; i < MRL_COUNT(steps); i++) {
        assert_ok(change(f, "d1", steps[i].action));
        assert_int_equal(judged(f, &c.it.fingerprint, 1500), steps[i].expected);
    }
}

static void revoking_one_certificate_leaves_the_others(void **state)
{
    struct fixture *f = *state;
    struct fake_cert one, two;
    struct mrl_fingerprint none = {{0}};

    add(f, "d1", "");
    fake_cert(&one, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&two, MRL_PRINCIPAL_DEVICE, "d1", 2);
    assert_ok(enrol(f, &one.it));
    assert_ok(enrol(f, &two.it));
    assert_ok(
        mrl_credential_revoke(f->registry, &admin, &one.it.fingerprint, MRL_LIT("lost"), NULL));
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(judged(f, &two.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_ACTIVE);
    assert_int_equal(
        mrl_credential_revoke(f->registry, &admin, &one.it.fingerprint, MRL_BYTES_NONE, NULL),
        MRL_ERR_STATE);
    assert_int_equal(mrl_credential_revoke(f->registry, &admin, &none, MRL_BYTES_NONE, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(audited(f->store, "device.revoked", "\"reason\":\"lost\""), 1);
}

static void a_newer_certificate_supersedes_the_older_ones(void **state)
{
    struct fixture *f = *state;
    struct fake_cert one, two, other;
    struct mrl_fingerprint none = {{0}};

    add(f, "d1", "");
    add(f, "d2", "");
    fake_cert(&one, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&two, MRL_PRINCIPAL_DEVICE, "d1", 2);
    fake_cert(&other, MRL_PRINCIPAL_DEVICE, "d2", 1);
    assert_ok(enrol(f, &one.it));
    assert_ok(enrol(f, &other.it));
    assert_ok(mrl_credential_supersede(f->registry, &admin, &one.it.fingerprint, NULL));
    assert_int_equal(audited(f->store, "device.changed", NULL), 0);
    assert_ok(enrol(f, &two.it));
    assert_ok(mrl_credential_supersede(f->registry, &admin, &two.it.fingerprint, NULL));
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_SUPERSEDED);
    assert_int_equal(judged(f, &two.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(judged(f, &other.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(audited(f->store, "device.changed", "\"superseded\":1"), 1);
    assert_int_equal(mrl_credential_supersede(f->registry, &admin, &one.it.fingerprint, NULL),
                     MRL_ERR_STATE);
    assert_int_equal(mrl_credential_supersede(f->registry, &admin, &none, NULL), MRL_ERR_NOT_FOUND);
    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
}

/* What was submitted before is done when this returns. */
static void settle(struct fixture *f)
{
    assert_ok(store_exec(f->store, "UPDATE devices SET grp = grp", MRL_NO_ARGS));
}

static bool seen(struct fixture *f, const struct mrl_fingerprint *fingerprint)
{
    const struct mrl_credential *credential;
    const struct mrl_principal *principal;
    bool was;

    mrl_rcu_read_begin();
    assert_true(mrl_snapshot_credential(f->registry, fingerprint, &credential, &principal));
    was = credential->seen;
    mrl_rcu_read_end();
    return was;
}

static void the_first_use_of_a_certificate_supersedes_the_older_ones(void **state)
{
    struct fixture *f = *state;
    struct fake_cert one, two;

    add(f, "d1", "");
    fake_cert(&one, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&two, MRL_PRINCIPAL_DEVICE, "d1", 2);
    assert_ok(enrol(f, &one.it));
    mrl_credential_seen(f->registry, &one.it.fingerprint);
    settle(f);
    assert_true(seen(f, &one.it.fingerprint));
    assert_ok(enrol(f, &two.it));
    mrl_credential_seen(f->registry, &one.it.fingerprint); /* no first use any more */
    settle(f);
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_false(seen(f, &two.it.fingerprint));
    mrl_credential_seen(f->registry, &two.it.fingerprint);
    mrl_credential_seen(f->registry, &two.it.fingerprint);
    settle(f);
    assert_true(seen(f, &two.it.fingerprint));
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_SUPERSEDED);
    assert_int_equal(judged(f, &two.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(audited(f->store, "device.changed", "\"superseded\":1"), 1);
    registry_stop(f);
    registry_start(f);
    assert_true(seen(f, &two.it.fingerprint));
}

static void certificates_of_an_application_stand_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct fake_cert one, two;

    assert_ok(mrl_account_add(f->registry, &admin, MRL_PRINCIPAL_APPLICATION, MRL_LIT("a1"), 0,
                              MRL_BYTES_NONE, NULL));
    fake_cert(&one, MRL_PRINCIPAL_APPLICATION, "a1", 1);
    fake_cert(&two, MRL_PRINCIPAL_APPLICATION, "a1", 2);
    assert_ok(enrol(f, &one.it));
    assert_ok(enrol(f, &two.it));
    mrl_credential_seen(f->registry, &two.it.fingerprint);
    settle(f);
    assert_true(seen(f, &two.it.fingerprint));
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
}

static void an_old_certificate_does_not_supersede_a_newer_one(void **state)
{
    struct fixture *f = *state;
    struct fake_cert one, two;

    add(f, "d1", "");
    fake_cert(&one, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&two, MRL_PRINCIPAL_DEVICE, "d1", 2);
    assert_ok(enrol(f, &one.it));
    assert_ok(enrol(f, &two.it));
    assert_ok(store_exec(f->store,
                         "UPDATE credentials SET created = created + 5000 "
                         "WHERE fingerprint = $1",
                         MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&two.it.fingerprint)))));
    assert_ok(mrl_credential_supersede(f->registry, &admin, &one.it.fingerprint, NULL));
    assert_int_equal(judged(f, &two.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
}

static void a_certificate_that_cannot_be_is_refused(void **state)
{
    static uint8_t der[MRL_CREDENTIAL_DER_MAX + 1];
    struct fixture *f = *state;
    struct fake_cert c;
    struct mrl_credential_new bad;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    bad = c.it, bad.serial.len = 0;
    assert_int_equal(enrol(f, &bad), MRL_ERR_INVALID);
    bad = c.it, bad.serial = mrl_bytes_of(der, MRL_SERIAL_MAX + 1);
    assert_int_equal(enrol(f, &bad), MRL_ERR_INVALID);
    bad = c.it, bad.not_before = 2001;
    assert_int_equal(enrol(f, &bad), MRL_ERR_INVALID);
    bad = c.it, bad.fingerprint.bytes[31] ^= 1;
    assert_int_equal(enrol(f, &bad), MRL_ERR_INVALID);
    bad = c.it, bad.der.len = 0;
    assert_int_equal(enrol(f, &bad), MRL_ERR_INVALID);
    bad = c.it, bad.der = mrl_bytes_of(der, sizeof(der));
    assert_ok(mrl_fingerprint_of(bad.der, &bad.fingerprint));
    assert_int_equal(enrol(f, &bad), MRL_ERR_INVALID);
    bad.der.len--;
    bad.serial = mrl_bytes_of(der, MRL_SERIAL_MAX);
    assert_ok(mrl_fingerprint_of(bad.der, &bad.fingerprint));
    assert_ok(enrol(f, &bad));
    bad = c.it, bad.id = MRL_LIT("nobody");
    assert_int_equal(enrol(f, &bad), MRL_ERR_NOT_FOUND);
    bad = c.it, bad.kind = MRL_PRINCIPAL_APPLICATION;
    assert_int_equal(enrol(f, &bad), MRL_ERR_NOT_FOUND);
    bad = c.it, bad.kind = (enum mrl_principal_kind)7;
    assert_int_equal(enrol(f, &bad), MRL_ERR_NOT_FOUND);
    assert_ok(enrol(f, &c.it));
    assert_int_equal(enrol(f, &c.it), MRL_ERR_EXISTS);
}

static void a_certificate_of_one_never_becomes_that_of_another(void **state)
{
    struct fixture *f = *state;
    struct mrl_credential_new stolen;
    struct mrl_why why = {{0}};
    struct fake_cert c;

    add(f, "d1", "");
    add(f, "d2", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    stolen = c.it;
    stolen.id = MRL_LIT("d2");
    stolen.spki = MRL_LIT("another key");
    assert_int_equal(enrol_why(f, &stolen, &why), MRL_ERR_EXISTS);
    assert_string_equal(why.text, "this certificate is known already");
    assert_int_equal(state_of(f, "d2"), MRL_DEVICE_EXPECTED);
}

static void a_key_is_that_of_one_principal_for_ever(void **state)
{
    struct fixture *f = *state;
    struct fake_cert one, renewed, other;
    struct mrl_why why = {{0}};

    add(f, "d1", "");
    add(f, "d2", "");
    fake_cert(&one, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&renewed, MRL_PRINCIPAL_DEVICE, "d1", 2);
    fake_cert(&other, MRL_PRINCIPAL_DEVICE, "d2", 1);
    other.it.spki = renewed.it.spki = one.it.spki;
    assert_ok(enrol(f, &one.it));
    assert_ok(enrol(f, &renewed.it));
    assert_int_equal(enrol_why(f, &other.it, &why), MRL_ERR_EXISTS);
    assert_string_equal(why.text, "this key is that of device d1; make a new one");
    assert_int_equal(state_of(f, "d2"), MRL_DEVICE_EXPECTED);
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(enrol(f, &other.it), MRL_ERR_EXISTS);
    other.it.spki = other.it.der;
    assert_ok(enrol(f, &other.it));
}

static void a_principal_has_at_most_16_active_certificates(void **state)
{
    struct fixture *f = *state;
    struct fake_cert c[MRL_CREDENTIALS_ACTIVE_MAX + 1];

    add(f, "d1", "");
    for (unsigned i = 0; i <= MRL_CREDENTIALS_ACTIVE_MAX; i++) {
        fake_cert(&c[i], MRL_PRINCIPAL_DEVICE, "d1", i);
        c[i].it.not_after = mrl_wall_s() + 3600;
        assert_int_equal(enrol(f, &c[i].it),
                         i < MRL_CREDENTIALS_ACTIVE_MAX ? MRL_OK : MRL_ERR_LIMIT);
    }
    assert_ok(
        mrl_credential_revoke(f->registry, &admin, &c[0].it.fingerprint, MRL_BYTES_NONE, NULL));
    assert_ok(enrol(f, &c[MRL_CREDENTIALS_ACTIVE_MAX].it));
}

static void certificates_past_their_end_take_no_room(void **state)
{
    struct fixture *f = *state;

    add(f, "d1", "");
    for (unsigned i = 0; i <= MRL_CREDENTIALS_ACTIVE_MAX; i++) {
        struct fake_cert c;

        fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", i); /* ended in 1970 */
        assert_ok(enrol(f, &c.it));
    }
}

static void who_is_off_gets_no_certificate(void **state)
{
    struct fixture *f = *state;
    struct fake_cert c;

    add(f, "d1", "");
    assert_ok(change(f, "d1", MRL_DEVICE_SUSPEND));
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_int_equal(enrol(f, &c.it), MRL_ERR_STATE);
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_UNKNOWN);
    assert_int_equal(audited(f->store, "device.activated", NULL), 0);
    assert_ok(change(f, "d1", MRL_DEVICE_RESUME));
    assert_ok(enrol(f, &c.it));
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
}

static void enrolling_again_after_revocation_makes_active_but_not_the_old_certificate(void **state)
{
    struct fixture *f = *state;
    struct fake_cert old, fresh;

    add(f, "d1", "");
    fake_cert(&old, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&fresh, MRL_PRINCIPAL_DEVICE, "d1", 2);
    assert_ok(enrol(f, &old.it));
    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    assert_ok(enrol(f, &fresh.it));
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_ACTIVE);
    assert_int_equal(judged(f, &old.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(judged(f, &fresh.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
}

struct shown {
    size_t count;
    char der[64];
    enum mrl_credential_state state;
};

static void see(void *context, const struct mrl_credential_info *c, mrl_bytes der)
{
    struct shown *s = context;

    s->count++;
    s->state = c->state;
    (void)snprintf(s->der, sizeof(s->der), "%.*s", MRL_FMT(der));
    assert_int_equal(c->serial.len, 2);
    assert_int_equal(c->not_after, 2000);
}

static void a_certificate_is_shown_with_its_bytes(void **state)
{
    struct fixture *f = *state;
    struct mrl_fingerprint none = {{0}};
    struct shown s = {0};
    struct fake_cert c;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_ok(mrl_credential_show(f->registry, &c.it.fingerprint, see, &s, NULL));
    assert_string_equal(s.der, c.text);
    assert_int_equal(s.state, MRL_CREDENTIAL_ACTIVE);
    assert_int_equal(mrl_credential_show(f->registry, &none, see, &s, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(s.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_certificate_is_judged_at_both_ends_of_its_time),
        WITH_REGISTRY(a_renewal_has_its_grace_and_no_more),
        WITH_REGISTRY(the_door_decides_which_kinds_come_in),
        WITH_REGISTRY(every_state_has_its_judgement),
        WITH_REGISTRY(revoking_one_certificate_leaves_the_others),
        WITH_REGISTRY(a_newer_certificate_supersedes_the_older_ones),
        WITH_REGISTRY(the_first_use_of_a_certificate_supersedes_the_older_ones),
        WITH_REGISTRY(certificates_of_an_application_stand_side_by_side),
        WITH_REGISTRY(an_old_certificate_does_not_supersede_a_newer_one),
        WITH_REGISTRY(a_certificate_that_cannot_be_is_refused),
        WITH_REGISTRY(a_certificate_of_one_never_becomes_that_of_another),
        WITH_REGISTRY(a_key_is_that_of_one_principal_for_ever),
        WITH_REGISTRY(a_principal_has_at_most_16_active_certificates),
        WITH_REGISTRY(certificates_past_their_end_take_no_room),
        WITH_REGISTRY(who_is_off_gets_no_certificate),
        WITH_REGISTRY(enrolling_again_after_revocation_makes_active_but_not_the_old_certificate),
        WITH_REGISTRY(a_certificate_is_shown_with_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
