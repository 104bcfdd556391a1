/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "base/bytes.h"
#include "cli/commands.h"

static const char *const meanings[MRL_EXIT_COUNT_] = {
    [MRL_EXIT_OK] = "done",
    [MRL_EXIT_REFUSED] = "the server refused or failed, or a local file cannot be used",
    [MRL_EXIT_USAGE] = "the command line is wrong; nothing was asked of the server",
    [MRL_EXIT_UNREACHABLE] = "the server cannot be reached, or did not answer",
    [MRL_EXIT_DENIED] = "not authenticated, or not allowed",
    [MRL_EXIT_UNVERIFIED] = "a verification found something wrong",
};

const char *mrl_exit_meaning(mrl_exit code)
{
    return meanings[code];
}

enum { USAGE_MAX = 96, LINE_MAX = 80, OPTION_WIDTH = 28, HELP_MAX = 512 };

/* Words from column `at` on; further lines begin at column `indent`. */
static void print_wrapped(FILE *out, const char *text, size_t at, size_t indent)
{
    mrl_bytes rest = mrl_str(text), word;
    bool more = true, first = true;

    while (more) {
        more = mrl_bytes_split(rest, ' ', &word, &rest);
        if (!first && at + 1 + word.len > LINE_MAX) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        at += word.len + (first ? 0 : 1);
        (void)fprintf(out, "%s%.*s", first ? "" : " ", MRL_FMT(word));
        first = false;
    }
    (void)fputc('\n', out);
}

/* "device add ID" */
static void write_usage(const struct mrl_cli_command *c, char to[static USAGE_MAX])
{
    (void)snprintf(to, USAGE_MAX, "%s%s%s%s%s", c->noun, c->verb != NULL ? " " : "",
                   c->verb != NULL ? c->verb : "", c->operands != NULL ? " " : "",
                   c->operands != NULL ? c->operands : "");
}

/* "--group GROUP" */
static void write_option(const struct mrl_cli_option *o, char to[static USAGE_MAX])
{
    (void)snprintf(to, USAGE_MAX, "--%s%s%s%s", o->name, o->value != NULL ? " " : "",
                   o->value != NULL ? o->value : "", o->many ? " ..." : "");
}

/* What is longer than its column has a line for itself. */
static void print_option(FILE *out, const struct mrl_cli_option *o)
{
    const size_t indent = 2 + OPTION_WIDTH + 1;
    char text[USAGE_MAX], help[HELP_MAX];

    write_option(o, text);
    (void)snprintf(help, sizeof(help), "%s%s", o->help, o->required ? " Required." : "");
    if (strlen(text) > OPTION_WIDTH)
        (void)fprintf(out, "  %s\n%*s", text, (int)indent, "");
    else
        (void)fprintf(out, "  %-*s ", OPTION_WIDTH, text);
    print_wrapped(out, help, indent, indent);
}

static void print_options(FILE *out, const struct mrl_cli_option *o)
{
    for (; o != NULL && o->name != NULL; o++)
        print_option(out, o);
}

static void print_exit_codes(FILE *out)
{
    (void)fprintf(out, "\nExit codes:\n");
    for (int code = 0; code < MRL_EXIT_COUNT_; code++)
        (void)fprintf(out, "  %d  %s\n", code, meanings[code]);
}

void mrl_help_all(FILE *out)
{
    const struct mrl_cli_command *c = NULL;
    char usage[USAGE_MAX];

    (void)fprintf(out, "usage: merlon COMMAND [OPTION]...\n\nCommands:\n");
    while ((c = mrl_cli_command_next(c)) != NULL) {
        write_usage(c, usage);
        (void)fprintf(out, "  %-24s %s\n", usage, c->help);
    }
    (void)fprintf(out, "\nOptions of every command:\n");
    print_options(out, mrl_cli_global_options);
    print_exit_codes(out);
    (void)fprintf(out, "\nmerlon help COMMAND says more about one.\n");
}

void mrl_help_command(FILE *out, const char *noun, const char *verb)
{
    const struct mrl_cli_command *c = NULL;
    char usage[USAGE_MAX];

    while ((c = mrl_cli_command_next(c)) != NULL) {
        if (strcmp(c->noun, noun) != 0 ||
            (verb != NULL && (c->verb == NULL || strcmp(c->verb, verb) != 0)))
            continue;
        write_usage(c, usage);
        (void)fprintf(out, "merlon %s%s\n  ", usage, c->options != NULL ? " [OPTION]..." : "");
        print_wrapped(out, c->help, 2, 2);
        print_options(out, c->options);
    }
}

