/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "cli/commands.h"
#include "cli/events.h"
#include "cli/request.h"
#include "cli/text.h"
#include "cli/times.h"

enum { TOPIC_LEAST = 24, TOPIC_MOST = 48 };

static const struct mrl_json_limits limits = {.bytes = MRL_EVENTS_DATA_MAX, .depth = 32};

static const struct mrl_cli_option watch_options[] = {
    {"count", "N", "End after so many messages."},
    {NULL},
};

struct watching {
    struct mrl_cli *cli;
    struct mrl_events events;
    size_t topic_width; /* grows with the topics that come */
    uint64_t left;      /* messages until the end; 0: no end */
    mrl_exit code;
};

/* JSON without the blanks between its tokens, other text as it is; never fails but by memory. */
static mrl_err shorten(mrl_bytes payload, struct mrl_buf *out)
{
    MRL_AUTO(json_t) json = NULL;

    if (mrl_json_read(payload, &limits, &json, NULL) == MRL_OK)
        return mrl_text_compact_json(payload, out);
    return mrl_buf_append(out, payload);
}

/* The payload in one line of visible characters. */
static mrl_err write_payload(const json_t *message, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) plain = {0};
    mrl_bytes base64 = mrl_cli_text_of(message, "payload_base64");

    if (base64.len > 0)
        MRL_TRY(mrl_base64_read(base64, &plain));
    else
        MRL_TRY(shorten(mrl_cli_text_of(message, "payload"), &plain));
    return mrl_text_escape(mrl_buf_bytes(&plain), out);
}

static mrl_err write_line(struct watching *w, const json_t *message, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) topic = {0};
    char clock[MRL_TIMES_TEXT];
    int64_t wall_ms, qos = 0;
    size_t width;

    if (!mrl_times_parse(mrl_cli_text_of(message, "time"), &wall_ms))
        wall_ms = mrl_wall_ms();
    mrl_times_format_clock(wall_ms, clock);
    MRL_TRY(mrl_json_optional(mrl_json_get_int(message, "qos", 0, 2, &qos, NULL)));
    MRL_TRY(mrl_text_escape(mrl_cli_text_of(message, "topic"), &topic));
    width = mrl_text_width(mrl_buf_bytes(&topic));
    if (width > w->topic_width)
        w->topic_width = width < TOPIC_MOST ? width : TOPIC_MOST;
    MRL_TRY(mrl_buf_printf(out, "%s  q%d%s  %.*s", clock, (int)qos,
                           json_is_true(json_object_get(message, "retain")) ? "r" : " ",
                           MRL_FMT(mrl_buf_bytes(&topic))));
    for (; width < w->topic_width; width++)
        MRL_TRY(mrl_buf_append(out, MRL_LIT(" ")));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("  ")));
    return write_payload(message, out);
}

static void print_message(struct watching *w, const json_t *message)
{
    MRL_SCOPED(mrl_buf) line = {0};
    struct mrl_cli *cli = w->cli;
    mrl_bytes text;

    if (write_line(w, message, &line) != MRL_OK) {
        mrl_cli_say(cli, "(a message that cannot be read)");
        return;
    }
    text = mrl_buf_bytes(&line);
    if (cli->width > 1 && mrl_text_width(text) > cli->width)
        (void)fprintf(cli->out, "%.*s\xe2\x80\xa6\n", MRL_FMT(mrl_text_cut(text, cli->width - 1)));
    else
        (void)fprintf(cli->out, "%.*s\n", MRL_FMT(text));
}

static bool on_event(void *context, const char *name, mrl_bytes data)
{
    struct watching *w = context;
    MRL_AUTO(json_t) message = NULL;

    (void)name;
    if (mrl_json_read(data, &limits, &message, &w->cli->why) != MRL_OK) {
        w->code = MRL_EXIT_REFUSED;
        return false;
    }
    if (w->cli->json)
        mrl_cli_print_json(w->cli, message);
    else
        print_message(w, message);
    /* Each at once, also into a pipe; nobody reads any more: the end. */
    if (fflush(w->cli->out) != 0)
        return false;
    if (w->left == 0) /* without end */
        return true;
    w->left--;
    return w->left > 0;
}

static bool on_piece(void *context, mrl_bytes piece)
{
    struct watching *w = context;
    mrl_err err = mrl_events_feed(&w->events, piece, on_event, w);

    if (err == MRL_ERR_LIMIT)
        w->code = mrl_cli_fail(w->cli, MRL_EXIT_REFUSED, "a message is too large to show");
    return err == MRL_OK;
}

static mrl_exit watch(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct watching w = {.cli = cli, .topic_width = TOPIC_LEAST, .code = MRL_EXIT_OK};
    const char *filter = mrl_cli_operand(given, 0);
    MRL_SCOPED(mrl_buf) target = {0};
    mrl_exit code;
    int interrupt;

    MRL_EXIT_TRY(mrl_cli_number(cli, given, "count", UINT32_MAX, &w.left));
    mrl_cli_target(&target, "/v1/events");
    mrl_cli_target_query(&target, "topics", mrl_str(filter != NULL ? filter : "#"));
    MRL_EXIT_TRY(mrl_cli_open_interrupt(cli, &interrupt));
    code = mrl_cli_stream(cli, mrl_buf_bytes(&target), on_piece, &w, interrupt);
    (void)close(interrupt);
    mrl_events_done(&w.events);
    return w.code != MRL_EXIT_OK ? w.code : code;
}

const struct mrl_cli_command mrl_cli_watch_commands[] = {
    {"watch", NULL, "[FILTER]", watch_options,
     "Shows messages as they arrive: time, QoS (r: retained), topic, payload. Ctrl-C ends it.",
     watch},
    {NULL},
};
