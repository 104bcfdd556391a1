/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/issuing.h"

#include <stdlib.h>

#include "base/clock.h"
#include "keys/keystore.h"
#include "keys/spawn.h"
#include "tests/unit/access/fixture.h"
#include "tests/unit/keys/fixture.h"

#define DAY INT64_C(86400)
enum { CA_DAYS = 10 * 365, LEFT_DAYS = 6, SERVER_DAYS = 90 };

/* A key process, and a store, with an issuing CA that lives for left_s more. */
struct fixture {
    char folder[FIXTURE_PATH_MAX];
    struct place place;
    struct mrl_keys_client *keys;
    struct mrl_issuing *issuing;
    struct mrl_store *store;
};

static void make_keystore(const char *folder, int64_t left_s)
{
    const struct mrl_keystore_plan plan = {.root_type = MRL_KEY_P256,
                                           .issuing_type = MRL_KEY_P256,
                                           .tenant = MRL_LIT("acme"),
                                           .now = mrl_wall_s() + left_s - CA_DAYS * DAY};
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_ok(mrl_keystore_create(&f, &unlock, &plan, NULL));
}

static struct mrl_issuing_config config_of(struct mrl_keys_client *keys, struct mrl_store *store)
{
    static const mrl_bytes name = MRL_LIT_INIT("localhost");

    return (struct mrl_issuing_config){.keys = keys,
                                       .store = store,
                                       .device_life_s = DAY,
                                       .application_life_s = DAY,
                                       .operator_life_s = DAY,
                                       .server_life_s = SERVER_DAYS * DAY,
                                       .server_names = &name,
                                       .server_name_count = 1};
}

static void fixture_open_with(struct fixture *f, int64_t left_s)
{
    const struct mrl_keys_options options = {.program = getenv("MERLON_KEYS"), .dir = f->folder};
    struct mrl_issuing_config config;

    fixture_folder(f->folder);
    make_keystore(f->folder, left_s);
    assert_ok(mrl_keys_spawn(&options, &f->keys, NULL)); /* first: it forks */
    duties_more = &mrl_ca_migrations;
    place_make(&f->place);
    f->store = duties_store(&f->place);
    config = config_of(f->keys, f->store);
    assert_ok(mrl_issuing_new(&config, &f->issuing, NULL));
}

static void fixture_close(struct fixture *f)
{
    mrl_issuing_free(f->issuing);
    duties_close(f->store);
    mrl_keys_client_free(f->keys);
    place_remove(&f->place);
    fixture_remove(f->folder);
}

static void a_ca_near_its_end_does_not_make_the_server_renew_without_end(void **state)
{
    MRL_SCOPED(mrl_server_identity) identity = {0};
    int64_t now = mrl_wall_s();
    struct fixture f = {0};

    (void)state;
    fixture_open_with(&f, LEFT_DAYS * DAY);
    assert_ok(mrl_issuing_server_identity(f.issuing, &identity, NULL));
    assert_in_range(mrl_cert_facts(identity.chain.certs[0])->not_after, now + (LEFT_DAYS - 1) * DAY,
                    now + LEFT_DAYS * DAY + 60);
    assert_in_range(identity.renew_at, now + (LEFT_DAYS / 2) * DAY, now + (LEFT_DAYS - 1) * DAY);
    fixture_close(&f);
}

static void a_ca_that_has_ended_is_named(void **state)
{
    MRL_SCOPED(mrl_server_identity) identity = {0};
    struct mrl_why why = {""};
    struct fixture f = {0};

    (void)state;
    fixture_open_with(&f, -DAY);
    assert_int_equal(mrl_issuing_server_identity(f.issuing, &identity, &why), MRL_ERR_BUSY);
    assert_string_equal(why.text, "issuing CA 1 has ended: activate another one "
                                  "(docs/operate/ca.md)");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ca_near_its_end_does_not_make_the_server_renew_without_end),
        cmocka_unit_test(a_ca_that_has_ended_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
