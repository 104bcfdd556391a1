/* SPDX-License-Identifier: Apache-2.0 */
#include "access/roles.h"

#include "tests/unit/access/open_fixture.h"

/* clang-format off */
#define RULE(actions, text) {(actions), MRL_LIT_INIT(text)}
/* clang-format on */
#define PUB MRL_ALLOW_PUBLISH
#define SUB MRL_ALLOW_SUBSCRIBE

/* The policy is the writer thread's: ask for it there. */
struct question {
    struct mrl_write write;
    struct mrl_access *access;
    struct mrl_subject who;
    bool quarantined;
    struct mrl_policy *policy;
};

static mrl_err ask(struct mrl_tx *tx, struct mrl_write *w)
{
    struct question *q = MRL_CONTAINER(w, struct question, write);

    (void)tx;
    q->policy = mrl_access_policy(q->access, &q->who, q->quarantined);
    return MRL_OK;
}

static struct mrl_policy *policy_of(struct fixture *f, struct mrl_subject who, bool quarantined)
{
    struct question q = {
        .write.run = ask, .access = f->access, .who = who, .quarantined = quarantined};

    assert_ok(mrl_store_write(f->store, &q.write));
    return q.policy;
}

static const struct mrl_subject d1 = {MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("d1"), MRL_LIT_INIT("")};
static const struct mrl_subject d1_north = {MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("d1"),
                                            MRL_LIT_INIT("north")};
static const struct mrl_subject app = {MRL_PRINCIPAL_APPLICATION, MRL_LIT_INIT("app"),
                                       MRL_LIT_INIT("")};
static const struct mrl_subject person = {MRL_PRINCIPAL_OPERATOR, MRL_LIT_INIT("ann"),
                                          MRL_LIT_INIT("")};

static bool may(struct fixture *f, struct mrl_subject who, enum mrl_topic_action action,
                const char *topic)
{
    struct mrl_policy *p = policy_of(f, who, /*quarantined=*/false);
    bool allowed = action == MRL_ALLOW_PUBLISH ? may_publish(p, &who, mrl_str(topic))
                                               : may_subscribe(p, &who, mrl_str(topic));

    mrl_policy_unref(p);
    return allowed;
}

static const struct mrl_rule news[] = {RULE(MRL_ALLOW_SUBSCRIBE, "news/#"),
                                       RULE(MRL_ALLOW_PUBLISH, "from/${group}/${id}")};

static void create_news(struct fixture *f)
{
    assert_ok(
        mrl_role_create(f->access, &admin, MRL_LIT("news"), MRL_LIT("Reads news."), news, 2, NULL));
}

static void assign(struct fixture *f, const char *role, const char *target)
{
    struct mrl_role_target t = to(target);

    assert_ok(mrl_role_assign(f->access, &admin, mrl_str(role), &t, NULL));
}

/* --- what everyone has --- */

static void without_bindings_there_are_only_the_roles_of_the_program(void **state)
{
    struct fixture *f = *state;

    assert_true(may(f, d1, PUB, "devices/d1/x"));
    assert_false(may(f, d1, PUB, "devices/d2/x"));
    assert_false(may(f, d1, SUB, "$SYS/#"));
    assert_false(may(f, app, SUB, "devices/#"));
    assert_false(may(f, app, PUB, "devices/app/x"));
    assert_true(may(f, person, SUB, "$SYS/#"));
    assert_false(may(f, person, SUB, "devices/#"));
    assert_false(may(f, person, PUB, "devices/ann/x"));
}

static void quarantine_replaces_every_role(void **state)
{
    struct fixture *f = *state;
    struct mrl_policy *p;

    create_news(f);
    assign(f, "news", "device:d1");
    p = policy_of(f, d1, /*quarantined=*/true);
    assert_true(may_publish(p, &d1, MRL_LIT("devices/d1/quarantine/report")));
    assert_true(may_subscribe(p, &d1, MRL_LIT("devices/d1/quarantine/#")));
    assert_false(may_publish(p, &d1, MRL_LIT("devices/d1/x")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("devices/d1/#")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("devices/d2/quarantine/#")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("news/x")));
    mrl_policy_unref(p);
}

