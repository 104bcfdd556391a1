/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/audit.h"
#include "cli/request.h"
#include "cli/times.h"

enum {
    LIST_DEFAULT = 50,
    TAIL_DEFAULT = 10,
    LIST_MOST = 100000,
    FOLLOW_MS = 1000,
    FOLLOW_OVERLAP_MS = 60000
};

static mrl_err format_actor(const json_t *actor, struct mrl_buf *out)
{
    mrl_bytes kind = mrl_cli_text_of(actor, "kind"), id = mrl_cli_text_of(actor, "id");

    return mrl_buf_printf(out, "%.*s%s%.*s", MRL_FMT(kind), id.len > 0 ? ":" : "", MRL_FMT(id));
}

static const struct mrl_cli_column listed[] = {
    {"TIME", "time", mrl_cli_format_ms, 19},
    {"NUMBER", "seq", .least = 6},
    {"ACTION", "action", .least = 18},
    {"OUTCOME", "outcome", .least = 7},
    {"ACTOR", "actor", format_actor, 20},
    {"TARGET", "target", .least = 16},
    {"SOURCE", "source", .least = 16},
    {"MORE", "repeated", .least = 4},
    {"REASON", "reason"},
    {NULL},
};

#define ACTION                                                                  \
    {                                                                           \
        "action", "ACTION", "Only this action, or those that start so: device." \
    }
#define ACTOR                                                                          \
    {                                                                                  \
        "actor", "KIND:ID", "Only what this actor did: operator:alice, device:pump-7." \
    }
#define TARGET                                            \
    {                                                     \
        "target", "TARGET", "Only what was done to this." \
    }
#define OUTCOME                                                  \
    {                                                            \
        "outcome", "ok|denied|failed", "Only with this outcome." \
    }

const struct mrl_cli_option mrl_audit_list_options[] = {
    ACTION,
    ACTOR,
    TARGET,
    OUTCOME,
    {"since", "TIME", "Only since so long (15m, 1h, 7d) or since a time in RFC 3339."},
    {"limit", "N", "The newest N entries; 50 when not given."},
    {NULL},
};
const struct mrl_cli_option mrl_audit_tail_options[] = {
    ACTION,
    ACTOR,
    TARGET,
    OUTCOME,
    {"limit", "N", "Start with the newest N entries; 10 when not given."},
    {NULL},
};

static mrl_exit read_since(struct mrl_cli *cli, const char *text, int64_t *since_ms)
{
    uint64_t seconds;

    *since_ms = 0;
    if (text == NULL || mrl_times_parse(mrl_str(text), since_ms))
        return MRL_EXIT_OK;
    if (!mrl_duration_parse(mrl_str(text), &seconds) || seconds > INT32_MAX)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                            "--since: a time such as 15m, 1h, 7d or 2026-11-23T22:14:38Z");
    *since_ms = mrl_wall_ms() - (int64_t)seconds * 1000;
    return MRL_EXIT_OK;
}

struct listing {
    const struct mrl_cli_arguments *given;
    int64_t since_ms;
    uint64_t limit;
    json_int_t last;   /* number of the newest entry printed */
    int64_t newest_ms; /* latest time printed, by the clock of the server */
};

static void write_target(const struct listing *l, const char *order, struct mrl_buf *out)
{
    static const char *const filters[] = {"action", "actor", "target", "outcome"};

    mrl_cli_target(out, "/v1/audit");
    for (size_t i = 0; i < MRL_COUNT(filters); i++)
        mrl_cli_target_query(out, filters[i], mrl_str(mrl_cli_value(l->given, filters[i])));
    mrl_cli_target_query(out, "order", mrl_str(order));
    if (l->since_ms > 0)
        mrl_cli_target_query_number(out, "since_ms", (uint64_t)l->since_ms);
}

/* The newest last, where the eye is. */
static json_t *turned(const json_t *items)
{
    json_t *list = mrl_json_array();

    for (size_t i = json_array_size(items); i > 0; i--)
        (void)json_array_append(list, json_array_get(items, i - 1)); /* both are valid */
    return list;
}

static json_int_t number_of(const json_t *entry)
{
    return json_integer_value(json_object_get(entry, "seq"));
}

static void remember(struct listing *l, const json_t *entries)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        int64_t time_ms = json_integer_value(json_object_get(entry, "time"));

        l->last = number_of(entry) > l->last ? number_of(entry) : l->last;
        l->newest_ms = time_ms > l->newest_ms ? time_ms : l->newest_ms;
    }
}

static void print_entries(struct mrl_cli *cli, const json_t *entries, bool titles)
{
    if (!cli->json) {
        mrl_cli_print_rows(cli, listed, entries, titles);
        return;
    }
    for (size_t i = 0; i < json_array_size(entries); i++)
        mrl_cli_print_json(cli, json_array_get(entries, i));
}

static mrl_exit print_newest(struct mrl_cli *cli, struct listing *l, bool follow)
{
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) items = NULL;
    MRL_AUTO(json_t) oldest_first = NULL;

    write_target(l, "newest", &target);
    MRL_EXIT_TRY(mrl_cli_list(cli, mrl_buf_bytes(&target), l->limit, &items));
    remember(l, items);
    oldest_first = turned(items);
    if (follow)
        print_entries(cli, oldest_first, /*titles=*/true);
    else if (cli->json)
        mrl_cli_print_json(cli, items);
    else
        mrl_cli_print_table(cli, listed, oldest_first, "entries");
    return MRL_EXIT_OK;
}

/* Asks for what is recent and leaves out what was printed: entries come in order of numbers, their
 * times need not. */
static mrl_exit print_new(struct mrl_cli *cli, struct listing *l)
{
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) items = NULL;

    if (l->newest_ms > 0)
        l->since_ms = l->newest_ms - FOLLOW_OVERLAP_MS;
    write_target(l, "oldest", &target);
    MRL_EXIT_TRY(mrl_cli_list(cli, mrl_buf_bytes(&target), /*max=*/0, &items));
    while (json_array_size(items) > 0 && number_of(json_array_get(items, 0)) <= l->last)
        (void)json_array_remove(items, 0); /* in range */
    remember(l, items);
    print_entries(cli, items, /*titles=*/false);
    return MRL_EXIT_OK;
}

static mrl_exit follow(struct mrl_cli *cli, struct listing *l, int interrupt)
{
    struct pollfd wait = {.fd = interrupt, .events = POLLIN};

    while (fflush(cli->out) == 0 && poll(&wait, 1, FOLLOW_MS) == 0)
        MRL_EXIT_TRY(print_new(cli, l));
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct listing l = {.given = given, .limit = LIST_DEFAULT};

    MRL_EXIT_TRY(read_since(cli, mrl_cli_value(given, "since"), &l.since_ms));
    MRL_EXIT_TRY(mrl_cli_number(cli, given, "limit", LIST_MOST, &l.limit));
    return print_newest(cli, &l, /*follow=*/false);
}

mrl_exit mrl_audit_tail(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct listing l = {.given = given, .limit = TAIL_DEFAULT};
    mrl_exit code;
    int interrupt;

    MRL_EXIT_TRY(mrl_cli_number(cli, given, "limit", LIST_MOST, &l.limit));
    MRL_EXIT_TRY(mrl_cli_open_interrupt(cli, &interrupt));
    code = print_newest(cli, &l, /*follow=*/true);
    if (code == MRL_EXIT_OK)
        code = follow(cli, &l, interrupt);
    (void)close(interrupt);
    return code;
}
