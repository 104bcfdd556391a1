/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/wiping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "device/agent/eventlog.h"
#include "tests/unit/device/identity.h"
#include "tests/unit/device/power_cut.h"
#include "tests/unit/unit.h"

struct device {
    char dir[32];
    struct mrl_home home;
    struct mrl_device_order order;
};

static void make(struct device *d, const struct mrl_disk *disk)
{
    static const char *const names[] = {MRL_HOME_SETTINGS,   MRL_HOME_ROOT,     MRL_HOME_CA,
                                        MRL_HOME_BUNDLE,     MRL_HOME_RENEWAL,  MRL_HOME_NEXT,
                                        MRL_HOME_NEXT_KEY,   MRL_EVENTLOG_FILE, MRL_EVENTLOG_OLD,
                                        MRL_EVENTLOG_BROKEN, "identity.pem.tmp"};
    MRL_SCOPED(mrl_buf) spki = {0};

    memset(d, 0, sizeof(*d));
    (void)snprintf(d->dir, sizeof(d->dir), "/tmp/merlon-wiping-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    d->home.dir = d->dir;
    d->home.disk = &mrl_disk_system;
    memcpy(d->home.settings.device, "pump-7", sizeof("pump-7"));
    make_identity(MRL_KEY_P256, "pump-7", &d->home.identity);
    assert_ok(mrl_home_save_identity(&d->home, MRL_HOME_IDENTITY, &d->home.identity, NULL));
    for (size_t i = 0; i < MRL_COUNT(names); i++)
        assert_ok(mrl_disk_replace(&mrl_disk_system, d->dir, names[i], MRL_LIT("secret"), NULL));
    mrl_home_look_at_clock(&d->home);
    d->home.disk = disk;
    d->order = (struct mrl_device_order){.number = "abababababababababababababababab",
                                         .device = "pump-7",
                                         .expires_s = mrl_wall_s() + 100};
    d->order.certificate = mrl_cert_facts(d->home.identity.cert)->fingerprint;
    assert_ok(mrl_key_to_spki(d->home.identity.key, &spki));
    assert_ok(mrl_sha256(mrl_buf_bytes(&spki), d->order.key));
}

static void unmake(struct device *d)
{
    mrl_home_done(&d->home);
    remove_folder(d->dir);
}

static mrl_err take(struct mrl_wiping *w, const struct device *d)
{
    MRL_SCOPED(mrl_buf) text = {0};

    assert_ok(mrl_device_order_write(&d->order, &text));
    return mrl_wiping_take(w, mrl_buf_bytes(&text), &d->home.identity, NULL);
}

static unsigned files_in(const char *dir)
{
    DIR *folder = opendir(dir);
    const struct dirent *e;
    unsigned n = 0;

    assert_non_null(folder);
    while ((e = readdir(folder)) != NULL)
        n += e->d_name[0] != '.';
    assert_int_equal(closedir(folder), 0);
    return n;
}

static bool has(const char *dir, const char *name)
{
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return stat(path, &st) == 0;
}

/* Cut at every step: without the marker nothing happened, with it the next run knows. */
static void no_receipt_is_there_before_the_order_is_on_the_disk(void **state)
{
    bool done = false;

    (void)state;
    for (unsigned steps = 0; !done; steps++) {
        struct power_cut cut;
        struct mrl_disk disk = power_cut_disk(&cut, steps);
        struct mrl_wiping w, again;
        struct device d;

        make(&d, &disk);
        mrl_wiping_init(&w, &d.home);
        assert_false(w.taken);
        done = take(&w, &d) == MRL_OK;
        assert_int_equal(w.taken, done);
        assert_int_equal(w.again, !done);
        assert_int_equal(w.receipt.len > 0, done);
        mrl_wiping_init(&again, &d.home);
        assert_true(again.taken || !done);
        assert_true(!again.taken || strcmp(again.order.number, d.order.number) == 0);
        assert_true(has(d.dir, MRL_HOME_IDENTITY));
        assert_int_equal(mrl_wiping_finish(&mrl_disk_system, d.dir, &w.order, NULL),
                         MRL_ERR_NOT_FOUND);
        mrl_wiping_done(&w);
        unmake(&d);
    }
}

static void cut_anywhere_the_end_goes_on_and_nothing_is_left(void **state)
{
    bool done = false;
    unsigned steps = 0;

    (void)state;
    for (; !done; steps++) {
        struct power_cut cut;
        struct mrl_disk disk = power_cut_disk(&cut, steps);
        struct mrl_device_order order;
        struct mrl_wiping w;
        struct device d;

        make(&d, &mrl_disk_system);
        mrl_wiping_init(&w, &d.home);
        assert_ok(take(&w, &d));
        d.home.disk = &disk;
        done = mrl_wiping_end(&w, NULL) == MRL_OK &&
               mrl_wiping_finish(&disk, d.dir, &order, NULL) == MRL_OK;
        if (has(d.dir, "wipe.json")) { /* not even begun */
            assert_true(steps == 0 && has(d.dir, MRL_HOME_IDENTITY));
            d.home.disk = &mrl_disk_system;
            assert_ok(mrl_wiping_end(&w, NULL));
        }
        assert_ok(mrl_wiping_finish(&mrl_disk_system, d.dir, &order, NULL));
        assert_string_equal(order.number, d.order.number);
        assert_int_equal(files_in(d.dir), 1);
        assert_true(has(d.dir, "wiped.json"));
        mrl_wiping_done(&w);
        unmake(&d);
    }
    assert_true(steps > 36); /* three for each of a dozen files */
}

static void a_file_that_was_linked_elsewhere_is_overwritten(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_device_order order;
    struct mrl_wiping w;
    struct device d;
    char from[128], to[128];

    (void)state;
    make(&d, &mrl_disk_system);
    (void)snprintf(from, sizeof(from), "%s/%s", d.dir, MRL_HOME_IDENTITY);
    (void)snprintf(to, sizeof(to), "%s/kept", d.dir);
    assert_int_equal(link(from, to), 0);
    mrl_wiping_init(&w, &d.home);
    assert_ok(take(&w, &d));
    assert_ok(mrl_wiping_end(&w, NULL));
    assert_ok(mrl_wiping_finish(&mrl_disk_system, d.dir, &order, NULL));
    assert_ok(mrl_disk_read(d.dir, "kept", &text, NULL));
    assert_true(text.len > 0);
    for (size_t i = 0; i < text.len; i++)
        assert_int_equal(text.data[i], 0);
    mrl_wiping_done(&w);
    unmake(&d);
}

static void it_is_due_when_answered_or_refused_often_enough_or_too_late(void **state)
{
    struct mrl_wiping w;
    struct device d;

    (void)state;
    make(&d, &mrl_disk_system);
    mrl_wiping_init(&w, &d.home);
    for (unsigned i = 0; i <= MRL_WIPING_REFUSALS_MOST; i++) /* without an order: never */
        mrl_wiping_disconnected(&w, /*by_server=*/true);
    assert_false(mrl_wiping_is_due(&w));
    mrl_wiping_connected(&w);
    assert_ok(take(&w, &d));
    assert_false(mrl_wiping_is_due(&w));

    for (unsigned i = 1; i < MRL_WIPING_REFUSALS_MOST; i++) {
        mrl_wiping_disconnected(&w, /*by_server=*/true);
        mrl_wiping_disconnected(&w, /*by_server=*/false);
    }
    assert_false(mrl_wiping_is_due(&w));
    mrl_wiping_disconnected(&w, /*by_server=*/true);
    assert_true(mrl_wiping_is_due(&w));
    mrl_wiping_connected(&w);
    assert_false(mrl_wiping_is_due(&w));

    d.home.clock.ahead_ms = 98 * 1000; /* a second is for the test to be slow */
    assert_false(mrl_wiping_is_due(&w));
    d.home.clock.ahead_ms = 100 * 1000;
    assert_true(mrl_wiping_is_due(&w));
    d.home.clock.known = false;
    assert_false(mrl_wiping_is_due(&w));
    mrl_wiping_done(&w);
    unmake(&d);
}

static void only_an_acknowledgement_of_the_receipt_below_0x80_is_an_answer(void **state)
{
    static const struct {
        uint16_t packet;
        uint8_t reason;
        bool ours, answered;
    } rows[] = {{7, 0x00, true, true},  {7, 0x10, true, true},  {7, 0x80, true, false},
                {7, 0x83, true, false}, {7, 0x87, true, false}, {8, 0x00, false, false}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_wiping w;
        struct device d;

        make(&d, &mrl_disk_system);
        mrl_wiping_init(&w, &d.home);
        assert_ok(take(&w, &d));
        w.packet = 7;
        assert_int_equal(mrl_wiping_acknowledge(&w, rows[i].packet, rows[i].reason), rows[i].ours);
        assert_int_equal(mrl_wiping_is_due(&w), rows[i].answered);
        assert_int_equal(w.again, rows[i].ours && !rows[i].answered);
        mrl_wiping_done(&w);
        unmake(&d);
    }
}

/* Our clock is ahead: who gave the order knows that it is open. */
static void an_order_that_seems_to_be_over_is_taken_and_waits_for_its_answer(void **state)
{
    struct mrl_wiping w;
    struct device d;

    (void)state;
    make(&d, &mrl_disk_system);
    d.order.expires_s = mrl_wall_s();
    mrl_wiping_init(&w, &d.home);
    assert_ok(take(&w, &d));
    assert_false(mrl_wiping_is_due(&w));
    mrl_wiping_done(&w);
    mrl_wiping_init(&w, &d.home); /* nor is it over for the next run */
    assert_true(w.taken);
    assert_false(mrl_wiping_is_due(&w));
    mrl_wiping_done(&w);
    unmake(&d);
}

static void another_identity_has_room_after_the_end_only(void **state)
{
    struct mrl_device_order order;
    struct mrl_wiping w;
    struct device d;

    (void)state;
    make(&d, &mrl_disk_system);
    assert_ok(mrl_wiping_make_room(&mrl_disk_system, d.dir, NULL));
    assert_true(has(d.dir, MRL_HOME_IDENTITY));
    mrl_wiping_init(&w, &d.home);
    assert_ok(take(&w, &d));
    assert_int_equal(mrl_wiping_make_room(&mrl_disk_system, d.dir, NULL), MRL_ERR_EXISTS);
    assert_ok(mrl_wiping_end(&w, NULL));
    assert_ok(mrl_wiping_make_room(&mrl_disk_system, d.dir, NULL));
    assert_int_equal(files_in(d.dir), 0);
    assert_int_equal(mrl_wiping_finish(&mrl_disk_system, d.dir, &order, NULL), MRL_ERR_NOT_FOUND);
    mrl_wiping_done(&w);
    unmake(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_receipt_is_there_before_the_order_is_on_the_disk),
        cmocka_unit_test(cut_anywhere_the_end_goes_on_and_nothing_is_left),
        cmocka_unit_test(a_file_that_was_linked_elsewhere_is_overwritten),
        cmocka_unit_test(it_is_due_when_answered_or_refused_often_enough_or_too_late),
        cmocka_unit_test(only_an_acknowledgement_of_the_receipt_below_0x80_is_an_answer),
        cmocka_unit_test(an_order_that_seems_to_be_over_is_taken_and_waits_for_its_answer),
        cmocka_unit_test(another_identity_has_room_after_the_end_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
