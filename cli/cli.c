/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/session.h"
#include "cli/text.h"

mrl_exit mrl_cli_fail(struct mrl_cli *cli, mrl_exit code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(cli->why.text, sizeof(cli->why.text), format, args);
    va_end(args);
    return code;
}

/* Option, else environment, else fallback. An empty variable counts as none. */
static const char *setting(const struct mrl_cli_arguments *given, const char *option,
                           const char *(*env)(const char *name), const char *variable,
                           const char *fallback)
{
    const char *value = mrl_cli_value(given, option);

    if (value == NULL)
        value = env(variable);
    return value != NULL && value[0] != '\0' ? value : fallback;
}

static bool is_terminal(FILE *stream)
{
    int fd = fileno(stream);

    return fd >= 0 && isatty(fd) == 1;
}

static void settle(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                   const char *(*env)(const char *name))
{
    const char *output = mrl_cli_value(given, "output");
    const char *no_colour = env("NO_COLOR"), *term = env("TERM");
    struct winsize size;

    cli->json = output != NULL && strcmp(output, "json") == 0;
    cli->terminal = is_terminal(cli->out);
    cli->colour = cli->terminal && (no_colour == NULL || no_colour[0] == '\0') && term != NULL &&
                  strcmp(term, "dumb") != 0;
    if (cli->terminal && ioctl(fileno(cli->out), TIOCGWINSZ, &size) == 0)
        cli->width = size.ws_col;
    cli->server = setting(given, "server", env, "MERLON_SERVER", MRL_CLI_DEFAULT_SERVER);
    cli->cert = setting(given, "cert", env, "MERLON_CERT", NULL);
    cli->key = setting(given, "key", env, "MERLON_KEY", NULL);
    cli->root = setting(given, "root", env, "MERLON_ROOT", NULL);
}

/* Through the escapes: a sentence may quote what the server or a device said. */
static void complain(FILE *err, const struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) visible = {0};

    if (why->text[0] != '\0' && mrl_text_escape(mrl_str(why->text), &visible) == MRL_OK)
        (void)fprintf(err, "merlon: %.*s\n", MRL_FMT(mrl_buf_bytes(&visible)));
}

/* What went wrong with the output shows only here. A reader that has enough (`| head`) is no
 * error. */
static mrl_exit end_output(struct mrl_cli *cli, mrl_exit code)
{
    errno = 0;
    if ((fflush(cli->out) == 0 && ferror(cli->out) == 0) || errno == EPIPE || code != MRL_EXIT_OK)
        return code;
    return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "cannot write the output: %s",
                        errno != 0 ? strerrordesc_np(errno) : "an earlier write failed");
}

static mrl_exit run(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    mrl_exit code = MRL_EXIT_OK;

    if (mrl_cli_has(given, "version"))
        (void)fprintf(cli->out, "merlon %s\n", MRL_VERSION);
    else if (mrl_cli_has(given, "help") && given->command != NULL)
        mrl_help_command(cli->out, given->command->noun, given->command->verb);
    else if (mrl_cli_has(given, "help") && given->noun != NULL)
        mrl_help_command(cli->out, given->noun, NULL);
    else if (mrl_cli_has(given, "help"))
        mrl_help_all(cli->out);
    else
        code = given->command->run(cli, given);
    return end_output(cli, code);
}

mrl_exit mrl_cli_main(int argc, char *const *argv, const char *(*env)(const char *name), FILE *out,
                      FILE *err)
{
    struct mrl_cli cli = {.out = out};
    struct mrl_cli_arguments given = {0};
    mrl_exit code = mrl_cli_arguments_read(argc, argv, &given, &cli.why);

    if (code == MRL_EXIT_OK) {
        settle(&cli, &given, env);
        if (is_terminal(err))
            cli.progress = err;
        code = run(&cli, &given);
    }
    if (code != MRL_EXIT_OK)
        complain(err, &cli.why);
    mrl_cli_session_close(&cli);
    return code;
}
