/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/registry.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/unit/devices/fixture.h"

#define DEVICE MRL_PRINCIPAL_DEVICE
#define APP MRL_PRINCIPAL_APPLICATION

/* --- the snapshot equals the store --- */

enum { POOL = 12, STEPS = 400 };

/* A sequence that a seed repeats. */
static uint32_t next_number(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 33) % below;
}

static void random_step(struct fixture *f, uint64_t *seed, unsigned step)
{
    static const char *const groups[] = {"", "north", "south"};
    static const char *const holders[] = {"device:p1", "group:north", "group:south"};
    char id[16];
    struct fake_cert c;
    struct mrl_device_new d = {0};
    struct mrl_role_target target;
    unsigned pick = next_number(seed, 20);

    (void)snprintf(id, sizeof(id), "p%u", next_number(seed, POOL));
    d.id = mrl_str(id);
    d.group = mrl_str(groups[next_number(seed, 3)]);
    assert_ok(mrl_role_target_parse(mrl_str(holders[next_number(seed, 3)]), &target, NULL));
    /* many of these fail, as they should: the store and the snapshot must agree all the same */
    if (pick < 5) {
        (void)mrl_device_add(f->registry, &admin, &d, NULL);
    } else if (pick < 10) {
        fake_cert(&c, DEVICE, id, step);
        (void)enrol(f, &c.it);
    } else if (pick < 16) {
        enum mrl_device_action a = MRL_DEVICE_SUSPEND + next_number(seed, 6);

        if (a != MRL_DEVICE_RETIRE || next_number(seed, 4) == 0)
            (void)change(f, id, a);
    } else if (pick < 18) {
        (void)mrl_device_set_group(f->registry, &admin, d.id, d.group, NULL);
    } else if (pick < 19) {
        (void)mrl_role_assign(f->access, &admin, MRL_LIT("commander"), &target, NULL);
    } else {
        (void)mrl_role_unassign(f->access, &admin, MRL_LIT("commander"), &target, NULL);
    }
}

static bool holds_commander(struct mrl_tx *tx, int kind, mrl_bytes name)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    assert_ok(mrl_tx_query_one(
        tx, "SELECT COUNT(*) FROM role_bindings WHERE target_kind = $1 AND target = $2",
        MRL_ARGS(MRL_INT(kind), MRL_TEXT(name)), &rows));
    return mrl_row_int(rows, 0) > 0;
}

static void compare_device(struct fixture *f, struct mrl_tx *tx, const struct mrl_rows *row)
{
    mrl_bytes id = mrl_row_bytes(row, 0), group = mrl_row_bytes(row, 1);
    bool quarantined = mrl_row_int(row, 2) == MRL_DEVICE_QUARANTINED;
    bool commander = holds_commander(tx, MRL_ROLE_TO_DEVICE, id) ||
                     (group.len > 0 && holds_commander(tx, MRL_ROLE_TO_GROUP, group));
    const struct mrl_principal *p = mrl_snapshot_principal(f->registry, DEVICE, id);

    assert_non_null(p);
    assert_bytes_equal(p->subject.id, id);
    assert_bytes_equal(p->subject.group, group);
    assert_int_equal(p->device_state, mrl_row_int(row, 2));
    assert_int_equal(may_publish(p->policy, &p->subject, MRL_LIT("devices/z/commands/x")),
                     commander && !quarantined);
}

