/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_history.h"

#include <stdlib.h>
#include <string.h>

#include "cli/request.h"
#include "cli/times.h"

enum { WORD_MAX = 24 };

const struct mrl_cli_option mrl_device_history_options[] = {
    {"all", NULL, "With every connection and every head of its own event log."},
    {NULL},
};

/* What makes a life. A connected device has an entry for each connection: of those the first and
 * the last are told. */
static const char *const life[] = {"device.", "enrol.", "token.", "approval.", "provisioning."};

static mrl_err format_actor(const json_t *actor, struct mrl_buf *out)
{
    mrl_bytes kind = mrl_cli_text_of(actor, "kind"), id = mrl_cli_text_of(actor, "id");

    return mrl_buf_printf(out, "%.*s%s%.*s", MRL_FMT(kind), id.len > 0 ? ":" : "", MRL_FMT(id));
}

static mrl_err format_seconds(const json_t *value, struct mrl_buf *out)
{
    json_int_t seconds = json_integer_value(value);
    char text[MRL_TIMES_TEXT];

    if (seconds < 0 || seconds > INT64_MAX / 1000)
        return mrl_cli_format(value, out);
    mrl_times_format(seconds * 1000, text);
    return mrl_buf_append(out, mrl_str(text));
}

/* The start of a fingerprint is enough to find it. */
static mrl_err format_word(const json_t *value, struct mrl_buf *out)
{
    size_t len = json_string_length(value);

    if (!json_is_string(value) || len <= WORD_MAX)
        return mrl_cli_format(value, out);
    MRL_TRY(mrl_buf_append(out, mrl_bytes_of(json_string_value(value), WORD_MAX)));
    return mrl_buf_append(out, MRL_LIT("..."));
}

static bool is_time(const char *name)
{
    return strcmp(name, "not_after") == 0 || strcmp(name, "expires") == 0;
}

static mrl_err format_details(const json_t *details, struct mrl_buf *out)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)details, name, value)
    {
        MRL_TRY(mrl_buf_printf(out, "%s%s=", out->len > 0 ? " " : "", name));
        MRL_TRY(is_time(name) && json_is_integer(value) ? format_seconds(value, out)
                                                        : format_word(value, out));
    }
    return MRL_OK;
}

static const struct mrl_cli_column shown[] = {
    {"ID", "device.id"},
    {"State", "device.state"},
    {"Group", "device.group"},
    {"Reason", "device.reason"},
    {"Known since", "device.created"},
    {"First connection", "first_connection.time", mrl_cli_format_ms},
    {"Last connection", "last_connection.time", mrl_cli_format_ms},
    {NULL},
};
static const struct mrl_cli_column listed[] = {
    {"TIME", "time", mrl_cli_format_ms},
    {"NUMBER", "seq"},
    {"ACTION", "action"},
    {"OUTCOME", "outcome"},
    {"BY", "actor", format_actor},
    {"REASON", "reason"},
    {"DETAILS", "details", format_details},
    {NULL},
};

static mrl_exit ask(struct mrl_cli *cli, const char *id, const char *action, mrl_bytes actor,
                    const char *order, uint64_t most, json_t **out)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/audit");
    mrl_cli_target_query(&target, "target", mrl_str(id));
    mrl_cli_target_query(&target, "action", mrl_str(action));
    mrl_cli_target_query(&target, "actor", actor);
    mrl_cli_target_query(&target, "order", mrl_str(order));
    return mrl_cli_list(cli, mrl_buf_bytes(&target), most, out);
}

static bool is_head_of_a_log(const json_t *entry)
{
    return mrl_bytes_eq(mrl_cli_text_of(entry, "action"), MRL_LIT("device.log_anchored"));
}

/* Others may have its name: what they do, and what is done to them, is none of its life. */
static bool is_of_another(const json_t *entry)
{
    static const char *const families[] = {"application.", "claim.", "maker.",
                                           "operator.",    "role.",  "template."};
    mrl_bytes action = mrl_cli_text_of(entry, "action");
    mrl_bytes kind = mrl_cli_text_of(json_object_get(entry, "actor"), "kind");

    for (size_t i = 0; i < MRL_COUNT(families); i++)
        if (mrl_bytes_starts(action, mrl_str(families[i])))
            return true;
    return mrl_bytes_eq(kind, MRL_LIT("application")) ||
           (mrl_bytes_starts(action, MRL_LIT("connection.")) &&
            (mrl_bytes_eq(kind, MRL_LIT("claim")) || mrl_bytes_eq(kind, MRL_LIT("operator"))));
}

