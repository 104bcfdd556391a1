/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/device.h"

#include <string.h>

#include "tests/unit/devices/fixture.h"

/* --- adding --- */

static void a_new_device_is_expected_and_audited(void **state)
{
    struct fixture *f = *state;

    add(f, "d1", "north");
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_EXPECTED);
    assert_int_equal(audited(f->store, "device.added", "\"target\":\"d1\""), 1);
    (void)audited(f->store, "device.added", "\"id\":\"root\"");
}

static void names_that_could_leave_their_topic_level_are_refused(void **state)
{
    static const char *const bad[] = {"", "a/b", "+", "#", "$SYS", ".", "-x", "a b"};
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_device_new d = {.id = mrl_str(bad[i])};
        struct mrl_device_new g = {.id = MRL_LIT("ok"), .group = mrl_str(bad[i])};

        assert_int_equal(mrl_device_add(f->registry, &admin, &d, NULL), MRL_ERR_INVALID);
        if (bad[i][0] != '\0')
            assert_int_equal(mrl_device_add(f->registry, &admin, &g, NULL), MRL_ERR_INVALID);
        assert_int_equal(change(f, bad[i], MRL_DEVICE_SUSPEND), MRL_ERR_NOT_FOUND);
    }
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM devices"), 0);
    assert_int_equal(audited(f->store, "device.", NULL), 0);
}

static void a_note_has_at_most_256_bytes_of_text(void **state)
{
    struct fixture *f = *state;
    char text[MRL_NOTE_MAX + 1];
    struct mrl_device_new d = {.id = MRL_LIT("d1"), .note = mrl_bytes_of(text, sizeof(text))};

    memset(text, 'x', sizeof(text));
    assert_int_equal(mrl_device_add(f->registry, &admin, &d, NULL), MRL_ERR_INVALID);
    d.note.len--;
    text[5] = '\n';
    assert_int_equal(mrl_device_add(f->registry, &admin, &d, NULL), MRL_ERR_INVALID);
    text[5] = '\xff';
    assert_int_equal(mrl_device_add(f->registry, &admin, &d, NULL), MRL_ERR_INVALID);
    text[5] = 'x';
    assert_ok(mrl_device_add(f->registry, &admin, &d, NULL));
    d.note.len++;
    assert_int_equal(mrl_device_set_note(f->registry, &admin, d.id, d.note, NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_device_change(f->registry, &admin, d.id, MRL_DEVICE_SUSPEND, d.note, NULL),
                     MRL_ERR_INVALID);
    d.note.len--;
    assert_ok(mrl_device_change(f->registry, &admin, d.id, MRL_DEVICE_SUSPEND, d.note, NULL));
}

static void many_are_added_together_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct mrl_device_new three[] = {
        {.id = MRL_LIT("a")}, {.id = MRL_LIT("b")}, {.id = MRL_LIT("c")}};
    struct mrl_device_new again[] = {{.id = MRL_LIT("x")}, {.id = MRL_LIT("b")}};
    struct mrl_why why = {{0}};

    assert_ok(mrl_device_add_many(f->registry, &admin, three, 3, NULL));
    assert_int_equal(audited(f->store, "device.added", "\"count\":3"), 1);
    assert_int_equal(mrl_device_add_many(f->registry, &admin, again, 2, &why), MRL_ERR_EXISTS);
    assert_non_null(strstr(why.text, "device b is known"));
    assert_int_equal(state_of(f, "x"), 0);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM devices"), 3);
    assert_ok(mrl_device_add_many(f->registry, &admin, NULL, 0, NULL));
    assert_int_equal(
        mrl_device_add_many(f->registry, &admin, three, MRL_DEVICE_BATCH_MAX + 1, NULL),
        MRL_ERR_LIMIT);
}

/* --- life --- */

