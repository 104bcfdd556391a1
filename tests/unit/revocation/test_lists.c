/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "crypto/cert.h"
#include "keys/spawn.h"
#include "revocation/files.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/store/fixture.h"

static char keys_folder[FIXTURE_PATH_MAX], folder[128];
static struct mrl_keys_client *keys;
static struct place place;
static struct mrl_store *store;
static struct mrl_cert *ca;
static struct mrl_statuses *statuses;
static struct mrl_lists *lists;
static atomic_bool halt;

static void open_keys(void)
{
    const struct mrl_keys_options options = {.program = getenv("MERLON_KEYS"),
                                             .dir = keys_folder,
                                             .issue_rate = 100000, /* a list takes a place, too */
                                             .issue_burst = 1000000,
                                             .revocation_url = "http://pki.example.org"};
    MRL_SCOPED(mrl_keys_info) info = {0};
    struct mrl_why why = {""};

    fixture_folder(keys_folder);
    fixture_keystore(keys_folder);
    if (mrl_keys_spawn(&options, &keys, &why) != MRL_OK)
        fail_msg("%s", why.text);
    assert_ok(mrl_keys_info_get(keys, &info, NULL));
    assert_ok(mrl_cert_from_der(info.facts.generations[1].cert, &ca));
}

static int start(void **state)
{
    (void)state;
    open_keys(); /* first: it forks */
    mrl_rcu_register();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mrl_keys_client_free(keys);
    mrl_cert_free(ca);
    fixture_remove(keys_folder);
    return 0;
}

static void open_lists(void)
{
    const struct mrl_lists_config config = {.store = store,
                                            .keys = keys,
                                            .statuses = statuses,
                                            .folder = folder,
                                            .stop = &halt,
                                            .ca = mrl_cert_facts(ca)->ski,
                                            .shards = true,
                                            .life_s = 3600,
                                            .delta_life_s = 600};

    assert_ok(mrl_lists_new(&config, &lists, NULL));
}

/* Each test has a store of its own, and all have one key process, which remembers. */
static void begin_numbers(void)
{
    static int64_t ahead;

    ahead += 1000;
    assert_ok(
        store_exec(store, "INSERT INTO crl_numbers (ca, number, changed) VALUES ($1, $2, 0)",
                   MRL_ARGS(MRL_BLOB(mrl_cert_facts(ca)->ski), MRL_INT(mrl_wall_s() + ahead))));
}

static int set_up(void **state)
{
    (void)state;
    place_make(&place);
    (void)snprintf(folder, sizeof(folder), "%s/crl", place.folder);
    assert_ok(mrl_files_folder(folder, NULL));
    store = store_at(&place, &mrl_lists_migrations, (struct mrl_store_options){0});
    begin_numbers();
    statuses = mrl_statuses_new();
    open_lists();
    return 0;
}

static int tear_down(void **state)
{
    char command[300];

    (void)state;
    mrl_lists_free(lists);
    mrl_statuses_free(statuses);
    mrl_store_close(store);
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    place_remove(&place);
    return 0;
}

static void take_back(mrl_bytes serial)
{
    const struct mrl_status status = {.revoked = mrl_wall_s(), .expires = mrl_wall_s() + 86400};

    assert_ok(mrl_statuses_put(statuses, serial, &status));
    mrl_lists_changed(lists, serial);
}

/* The list of that name now, to be given back. */
static struct mrl_list_view *get(enum mrl_keys_crl_kind kind, uint8_t shard)
{
    char name[MRL_KEYS_CRL_NAME_MAX];

    mrl_keys_crl_name(mrl_cert_facts(ca)->ski, kind, shard, name);
    return mrl_list_get(lists, mrl_str(name));
}

static struct mrl_crl_facts facts_of(const struct mrl_list_view *v)
{
    struct mrl_crl_facts facts;

    assert_non_null(v);
    assert_ok(mrl_crl_read(mrl_list_bytes(v), &facts));
    assert_int_equal(facts.number, mrl_list_number(v));
    return facts;
}

static size_t entries(enum mrl_keys_crl_kind kind, uint8_t shard)
{
    struct mrl_list_view *v = get(kind, shard);
    const struct mrl_crl_facts facts = facts_of(v);
    struct mrl_reader r = {facts.entries, 0};
    mrl_bytes entry;
    size_t n = 0;

    for (; mrl_reader_left(&r) > 0; n++)
        assert_ok(mrl_der_read(&r, MRL_DER_SEQUENCE, &entry));
    mrl_list_give_back(v);
    return n;
}

