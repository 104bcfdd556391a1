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

static char folder[FIXTURE_PATH_MAX];
static struct place place;

/* One whose issuing CA has LEFT_DAYS to live. */
static void make_old_keystore(void)
{
    const struct mrl_keystore_plan plan = {.root_type = MRL_KEY_P256,
                                           .issuing_type = MRL_KEY_P256,
                                           .tenant = MRL_LIT("acme"),
                                           .now = mrl_wall_s() - (CA_DAYS - LEFT_DAYS) * DAY};
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    fixture_folder(folder);
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

static void a_ca_near_its_end_does_not_make_the_server_renew_without_end(void **state)
{
    const struct mrl_keys_options options = {.program = getenv("MERLON_KEYS"), .dir = folder};
    MRL_SCOPED(mrl_server_identity) identity = {0};
    struct mrl_keys_client *keys = NULL;
    struct mrl_issuing *issuing = NULL;
    struct mrl_issuing_config config;
    int64_t now = mrl_wall_s();

    (void)state;
    make_old_keystore();
    duties_more = &mrl_ca_migrations;
    place_make(&place);
    assert_ok(mrl_keys_spawn(&options, &keys, NULL)); /* first: it forks */
    config = config_of(keys, duties_store(&place));
    assert_ok(mrl_issuing_new(&config, &issuing, NULL));
    assert_ok(mrl_issuing_server_identity(issuing, &identity, NULL));
    assert_in_range(mrl_cert_facts(identity.chain.certs[0])->not_after, now + (LEFT_DAYS - 1) * DAY,
                    now + LEFT_DAYS * DAY);
    assert_in_range(identity.renew_at, now + (LEFT_DAYS / 2) * DAY, now + (LEFT_DAYS - 1) * DAY);
    mrl_issuing_free(issuing);
    duties_close(config.store);
    mrl_keys_client_free(keys);
    place_remove(&place);
    fixture_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ca_near_its_end_does_not_make_the_server_renew_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