static void each_step_is_stored_published_and_audited(void **state)
{
    static const struct {
        enum mrl_device_action action;
        enum mrl_device_state after;
        const char *entry;
    } steps[] = {
        {MRL_DEVICE_QUARANTINE, MRL_DEVICE_QUARANTINED, "device.quarantined"},
        {MRL_DEVICE_SUSPEND, MRL_DEVICE_SUSPENDED, "device.suspended"},
        {MRL_DEVICE_RESUME, MRL_DEVICE_QUARANTINED, "device.resumed"},
        {MRL_DEVICE_RELEASE, MRL_DEVICE_ACTIVE, "device.released"},
        {MRL_DEVICE_REVOKE, MRL_DEVICE_EXPECTED, "device.revoked"},
        {MRL_DEVICE_RETIRE, MRL_DEVICE_RETIRED, "device.retired"},
        {MRL_DEVICE_LIFT, MRL_DEVICE_EXPECTED, "device.lifted"},
    };
    struct fixture *f = *state;
    struct fake_cert c;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_ACTIVE);
    assert_int_equal(audited(f->store, "device.activated", "\"target\":\"d1\""), 1);
    for (size_t i = 0; i < MRL_COUNT(steps); i++) {
        assert_ok(change(f, "d1", steps[i].action));
        assert_int_equal(state_of(f, "d1"), steps[i].after);
        assert_int_equal(store_number(f->store, "SELECT state FROM devices"), steps[i].after);
        assert_int_equal(audited(f->store, steps[i].entry, "\"reason\":\"because\""), 1);
    }
}

static void an_illegal_step_changes_nothing_and_says_why(void **state)
{
    struct fixture *f = *state;
    struct mrl_why why = {{0}};

    add(f, "d1", "");
    assert_int_equal(mrl_device_change(f->registry, &admin, MRL_LIT("d1"), MRL_DEVICE_QUARANTINE,
                                       MRL_BYTES_NONE, &why),
                     MRL_ERR_STATE);
    assert_string_equal(why.text, "cannot quarantine a device that is expected");
    assert_int_equal(change(f, "d1", MRL_DEVICE_ACTIVATE), MRL_ERR_INVALID);
    assert_int_equal(change(f, "d2", MRL_DEVICE_SUSPEND), MRL_ERR_NOT_FOUND);
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_EXPECTED);
    assert_int_equal(audited(f->store, "device.", NULL), 1);
}

static void a_retired_id_never_comes_back(void **state)
{
    struct fixture *f = *state;
    struct mrl_device_new d = {.id = MRL_LIT("d1")};
    struct fake_cert c;
    struct mrl_why why = {{0}};

    add(f, "d1", "north");
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(mrl_device_add(f->registry, &admin, &d, &why), MRL_ERR_EXISTS);
    assert_non_null(strstr(why.text, "never comes back"));
    for (int a = MRL_DEVICE_SUSPEND; a < MRL_DEVICE_LIFT; a++)
        assert_int_equal(change(f, "d1", (enum mrl_device_action)a), MRL_ERR_STATE);
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_int_equal(enrol(f, &c.it), MRL_ERR_STATE);
    assert_int_equal(mrl_device_set_group(f->registry, &admin, d.id, MRL_LIT("g"), NULL),
                     MRL_ERR_STATE);
    registry_stop(f);
    registry_start(f);
    assert_int_equal(mrl_device_add(f->registry, &admin, &d, NULL), MRL_ERR_EXISTS);
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_RETIRED);
}

