/* SPDX-License-Identifier: Apache-2.0 */
#include "access/lint.h"

#include <stdio.h>
#include <string.h>

#include "access/name.h"
#include "tests/unit/unit.h"

enum { LINES = 8 };

/* A role as lines: rules, then holders after "->", all in one text. */
struct given {
    struct mrl_lint_role role;
    struct mrl_rule rules[LINES];
    struct mrl_role_target holders[LINES];
};

/* "publish,subscribe FILTER": unlike mrl_rule_read it takes filters that cannot be. */
static struct mrl_rule read_rule(mrl_bytes line)
{
    struct mrl_rule rule = {0};
    mrl_bytes words;

    (void)mrl_bytes_split(line, ' ', &words, &rule.filter);
    if (mrl_bytes_starts(words, MRL_LIT("publish")))
        rule.actions |= MRL_ALLOW_PUBLISH;
    if (mrl_bytes_ends(words, MRL_LIT("subscribe")))
        rule.actions |= MRL_ALLOW_SUBSCRIBE;
    if (mrl_bytes_ends(words, MRL_LIT("max-qos=1")))
        rule.withheld = MRL_RIGHT_QOS2;
    return rule;
}

static void take_line(struct given *g, mrl_bytes line)
{
    if (mrl_bytes_starts(line, MRL_LIT("-> "))) {
        assert_ok(mrl_role_target_parse(mrl_bytes_sub(line, 3, SIZE_MAX),
                                        &g->holders[g->role.holder_count++], NULL));
        g->role.holders_known = true;
    } else if (mrl_bytes_eq(line, MRL_LIT("->"))) {
        g->role.holders_known = true;
    } else {
        g->rules[g->role.count++] = read_rule(line);
    }
}

static void read_role(struct given *g, const char *name, const char *text)
{
    mrl_bytes rest = mrl_str(text), line;
    bool more = rest.len > 0;

    *g = (struct given){.role = {.name = mrl_str(name)}};
    while (more) {
        more = mrl_bytes_split(rest, '\n', &line, &rest);
        take_line(g, line);
    }
    g->role.rules = g->rules;
    g->role.holders = g->holders;
}

struct seen {
    char ids[1024]; /* "error:everything/1 note:nobody-holds/0" */
    char text[512], suggestion[256], role[MRL_NAME_MAX + 1];
};

static void see(void *context, const struct mrl_lint_finding *f)
{
    struct seen *s = context;
    size_t len = strlen(s->ids);

    (void)snprintf(&s->ids[len], sizeof(s->ids) - len, "%s%s:%s/%zu", len > 0 ? " " : "",
                   mrl_lint_severity_name(f->severity), f->id, f->rule);
    (void)snprintf(s->text, sizeof(s->text), "%s", f->text);
    (void)snprintf(s->suggestion, sizeof(s->suggestion), "%s", f->suggestion);
    (void)snprintf(s->role, sizeof(s->role), "%.*s", MRL_FMT(f->role));
    assert_true(f->text[0] != '\0');
}

/* What is said about the role r with these lines, beside a second role. */
static struct seen lint_beside(const char *lines, const char *others,
                               const struct mrl_lint_input *with)
{
    struct given given[2];
    struct mrl_lint_role roles[2];
    struct mrl_lint_input in = *with;
    struct seen s = {{0}};

    read_role(&given[0], "r", lines);
    roles[0] = given[0].role;
    if (others != NULL)
        read_role(&given[1], "other", others);
    if (others != NULL)
        roles[1] = given[1].role;
    in.roles = roles;
    in.count = others != NULL ? 2 : 1;
    in.only = MRL_LIT("r");
    mrl_lint(&in, see, &s);
    return s;
}

static struct seen lint(const char *lines)
{
    return lint_beside(lines, "publish #\n-> application:all", &(struct mrl_lint_input){0});
}