/* ---- docs/operate/cli.md ---- */

static const char markdown_start[] =
    "# merlon: the command line\n"
    "\n"
    "`merlon help --markdown` writes this page; a test compares it with the program's own table.\n"
    "\n"
    "    merlon NOUN VERB [ARGUMENT] [OPTION]...\n"
    "\n"
    "`merlon` asks the management API of the daemon. On the daemon's own machine it uses the UNIX "
    "socket: root and the\n"
    "daemon's account are administrators there. From elsewhere it uses TLS and the certificate of "
    "an operator\n"
    "(`merlon operator add`):\n"
    "\n"
    "    export MERLON_SERVER=https://merlon.example:9443 MERLON_CERT=alice.pem "
    "MERLON_KEY=alice.key MERLON_ROOT=root.pem\n"
    "    merlon device list --state quarantined\n"
    "\n"
    "Tables are for people: times are local, and bytes that devices chose never reach the terminal "
    "as they are\n"
    "(control characters are shown as `\\x1b`). `-o json` is for programs: the JSON of the API, "
    "times in RFC 3339; lists are\n"
    "one array of all items; what follows (`watch`, `audit tail`) is one object a line. "
    "Errors are one sentence on\n"
    "the standard error.\n";

/* "|" would end a cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        (void)fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void print_markdown_options(FILE *out, const struct mrl_cli_option *o)
{
    char text[USAGE_MAX];

    if (o == NULL)
        return;
    (void)fprintf(out, "\n| option | meaning |\n| --- | --- |\n");
    for (; o->name != NULL; o++) {
        write_option(o, text);
        (void)fprintf(out, "| `");
        print_cell(out, text);
        (void)fprintf(out, "` | %s%s |\n", o->help, o->required ? " Required." : "");
    }
}

void mrl_help_markdown(FILE *out)
{
    const struct mrl_cli_command *c = NULL;
    char usage[USAGE_MAX];

    (void)fprintf(out, "%s\n## Options of every command\n", markdown_start);
    print_markdown_options(out, mrl_cli_global_options);
    (void)fprintf(out, "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for (int code = 0; code < MRL_EXIT_COUNT_; code++)
        (void)fprintf(out, "| %d | %s |\n", code, meanings[code]);
    (void)fprintf(out, "\n## Commands\n");
    while ((c = mrl_cli_command_next(c)) != NULL) {
        write_usage(c, usage);
        (void)fprintf(out, "\n### merlon %s\n\n%s\n", usage, c->help);
        print_markdown_options(out, c->options);
    }
}

/* ---- bash ---- */

static void print_names(FILE *out, const struct mrl_cli_option *o)
{
    for (; o != NULL && o->name != NULL; o++)
        (void)fprintf(out, " --%s", o->name);
}

static void print_nouns(FILE *out)
{
    const struct mrl_cli_command *c = NULL, *before = NULL;

    for (; (c = mrl_cli_command_next(c)) != NULL; before = c)
        if (before == NULL || strcmp(before->noun, c->noun) != 0)
            (void)fprintf(out, "%s%s", before == NULL ? "" : " ", c->noun);
}

/* One line for each noun that has verbs. */
static void print_verbs(FILE *out)
{
    const struct mrl_cli_command *c = NULL;
    const char *noun = "";

    while ((c = mrl_cli_command_next(c)) != NULL) {
        if (c->verb == NULL)
            continue;
        if (strcmp(noun, c->noun) != 0)
            (void)fprintf(out, "%s    %s) words=\"", noun[0] == '\0' ? "" : "\" ;;\n", c->noun);
        (void)fprintf(out, "%s%s", strcmp(noun, c->noun) == 0 ? " " : "", c->verb);
        noun = c->noun;
    }
    (void)fprintf(out, "\" ;;\n");
}