static void a_lift_needs_a_reason_and_gives_id_and_key_back_to_the_same_device(void **state)
{
    struct fixture *f = *state;
    struct mrl_why why = {{0}};
    struct fake_cert before, after;

    add(f, "d1", "");
    add(f, "d2", "");
    fake_cert(&before, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &before.it));
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(mrl_device_change(f->registry, &admin, MRL_LIT("d1"), MRL_DEVICE_LIFT,
                                       MRL_BYTES_NONE, &why),
                     MRL_ERR_INVALID);
    assert_string_equal(why.text, "a reason is needed");
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_RETIRED);
    fake_cert(&after, MRL_PRINCIPAL_DEVICE, "d2", 2);
    after.it.spki = before.it.spki;
    assert_int_equal(enrol(f, &after.it), MRL_ERR_EXISTS);
    assert_ok(change(f, "d1", MRL_DEVICE_LIFT));
    assert_int_equal(judged(f, &before.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(enrol(f, &after.it), MRL_ERR_EXISTS);
    fake_cert(&after, MRL_PRINCIPAL_DEVICE, "d1", 3);
    after.it.spki = before.it.spki;
    assert_ok(enrol(f, &after.it));
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_ACTIVE);
    assert_int_equal(judged(f, &after.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
}

static void quarantine_cuts_everything_but_repair(void **state)
{
    struct fixture *f = *state;
    struct fake_cert c;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_true(may(f, MRL_PRINCIPAL_DEVICE, "d1", MRL_ALLOW_PUBLISH, "devices/d1/x"));
    assert_ok(change(f, "d1", MRL_DEVICE_QUARANTINE));
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_false(may(f, MRL_PRINCIPAL_DEVICE, "d1", MRL_ALLOW_PUBLISH, "devices/d1/x"));
    assert_true(may(f, MRL_PRINCIPAL_DEVICE, "d1", MRL_ALLOW_PUBLISH, "devices/d1/quarantine/x"));
    assert_ok(change(f, "d1", MRL_DEVICE_RELEASE));
    assert_true(may(f, MRL_PRINCIPAL_DEVICE, "d1", MRL_ALLOW_PUBLISH, "devices/d1/x"));
}

/* --- revoking --- */

struct also {
    unsigned calls;
    mrl_err result;
};

static mrl_err also_called(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                           mrl_bytes id, struct mrl_why *why)
{
    struct also *a = context;

    a->calls++;
    assert_int_equal(kind, MRL_PRINCIPAL_DEVICE);
    if (a->result != MRL_OK)
        return mrl_fail(why, a->result, "the tokens cannot be cancelled");
    return mrl_tx_exec(tx, "UPDATE devices SET reason = 'also' WHERE id = $1",
                       MRL_ARGS(MRL_TEXT(id)), NULL);
}

static void revoking_takes_all_certificates_and_what_else_is_registered(void **state)
{
    struct fixture *f = *state;
    struct also also = {0};
    struct fake_cert one, two;

    assert_ok(mrl_registry_also_on_revoke(f->registry, also_called, &also));
    add(f, "d1", "");
    fake_cert(&one, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&two, MRL_PRINCIPAL_DEVICE, "d1", 2);
    assert_ok(enrol(f, &one.it));
    assert_ok(enrol(f, &two.it));
    assert_ok(change(f, "d1", MRL_DEVICE_SUSPEND));
    assert_ok(change(f, "d1", MRL_DEVICE_RESUME));
    assert_int_equal(also.calls, 0);
    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    assert_int_equal(also.calls, 1);
    assert_int_equal(judged(f, &one.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(judged(f, &two.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(audited(f->store, "device.revoked", "\"certificates\":2"), 1);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM devices WHERE reason = 'also'"),
                     1);
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(also.calls, 2);
}

static void a_revocation_that_cannot_do_all_does_nothing(void **state)
{
    struct fixture *f = *state;
    struct also also = {.result = MRL_ERR_STATE};
    struct fake_cert c;
    struct mrl_why why = {{0}};

    assert_ok(mrl_registry_also_on_revoke(f->registry, also_called, &also));
    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_int_equal(mrl_device_change(f->registry, &admin, MRL_LIT("d1"), MRL_DEVICE_REVOKE,
                                       MRL_BYTES_NONE, &why),
                     MRL_ERR_STATE);
    assert_string_equal(why.text, "the tokens cannot be cancelled");
    assert_int_equal(judged(f, &c.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_ACTIVE);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM credentials WHERE state = 1"), 1);
    assert_int_equal(audited(f->store, "device.revoked", NULL), 0);
}

static void at_most_eight_may_join_a_revocation(void **state)
{
    struct fixture *f = *state;
    struct also also = {0};

    for (int i = 0; i < 8; i++)
        assert_ok(mrl_registry_also_on_revoke(f->registry, also_called, &also));
    assert_int_equal(mrl_registry_also_on_revoke(f->registry, also_called, &also), MRL_ERR_LIMIT);
}

/* --- group and note, reading --- */

struct seen {
    size_t count;
    char ids[256];
    struct mrl_device_life life;
    char group[32], note[32], reason[32], attributes[64];
    size_t credentials;
};

static void see(void *context, const struct mrl_device_info *d)
{
    struct seen *s = context;
    size_t len = strlen(s->ids);

    s->count++;
    (void)snprintf(&s->ids[len], sizeof(s->ids) - len, "%.*s ", MRL_FMT(d->id));
    (void)snprintf(s->group, sizeof(s->group), "%.*s", MRL_FMT(d->group));
    (void)snprintf(s->note, sizeof(s->note), "%.*s", MRL_FMT(d->note));
    (void)snprintf(s->reason, sizeof(s->reason), "%.*s", MRL_FMT(d->reason));
    (void)snprintf(s->attributes, sizeof(s->attributes), "%.*s", MRL_FMT(d->attributes));
    s->life = d->life;
    s->credentials = d->credential_count;
    assert_true(d->created_ms > 0 && d->changed_ms >= d->created_ms);
    for (size_t i = 0; i < d->credential_count; i++)
        assert_bytes_equal(d->credentials[i].id, d->id);
}

static void show_tells_everything(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    struct fake_cert c;

    add(f, "d1", "north");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    assert_ok(enrol(f, &c.it));
    assert_ok(change(f, "d1", MRL_DEVICE_SUSPEND));
    assert_ok(mrl_device_set_group(f->registry, &admin, MRL_LIT("d1"), MRL_LIT("south"), NULL));
    assert_ok(mrl_device_set_note(f->registry, &admin, MRL_LIT("d1"), MRL_LIT("roof"), NULL));
    assert_ok(mrl_device_show(f->registry, MRL_LIT("d1"), see, &s, NULL));
    assert_int_equal(s.life.state, MRL_DEVICE_SUSPENDED);
    assert_int_equal(s.life.resume, MRL_DEVICE_ACTIVE);
    assert_string_equal(s.group, "south");
    assert_string_equal(s.note, "roof");
    assert_string_equal(s.reason, "because");
    assert_int_equal(s.credentials, 1);
    assert_int_equal(audited(f->store, "device.changed", "\"details\":{\"field\":\"note\"}"), 2);
    assert_int_equal(mrl_device_show(f->registry, MRL_LIT("d2"), see, &s, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_device_show(f->registry, MRL_LIT("a/b"), see, &s, NULL),
                     MRL_ERR_NOT_FOUND);
}

/* --- attributes --- */

static mrl_err set_attribute(struct fixture *f, const char *id, const char *name, const char *value)
{
    const struct mrl_attribute_change c = {mrl_str(name), mrl_str(value)};

    return mrl_device_set_attributes(f->registry, &admin, mrl_str(id), &c, 1, NULL);
}

static void give_site_role(struct fixture *f, const char *device)
{
    static const struct mrl_rule rule = {MRL_ALLOW_PUBLISH, MRL_LIT_INIT("sites/${attr.site}/#")};
    const struct mrl_role_target to = {MRL_ROLE_TO_DEVICE, mrl_str(device)};

    assert_ok(mrl_role_create(f->access, &admin, MRL_LIT("site"), MRL_BYTES_NONE, &rule, 1, NULL));
    assert_ok(mrl_role_assign(f->access, &admin, MRL_LIT("site"), &to, NULL));
}

static bool may_report(struct fixture *f, const char *topic)
{
    return may(f, MRL_PRINCIPAL_DEVICE, "d1", MRL_ALLOW_PUBLISH, topic);
}

static void an_attribute_acts_when_it_is_set_and_after_a_restart(void **state)
{
    struct fixture *f = *state;

    add(f, "d1", "north");
    give_site_role(f, "d1");
    assert_false(may_report(f, "sites/berlin/x"));
    assert_false(may_report(f, "sites//x"));
    assert_ok(set_attribute(f, "d1", "site", "berlin"));
    assert_true(may_report(f, "sites/berlin/x"));
    assert_ok(set_attribute(f, "d1", "floor", "2"));
    assert_ok(mrl_device_set_group(f->registry, &admin, MRL_LIT("d1"), MRL_LIT("south"), NULL));
    assert_true(may_report(f, "sites/berlin/x"));
    registry_stop(f);
    registry_start(f);
    assert_true(may_report(f, "sites/berlin/x"));
    assert_ok(set_attribute(f, "d1", "site", "bonn"));
    assert_false(may_report(f, "sites/berlin/x"));
    assert_true(may_report(f, "sites/bonn/x"));
    assert_ok(set_attribute(f, "d1", "site", ""));
    assert_false(may_report(f, "sites/bonn/x"));
    assert_int_equal(audited(f->store, "device.changed",
                             "\"details\":{\"field\":\"attributes\",\"value\":\"floor=2\"}"),
                     5);
}

static void changes_of_attributes_are_all_or_none(void **state)
{
    static const struct mrl_attribute_change bad[] = {{MRL_LIT_INIT("a"), MRL_LIT_INIT("1")},
                                                      {MRL_LIT_INIT("b"), MRL_LIT_INIT("x/y")}};
    struct fixture *f = *state;
    struct seen s = {0};

    add(f, "d1", "");
    assert_int_equal(mrl_device_set_attributes(f->registry, &admin, MRL_LIT("d1"), bad, 2, NULL),
                     MRL_ERR_INVALID);
    assert_ok(mrl_device_show(f->registry, MRL_LIT("d1"), see, &s, NULL));
    assert_string_equal(s.attributes, "");
    assert_ok(mrl_device_set_attributes(f->registry, &admin, MRL_LIT("d1"), bad, 1, NULL));
    assert_ok(mrl_device_show(f->registry, MRL_LIT("d1"), see, &s, NULL));
    assert_string_equal(s.attributes, "a=1");
    assert_int_equal(set_attribute(f, "d2", "a", "1"), MRL_ERR_NOT_FOUND);
    assert_int_equal(set_attribute(f, "../x", "a", "1"), MRL_ERR_NOT_FOUND);
    assert_ok(change(f, "d1", MRL_DEVICE_RETIRE));
    assert_int_equal(set_attribute(f, "d1", "a", "2"), MRL_ERR_STATE);
}

static void a_device_can_be_added_with_attributes(void **state)
{
    struct mrl_device_new d = {.id = MRL_LIT_INIT("d1"), .attributes = MRL_LIT_INIT("site=berlin")};
    struct fixture *f = *state;

    assert_ok(mrl_device_add(f->registry, &admin, &d, NULL));
    give_site_role(f, "d1");
    assert_true(may_report(f, "sites/berlin/x"));
    assert_int_equal(audited(f->store, "device.added", "\"attributes\":\"site=berlin\""), 1);
    d.id = MRL_LIT("d2");
    d.attributes = MRL_LIT("site=a/b");
    assert_int_equal(mrl_device_add(f->registry, &admin, &d, NULL), MRL_ERR_INVALID);
}

static void lists_are_filtered_and_cut_into_pages(void **state)
{
    static const struct {
        const char *after, *group;
        enum mrl_device_state state;
        size_t limit;
        const char *ids;
    } rows[] = {
        {"", "", 0, 10, "a b c d "},
        {"", "", 0, 2, "a b "},
        {"b", "", 0, 2, "c d "},
        {"d", "", 0, 2, ""},
        {"", "north", 0, 10, "a c "},
        {"a", "north", 0, 10, "c "},
        {"", "", MRL_DEVICE_SUSPENDED, 10, "b c "},
        {"", "north", MRL_DEVICE_SUSPENDED, 10, "c "},
        {"", "north", MRL_DEVICE_RETIRED, 10, ""},
        {"", "nowhere", 0, 10, ""},
    };
    struct fixture *f = *state;

    add(f, "c", "north");
    add(f, "a", "north");
    add(f, "d", "");
    add(f, "b", "");
    assert_ok(change(f, "b", MRL_DEVICE_SUSPEND));
    assert_ok(change(f, "c", MRL_DEVICE_SUSPEND));
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_device_query q = {mrl_str(rows[i].after), rows[i].limit, rows[i].state,
                                     mrl_str(rows[i].group)};
        struct seen s = {0};

        assert_ok(mrl_device_list(f->registry, &q, see, &s, NULL));
        assert_string_equal(s.ids, rows[i].ids);
    }
}

static void a_query_that_cannot_be_is_refused(void **state)
{
    static const struct mrl_device_query bad[] = {
        {.limit = 0},
        {.limit = MRL_DEVICE_PAGE_MAX + 1},
        {.limit = 1, .state = (enum mrl_device_state)6},
        {.limit = 1, .group = MRL_LIT_INIT("a/b")},
        {.limit = 1, .after = MRL_LIT_INIT("' OR 1=1 --")},
    };
    struct fixture *f = *state;
    struct mrl_device_query most = {.limit = MRL_DEVICE_PAGE_MAX};
    struct seen s = {0};

    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_device_list(f->registry, &bad[i], see, &s, NULL), MRL_ERR_INVALID);
    assert_ok(mrl_device_list(f->registry, &most, see, &s, NULL));
    assert_int_equal(s.count, 0);
}

static void a_thousand_change_in_one_transaction_and_not_one_more(void **state)
{
    static struct mrl_name names[MRL_DEVICE_STEPS_MAX + 1];
    static mrl_bytes ids[MRL_DEVICE_STEPS_MAX + 1];
    struct fixture *f = *state;
    struct mrl_why why = {""};

    for (size_t i = 0; i < MRL_COUNT(ids); i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "d-%04zu", i);
        assert_true(mrl_name_set(&names[i], mrl_str(id)));
        ids[i] = mrl_name_bytes(&names[i]);
        add(f, id, "g");
    }
    assert_int_equal(mrl_device_change_many(f->registry, &admin, ids, MRL_DEVICE_STEPS_MAX + 1,
                                            MRL_DEVICE_REVOKE, MRL_BYTES_NONE, &why),
                     MRL_ERR_LIMIT);
    assert_int_equal(mrl_device_change_many(f->registry, &admin, ids, 0, MRL_DEVICE_REVOKE,
                                            MRL_BYTES_NONE, &why),
                     MRL_ERR_LIMIT);
    assert_ok(mrl_device_change_many(f->registry, &admin, ids, MRL_DEVICE_STEPS_MAX,
                                     MRL_DEVICE_RETIRE, MRL_BYTES_NONE, &why));
    /* One of them cannot any more: the other stays as it is. */
    ids[0] = ids[MRL_DEVICE_STEPS_MAX];
    assert_int_equal(mrl_device_change_many(f->registry, &admin, ids, 2, MRL_DEVICE_RETIRE,
                                            MRL_BYTES_NONE, &why),
                     MRL_ERR_STATE);
    assert_true(strstr(why.text, "d-0001") != NULL);
    assert_ok(mrl_device_change_many(f->registry, &admin, ids, 1, MRL_DEVICE_RETIRE, MRL_BYTES_NONE,
                                     &why));
}

static void a_group_changes_page_by_page_as_far_as_it_can(void **state)
{
    struct fixture *f = *state;
    struct mrl_why why = {""};
    size_t changed = 0;

    for (int i = 0; i < MRL_DEVICE_STEPS_MAX + 3; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "d-%04d", i);
        add(f, id, i == 5 ? "other" : "g");
    }
    assert_ok(change(f, "d-0007", MRL_DEVICE_RETIRE));
    assert_ok(mrl_device_change_group(f->registry, &admin, MRL_LIT("g"), MRL_DEVICE_RETIRE,
                                      MRL_LIT("scrap"), &changed, &why));
    assert_int_equal(changed, MRL_DEVICE_STEPS_MAX + 3 - 2);
    assert_ok(change(f, "d-0005", MRL_DEVICE_RETIRE)); /* was of another group */
    assert_ok(mrl_device_change_group(f->registry, &admin, MRL_LIT("g"), MRL_DEVICE_RETIRE,
                                      MRL_LIT("scrap"), &changed, &why));
    assert_int_equal(changed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_thousand_change_in_one_transaction_and_not_one_more),
        WITH_REGISTRY(a_group_changes_page_by_page_as_far_as_it_can),
        WITH_REGISTRY(a_new_device_is_expected_and_audited),
        WITH_REGISTRY(names_that_could_leave_their_topic_level_are_refused),
        WITH_REGISTRY(a_note_has_at_most_256_bytes_of_text),
        WITH_REGISTRY(many_are_added_together_or_not_at_all),
        WITH_REGISTRY(each_step_is_stored_published_and_audited),
        WITH_REGISTRY(an_illegal_step_changes_nothing_and_says_why),
        WITH_REGISTRY(a_retired_id_never_comes_back),
        WITH_REGISTRY(a_lift_needs_a_reason_and_gives_id_and_key_back_to_the_same_device),
        WITH_REGISTRY(quarantine_cuts_everything_but_repair),
        WITH_REGISTRY(revoking_takes_all_certificates_and_what_else_is_registered),
        WITH_REGISTRY(a_revocation_that_cannot_do_all_does_nothing),
        WITH_REGISTRY(at_most_eight_may_join_a_revocation),
        WITH_REGISTRY(show_tells_everything),
        WITH_REGISTRY(an_attribute_acts_when_it_is_set_and_after_a_restart),
        WITH_REGISTRY(changes_of_attributes_are_all_or_none),
        WITH_REGISTRY(a_device_can_be_added_with_attributes),
        WITH_REGISTRY(lists_are_filtered_and_cut_into_pages),
        WITH_REGISTRY(a_query_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
