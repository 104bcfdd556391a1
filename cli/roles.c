/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/roles.h"

#include "access/rule.h"
#include "base/hex.h"
#include "crypto/hash.h"

/* filter -> rule, so that a filter named twice is one rule. */
static mrl_err add_rules(const struct mrl_cli_arguments *given, const char *action, json_t *rules)
{
    const char *filter;
    size_t at = 0;

    while ((filter = mrl_cli_next(given, action, &at)) != NULL) {
        json_t *rule = json_object_get(rules, filter);

        if (rule == NULL) {
            rule = mrl_json_object();
            MRL_TRY(mrl_json_set(rules, filter, rule));
            MRL_TRY(mrl_json_set_str(rule, "filter", mrl_str(filter)));
            MRL_TRY(mrl_json_set_bool(rule, "publish", false));
            MRL_TRY(mrl_json_set_bool(rule, "subscribe", false));
        }
        MRL_TRY(mrl_json_set_bool(rule, action, true));
    }
    return MRL_OK;
}

/* By filter: two command lines that say the same give the same text, hence the same name. */
static mrl_err in_order(json_t *by_filter, json_t **out)
{
    MRL_AUTO(json_t) list = mrl_json_array();

    while (json_object_size(by_filter) > 0) {
        const char *least = NULL, *filter;
        json_t *rule;

        json_object_foreach(by_filter, filter, rule)
        {
            if (least == NULL || mrl_bytes_cmp(mrl_str(filter), mrl_str(least)) < 0)
                least = filter;
        }
        MRL_TRY(mrl_json_append(list, json_incref(json_object_get(by_filter, least))));
        (void)json_object_del(by_filter, least); /* is there */
    }
    *out = MRL_TAKE(list);
    return MRL_OK;
}

/* What a rule withholds is said, what it gives is not: the API shows it so too. */
static mrl_err rule_json(const struct mrl_rule *rule, json_t *o)
{
    MRL_TRY(mrl_json_set_str(o, "filter", rule->filter));
    MRL_TRY(mrl_json_set_bool(o, "publish", (rule->actions & MRL_ALLOW_PUBLISH) != 0));
    MRL_TRY(mrl_json_set_bool(o, "subscribe", (rule->actions & MRL_ALLOW_SUBSCRIBE) != 0));
    if ((rule->withheld & MRL_RIGHT_RETAIN) != 0)
        MRL_TRY(mrl_json_set_bool(o, "retain", false));
    if ((rule->withheld & MRL_RIGHT_CLEAR) != 0)
        MRL_TRY(mrl_json_set_bool(o, "clear", false));
    if (mrl_max_qos(rule->withheld) < 2)
        MRL_TRY(mrl_json_set_int(o, "max_qos", mrl_max_qos(rule->withheld)));
    if ((rule->withheld & MRL_RIGHT_SOFT_KEY) != 0)
        MRL_TRY(mrl_json_set_bool(o, "hardware_held", true));
    return MRL_OK;
}

static mrl_exit add_lines(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t *list)
{
    const char *line;
    size_t at = 0;

    while ((line = mrl_cli_next(given, "rule", &at)) != NULL) {
        MRL_AUTO(json_t) o = mrl_json_object();
        struct mrl_rule rule;
        struct mrl_why why;

        if (mrl_rule_read(mrl_str(line), &rule, &why) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--rule \"%s\": %s", line, why.text);
        if (rule_json(&rule, o) != MRL_OK || mrl_json_append(list, MRL_TAKE(o)) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "a rule cannot be sent");
    }
    return MRL_EXIT_OK;
}