static void print_command_options(FILE *out)
{
    const struct mrl_cli_command *c = NULL;

    while ((c = mrl_cli_command_next(c)) != NULL) {
        if (c->options == NULL)
            continue;
        (void)fprintf(out, "    \"%s %s\") options+=\"", c->noun, c->verb != NULL ? c->verb : "");
        print_names(out, c->options);
        (void)fprintf(out, "\" ;;\n");
    }
}

static void print_choice(FILE *out, const struct mrl_cli_option *o, const char *noun,
                         const char *verb)
{
    for (; o != NULL && o->name != NULL; o++) {
        if (o->value == NULL || strchr(o->value, '|') == NULL)
            continue;
        (void)fprintf(out, "    \"%s %s --%s\") words=\"", noun, verb, o->name);
        for (const char *at = o->value; *at != '\0'; at++)
            (void)fputc(*at == '|' ? ' ' : *at, out);
        (void)fprintf(out, "\" ;;\n");
    }
}

static void print_choices(FILE *out)
{
    const struct mrl_cli_command *c = NULL;

    while ((c = mrl_cli_command_next(c)) != NULL)
        print_choice(out, c->options, c->noun, c->verb != NULL ? c->verb : "");
}

void mrl_help_bash_completion(FILE *out)
{
    (void)fprintf(out, "# SPDX-License-Identifier: Apache-2.0\n"
                       "# shellcheck shell=bash disable=SC2207\n"
                       "# Written by `merlon help --completion bash`: do not edit.\n"
                       "_merlon() {\n"
                       "    local word=${COMP_WORDS[COMP_CWORD]} noun='' verb='' words='' at\n"
                       "    local before=${COMP_WORDS[COMP_CWORD - 1]} options='");
    print_names(out, mrl_cli_global_options);
    (void)fprintf(out, "'\n"
                       "    for ((at = 1; at < COMP_CWORD; at++)); do\n"
                       "        if [[ ${COMP_WORDS[at]} == -* ]]; then\n"
                       "            break\n"
                       "        elif [[ -z $noun ]]; then\n"
                       "            noun=${COMP_WORDS[at]}\n"
                       "        elif [[ -z $verb ]]; then\n"
                       "            verb=${COMP_WORDS[at]}\n"
                       "        fi\n"
                       "    done\n"
                       "    case $noun in\n");
    print_verbs(out);
    (void)fprintf(out, "    '') words=\"");
    print_nouns(out);
    (void)fprintf(out, "\" ;;\n"
                       "    esac\n"
                       "    if [[ -n $verb ]]; then\n"
                       "        words=''\n"
                       "    fi\n"
                       "    case \"$noun $verb\" in\n");
    print_command_options(out);
    (void)fprintf(out, "    esac\n"
                       "    case \"$noun $verb $before\" in\n");
    print_choices(out);
    (void)fprintf(out, "    *\" --output\" | *\" -o\") words=\"table json\" ;;\n"
                       "    *\" --cert\" | *\" --key\" | *\" --root\" | *\" --out\")\n"
                       "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
                       "        return\n"
                       "        ;;\n"
                       "    esac\n"
                       "    if [[ $word == -* ]]; then\n"
                       "        words=$options\n"
                       "    fi\n"
                       "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                       "}\n"
                       "complete -F _merlon merlon\n");
}

/* ---- the command ---- */

static const struct mrl_cli_option help_options[] = {
    {"completion", "bash", "Write the completion script for this shell."},
    {"markdown", NULL, "Write the page docs/operate/cli.md."},
    {NULL},
};

static mrl_exit help(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *shell = mrl_cli_value(given, "completion");
    const char *noun = mrl_cli_operand(given, 0), *verb = mrl_cli_operand(given, 1);

    if (shell != NULL && strcmp(shell, "bash") != 0)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "there is completion for bash only");
    if (noun != NULL && !mrl_cli_noun_exists(noun))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "there is no command %s", noun);
    if (verb != NULL && mrl_cli_command_find(noun, verb) == NULL)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s has no command %s", noun, verb);
    if (shell != NULL)
        mrl_help_bash_completion(cli->out);
    else if (mrl_cli_has(given, "markdown"))
        mrl_help_markdown(cli->out);
    else if (noun != NULL)
        mrl_help_command(cli->out, noun, verb);
    else
        mrl_help_all(cli->out);
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_help_commands[] = {
    {"help", NULL, "[NOUN] [VERB]", help_options, "Says what a command does.", help},
    {NULL},
};