static mrl_err compare(struct mrl_tx *tx, void *context)
{
    struct fixture *f = context;
    MRL_AUTO(mrl_rows) devices = NULL;
    MRL_AUTO(mrl_rows) certs = NULL;
    struct mrl_registry_counts counts;
    size_t n = 0, m = 0;

    MRL_TRY(mrl_tx_query(tx, "SELECT id, grp, state FROM devices", MRL_NO_ARGS, &devices));
    for (; mrl_rows_next(devices) == MRL_OK; n++)
        compare_device(f, tx, devices);
    MRL_TRY(mrl_tx_query(tx, "SELECT fingerprint, principal, state FROM credentials", MRL_NO_ARGS,
                         &certs));
    for (; mrl_rows_next(certs) == MRL_OK; m++) {
        const struct mrl_credential *c = NULL;
        const struct mrl_principal *p = NULL;
        struct mrl_fingerprint fp;

        memcpy(fp.bytes, mrl_row_bytes(certs, 0).data, sizeof(fp.bytes));
        assert_true(mrl_snapshot_credential(f->registry, &fp, &c, &p));
        assert_int_equal(c->state, mrl_row_int(certs, 2));
        assert_bytes_equal(p->subject.id, mrl_row_bytes(certs, 1));
    }
    mrl_registry_count(f->registry, &counts);
    assert_int_equal(counts.devices, n);
    assert_int_equal(counts.credentials, m);
    assert_int_equal(n, counts.by_state[1] + counts.by_state[2] + counts.by_state[3] +
                            counts.by_state[4] + counts.by_state[5]);
    return MRL_OK;
}

static void check_equal(struct fixture *f)
{
    mrl_rcu_register();
    mrl_rcu_read_begin();
    assert_ok(mrl_store_read(f->store, compare, f));
    mrl_rcu_read_end();
}

static void the_snapshot_equals_the_store_after_any_sequence(void **state)
{
    struct fixture *f = *state;
    uint64_t seed;

    mrl_random(&seed, sizeof(seed));
    seed |= 1;
    print_message("# seed %llu\n", (unsigned long long)seed); /* to repeat a failure */
    for (unsigned step = 0; step < STEPS; step++) {
        random_step(f, &seed, step);
        if (step % 20 == 0)
            check_equal(f);
    }
    check_equal(f);
    registry_stop(f);
    registry_start(f);
    check_equal(f);
}

/* --- on_change --- */

struct listener {
    struct fixture *f;
    size_t told;
    enum mrl_device_state seen; /* in the snapshot, when told */
    char ids[128];
};

static void changed(void *context, enum mrl_principal_kind kind, mrl_bytes id)
{
    struct listener *l = context;
    size_t len = strlen(l->ids);
    const struct mrl_principal *p;

    l->told++;
    (void)snprintf(&l->ids[len], sizeof(l->ids) - len, "%.*s ", MRL_FMT(id));
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(l->f->registry, kind, id);
    l->seen = p->device_state;
    mrl_rcu_read_end();
}

