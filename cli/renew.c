/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to renew. Who watches one may leave: it goes on in the server. */
#include <inttypes.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/request.h"

enum { LOOK_US = 500000 };

static const struct mrl_cli_column shown[] = {
    {"Order", "id"},
    {"State", "state"},
    {"Group", "group"},
    {"Started", "started"},
    {"Ended", "ended"},
    {"Devices", "total"},
    {"Renewed", "renewed"},
    {"Told, not renewed yet", "told"},
    {"Not reachable yet", "unreachable"},
    {"Not told yet", "left"},
    {NULL},
};
static const struct mrl_cli_column listed[] = {
    {"ORDER", "id"},      {"STATE", "state"},
    {"GROUP", "group"},   {"STARTED", "started"},
    {"DEVICES", "total"}, {"RENEWED", "renewed"},
    {"TOLD", "told"},     {"NOT REACHABLE", "unreachable"},
    {"LEFT", "left"},     {NULL},
};

static const struct mrl_cli_option begin_options[] = {
    {"rate", "RATE", "How many devices are told to renew: 100/s, 10/m or 600/h; at most 1000/s."},
    {"group", "GROUP", "Only devices of this group."},
    {"all", NULL, "All devices."},
    {"detach", NULL, "Do not wait until they have renewed."},
    {NULL},
};
static const struct mrl_cli_option show_options[] = {
    {"follow", NULL, "Wait until all that can be reached have renewed."},
    {NULL},
};

static int64_t number(const struct mrl_cli_answer *answer, const char *name)
{
    return json_integer_value(mrl_cli_member(answer->json, name));
}

static bool is_over(const struct mrl_cli_answer *answer)
{
    mrl_bytes state = mrl_cli_text_of(answer->json, "state");

    return !mrl_bytes_eq(state, MRL_LIT("telling")) &&
           (!mrl_bytes_eq(state, MRL_LIT("waiting")) || number(answer, "told") == 0);
}

/* Asks until all that were reached have renewed. Whoever was told a moment ago counts as not
 * reached until a worker has said so: it takes two looks to be sure. */
static mrl_exit follow(struct mrl_cli *cli, mrl_bytes target)
{
    struct mrl_cli_progress progress = {.cli = cli, .what = "devices have renewed"};
    unsigned over = 0;

    for (;;) {
        MRL_SCOPED(mrl_cli_answer) answer = {0};

        MRL_EXIT_TRY(mrl_cli_get(cli, target, &answer));
        progress.total = (uint64_t)number(&answer, "total");
        mrl_cli_progress(&progress, (uint64_t)number(&answer, "renewed"));
        over = is_over(&answer) ? over + 1 : 0;
        if (over == 2) {
            mrl_cli_progress_end(&progress);
            mrl_cli_show_answer(cli, &answer, shown);
            return MRL_EXIT_OK;
        }
        (void)usleep(LOOK_US); /* shorter: asks sooner */
    }
}

static mrl_exit begin(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    static const char *const members[] = {"group", "rate", NULL};
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    if (mrl_cli_has(given, "all") == mrl_cli_has(given, "group"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give one of --group and --all");
    if (!mrl_cli_has(given, "rate"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give --rate, such as 100/s");
    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, members, body));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/renewals"), body, &answer));
    if (mrl_cli_has(given, "detach")) {
        mrl_cli_show_answer(cli, &answer, shown);
        return MRL_EXIT_OK;
    }
    if (mrl_buf_printf(&target, "/v1/renewals/%" PRId64, number(&answer, "id")) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server's answer has no number");
    return follow(cli, mrl_buf_bytes(&target));
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/renewals"), listed, "orders to renew");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/renewals", mrl_cli_operand(given, 0));
    return mrl_cli_has(given, "follow") ? follow(cli, mrl_buf_bytes(&target))
                                        : mrl_cli_show(cli, mrl_buf_bytes(&target), shown);
}

static mrl_exit change(struct mrl_cli *cli, const struct mrl_cli_arguments *given, const char *step)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/renewals", mrl_cli_operand(given, 0), step);
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), /*body=*/NULL, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit cancel(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return change(cli, given, "cancel");
}

static mrl_exit resume(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return change(cli, given, "resume");
}

const struct mrl_cli_command mrl_cli_renew_commands[] = {
    {"ca", "renew-now", NULL, begin_options,
     "Has all devices, or a group, renew their certificates at a rate, and shows how far they are.",
     begin},
    {"ca", "renewals", NULL, NULL, "Lists the orders to renew, newest first.", list},
    {"ca", "renewal-show", "ID", show_options, "Shows how far an order to renew is.", show},
    {"ca", "renewal-cancel", "ID", NULL,
     "Stops an order to renew; devices it has not come to keep their certificates.", cancel},
    {"ca", "renewal-resume", "ID", NULL, "Lets an order that was stopped go on.", resume},
    {NULL},
};