/* Gives those of one action or family that are its own. */
static mrl_exit gather_of(struct mrl_cli *cli, const char *id, const char *action, bool heads,
                          json_t *entries)
{
    MRL_AUTO(json_t) items = NULL;
    json_t *entry;
    size_t n;

    MRL_EXIT_TRY(ask(cli, id, action, MRL_BYTES_NONE, "oldest", /*most=*/0, &items));
    json_array_foreach(items, n, entry)
    {
        if (!is_of_another(entry) && (heads || !is_head_of_a_log(entry)))
            (void)json_array_append(entries, entry); /* both are valid */
    }
    return MRL_EXIT_OK;
}

static mrl_exit gather_life(struct mrl_cli *cli, const char *id, json_t *entries)
{
    for (size_t i = 0; i < MRL_COUNT(life); i++)
        MRL_EXIT_TRY(gather_of(cli, id, life[i], /*heads=*/false, entries));
    return MRL_EXIT_OK;
}

static int by_number(const void *a, const void *b)
{
    json_int_t left = json_integer_value(json_object_get(*(json_t *const *)a, "seq"));
    json_int_t right = json_integer_value(json_object_get(*(json_t *const *)b, "seq"));

    return (left > right) - (left < right);
}

/* Gives. */
static json_t *sorted(const json_t *entries)
{
    size_t count = json_array_size(entries);
    json_t **all = calloc(count + 1, sizeof(json_t *));
    json_t *out = mrl_json_array();

    if (all == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        all[i] = json_array_get(entries, i);
    qsort(all, count, sizeof(json_t *), by_number);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append(out, all[i]); /* both are valid */
    free(all);
    return out;
}

static mrl_exit gather(struct mrl_cli *cli, const char *id, bool all, json_t *history)
{
    MRL_AUTO(json_t) entries = mrl_json_array();

    if (all)
        MRL_EXIT_TRY(gather_of(cli, id, "", /*heads=*/true, entries));
    else
        MRL_EXIT_TRY(gather_life(cli, id, entries));
    (void)json_object_set_new(history, "entries", sorted(entries)); /* a valid object */
    return MRL_EXIT_OK;
}

static mrl_exit add_connection(struct mrl_cli *cli, const char *id, const char *order,
                               const char *name, json_t *history)
{
    MRL_AUTO(json_t) items = NULL;
    MRL_SCOPED(mrl_buf) actor = {0};

    (void)mrl_buf_printf(&actor, "device:%s", id); /* an unbounded buffer takes it */
    MRL_EXIT_TRY(
        ask(cli, id, "connection.opened", mrl_buf_bytes(&actor), order, /*most=*/1, &items));
    if (json_array_size(items) > 0)
        (void)json_object_set(history, name, json_array_get(items, 0)); /* both are valid */
    return MRL_EXIT_OK;
}

static mrl_exit add_device(struct mrl_cli *cli, const char *id, json_t *history)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/devices", id);
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    (void)json_object_set(history, "device", answer.json); /* both are valid */
    return MRL_EXIT_OK;
}

mrl_exit mrl_device_history(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *id = mrl_cli_operand(given, 0);
    MRL_AUTO(json_t) history = mrl_json_object();

    MRL_EXIT_TRY(add_device(cli, id, history));
    MRL_EXIT_TRY(add_connection(cli, id, "oldest", "first_connection", history));
    MRL_EXIT_TRY(add_connection(cli, id, "newest", "last_connection", history));
    MRL_EXIT_TRY(gather(cli, id, mrl_cli_has(given, "all"), history));
    if (cli->json) {
        mrl_cli_print_json(cli, history);
        return MRL_EXIT_OK;
    }
    mrl_cli_print_record(cli, shown, history);
    mrl_cli_say(cli, "%s", "");
    mrl_cli_print_table(cli, listed, mrl_cli_member(history, "entries"), "entries");
    return MRL_EXIT_OK;
}