mrl_exit mrl_roles_rules(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t **out)
{
    MRL_AUTO(json_t) by_filter = mrl_json_object();
    MRL_AUTO(json_t) list = NULL;

    if (!mrl_cli_has(given, "publish") && !mrl_cli_has(given, "subscribe") &&
        !mrl_cli_has(given, "rule"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give --publish, --subscribe or --rule");
    if (add_rules(given, "publish", by_filter) != MRL_OK ||
        add_rules(given, "subscribe", by_filter) != MRL_OK || in_order(by_filter, &list) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "a topic filter is not text in UTF-8");
    MRL_EXIT_TRY(add_lines(cli, given, list));
    *out = MRL_TAKE(list);
    return MRL_EXIT_OK;
}

static mrl_err put_word(struct mrl_buf *out, size_t *words, const char *word)
{
    return mrl_buf_printf(out, "%s%s", (*words)++ > 0 ? "+" : "", word);
}

mrl_err mrl_roles_format_rule(const json_t *rule, struct mrl_buf *out)
{
    const json_t *max_qos = json_object_get(rule, "max_qos");
    size_t words = 0;

    if (json_is_true(json_object_get(rule, "publish")))
        MRL_TRY(put_word(out, &words, "publish"));
    if (json_is_true(json_object_get(rule, "subscribe")))
        MRL_TRY(put_word(out, &words, "subscribe"));
    if (json_is_false(json_object_get(rule, "retain")))
        MRL_TRY(put_word(out, &words, "no-retain"));
    if (json_is_false(json_object_get(rule, "clear")))
        MRL_TRY(put_word(out, &words, "no-clear"));
    if (json_is_integer(max_qos))
        MRL_TRY(
            put_word(out, &words, json_integer_value(max_qos) == 0 ? "max-qos=0" : "max-qos=1"));
    if (json_is_true(json_object_get(rule, "hardware_held")))
        MRL_TRY(put_word(out, &words, "hardware-held"));
    return mrl_buf_printf(out, " %.*s", MRL_FMT(mrl_cli_text_of(rule, "filter")));
}

static bool contains(const json_t *list, const json_t *wanted)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), wanted) != 0)
            return true;
    return false;
}

bool mrl_roles_same(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!contains(b, json_array_get(a, i)))
            return false;
    return true;
}

enum { GRANT_NAME = sizeof("grant-0123456789abcdef") };

static mrl_err name_of(const json_t *rules, char to[static GRANT_NAME])
{
    MRL_SCOPED(mrl_buf) text = {0};
    uint8_t hash[MRL_SHA256_SIZE];
    char hex[2 * MRL_SHA256_SIZE + 1];

    MRL_TRY(mrl_json_write(rules, &text));
    MRL_TRY(mrl_sha256(mrl_buf_bytes(&text), hash));
    mrl_hex(mrl_bytes_of(hash, sizeof(hash)), hex);
    (void)snprintf(to, GRANT_NAME, "grant-%.16s", hex);
    return MRL_OK;
}

static mrl_exit make_role(struct mrl_cli *cli, const char *name, json_t *rules,
                          struct mrl_cli_answer *answer)
{
    MRL_AUTO(json_t) body = mrl_json_object();

    if (mrl_json_set_str(body, "name", mrl_str(name)) != MRL_OK ||
        mrl_json_set_str(body, "text", MRL_LIT("made by merlon grant")) != MRL_OK ||
        mrl_json_set(body, "rules", json_incref(rules)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the rules cannot be sent");
    return mrl_cli_ask(cli, "POST", MRL_LIT("/v1/roles"), body, answer);
}

/* A role of this name that says something else was changed by hand: giving it away would grant
 * what nobody asked for. */
static mrl_exit find_or_make(struct mrl_cli *cli, const char *name, json_t *rules,
                             struct mrl_cli_answer *answer)
{
    MRL_SCOPED(mrl_buf) target = {0};
    mrl_exit code;

    mrl_cli_target(&target, "/v1/roles", name);
    code = mrl_cli_get(cli, mrl_buf_bytes(&target), answer);
    if (answer->raw.status == 404)
        code = make_role(cli, name, rules, answer);
    MRL_EXIT_TRY(code);
    if (!mrl_roles_same(rules, mrl_cli_member(answer->json, "rules")))
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the role %s exists with other rules", name);
    return MRL_EXIT_OK;
}

static mrl_exit assign(struct mrl_cli *cli, const char *name, json_t *to,
                       struct mrl_cli_answer *role)
{
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    if (contains(mrl_cli_member(role->json, "assigned_to"), to))
        return MRL_EXIT_OK;
    if (mrl_json_set(body, "to", json_incref(to)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the name cannot be sent");
    mrl_cli_target(&target, "/v1/roles", name, "assignments");
    mrl_cli_answer_done(role);
    return mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, role);
}

mrl_exit mrl_roles_grant(struct mrl_cli *cli, json_t *rules, mrl_bytes to)
{
    MRL_SCOPED(mrl_cli_answer) role = {0};
    MRL_AUTO(json_t) holder = json_stringn((const char *)to.data, to.len);
    char name[GRANT_NAME];

    if (holder == NULL || name_of(rules, name) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "a name is not text in UTF-8");
    MRL_EXIT_TRY(find_or_make(cli, name, rules, &role));
    MRL_EXIT_TRY(assign(cli, name, holder, &role));
    if (cli->json)
        mrl_cli_print_json(cli, role.json);
    mrl_cli_say(cli, "%.*s holds the role %s.", MRL_FMT(to), name);
    return MRL_EXIT_OK;
}