static const struct {
    const char *lines, *ids;
} findings[] = {
    /* nothing to say */
    {"publish,subscribe sites/${group}/${id}/#\n-> group:g", ""},
    {"subscribe devices/+/state\n-> application:a", "note:crosses-devices/1"},
    /* breadth */
    {"subscribe #\n-> device:d", "error:everything/1 note:no-dollar-topics/1"},
    {"subscribe +/#\n-> group:g", "error:everything/1 note:no-dollar-topics/1"},
    {"subscribe #\n-> application:a", "warning:everything/1 note:no-dollar-topics/1"},
    {"subscribe #\n-> application:a\n-> device:d", "error:everything/1 note:no-dollar-topics/1"},
    {"subscribe #", "warning:everything/1 note:no-dollar-topics/1"},
    {"subscribe +/state\n-> application:a", "note:no-dollar-topics/1"},
    {"publish,subscribe chat/#\n-> group:g", "warning:talks-to-itself/1"},
    {"publish chat/#\nsubscribe chat/+/x\n-> group:g", "warning:talks-to-itself/2"},
    {"publish chat/up/#\nsubscribe chat/down/#\n-> group:g", ""},
    {"publish,subscribe chat/room\n-> group:g", ""},
    {"publish,subscribe chat/${id}/#\n-> group:g", ""},
    /* the namespaces of devices */
    {"subscribe devices/+/state\n-> group:g", "error:crosses-devices/1"},
    {"publish devices/#\n-> device:d", "error:crosses-devices/1"},
    {"subscribe devices/+/state", "warning:crosses-devices/1"},
    {"subscribe devices/+/state\n->", "note:nobody-holds/0 note:crosses-devices/1"},
    {"publish data/${id}/x\nsubscribe data/+/x\n-> group:g", "error:crosses-devices/2"},
    {"publish data/${group}/${id}/x\nsubscribe data/${group}/+/x\n-> group:g",
     "warning:crosses-devices/2"},
    {"publish devices/+/inbox/${id}\n-> group:g", "warning:crosses-devices/1"},
    {"subscribe devices/+/from/${id}\n-> application:a", "note:crosses-devices/1"},
    {"publish data/${id}/+\nsubscribe data/+/${id}\n-> group:g", "warning:crosses-devices/2"},
    /* those of groups */
    {"publish plant/${group}/x\nsubscribe plant/+/x\n-> group:g", "warning:crosses-groups/2"},
    {"publish plant/${group}/x\nsubscribe plant/#\n-> group:g", "warning:crosses-groups/2"},
    {"publish plant/${group}/x\nsubscribe plant/${group}/+\n-> group:g", ""},
    {"publish devices/${group}/x\n-> group:g", "warning:shared-place/1"},
    {"publish devices/${attr.site}/x\n-> group:g", "warning:shared-place/1"},
    {"publish devices/all/x\n-> group:g", "note:names-a-device/1"},
    {"publish devices/all/x\n-> application:a", ""},
    /* rules that cannot be */
    {"publish foo#", "error:wildcard-inside-level/1"},
    {"publish devices/${id}+", "error:wildcard-inside-level/1"},
    {"publish a/#/b", "error:wildcard-inside-level/1"},
    {"publish a/${id}x", "error:unknown-variable/1"},
    {"publish a/${client}", "error:unknown-variable/1"},
    {"publish $SYS/x", "error:server-topic/1"},
    {"nothing a", "error:bad-rule/1"},
    {"publish ", "error:bad-rule/1"},
    {"publish foo#\npublish a\npublish a",
     "error:wildcard-inside-level/1 warning:duplicate-rule/3"},
    /* look-alikes */
    {"publish a/*/b", "warning:not-a-wildcard/1"},
    {"publish a/\xef\xbc\x8b", "warning:not-a-wildcard/1"},
    {"publish a/{id}/b", "warning:not-a-variable/1"},
    {"publish a/%i/b", "warning:not-a-variable/1"},
    {"publish a/<id>", "warning:not-a-variable/1"},
    {"publish a/ b", "warning:blank-at-edge/1"},
    /* slashes */
    {"publish /devices/x", "warning:leading-slash/1"},
    {"publish plant/x/", "warning:trailing-slash/1"},
    {"publish plant//x", "warning:double-slash/1"},
    {"publish /", "warning:leading-slash/1 warning:trailing-slash/1"},
    /* too many */
    {"publish a\npublish a", "warning:duplicate-rule/2"},
    {"publish a/b\npublish a/#", "warning:subsumed-rule/1"},
    {"publish a/${id}\npublish,subscribe a/+", "warning:subsumed-rule/1 warning:talks-to-itself/2 "
                                               "warning:crosses-devices/2"},
    {"publish a/b\nsubscribe a/#", ""},
    {"publish a/b\npublish,max-qos=1 a/#", ""}, /* the narrower one gives more */
    {"publish devices/${id}/x\n-> group:g", "note:already-given/1"},
    {"publish devices/${id}/x\n-> application:a", ""},
    /* spelling */
    {"publish Devices/${id}/x\n-> group:g", "warning:case-differs/1"},
    {"publish plant/A/x\npublish plant/a/y", "warning:case-differs/2"},
    {"publish plant/A/x\npublish farm/a/y", ""},
    /* holders */
    {"publish a/${group}\n-> application:a", "warning:variable-without-value/1"},
    {"publish a/${attr.x}\n-> application:a", "warning:variable-without-value/1"},
    {"publish a/${attr.x}\n-> application:a\n-> device:d", ""},
};