static void
the_listener_is_told_after_the_snapshot_shows_it_and_before_the_call_returns(void **state)
{
    struct fixture *f = *state;
    struct listener l = {.f = f};
    struct fake_cert c;

    mrl_registry_on_change(f->registry, changed, &l);
    add(f, "d1", "");
    assert_int_equal(l.told, 0); /* nobody can hold a session of what is new */
    fake_cert(&c, DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_int_equal(l.told, 1);
    assert_int_equal(l.seen, MRL_DEVICE_ACTIVE);
    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    assert_int_equal(l.told, 2);
    assert_int_equal(l.seen, MRL_DEVICE_EXPECTED);
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(change(f, "d1", MRL_DEVICE_QUARANTINE), MRL_ERR_STATE);
    assert_int_equal(l.told, 2);
    assert_string_equal(l.ids, "d1 d1 ");
}

static void retired(void *context, mrl_bytes id)
{
    struct listener *l = context;
    size_t len = strlen(l->ids);

    (void)snprintf(&l->ids[len], sizeof(l->ids) - len, "retired:%.*s ", MRL_FMT(id));
}

static void who_retires_is_told_once_and_after_the_change(void **state)
{
    struct fixture *f = *state;
    struct listener l = {.f = f};

    mrl_registry_on_change(f->registry, changed, &l);
    mrl_registry_on_retire(f->registry, retired, &l);
    add(f, "d1", "");
    assert_ok(change(f, "d1", MRL_DEVICE_SUSPEND));
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_string_equal(l.ids, "d1 d1 retired:d1 ");
    assert_ok(change(f, "d1", MRL_DEVICE_LIFT));
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_string_equal(l.ids, "d1 d1 retired:d1 d1 d1 retired:d1 ");
}

/* --- roles of live principals --- */

static void a_role_reaches_live_principals_and_only_those_concerned(void **state)
{
    static const struct mrl_rule other[] = {{MRL_ALLOW_SUBSCRIBE, MRL_LIT_INIT("weather/#")}};
    struct mrl_role_target north = {MRL_ROLE_TO_GROUP, MRL_LIT("north")};
    struct mrl_role_target erp = {MRL_ROLE_TO_APPLICATION, MRL_LIT("erp")};
    struct fixture *f = *state;
    struct listener l = {.f = f};

    add(f, "a", "north");
    add(f, "b", "north");
    add(f, "c", "south");
    assert_ok(mrl_account_add(f->registry, &admin, APP, MRL_LIT("erp"), 0, MRL_BYTES_NONE, NULL));
    assert_ok(mrl_role_create(f->access, &admin, MRL_LIT("r"), MRL_BYTES_NONE, other, 1, NULL));
    mrl_registry_on_change(f->registry, changed, &l);
    assert_ok(mrl_role_assign(f->access, &admin, MRL_LIT("r"), &north, NULL));
    assert_string_equal(l.ids, "a b ");
    assert_true(may(f, DEVICE, "a", MRL_ALLOW_SUBSCRIBE, "weather/x"));
    assert_true(may(f, DEVICE, "b", MRL_ALLOW_SUBSCRIBE, "weather/x"));
    assert_false(may(f, DEVICE, "c", MRL_ALLOW_SUBSCRIBE, "weather/x"));
    assert_ok(mrl_role_assign(f->access, &admin, MRL_LIT("r"), &erp, NULL));
    assert_true(may(f, APP, "erp", MRL_ALLOW_SUBSCRIBE, "weather/x"));
    l.ids[0] = '\0';
    assert_ok(mrl_role_set_rules(f->access, &admin, MRL_LIT("r"), other, 0, NULL));
    assert_int_equal(l.told, 6);
    assert_false(may(f, DEVICE, "a", MRL_ALLOW_SUBSCRIBE, "weather/x"));
    assert_false(may(f, APP, "erp", MRL_ALLOW_SUBSCRIBE, "weather/x"));
    assert_true(may(f, DEVICE, "a", MRL_ALLOW_SUBSCRIBE, "devices/a/#"));
}

static void a_device_takes_the_roles_of_the_group_it_moves_to(void **state)
{
    struct mrl_role_target north = {MRL_ROLE_TO_GROUP, MRL_LIT("north")};
    struct fixture *f = *state;

    add(f, "a", "");
    assert_ok(mrl_role_assign(f->access, &admin, MRL_LIT("commander"), &north, NULL));
    assert_false(may(f, DEVICE, "a", MRL_ALLOW_PUBLISH, "devices/b/commands/x"));
    assert_ok(mrl_device_set_group(f->registry, &admin, MRL_LIT("a"), MRL_LIT("north"), NULL));
    assert_true(may(f, DEVICE, "a", MRL_ALLOW_PUBLISH, "devices/b/commands/x"));
    assert_ok(mrl_device_set_group(f->registry, &admin, MRL_LIT("a"), MRL_BYTES_NONE, NULL));
    assert_false(may(f, DEVICE, "a", MRL_ALLOW_PUBLISH, "devices/b/commands/x"));
}

static void a_role_change_that_gives_a_quarantined_device_nothing_tells_nobody(void **state)
{
    struct mrl_role_target a = {MRL_ROLE_TO_DEVICE, MRL_LIT("a")};
    struct fixture *f = *state;
    struct listener l = {.f = f};
    struct fake_cert c;

    add(f, "a", "");
    fake_cert(&c, DEVICE, "a", 1);
    assert_ok(enrol(f, &c.it));
    assert_ok(change(f, "a", MRL_DEVICE_QUARANTINE));
    mrl_registry_on_change(f->registry, changed, &l);
    assert_ok(mrl_role_assign(f->access, &admin, MRL_LIT("commander"), &a, NULL));
    assert_int_equal(l.told, 0);
    assert_false(may(f, DEVICE, "a", MRL_ALLOW_PUBLISH, "devices/b/commands/x"));
    assert_ok(change(f, "a", MRL_DEVICE_RELEASE));
    assert_true(may(f, DEVICE, "a", MRL_ALLOW_PUBLISH, "devices/b/commands/x"));
}

/* --- readers and a writer at once --- */

enum { READERS = 2, ROUNDS = 150 };

struct reader {
    struct fixture *f;
    const struct fake_cert *cert;
    atomic_bool *stop;
    uint64_t reads, accepted;
    bool broken;
};

static void read_once(struct reader *r, uint64_t *version)
{
    const struct mrl_principal *p = NULL;
    enum mrl_judgement j;

    mrl_rcu_read_begin();
    j = mrl_registry_judge(r->f->registry, &r->cert->it.fingerprint, 1500, ALL_KINDS, &p);
    /* whatever the writer does, one version is whole: state, group and policy belong together */
    if (p == NULL || !mrl_bytes_eq(p->subject.id, MRL_LIT("d1")) || p->version < *version)
        r->broken = true;
    else
        *version = p->version;
    if (p != NULL && may_publish(p->policy, &p->subject, MRL_LIT("devices/d1/x")) ==
                         (p->device_state == MRL_DEVICE_QUARANTINED))
        r->broken = true;
    if (p != NULL && may_publish(p->policy, &p->subject, MRL_LIT("devices/d2/x")))
        r->broken = true;
    r->accepted += j == MRL_JUDGED_ACCEPTED;
    r->reads++;
    mrl_rcu_read_end();
}

static void *read_on(void *context)
{
    struct reader *r = context;
    uint64_t version = 0;

    mrl_rcu_register();
    while (!atomic_load(r->stop))
        read_once(r, &version);
    return NULL;
}

static void change_on(struct fixture *f)
{
    static const enum mrl_device_action steps[] = {MRL_DEVICE_QUARANTINE, MRL_DEVICE_SUSPEND,
                                                   MRL_DEVICE_RESUME, MRL_DEVICE_RELEASE};
    struct mrl_role_target north = {MRL_ROLE_TO_GROUP, MRL_LIT("north")};
    char id[16];

    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_ok(change(f, "d1", steps[i % MRL_COUNT(steps)]));
        (void)snprintf(id, sizeof(id), "new-%u", i); /* the table grows under the readers */
        add(f, id, "north");
        if (i % 10 == 0)
            assert_ok(
                mrl_role_assign(f->access, &admin, MRL_LIT("telemetry-reader"), &north, NULL));
        if (i % 10 == 5)
            assert_ok(
                mrl_role_unassign(f->access, &admin, MRL_LIT("telemetry-reader"), &north, NULL));
    }
}