static uint64_t number(enum mrl_keys_crl_kind kind)
{
    struct mrl_list_view *v = get(kind, 0);
    uint64_t n = facts_of(v).number;

    mrl_list_give_back(v);
    return n;
}

static void an_entry_is_in_the_full_list_and_in_its_shard(void **state)
{
    (void)state;
    assert_null(get(MRL_KEYS_CRL_FULL, 0));
    take_back(MRL_LIT("\xa7..............."));
    take_back(MRL_LIT("\xa8..............."));
    take_back(MRL_LIT("\x05")); /* its first byte of 16 is 0 */
    assert_true(mrl_lists_are_behind(lists));
    assert_ok(mrl_lists_build(lists, NULL));
    assert_false(mrl_lists_are_behind(lists));
    assert_int_equal(entries(MRL_KEYS_CRL_FULL, 0), 3);
    assert_int_equal(entries(MRL_KEYS_CRL_SHARD, 0xa7), 1);
    assert_int_equal(entries(MRL_KEYS_CRL_SHARD, 0xa9), 0);
    assert_int_equal(entries(MRL_KEYS_CRL_SHARD, 0), 1);
    assert_int_equal(entries(MRL_KEYS_CRL_DELTA, 0), 0);
}

static void a_delta_and_the_changed_shards_bring_what_is_new(void **state)
{
    uint64_t full, delta;

    (void)state;
    assert_int_equal(mrl_lists_build_delta(lists, NULL), MRL_ERR_STATE); /* to what? */
    take_back(MRL_LIT("\xa7..............."));
    assert_ok(mrl_lists_build(lists, NULL));
    full = number(MRL_KEYS_CRL_FULL);
    delta = number(MRL_KEYS_CRL_DELTA);
    assert_true(delta > full);
    take_back(MRL_LIT("\xa7,,,,,,,,,,,,,,,"));
    assert_ok(mrl_lists_build_delta(lists, NULL));
    assert_int_equal(number(MRL_KEYS_CRL_FULL), full);
    assert_true(number(MRL_KEYS_CRL_DELTA) > delta);
    assert_int_equal(entries(MRL_KEYS_CRL_DELTA, 0), 1);
    assert_int_equal(entries(MRL_KEYS_CRL_FULL, 0), 1);
    assert_int_equal(entries(MRL_KEYS_CRL_SHARD, 0xa7), 2);
    assert_ok(mrl_lists_build(lists, NULL));
    assert_int_equal(entries(MRL_KEYS_CRL_DELTA, 0), 0);
    assert_int_equal(entries(MRL_KEYS_CRL_FULL, 0), 2);
}

static void numbers_go_on_after_a_restart_and_with_an_older_store(void **state)
{
    uint64_t before;

    (void)state;
    assert_ok(mrl_lists_build(lists, NULL));
    before = number(MRL_KEYS_CRL_DELTA);
    mrl_lists_free(lists);
    assert_ok(store_exec(store, "UPDATE crl_numbers SET number = 5", NULL, 0));
    open_lists();
    assert_ok(mrl_lists_build(lists, NULL));
    assert_true(number(MRL_KEYS_CRL_FULL) > before);
}

static void a_number_ahead_of_the_clock_is_followed(void **state)
{
    uint64_t ahead = (uint64_t)mrl_wall_s() + 1000000;

    (void)state;
    assert_ok(mrl_lists_build(lists, NULL));
    assert_ok(store_exec(store, "UPDATE crl_numbers SET number = $1", MRL_ARGS(MRL_INT(ahead))));
    assert_ok(mrl_lists_build(lists, NULL));
    assert_int_equal(number(MRL_KEYS_CRL_FULL), ahead + 1);
    assert_int_equal(number(MRL_KEYS_CRL_DELTA), ahead + 2);
}

static void a_certificate_that_expired_is_on_one_more_list(void **state)
{
    const struct mrl_status status = {.revoked = 1000, .expires = mrl_wall_s() - 2 * 3600};

    (void)state;
    assert_ok(mrl_statuses_put(statuses, MRL_LIT("\x07"), &status));
    assert_ok(mrl_lists_build(lists, NULL));
    assert_int_equal(entries(MRL_KEYS_CRL_FULL, 0), 1); /* RFC 5280 3.3 */
    assert_ok(mrl_lists_build(lists, NULL));
    assert_int_equal(entries(MRL_KEYS_CRL_FULL, 0), 0);
    assert_ok(mrl_lists_build(lists, NULL));
    assert_int_equal(mrl_statuses_count(statuses), 0);
}