static void each_finding_has_its_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(findings); i++) {
        struct seen s = lint(findings[i].lines);

        if (strcmp(s.ids, findings[i].ids) != 0)
            fail_msg("%s: %s, not %s", findings[i].lines, s.ids, findings[i].ids);
    }
}

static void two_roles_make_a_channel_for_who_holds_both(void **state)
{
    static const struct {
        const char *lines, *others, *ids;
    } rows[] = {
        {"publish chat/#\n-> group:g", "subscribe chat/#\n-> group:g", "warning:talks-to-itself/1"},
        {"subscribe chat/+\n-> group:g", "publish chat/#\n-> group:h\n-> group:g",
         "warning:talks-to-itself/1"},
        {"publish chat/#\n-> device:a\n-> device:b", "subscribe chat/#\n-> device:b\n-> device:a",
         "warning:talks-to-itself/1"},
        /* one that holds both hears nobody else */
        {"publish chat/#\n-> device:a\n-> device:b", "subscribe chat/#\n-> device:b\n-> device:c",
         ""},
        {"publish chat/#\n-> application:a", "subscribe chat/#\n-> application:a", ""},
        {"publish chat/#\n-> group:g", "subscribe chat/#\n-> group:h", ""},
        {"publish chat/#\n-> group:g", "subscribe chat/#\n-> device:g", ""},
        {"publish chat/#\n-> group:g", "subscribe chat/#", ""}, /* nobody knows who holds it */
        {"publish chat/#\n-> group:g", "publish chat/#\n-> group:g", ""},
        {"publish chat/up/#\n-> group:g", "subscribe chat/down/#\n-> group:g", ""},
        {"publish chat/room\n-> group:g", "subscribe chat/#\n-> group:g", ""},
    };
    const struct mrl_lint_input in = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct seen s = lint_beside(rows[i].lines, rows[i].others, &in);

        if (strcmp(s.ids, rows[i].ids) != 0)
            fail_msg("%s beside %s: %s", rows[i].lines, rows[i].others, s.ids);
        if (s.ids[0] != '\0')
            assert_non_null(strstr(s.text, "of other, `chat/#`"));
    }
}

static void of_two_roles_the_later_is_told_where_all_are_looked_at(void **state)
{
    struct given first, second;
    struct mrl_lint_role roles[2];
    const struct mrl_lint_input in = {.roles = roles, .count = 2};
    struct seen s = {{0}};

    (void)state;
    read_role(&first, "first", "publish chat/#\n-> group:g");
    read_role(&second, "second", "subscribe chat/#\n-> group:g");
    roles[0] = first.role;
    roles[1] = second.role;
    mrl_lint(&in, see, &s);
    assert_string_equal(s.ids, "warning:talks-to-itself/1");
    assert_string_equal(s.role, "second");
}

static void a_role_without_rules_is_told(void **state)
{
    struct mrl_lint_role role = {.name = MRL_LIT("r")};
    const struct mrl_lint_input in = {.roles = &role, .count = 1};
    struct seen s = {{0}};

    (void)state;
    mrl_lint(&in, see, &s);
    assert_string_equal(s.ids, "note:no-rules/0");
}

static void nobody_publishes_what_would_be_received(void **state)
{
    const struct mrl_lint_input in = {0};

    (void)state;
    assert_string_equal(lint_beside("subscribe news/#", "publish new/a", &in).ids,
                        "warning:no-publisher/1");
    assert_string_equal(lint_beside("subscribe news/#", "publish news/${attr.x}", &in).ids, "");
    /* what nobody holds is published by nobody */
    assert_string_equal(lint_beside("subscribe news/#", "publish news/a\n->", &in).ids,
                        "warning:no-publisher/1");
    /* every device publishes its own */
    assert_string_equal(lint_beside("subscribe devices/x/y\n-> application:a", NULL, &in).ids, "");
    assert_string_equal(lint_beside("subscribe Devices/x/y\n-> application:a", NULL, &in).ids,
                        "warning:case-differs/1 warning:no-publisher/1");
}

/* Their ${id} and ${group} are no place of any device. */
static void what_only_applications_hold_makes_no_place_of_devices(void **state)
{
    const struct mrl_lint_input in = {0};

    (void)state;
    assert_string_equal(
        lint_beside("publish data/+/x\n-> group:g", "subscribe data/${id}/x\n-> application:a", &in)
            .ids,
        "");
    assert_string_equal(
        lint_beside("publish data/+/x\n-> group:g", "subscribe data/${id}/x\n-> device:d", &in).ids,
        "error:crosses-devices/1");
    assert_string_equal(lint_beside("publish data/+/x\n-> group:g",
                                    "subscribe data/${group}/x\n-> application:a", &in)
                            .ids,
                        "");
    assert_string_equal(
        lint_beside("publish data/+/x\n-> group:g", "subscribe data/${group}/x\n-> group:g", &in)
            .ids,
        "warning:crosses-groups/1");
}

