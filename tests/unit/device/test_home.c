/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/home.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/device/identity.h"
#include "tests/unit/device/power_cut.h"
#include "tests/unit/unit.h"

static struct mrl_home home_in(const char *dir, const struct mrl_disk *disk)
{
    struct mrl_home h = {.dir = dir, .disk = disk};

    memcpy(h.settings.device, "dev-1", sizeof("dev-1"));
    return h;
}

/* The change from an old identity to a proven one, cut at every step: always one of the two. */
static void cut_renewal_leaves_a_whole_identity_and_can_go_on(void **state)
{
    struct mrl_identity old, fresh;
    bool done = false;

    (void)state;
    make_identity(MRL_KEY_P256, "dev-1", &old);
    make_identity(MRL_KEY_P256, "dev-1", &fresh);
    for (unsigned steps = 0; !done; steps++) {
        char dir[] = "/tmp/merlon-home-XXXXXX";
        struct power_cut cut;
        struct mrl_disk disk = power_cut_disk(&cut, steps);
        struct mrl_home good, h;
        struct mrl_identity found;

        assert_non_null(mkdtemp(dir));
        good = home_in(dir, &mrl_disk_system);
        h = home_in(dir, &disk);
        assert_ok(mrl_home_save_identity(&good, MRL_HOME_IDENTITY, &old, NULL));
        done = mrl_home_save_identity(&h, MRL_HOME_NEXT, &fresh, NULL) == MRL_OK &&
               mrl_disk_move(&disk, dir, MRL_HOME_NEXT, MRL_HOME_IDENTITY, NULL) == MRL_OK;
        assert_ok(mrl_home_load_identity(&good, MRL_HOME_IDENTITY, &found, NULL));
        assert_true(mrl_key_public_eq(found.key, fresh.key) ||
                    (!done && mrl_key_public_eq(found.key, old.key)));
        mrl_identity_done(&found);
        assert_ok(mrl_home_save_identity(&good, MRL_HOME_NEXT, &fresh, NULL));
        assert_ok(mrl_disk_move(&mrl_disk_system, dir, MRL_HOME_NEXT, MRL_HOME_IDENTITY, NULL));
        remove_folder(dir);
    }
    mrl_identity_done(&old);
    mrl_identity_done(&fresh);
}

static void next_key_is_on_the_disk_before_it_is_used_and_is_used_again(void **state)
{
    bool done = false;
    unsigned steps = 0;

    (void)state;
    for (; !done; steps++) {
        char dir[] = "/tmp/merlon-home-XXXXXX";
        struct power_cut cut;
        struct mrl_disk disk = power_cut_disk(&cut, steps);
        struct mrl_home h = home_in(dir, &disk), good = home_in(dir, &mrl_disk_system);
        MRL_AUTO(mrl_key) first = NULL;
        MRL_AUTO(mrl_key) second = NULL;

        assert_non_null(mkdtemp(dir));
        done = mrl_home_next_key(&h, &first, NULL) == MRL_OK;
        assert_ok(mrl_home_next_key(&good, &second, NULL));
        if (done)
            assert_true(mrl_key_public_eq(first, second));
        else
            assert_null(first);
        remove_folder(dir);
    }
    assert_int_equal(steps, 6);
}

static void the_key_in_use_is_not_taken_for_the_next_one(void **state)
{
    char dir[] = "/tmp/merlon-home-XXXXXX";
    struct mrl_home h = home_in(dir, &mrl_disk_system);
    MRL_AUTO(mrl_key) next = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(mrl_home_next_key(&h, &h.identity.key, NULL));
    assert_ok(mrl_home_next_key(&h, &next, NULL));
    assert_false(mrl_key_public_eq(next, h.identity.key));
    mrl_home_done(&h);
    remove_folder(dir);
}

static void a_key_of_another_kind_is_made_anew(void **state)
{
    char dir[] = "/tmp/merlon-home-XXXXXX";
    struct mrl_home h = home_in(dir, &mrl_disk_system);
    MRL_AUTO(mrl_key) first = NULL;
    MRL_AUTO(mrl_key) second = NULL;
    MRL_AUTO(mrl_key) third = NULL;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_ok(mrl_home_next_key(&h, &first, NULL));
    assert_int_equal(mrl_key_type(first), MRL_KEY_P256);
    h.next_type = MRL_KEY_P384;
    assert_ok(mrl_home_next_key(&h, &second, NULL));
    assert_int_equal(mrl_key_type(second), MRL_KEY_P384);
    assert_ok(mrl_home_next_key(&h, &third, NULL));
    assert_true(mrl_key_public_eq(second, third));
    remove_folder(dir);
}