static void seeded_roles_do_what_they_say(void **state)
{
    struct fixture *f = *state;

    assign(f, "telemetry-reader", "application:app");
    assert_true(may(f, app, SUB, "devices/#"));
    assert_true(may(f, app, SUB, "$share/g/devices/+/temperature"));
    assert_false(may(f, app, SUB, "#"));
    assert_false(may(f, app, PUB, "devices/d1/commands/x"));
    assign(f, "commander", "application:app");
    assert_true(may(f, app, PUB, "devices/d1/commands/x"));
    assert_false(may(f, app, PUB, "devices/d1/telemetry"));
}

/* --- bindings --- */

static void a_role_reaches_a_device_by_its_id_and_by_its_group(void **state)
{
    struct fixture *f = *state;

    create_news(f);
    assert_false(may(f, d1_north, SUB, "news/x"));
    assign(f, "news", "group:north");
    assert_int_equal(f->told, 1);
    assert_string_equal(f->last_told, "group:north");
    assert_true(may(f, d1_north, SUB, "news/x"));
    assert_true(may(f, d1_north, PUB, "from/north/d1"));
    assert_true(may(f, d1_north, PUB, "devices/d1/x"));
    assert_false(may(f, d1, SUB, "news/x"));
    assign(f, "news", "device:d1");
    assert_true(may(f, d1, SUB, "news/x"));
    assert_false(may(f, d1, PUB, "from//d1"));
    assert_false(may(f, app, SUB, "news/x"));
    assert_int_equal(audited(f->store, "role.granted", "\"holder\":\"d1\""), 2);
}

static void a_name_means_a_device_or_an_application_never_both(void **state)
{
    struct fixture *f = *state;
    struct mrl_subject same_name = app;

    same_name.id = d1.id;
    create_news(f);
    assign(f, "news", "device:d1");
    assert_false(may(f, same_name, SUB, "news/x"));
    assign(f, "news", "application:d1");
    assert_true(may(f, same_name, SUB, "news/x"));
    assert_int_equal(may(f, d1_north, SUB, "news/x"), true); /* by its id */
}