static bool has(void *context, const struct mrl_role_target *t, const struct mrl_level *variable)
{
    (void)context; /* the group g has a device pump with site=berlin */
    if (t->kind == MRL_ROLE_TO_DEVICE ? !mrl_bytes_eq(t->name, MRL_LIT("pump"))
                                      : !mrl_bytes_eq(t->name, MRL_LIT("g")))
        return false;
    return variable == NULL || variable->kind == MRL_LEVEL_ID ||
           (variable->kind == MRL_LEVEL_GROUP && t->kind == MRL_ROLE_TO_GROUP) ||
           mrl_bytes_eq(variable->text, MRL_LIT("site"));
}

static void what_is_known_of_the_fleet_counts(void **state)
{
    static const struct {
        const char *lines, *ids;
    } rows[] = {
        {"publish a\n-> group:g", ""},
        {"publish a\n-> group:G", "warning:empty-group/0"},
        {"publish a\n-> device:pumb", "warning:unknown-holder/0"},
        {"publish a\n-> application:x", "warning:unknown-holder/0"},
        {"publish a/${attr.site}\n-> group:g", ""},
        {"publish a/${attr.Site}\n-> group:g", "warning:variable-without-value/1"},
        {"publish a/${group}\n-> device:pump", "warning:variable-without-value/1"},
        {"publish a/${group}\n-> group:g", ""},
        {"publish devices/pump/x\n-> group:g", "warning:names-a-device/1"},
        {"publish devices/fan/x\n-> group:g", "note:names-a-device/1"},
    };
    const struct mrl_lint_input in = {.has = has};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct seen s = lint_beside(rows[i].lines, "publish z\n-> group:g", &in);

        if (strcmp(s.ids, rows[i].ids) != 0)
            fail_msg("%s: %s, not %s", rows[i].lines, s.ids, rows[i].ids);
    }
}

static void a_finding_says_where_why_and_what_to_do(void **state)
{
    struct seen s = lint("publish devices/+/x\n-> group:g");

    (void)state;
    assert_string_equal(s.role, "r");
    assert_string_equal(s.text, "reaches what belongs to single devices: level 2 is ${id} in "
                                "`devices/${id}/#` of device-default");
    assert_string_equal(s.suggestion, "write ${id} there, or give the role to an application only");
    s = lint("publish plant/A/x\npublish plant/a/y");
    assert_string_equal(
        s.text, "level 2 is `a` here and `A` in `plant/A/x` of r: these are different topics");
    s = lint("publish a/${attr.x}\n-> application:a");
    assert_string_equal(s.text, "level 2 is `${attr.x}`, for which no holder has a value: the rule "
                                "gives nothing");
}

/* Beyond its number of comparisons the lint says so instead of going on for hours. */
static void a_great_many_rules_end_with_a_note(void **state)
{
    enum { ROLES = 40 };
    static struct mrl_rule rules[MRL_ROLE_RULES_MAX];
    static char filters[MRL_ROLE_RULES_MAX][16];
    struct mrl_lint_role roles[ROLES];
    const struct mrl_lint_input in = {.roles = roles, .count = ROLES};
    struct seen s = {{0}};

    (void)state;
    for (size_t i = 0; i < MRL_ROLE_RULES_MAX; i++) {
        (void)snprintf(filters[i], sizeof(filters[i]), "topic/%zu", i);
        rules[i] = (struct mrl_rule){MRL_ALLOW_PUBLISH, mrl_str(filters[i]), 0};
    }
    for (size_t i = 0; i < ROLES; i++)
        roles[i] = (struct mrl_lint_role){MRL_LIT("big"), rules, MRL_ROLE_RULES_MAX};
    mrl_lint(&in, see, &s);
    assert_string_equal(s.ids, "note:not-all-compared/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finding_has_its_rule),
        cmocka_unit_test(two_roles_make_a_channel_for_who_holds_both),
        cmocka_unit_test(of_two_roles_the_later_is_told_where_all_are_looked_at),
        cmocka_unit_test(a_role_without_rules_is_told),
        cmocka_unit_test(nobody_publishes_what_would_be_received),
        cmocka_unit_test(what_only_applications_hold_makes_no_place_of_devices),
        cmocka_unit_test(what_is_known_of_the_fleet_counts),
        cmocka_unit_test(a_finding_says_where_why_and_what_to_do),
        cmocka_unit_test(a_great_many_rules_end_with_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
