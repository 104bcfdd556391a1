/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "main/init.h"
#include "main/server.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: merlond init --config FILE    makes the state folder and a new CA\n"
    "       merlond run --config FILE [--accept-rollback REASON] [--accept-clock REASON]\n"
    "                                     runs in the foreground until SIGTERM or SIGINT; a "
    "reason\n"
    "                                     lets it start once with an audit log that lost entries, "
    "or\n"
    "                                     with a clock that is far from what the store has seen\n"
    "       merlond example-config        prints every key with its default\n"
    "       merlond --version\n"
    "Exit status: 0 fine, 1 could not do it (why is on stderr), 2 wrong usage.\n";

static int say_why(mrl_err err, const struct mrl_why *why)
{
    (void)fprintf(stderr, "merlond: %s\n", why->text[0] != '\0' ? why->text : mrl_err_name(err));
    return EXIT_REFUSED;
}

static int example(void)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_config_example(&mrl_config_schema, &text) != MRL_OK ||
        fwrite(text.data, 1, text.len, stdout) != text.len)
        return EXIT_REFUSED;
    return 0;
}

static mrl_err init(const struct mrl_config *config, const struct mrl_server_accepts *accepts,
                    struct mrl_why *why)
{
    (void)accepts;
    return mrl_init(config, why);
}

/* Not every place that finds no room knows the file. */
static void say_where_room_is_missing(const struct mrl_config *config, struct mrl_why *why)
{
    const struct mrl_why found = *why;

    if (found.text[0] != '\0')
        mrl_why_set(why, "%s: the disk is full, make room and start again", found.text);
    else
        mrl_why_set(why, "the disk of %.*s is full: make room and start again",
                    MRL_FMT(config->server.state));
}

typedef mrl_err command(const struct mrl_config *config, const struct mrl_server_accepts *accepts,
                        struct mrl_why *why);

static int with_config(command *run, const char *path, const struct mrl_server_accepts *accepts)
{
    struct mrl_arena arena = {0};
    struct mrl_config config;
    struct mrl_why why = {""};
    mrl_err err = mrl_config_load(&mrl_config_schema, path, &arena, &config, &why);

    if (err == MRL_OK) {
        mrl_log_set_level((enum mrl_log_level)config.server.log_level);
        err = run(&config, accepts, &why);
        if (err == MRL_ERR_NO_SPACE)
            say_where_room_is_missing(&config, &why);
    }
    mrl_arena_done(&arena);
    return err == MRL_OK ? 0 : say_why(err, &why);
}

static int print(const char *text)
{
    return fputs(text, stdout) < 0 ? EXIT_REFUSED : 0;
}

static int misused(void)
{
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}

static int without_options(const char *name)
{
    if (strcmp(name, "example-config") == 0)
        return example();
    if (strcmp(name, "--version") == 0)
        return print("merlond " MRL_VERSION "\n");
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
        return print(usage);
    return misused();
}

/* Pairs of an option and its reason. */
static bool read_accepts(int argc, char **argv, struct mrl_server_accepts *out)
{
    for (int i = 0; i < argc; i += 2) {
        bool has_reason = i + 1 < argc && argv[i + 1][0] != '\0';

        if (has_reason && strcmp(argv[i], "--accept-rollback") == 0)
            out->rollback = argv[i + 1];
        else if (has_reason && strcmp(argv[i], "--accept-clock") == 0)
            out->clock = argv[i + 1];
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    bool has_config = argc >= 4 && strcmp(argv[2], "--config") == 0;
    struct mrl_server_accepts accepts = {0};

    mrl_log_set_program("merlond");
    mrl_json_wipe_what_is_freed();  /* tokens and keys of the API */
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that leaves is an error of a write */
    if (argc == 2)
        return without_options(argv[1]);
    if (!has_config || !read_accepts(argc - 4, &argv[4], &accepts))
        return misused();
    if (strcmp(argv[1], "run") == 0)
        return with_config(mrl_server_run, argv[3], &accepts);
    if (strcmp(argv[1], "init") == 0 && argc == 4)
        return with_config(init, argv[3], &accepts);
    return misused();
}
