/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/rollover.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/cert_build.h"
#include "issuing/generations.h"
#include "tests/unit/access/fixture.h"

struct ca {
    struct mrl_key *key;
    struct mrl_cert *cert;
};

static struct ca old_ca, new_ca;
static struct place place;
static struct mrl_store *store;

static void make_ca(mrl_bytes name, struct ca *out)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_ROOT_CA,
                                 .cn = name,
                                 .not_before = mrl_wall_s() - 60,
                                 .not_after = mrl_wall_s() + 86400};

    assert_ok(mrl_key_generate(MRL_KEY_P256, &out->key, NULL));
    mrl_serial_random(p.serial);
    assert_ok(mrl_cert_build(&p, NULL, out->key, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &out->cert));
}

static int set_up(void **state)
{
    (void)state;
    make_ca(MRL_LIT("Old"), &old_ca);
    make_ca(MRL_LIT("New"), &new_ca);
    duties_more = &mrl_ca_migrations;
    place_make(&place);
    store = duties_store(&place);
    return 0;
}

static void ca_done(struct ca *ca)
{
    mrl_cert_free(ca->cert);
    mrl_key_free(ca->key);
}

static int take_down(void **state)
{
    (void)state;
    duties_close(store);
    place_remove(&place);
    ca_done(&old_ca);
    ca_done(&new_ca);
    return 0;
}

static void add_device(const char *id)
{
    assert_ok(store_exec(store,
                         "INSERT INTO devices (id, grp, state, resume, reason, created, changed)"
                         " VALUES ($1, '', 2, 2, '', 0, 0)",
                         MRL_ARGS(MRL_TEXT(mrl_str(id)))));
}

/* der empty: a pre-shared key. */
static void add_credential(const char *id, mrl_bytes der)
{
    uint8_t fingerprint[MRL_SHA256_SIZE];
    mrl_bytes serial = mrl_bytes_of(fingerprint, der.len > 0 ? 16 : 0);

    mrl_random(fingerprint, sizeof(fingerprint));
    assert_ok(store_exec(
        store,
        "INSERT INTO credentials (fingerprint, serial, kind, principal, not_before, not_after,"
        " state, reason, created, changed, der, key) VALUES ($1, $2, $3, $4, 0, $5, $6, '', 0, 0,"
        " $7, $8)",
        MRL_ARGS(MRL_BLOB(mrl_bytes_of(fingerprint, sizeof(fingerprint))), MRL_BLOB(serial),
                 MRL_INT(MRL_PRINCIPAL_DEVICE), MRL_TEXT(mrl_str(id)), MRL_INT(mrl_wall_s() + 3600),
                 MRL_INT(MRL_CREDENTIAL_ACTIVE), MRL_BLOB(der),
                 MRL_BLOB(mrl_bytes_of(fingerprint, sizeof(fingerprint))))));
}

static void add_certificate(const char *id, const struct ca *ca)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_DEVICE,
                                 .cn = mrl_str(id),
                                 .not_before = mrl_wall_s() - 60,
                                 .not_after = mrl_wall_s() + 3600};

    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    p.spki = mrl_buf_bytes(&spki);
    mrl_serial_random(p.serial);
    assert_ok(mrl_cert_build(&p, ca->cert, ca->key, &der, NULL));
    add_credential(id, mrl_buf_bytes(&der));
}

struct seen {
    char text[256];
};

static bool see(void *context, mrl_bytes device, enum mrl_break why)
{
    struct seen *s = context;
    size_t at = strlen(s->text);

    (void)snprintf(&s->text[at], sizeof(s->text) - at, "%.*s=%s ", MRL_FMT(device),
                   mrl_break_name(why));
    return true;
}

static struct mrl_rollover_report check(bool root_goes, struct seen *seen)
{
    struct mrl_rollover plan = {.going = {old_ca.cert}, .going_count = 1, .root_goes = root_goes};
    struct mrl_rollover_report report;

    assert_ok(mrl_rollover_check(store, &plan, MRL_BYTES_NONE, see, seen, &report));
    return report;
}

static void a_device_breaks_when_all_it_has_is_of_a_ca_that_goes(void **state)
{
    struct mrl_rollover_report report;
    struct seen seen = {""};

    (void)state;
    add_device("both");
    add_device("new");
    add_device("none");
    add_device("old");
    add_certificate("both", &old_ca);
    add_certificate("both", &new_ca);
    add_certificate("new", &new_ca);
    add_certificate("old", &old_ca);
    report = check(/*root_goes=*/false, &seen);
    assert_string_equal(seen.text, "old=certificate ");
    assert_int_equal(report.devices, 3);
    assert_int_equal(report.by_reason[MRL_BREAK_NONE], 2);
}

static void a_device_with_a_pre_shared_key_has_nothing_to_roll_over(void **state)
{
    struct mrl_rollover_report report;
    struct seen seen = {""};

    (void)state;
    add_device("psk");
    add_credential("psk", MRL_BYTES_NONE);
    report = check(/*root_goes=*/true, &seen);
    assert_string_equal(seen.text, "");
    assert_int_equal(report.devices, 0);
    add_certificate("psk", &old_ca); /* and one with both is judged by its certificate */
    report = check(/*root_goes=*/false, &seen);
    assert_string_equal(seen.text, "psk=certificate ");
    assert_int_equal(report.devices, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_device_breaks_when_all_it_has_is_of_a_ca_that_goes,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(a_device_with_a_pre_shared_key_has_nothing_to_roll_over,
                                        set_up, take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