static void identity_of_another_key_or_device_is_corrupt(void **state)
{
    char dir[] = "/tmp/merlon-home-XXXXXX";
    struct mrl_home h = home_in(dir, &mrl_disk_system);
    struct mrl_identity a, b, mixed, found;

    (void)state;
    assert_non_null(mkdtemp(dir));
    make_identity(MRL_KEY_P256, "dev-1", &a);
    make_identity(MRL_KEY_P256, "dev-2", &b);
    mixed = (struct mrl_identity){.key = b.key, .cert = a.cert};
    assert_ok(mrl_home_save_identity(&h, MRL_HOME_IDENTITY, &mixed, NULL));
    assert_int_equal(mrl_home_load_identity(&h, MRL_HOME_IDENTITY, &found, NULL), MRL_ERR_CORRUPT);
    assert_ok(mrl_home_save_identity(&h, MRL_HOME_IDENTITY, &b, NULL));
    assert_int_equal(mrl_home_load_identity(&h, MRL_HOME_IDENTITY, &found, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_identity_read(MRL_LIT("no PEM"), "", &found, NULL), MRL_ERR_CORRUPT);
    mrl_identity_done(&a);
    mrl_identity_done(&b);
    remove_folder(dir);
}

static void settings_come_back_and_strangers_in_them_are_refused(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT("{}"),
        MRL_LIT_INIT("{\"device\":\"a\",\"server\":\"s:1\",\"mqtt\":\"s:2\"}"),
        MRL_LIT_INIT("{\"device\":\"a/#\",\"server\":\"s\",\"mqtt\":\"s\",\"name\":\"n\"}"),
        MRL_LIT_INIT("{\"device\":\"a\",\"server\":\"s\",\"mqtt\":\"s\",\"name\":\"n\",\"x\":1}"),
        MRL_LIT_INIT("{\"device\":\"a\",\"server\":\"s\",\"mqtt\":\"s\",\"name\":\"n\","
                     "\"profile\":\"a/b\"}"),
    };
    struct mrl_settings s = {"dev-1", "h:1", "h:2", "n", ""}, again;
    MRL_SCOPED(mrl_buf) json = {0};

    (void)state;
    assert_ok(mrl_settings_write(&s, &json));
    assert_ok(mrl_settings_read(mrl_buf_bytes(&json), &again, NULL));
    assert_string_equal(again.mqtt, "h:2");
    assert_string_equal(again.profile, "");
    memcpy(s.profile, "gates", sizeof("gates"));
    mrl_buf_clear(&json);
    assert_ok(mrl_settings_write(&s, &json));
    assert_ok(mrl_settings_read(mrl_buf_bytes(&json), &again, NULL));
    assert_string_equal(again.profile, "gates");
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_not_equal(mrl_settings_read(bad[i], &again, NULL), MRL_OK);
}

static void settings_name_a_device_and_a_profile_or_nothing(void **state)
{
    static const struct {
        const char *device, *profile;
        bool good;
    } cases[] = {{"Dev_1.a-b", "", true}, {"_:x", "-g", true}, {"", "", false},
                 {"a/b", "", false},      {"+", "", false},    {"-a", "", false},
                 {"a", "a:b", false},     {"a", ".g", false}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_SCOPED(mrl_buf) json = {0};
        struct mrl_settings s = {.server = "h:1", .mqtt = "h:2", .name = "h"}, again;

        assert_true(mrl_bytes_to_cstr(mrl_str(cases[i].device), s.device, sizeof(s.device)));
        assert_true(mrl_bytes_to_cstr(mrl_str(cases[i].profile), s.profile, sizeof(s.profile)));
        assert_ok(mrl_settings_write(&s, &json));
        assert_int_equal(mrl_settings_read(mrl_buf_bytes(&json), &again, NULL) == MRL_OK,
                         cases[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_renewal_leaves_a_whole_identity_and_can_go_on),
        cmocka_unit_test(next_key_is_on_the_disk_before_it_is_used_and_is_used_again),
        cmocka_unit_test(the_key_in_use_is_not_taken_for_the_next_one),
        cmocka_unit_test(a_key_of_another_kind_is_made_anew),
        cmocka_unit_test(identity_of_another_key_or_device_is_corrupt),
        cmocka_unit_test(settings_come_back_and_strangers_in_them_are_refused),
        cmocka_unit_test(settings_name_a_device_and_a_profile_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
