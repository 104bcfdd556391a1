/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/request.h"

enum { PAGE = 1000, LINE_MAX_BYTES = 1 << 20 };

const struct mrl_cli_option mrl_audit_export_options[] = {
    {"tiles", "DIR",
     "Write the published log (c2sp.org/tlog-tiles) below DIR: what is not there yet."},
    {"log-key", "VKEY",
     "With --tiles: the log's key as you know it, or a file with it; else the server's word."},
    {NULL},
};

struct export
{
    FILE *to;
    uint64_t last; /* number of the newest entry written */
};

static mrl_exit read_number(struct mrl_cli *cli, mrl_bytes line, uint64_t *seq)
{
    static const struct mrl_json_limits limits = {.bytes = LINE_MAX_BYTES, .depth = 4};
    MRL_AUTO(json_t) row = NULL;
    mrl_bytes text;
    int64_t number;

    if (mrl_json_read(line, &limits, &row, &cli->why) != MRL_OK ||
        mrl_json_get_int(row, "seq", 1, INT64_MAX, &number, &cli->why) != MRL_OK ||
        mrl_json_get_str(row, "json", &text, &cli->why) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    *seq = (uint64_t)number;
    return MRL_EXIT_OK;
}

static mrl_exit write_line(struct mrl_cli *cli, FILE *to, mrl_bytes line)
{
    if (to == cli->out && cli->terminal) {
        mrl_cli_print_line(cli, line);
        return MRL_EXIT_OK;
    }
    if (fwrite(line.data, 1, line.len, to) != line.len || fputc('\n', to) == EOF)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "cannot write: %s", strerrordesc_np(errno));
    return MRL_EXIT_OK;
}

/* In order of numbers: a server that repeats itself would keep us for ever. */
static mrl_exit write_page(struct mrl_cli *cli, struct export *e, mrl_bytes page)
{
    mrl_bytes line;
    uint64_t seq;

    while (page.len > 0) {
        (void)mrl_bytes_split(page, '\n', &line, &page); /* no LF: the last line */
        MRL_EXIT_TRY(read_number(cli, line, &seq));
        if (seq <= e->last || (e->last > 0 && seq != e->last + 1))
            return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "entry %llu comes after entry %llu",
                                (unsigned long long)seq, (unsigned long long)e->last);
        MRL_EXIT_TRY(write_line(cli, e->to, line));
        e->last = seq;
    }
    return MRL_EXIT_OK;
}

static mrl_exit write_all(struct mrl_cli *cli, struct export *e)
{
    for (;;) {
        MRL_SCOPED(mrl_cli_answer) answer = {0};
        MRL_SCOPED(mrl_buf) target = {0};

        mrl_cli_target(&target, "/v1/audit/export");
        mrl_cli_target_query_number(&target, "after", e->last);
        mrl_cli_target_query_number(&target, "limit", PAGE);
        MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
        if (answer.raw.body.len == 0)
            return MRL_EXIT_OK;
        MRL_EXIT_TRY(write_page(cli, e, mrl_buf_bytes(&answer.raw.body)));
    }
}

static mrl_exit write_file(struct mrl_cli *cli, const char *path)
{
    struct export e = {.to = fopen(path, "wxe")}; /* never over a file that is there */
    mrl_exit code;

    if (e.to == NULL)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
    code = write_all(cli, &e);
    if ((fflush(e.to) != 0 || fsync(fileno(e.to)) != 0) && code == MRL_EXIT_OK)
        code = mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
    (void)fclose(e.to); /* flushed above */
    if (code == MRL_EXIT_OK)
        mrl_cli_say(cli, "Written to %s, one entry a line.", path);
    return code;
}

mrl_exit mrl_audit_export(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *path = mrl_cli_operand(given, 0), *dir = mrl_cli_value(given, "tiles");
    struct export standard = {.to = cli->out};

    if ((path == NULL) == (dir == NULL))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give one of FILE or --tiles DIR");
    if (dir != NULL)
        return mrl_audit_export_tiles(cli, given, dir);
    if (mrl_cli_has(given, "log-key"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--log-key goes with --tiles");
    return strcmp(path, "-") == 0 ? write_all(cli, &standard) : write_file(cli, path);
}