static void unassigning_takes_it_away(void **state)
{
    struct fixture *f = *state;
    struct mrl_role_target t = to("device:d1");

    create_news(f);
    assign(f, "news", "device:d1");
    assert_ok(mrl_role_unassign(f->access, &admin, MRL_LIT("news"), &t, NULL));
    assert_int_equal(f->told, 2);
    assert_false(may(f, d1, SUB, "news/x"));
    assert_true(may(f, d1, PUB, "devices/d1/x"));
    assert_int_equal(mrl_role_unassign(f->access, &admin, MRL_LIT("news"), &t, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(audited(f->store, "role.withdrawn", "\"holder\":\"d1\""), 1);
}

static void new_rules_reach_all_who_hold_the_role(void **state)
{
    static const struct mrl_rule other[] = {RULE(MRL_ALLOW_SUBSCRIBE, "weather/#")};
    struct fixture *f = *state;

    create_news(f);
    assign(f, "news", "device:d1");
    assign(f, "news", "application:app");
    assign(f, "telemetry-reader", "application:app");
    f->told = 0;
    assert_ok(mrl_role_set_rules(f->access, &admin, MRL_LIT("news"), other, 1, NULL));
    assert_int_equal(f->told, 2);
    assert_false(may(f, d1, SUB, "news/x"));
    assert_true(may(f, d1, SUB, "weather/x"));
    assert_true(may(f, app, SUB, "weather/x"));
    assert_true(may(f, app, SUB, "devices/#"));
    assert_int_equal(audited(f->store, "role.changed", "subscribe weather/#"), 1);
}

static void equal_sets_of_roles_share_one_policy(void **state)
{
    struct fixture *f = *state;
    struct mrl_subject d2 = d1;
    struct mrl_policy *first, *second, *north;

    d2.id = MRL_LIT("d2");
    first = policy_of(f, d1, false);
    second = policy_of(f, d2, false);
    assert_ptr_equal(first, second);
    create_news(f);
    assign(f, "news", "group:north");
    north = policy_of(f, d1_north, false);
    assert_ptr_not_equal(first, north);
    mrl_policy_unref(first);
    mrl_policy_unref(second);
    assign(f, "news", "device:d1"); /* twice the same role is once */
    first = policy_of(f, d1, false);
    assert_ptr_equal(first, north);
    mrl_policy_unref(first);
    mrl_policy_unref(north);
}

/* --- refusals --- */

static void a_role_that_is_held_cannot_be_deleted(void **state)
{
    struct fixture *f = *state;
    struct mrl_role_target t = to("device:d1");
    struct mrl_why why = {{0}};

    create_news(f);
    assign(f, "news", "device:d1");
    assert_int_equal(mrl_role_delete(f->access, &admin, MRL_LIT("news"), &why), MRL_ERR_STATE);
    assert_non_null(strstr(why.text, "held by 1"));
    assert_true(may(f, d1, SUB, "news/x"));
    assert_ok(mrl_role_unassign(f->access, &admin, MRL_LIT("news"), &t, NULL));
    assert_ok(mrl_role_delete(f->access, &admin, MRL_LIT("news"), NULL));
    assert_int_equal(mrl_role_delete(f->access, &admin, MRL_LIT("news"), NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_role_assign(f->access, &admin, MRL_LIT("news"), &t, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(audited(f->store, "role.deleted", "\"target\":\"news\""), 1);
    create_news(f);
}

static void roles_of_the_program_cannot_be_touched(void **state)
{
    static const char *const names[] = {"device-default", "device-quarantined", "operator-default"};
    struct fixture *f = *state;
    struct mrl_role_target t = to("application:app");

    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        mrl_bytes name = mrl_str(names[i]);

        assert_int_equal(mrl_role_create(f->access, &admin, name, MRL_BYTES_NONE, news, 1, NULL),
                         MRL_ERR_DENIED);
        assert_int_equal(mrl_role_set_rules(f->access, &admin, name, news, 1, NULL),
                         MRL_ERR_DENIED);
        assert_int_equal(mrl_role_delete(f->access, &admin, name, NULL), MRL_ERR_DENIED);
        assert_int_equal(mrl_role_assign(f->access, &admin, name, &t, NULL), MRL_ERR_DENIED);
        assert_int_equal(mrl_role_unassign(f->access, &admin, name, &t, NULL), MRL_ERR_DENIED);
    }
}

static void a_bad_change_leaves_nothing_behind(void **state)
{
    static const struct mrl_rule bad[] = {RULE(MRL_ALLOW_PUBLISH, "ok"),
                                          RULE(MRL_ALLOW_PUBLISH, "not/#/ok")};
    struct fixture *f = *state;
    struct mrl_role_target slash = {MRL_ROLE_TO_DEVICE, MRL_LIT("a/b")};
    struct mrl_role_target nobody = {(enum mrl_role_target_kind)9, MRL_LIT("a")};
    struct mrl_why why = {{0}};

    assert_int_equal(mrl_role_create(f->access, &admin, MRL_LIT("r"), MRL_BYTES_NONE, bad, 2, &why),
                     MRL_ERR_INVALID);
    assert_memory_equal(why.text, "rule 2: ", 8);
    assert_int_equal(
        mrl_role_create(f->access, &admin, MRL_LIT("a/b"), MRL_BYTES_NONE, news, 1, NULL),
        MRL_ERR_INVALID);
    assert_int_equal(
        mrl_role_create(f->access, &admin, MRL_LIT("r"), MRL_LIT("\xff"), news, 1, NULL),
        MRL_ERR_INVALID);
    create_news(f);
    assert_int_equal(
        mrl_role_create(f->access, &admin, MRL_LIT("news"), MRL_BYTES_NONE, bad, 1, NULL),
        MRL_ERR_EXISTS);
    assert_int_equal(mrl_role_set_rules(f->access, &admin, MRL_LIT("none"), news, 1, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_role_assign(f->access, &admin, MRL_LIT("news"), &slash, NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_role_assign(f->access, &admin, MRL_LIT("news"), &nobody, NULL),
                     MRL_ERR_INVALID);
    assign(f, "news", "device:d1");
    assert_int_equal(mrl_role_assign(f->access, &admin, MRL_LIT("news"),
                                     &(struct mrl_role_target){MRL_ROLE_TO_DEVICE, MRL_LIT("d1")},
                                     NULL),
                     MRL_ERR_EXISTS);
    assert_true(may(f, d1, SUB, "news/x"));
    assert_int_equal(audited(f->store, "role.", NULL), 2);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM role_rules WHERE role = 'news'"),
                     2);
}

static void targets_are_read_from_text(void **state)
{
    static const char *const bad[] = {
        "", "d1", ":d1", "device:", "device:a/b", "operator:ann", "devices:d1", "group:+"};
    struct mrl_role_target t = to("group:a:b");

    (void)state;
    assert_int_equal(t.kind, MRL_ROLE_TO_GROUP);
    assert_bytes_equal(t.name, MRL_LIT("a:b"));
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_role_target_parse(mrl_str(bad[i]), &t, NULL), MRL_ERR_INVALID);
}

/* --- limits --- */

static void a_role_has_at_most_256_rules(void **state)
{
    struct fixture *f = *state;
    static struct mrl_rule rules[MRL_ROLE_RULES_MAX + 1];
    static char text[MRL_ROLE_RULES_MAX + 1][8];

    for (size_t i = 0; i < MRL_COUNT(rules); i++) {
        (void)snprintf(text[i], sizeof(text[i]), "t/%zu", i);
        rules[i] = (struct mrl_rule){MRL_ALLOW_PUBLISH, mrl_str(text[i])};
    }
    assert_int_equal(mrl_role_create(f->access, &admin, MRL_LIT("many"), MRL_BYTES_NONE, rules,
                                     MRL_ROLE_RULES_MAX + 1, NULL),
                     MRL_ERR_LIMIT);
    assert_ok(mrl_role_create(f->access, &admin, MRL_LIT("many"), MRL_BYTES_NONE, rules,
                              MRL_ROLE_RULES_MAX, NULL));
    assert_int_equal(
        mrl_role_set_rules(f->access, &admin, MRL_LIT("many"), rules, MRL_ROLE_RULES_MAX + 1, NULL),
        MRL_ERR_LIMIT);
    assign(f, "many", "device:d1");
    assert_true(may(f, d1, PUB, "t/255"));
    assert_false(may(f, d1, PUB, "t/256"));
}

static void there_are_at_most_1024_roles(void **state)
{
    struct fixture *f = *state;
    char name[16];

    for (size_t i = 3; i < MRL_ROLES_MAX; i++) { /* two are seeded, one is made below */
        (void)snprintf(name, sizeof(name), "role-%zu", i);
        assert_ok(store_exec(f->store, "INSERT INTO roles (name, text, changed) VALUES ($1, '', 0)",
                             MRL_ARGS(MRL_TEXT(mrl_str(name)))));
    }
    create_news(f);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM roles"), MRL_ROLES_MAX);
    assert_int_equal(
        mrl_role_create(f->access, &admin, MRL_LIT("one-more"), MRL_BYTES_NONE, news, 1, NULL),
        MRL_ERR_LIMIT);
    assert_ok(mrl_role_delete(f->access, &admin, MRL_LIT("news"), NULL));
    assert_ok(
        mrl_role_create(f->access, &admin, MRL_LIT("one-more"), MRL_BYTES_NONE, news, 1, NULL));
}

static void a_subject_holds_at_most_32_roles(void **state)
{
    struct fixture *f = *state;
    struct mrl_role_target t = to("device:d1");
    char name[16], topic[16];

    for (size_t i = 0; i <= MRL_SUBJECT_ROLES_MAX; i++) {
        struct mrl_rule rule = {MRL_ALLOW_PUBLISH, {0}};
        mrl_err expected = i < MRL_SUBJECT_ROLES_MAX ? MRL_OK : MRL_ERR_LIMIT;

        (void)snprintf(name, sizeof(name), "role-%zu", i);
        (void)snprintf(topic, sizeof(topic), "t/%zu", i);
        rule.filter = mrl_str(topic);
        assert_ok(
            mrl_role_create(f->access, &admin, mrl_str(name), MRL_BYTES_NONE, &rule, 1, NULL));
        assert_int_equal(mrl_role_assign(f->access, &admin, mrl_str(name), &t, NULL), expected);
        assert_int_equal(may(f, d1, PUB, topic), expected == MRL_OK);
    }
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM role_bindings"),
                     MRL_SUBJECT_ROLES_MAX);
}

static void a_description_has_at_most_256_bytes(void **state)
{
    struct fixture *f = *state;
    char text[MRL_ROLE_TEXT_MAX + 1];

    memset(text, 'x', sizeof(text));
    assert_int_equal(mrl_role_create(f->access, &admin, MRL_LIT("r"),
                                     mrl_bytes_of(text, MRL_ROLE_TEXT_MAX + 1), news, 1, NULL),
                     MRL_ERR_LIMIT);
    assert_ok(mrl_role_create(f->access, &admin, MRL_LIT("r"),
                              mrl_bytes_of(text, MRL_ROLE_TEXT_MAX), news, 1, NULL));
}

/* --- reading and starting again --- */

struct seen {
    size_t count;
    size_t rules;
    size_t built_in;
    char names[512];
};

static void see_role(void *context, const struct mrl_role_info *role)
{
    struct seen *s = context;
    size_t len = strlen(s->names);

    s->count++;
    s->rules += role->rule_count;
    s->built_in += role->built_in;
    (void)snprintf(&s->names[len], sizeof(s->names) - len, "%.*s ", MRL_FMT(role->name));
    for (size_t i = 0; i < role->rule_count; i++)
        assert_int_not_equal(role->rules[i].filter.len, 0);
}

static void see_binding(void *context, mrl_bytes role, const struct mrl_role_target *target)
{
    struct seen *s = context;
    size_t len = strlen(s->names);

    s->count++;
    (void)snprintf(&s->names[len], sizeof(s->names) - len, "%.*s>%s:%.*s ", MRL_FMT(role),
                   mrl_role_target_kind_name(target->kind), MRL_FMT(target->name));
}

static void roles_are_listed_in_order_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct seen all = {0}, first = {0}, rest = {0}, one = {0};

    create_news(f);
    assert_ok(mrl_role_list(f->access, MRL_BYTES_NONE, 100, see_role, &all));
    assert_string_equal(all.names, "commander device-default device-quarantined news "
                                   "operator-default telemetry-reader ");
    assert_int_equal(all.built_in, 3);
    assert_int_equal(all.rules, 7);
    assert_ok(mrl_role_list(f->access, MRL_BYTES_NONE, 3, see_role, &first));
    assert_string_equal(first.names, "commander device-default device-quarantined ");
    assert_ok(mrl_role_list(f->access, MRL_LIT("device-quarantined"), 3, see_role, &rest));
    assert_string_equal(rest.names, "news operator-default telemetry-reader ");
    assert_ok(mrl_role_show(f->access, MRL_LIT("news"), see_role, &one));
    assert_int_equal(one.rules, 2);
    assert_int_equal(mrl_role_show(f->access, MRL_LIT("none"), see_role, &one), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_role_list(f->access, MRL_BYTES_NONE, 0, see_role, &one), MRL_ERR_INVALID);
    assert_int_equal(
        mrl_role_list(f->access, MRL_BYTES_NONE, MRL_ROLE_PAGE_MAX + 1, see_role, &one),
        MRL_ERR_INVALID);
}

static void holders_are_listed_both_ways(void **state)
{
    struct fixture *f = *state;
    struct mrl_role_target t = to("device:d1");
    struct seen by_role = {0}, by_target = {0};

    create_news(f);
    assign(f, "news", "group:north");
    assign(f, "news", "device:d1");
    assign(f, "commander", "device:d1");
    assert_ok(mrl_role_holders(f->access, MRL_LIT("news"), see_binding, &by_role));
    assert_string_equal(by_role.names, "news>device:d1 news>group:north ");
    assert_ok(mrl_role_of_target(f->access, &t, see_binding, &by_target));
    assert_string_equal(by_target.names, "commander>device:d1 news>device:d1 ");
}

static void roles_survive_a_restart(void **state)
{
    struct fixture *f = *state;

    create_news(f);
    assign(f, "news", "group:north");
    assign(f, "telemetry-reader", "application:app");
    close_access(f);
    open_access(f);
    assert_true(may(f, d1_north, SUB, "news/x"));
    assert_true(may(f, d1_north, PUB, "from/north/d1"));
    assert_false(may(f, d1, SUB, "news/x"));
    assert_true(may(f, app, SUB, "devices/#"));
}

static void a_stored_rule_that_was_tampered_with_is_refused_at_start(void **state)
{
    struct fixture *f = *state;
    struct mrl_access *again = NULL;
    struct mrl_why why = {{0}};

    create_news(f);
    assert_ok(store_exec(f->store, "UPDATE role_rules SET filter = '$SYS/#' WHERE role = 'news'",
                         MRL_NO_ARGS));
    assert_int_equal(mrl_access_open(f->store, &again, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "news"));
    assert_null(again);
}

static bool app_may(struct fixture *f, uint8_t needs)
{
    struct mrl_policy *p = policy_of(f, app, /*quarantined=*/false);
    bool allowed = mrl_policy_may_publish(p, &app, MRL_LIT("a"), needs);

    mrl_policy_unref(p);
    return allowed;
}

static void what_a_rule_withholds_survives_a_restart(void **state)
{
    static const struct mrl_rule rule = {PUB, MRL_LIT_INIT("a"), MRL_RIGHT_CLEAR | MRL_RIGHT_QOS2};
    struct fixture *f = *state;

    assert_ok(mrl_role_create(f->access, &admin, MRL_LIT("r"), MRL_BYTES_NONE, &rule, 1, NULL));
    assign(f, "r", "application:app");
    for (unsigned i = 0; i < 2; i++) {
        assert_true(app_may(f, mrl_publish_needs(1, /*retain=*/true, /*empty=*/false)));
        assert_false(app_may(f, mrl_publish_needs(2, /*retain=*/false, /*empty=*/false)));
        assert_false(app_may(f, mrl_publish_needs(0, /*retain=*/true, /*empty=*/true)));
        close_access(f);
        open_access(f);
    }
    assert_int_equal(audited(f->store, "role.added", "publish,no-clear,max-qos=1 a"), 1);
}

/* A store of the first version, with a role and its holder. */
static void rules_from_before_there_were_rights_keep_their_meaning(void **state)
{
    const struct mrl_migration_list first = {mrl_access_migrations.items, 1};
    struct fixture f = {0};
    struct mrl_store *old;

    (void)state;
    place_make(&f.place);
    old = store_at(&f.place, &first, (struct mrl_store_options){0});
    assert_ok(store_exec(old, "INSERT INTO roles VALUES ('r', '', 1)", MRL_NO_ARGS));
    assert_ok(store_exec(old, "INSERT INTO role_rules VALUES ('r', 0, 1, 'a')", MRL_NO_ARGS));
    assert_ok(store_exec(old, "INSERT INTO role_bindings VALUES (2, 'app', 'r', 1)", MRL_NO_ARGS));
    mrl_store_close(old);
    open_access(&f);
    assert_true(app_may(&f, mrl_publish_needs(2, /*retain=*/true, /*empty=*/false)));
    assert_true(app_may(&f, mrl_publish_needs(2, /*retain=*/true, /*empty=*/true)));
    close_access(&f);
    place_remove(&f.place);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(without_bindings_there_are_only_the_roles_of_the_program),
        WITH_STORE(quarantine_replaces_every_role),
        WITH_STORE(seeded_roles_do_what_they_say),
        WITH_STORE(a_role_reaches_a_device_by_its_id_and_by_its_group),
        WITH_STORE(a_name_means_a_device_or_an_application_never_both),
        WITH_STORE(unassigning_takes_it_away),
        WITH_STORE(new_rules_reach_all_who_hold_the_role),
        WITH_STORE(equal_sets_of_roles_share_one_policy),
        WITH_STORE(a_role_that_is_held_cannot_be_deleted),
        WITH_STORE(roles_of_the_program_cannot_be_touched),
        WITH_STORE(a_bad_change_leaves_nothing_behind),
        cmocka_unit_test(targets_are_read_from_text),
        WITH_STORE(a_role_has_at_most_256_rules),
        WITH_STORE(there_are_at_most_1024_roles),
        WITH_STORE(a_subject_holds_at_most_32_roles),
        WITH_STORE(a_description_has_at_most_256_bytes),
        WITH_STORE(roles_are_listed_in_order_page_by_page),
        WITH_STORE(holders_are_listed_both_ways),
        WITH_STORE(roles_survive_a_restart),
        WITH_STORE(what_a_rule_withholds_survives_a_restart),
        cmocka_unit_test(rules_from_before_there_were_rights_keep_their_meaning),
        WITH_STORE(a_stored_rule_that_was_tampered_with_is_refused_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