static void a_view_stays_while_it_is_held(void **state)
{
    struct mrl_list_view *held;
    struct mrl_crl_facts facts;

    (void)state;
    take_back(MRL_LIT("\x07"));
    assert_ok(mrl_lists_build(lists, NULL));
    held = get(MRL_KEYS_CRL_FULL, 0);
    take_back(MRL_LIT("\x08"));
    assert_ok(mrl_lists_build(lists, NULL));
    mrl_rcu_barrier();
    facts = facts_of(held);
    assert_true(facts.number < number(MRL_KEYS_CRL_FULL));
    mrl_list_give_back(held);
}

static void the_file_is_what_is_given(void **state)
{
    MRL_SCOPED(mrl_buf) content = {0};
    char name[MRL_KEYS_CRL_NAME_MAX];
    struct mrl_list_view *v;

    (void)state;
    assert_ok(mrl_lists_build(lists, NULL));
    mrl_keys_crl_name(mrl_cert_facts(ca)->ski, MRL_KEYS_CRL_SHARD, 0xff, name);
    assert_ok(mrl_files_read(folder, name, &content));
    v = get(MRL_KEYS_CRL_SHARD, 0xff);
    assert_bytes_equal(mrl_list_bytes(v), mrl_buf_bytes(&content));
    mrl_list_give_back(v);
}

static void a_folder_that_is_gone_leaves_what_was_there(void **state)
{
    char command[300];
    uint64_t before;

    (void)state;
    assert_ok(mrl_lists_build(lists, NULL));
    before = number(MRL_KEYS_CRL_FULL);
    (void)snprintf(command, sizeof(command), "mv %s %s.away", folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(mrl_lists_build(lists, NULL), MRL_ERR_IO);
    assert_int_equal(number(MRL_KEYS_CRL_FULL), before);
    assert_int_equal(mrl_lists_build_delta(lists, NULL), MRL_ERR_STATE);
    (void)snprintf(command, sizeof(command), "mv %s.away %s", folder, folder);
    assert_int_equal(system(command), 0);
    assert_ok(mrl_lists_build(lists, NULL));
    assert_true(number(MRL_KEYS_CRL_FULL) > before);
}

static void building_gives_up_when_it_is_told_to(void **state)
{
    (void)state;
    atomic_store(&halt, true);
    assert_int_equal(mrl_lists_build(lists, NULL), MRL_ERR_CLOSED);
    atomic_store(&halt, false);
    assert_null(get(MRL_KEYS_CRL_FULL, 0));
    assert_ok(mrl_lists_build(lists, NULL));
}

static void names_that_are_none_find_nothing(void **state)
{
    static const char *const endings[] = {"",        ".crl.new",  "-a.crl",
                                          "-A7.crl", "-gg.crl",   "-a77.crl",
                                          "-.crl",   "delta.crl", "--delta.crl"};
    char name[MRL_KEYS_CRL_NAME_MAX + 16];

    (void)state;
    assert_ok(mrl_lists_build(lists, NULL));
    for (size_t i = 0; i < MRL_COUNT(endings); i++) {
        char stem[MRL_KEYS_CRL_NAME_MAX];

        mrl_keys_crl_name(mrl_cert_facts(ca)->ski, MRL_KEYS_CRL_FULL, 0, stem);
        (void)snprintf(name, sizeof(name), "%.16s%s", stem, endings[i]);
        assert_null(mrl_list_get(lists, mrl_str(name)));
    }
    assert_null(mrl_list_get(lists, MRL_BYTES_NONE));
    assert_null(mrl_list_get(lists, MRL_LIT("0000000000000000.crl")));
}

#define WITH_LISTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LISTS(an_entry_is_in_the_full_list_and_in_its_shard),
        WITH_LISTS(a_delta_and_the_changed_shards_bring_what_is_new),
        WITH_LISTS(numbers_go_on_after_a_restart_and_with_an_older_store),
        WITH_LISTS(a_certificate_that_expired_is_on_one_more_list),
        WITH_LISTS(a_view_stays_while_it_is_held),
        WITH_LISTS(the_file_is_what_is_given),
        WITH_LISTS(a_folder_that_is_gone_leaves_what_was_there),
        WITH_LISTS(building_gives_up_when_it_is_told_to),
        WITH_LISTS(names_that_are_none_find_nothing),
        WITH_LISTS(a_number_ahead_of_the_clock_is_followed), /* last: the key process remembers */
    };

    return cmocka_run_group_tests(tests, start, stop);
}