static void readers_see_whole_versions_while_a_writer_changes_them(void **state)
{
    struct fixture *f = *state;
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_bool stop = false;
    struct fake_cert c;

    add(f, "d1", "north");
    fake_cert(&c, DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.f = f, .cert = &c, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    change_on(f);
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(readers[i].broken);
        assert_true(readers[i].reads > 0);
    }
}

/* --- counts, damage, size --- */

static void counts_follow_the_states(void **state)
{
    struct fixture *f = *state;
    struct mrl_registry_counts n;

    add(f, "a", "");
    add(f, "b", "");
    assert_ok(change(f, "b", MRL_DEVICE_RETIRE));
    assert_ok(mrl_account_add(f->registry, &admin, APP, MRL_LIT("erp"), 0, MRL_BYTES_NONE, NULL));
    mrl_registry_count(f->registry, &n);
    assert_int_equal(n.devices, 2);
    assert_int_equal(n.by_state[MRL_DEVICE_EXPECTED], 1);
    assert_int_equal(n.by_state[MRL_DEVICE_RETIRED], 1);
    assert_int_equal(n.by_state[MRL_DEVICE_ACTIVE], 0);
    assert_int_equal(n.applications, 1);
    assert_int_equal(n.operators, 0);
}

static void a_damaged_record_is_refused_at_start(void **state)
{
    static const char *const damage[] = {
        "UPDATE devices SET id = 'a/b'",
        "UPDATE devices SET grp = '+'",
        "UPDATE credentials SET principal = 'nobody'",
        "UPDATE credentials SET fingerprint = X'00'",
    };
    struct fixture *f = *state;
    struct fake_cert c;

    for (size_t i = 0; i < MRL_COUNT(damage); i++) {
        struct mrl_registry *again = NULL;
        struct mrl_why why = {{0}};

        add(f, "d1", "");
        fake_cert(&c, DEVICE, "d1", 1);
        assert_ok(enrol(f, &c.it));
        assert_ok(store_exec(f->store, damage[i], MRL_NO_ARGS));
        assert_int_equal(mrl_registry_open(f->store, f->sealer, f->access, &again, &why),
                         MRL_ERR_CORRUPT);
        assert_null(again);
        assert_int_not_equal(why.text[0], '\0');
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
        f = *state;
    }
}

