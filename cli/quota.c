/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "cli/request.h"

#define QUOTAS "/v1/quotas"
#define BLOCKS "/v1/blocks"

/* clang-format off */
#define TARGET \
    {"device", "ID", "One device."}, \
    {"group", "GROUP", "All devices of a group."}, \
    {"app", "NAME", "An application."}
/* clang-format on */

/* The options of limits: each is the name of the API with dashes. */
static const struct mrl_cli_option set_options[] = {
    TARGET,
    {"connects", "N/min", "Connects a minute; unlimited: any number."},
    {"messages", "N/s", "Messages a second from the client; unlimited: any number."},
    {"bytes", "SIZE/s", "Bytes a second from the client, such as 64KiB/s; unlimited: any number."},
    {"in-flight", "N", "Unacknowledged messages of one session, each way."},
    {"queue", "N", "Messages waiting in one session."},
    {"queue-bytes", "SIZE", "Bytes waiting in one session."},
    {"subscriptions", "N", "Subscriptions of one session."},
    {"retained", "N", "Retained messages."},
    {"retained-bytes", "SIZE", "Bytes of retained messages."},
    {"packet", "SIZE", "The largest packet."},
    {"sessions", "N", "Sessions."},
    {NULL},
};
enum { TARGET_OPTIONS = 3 };
static const struct mrl_cli_option unset_options[] = {
    TARGET,
    {"limit", "NAME", "A limit to take back, named as the option of `quota set`; none: all.",
     .many = true},
    {NULL},
};
static const struct mrl_cli_option show_options[] = {TARGET, {NULL}};

static const struct mrl_cli_column listed[] = {
    {"TARGET", "target"},
    {"GIVEN", "given"},
    {NULL},
};
static const struct mrl_cli_column shown[] = {
    {"Target", "target"},
    {"Given", "given"},
    {"Connects/min", "holds.connects"},
    {"Messages/s", "holds.messages"},
    {"Bytes/s", "holds.bytes"},
    {"In flight", "holds.in_flight"},
    {"Queue", "holds.queue"},
    {"Queue bytes", "holds.queue_bytes"},
    {"Subscriptions", "holds.subscriptions"},
    {"Retained", "holds.retained"},
    {"Retained bytes", "holds.retained_bytes"},
    {"Packet bytes", "holds.packet"},
    {"Sessions", "holds.sessions"},
    {NULL},
};

/* "/v1/quotas/device:pump-7" */
static mrl_exit target_of(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                          struct mrl_buf *who, struct mrl_buf *out)
{
    MRL_EXIT_TRY(mrl_cli_principal(cli, given, /*group_allowed=*/true, who));
    if (mrl_buf_append(who, MRL_LIT("\0")) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the name is too long");
    mrl_cli_target(out, QUOTAS, (const char *)who->data);
    return MRL_EXIT_OK;
}

/* The name of an option as the API says it. */
static void member_of(const char *option, char *to, size_t cap)
{
    size_t i = 0;

    for (; option[i] != '\0' && i + 1 < cap; i++) {
        to[i] = option[i];
        if (to[i] == '-')
            to[i] = '_';
    }
    to[i] = '\0';
}

static mrl_exit change(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t *body)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) who = {0};

    MRL_EXIT_TRY(target_of(cli, given, &who, &target));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PATCH", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit set(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_AUTO(json_t) body = mrl_json_object();
    char member[32];

    for (size_t i = TARGET_OPTIONS; set_options[i].name != NULL; i++) {
        member_of(set_options[i].name, member, sizeof(member));
        MRL_EXIT_TRY(
            mrl_cli_body_set(cli, body, member, mrl_cli_value(given, set_options[i].name)));
    }
    if (json_object_size(body) == 0)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                            "name at least one limit, such as --messages 10/s");
    return change(cli, given, body);
}

static mrl_exit clear(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) who = {0};

    MRL_EXIT_TRY(target_of(cli, given, &who, &target));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "%s has no limits of its own any more.", (const char *)who.data);
    return MRL_EXIT_OK;
}

static mrl_exit unset(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_AUTO(json_t) body = mrl_json_object();
    const char *limit;
    char member[32];
    size_t at = 0;

    if (!mrl_cli_has(given, "limit"))
        return clear(cli, given);
    while ((limit = mrl_cli_next(given, "limit", &at)) != NULL) {
        member_of(limit, member, sizeof(member));
        if (mrl_json_set(body, member, json_null()) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--limit: not text in UTF-8");
    }
    return change(cli, given, body);
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT(QUOTAS), listed, "limits that were given");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) who = {0};

    MRL_EXIT_TRY(target_of(cli, given, &who, &target));
    return mrl_cli_show(cli, mrl_buf_bytes(&target), shown);
}

static const struct mrl_cli_column blocks[] = {
    {"WHO", "who"}, {"REASON", "reason"}, {"SECONDS", "seconds"}, {"STRIKES", "strikes"}, {NULL},
};

static mrl_exit blocked(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT(BLOCKS), blocks, "blocks");
}

static mrl_exit lift(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, BLOCKS, mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "%s may come in again.", mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_quota_commands[] = {
    {"quota", "list", NULL, NULL, "Lists who was given limits of their own.", list},
    {"quota", "show", NULL, show_options, "Shows what a device, group or application may use up.",
     show},
    {"quota", "set", NULL, set_options, "Gives limits to a device, group or application.", set},
    {"quota", "unset", NULL, unset_options, "Takes limits back.", unset},
    {"quota", "blocked", NULL, NULL, "Lists who is kept out for a while, and why.", blocked},
    {"quota", "lift", "WHO", NULL, "Lets somebody in again, named as `quota blocked` does.", lift},
    {NULL},
};