enum { FLEET = 100000 };

static void a_fleet_of_100000_is_added_and_loaded(void **state)
{
    struct fixture *f = *state;
    struct mrl_device_new *fleet = calloc(FLEET, sizeof(*fleet));
    char(*ids)[16] = calloc(FLEET, sizeof(*ids));
    struct mrl_registry_counts n;
    uint64_t start;

    for (size_t i = 0; i < FLEET; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "dev-%06zu", i);
        fleet[i] = (struct mrl_device_new){.id = mrl_str(ids[i]), .group = MRL_LIT("fleet")};
    }
    start = mrl_monotonic_ms();
    assert_ok(mrl_device_add_many(f->registry, &admin, fleet, FLEET, NULL));
    print_message("# added %d in %llu ms\n", FLEET,
                  (unsigned long long)(mrl_monotonic_ms() - start));
    registry_stop(f);
    start = mrl_monotonic_ms();
    registry_start(f);
    print_message("# loaded %d in %llu ms\n", FLEET,
                  (unsigned long long)(mrl_monotonic_ms() - start));
    mrl_registry_count(f->registry, &n);
    assert_int_equal(n.devices, FLEET);
    assert_int_equal(state_of(f, "dev-000000"), MRL_DEVICE_EXPECTED);
    assert_int_equal(state_of(f, "dev-099999"), MRL_DEVICE_EXPECTED);
    assert_int_equal(state_of(f, "dev-100000"), 0);
    free(ids);
    free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(the_snapshot_equals_the_store_after_any_sequence),
        WITH_REGISTRY(the_listener_is_told_after_the_snapshot_shows_it_and_before_the_call_returns),
        WITH_REGISTRY(who_retires_is_told_once_and_after_the_change),
        WITH_REGISTRY(a_role_reaches_live_principals_and_only_those_concerned),
        WITH_REGISTRY(a_device_takes_the_roles_of_the_group_it_moves_to),
        WITH_REGISTRY(a_role_change_that_gives_a_quarantined_device_nothing_tells_nobody),
        WITH_REGISTRY(readers_see_whole_versions_while_a_writer_changes_them),
        WITH_REGISTRY(counts_follow_the_states),
        WITH_REGISTRY(a_damaged_record_is_refused_at_start),
        WITH_REGISTRY(a_fleet_of_100000_is_added_and_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
