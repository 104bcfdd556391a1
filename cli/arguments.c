/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/commands.h"

const struct mrl_cli_option mrl_cli_global_options[] = {
    {"output", "table|json", "How to print; -o for short."},
    {"server", "ADDRESS",
     "unix:/path or https://host:port; else MERLON_SERVER, else " MRL_CLI_DEFAULT_SERVER "."},
    {"cert", "FILE", "Your certificate with its chain, PEM, for https; else MERLON_CERT."},
    {"key", "FILE", "The key of that certificate, PEM; else MERLON_KEY."},
    {"root", "FILE", "The root certificates to trust, PEM; else MERLON_ROOT."},
    {"help", NULL, "Say what the command does; -h for short."},
    {"version", NULL, "Print the version."},
    {NULL},
};

struct scan {
    int argc;
    char *const *argv;
    int at;
    bool only_operands; /* after "--" */
    struct mrl_cli_arguments *out;
    struct mrl_why *why;
};

static mrl_exit refuse(struct mrl_why *why, const char *before, const char *text, const char *after)
{
    (void)mrl_fail(why, MRL_ERR_INVALID, "%s%s%s", before, text, after); /* only its text */
    return MRL_EXIT_USAGE;
}

static const struct mrl_cli_option *find_in(const struct mrl_cli_option *table, mrl_bytes name)
{
    for (; table != NULL && table->name != NULL; table++)
        if (mrl_bytes_eq(mrl_str(table->name), name))
            return table;
    return NULL;
}

static const struct mrl_cli_option *find_option(const struct mrl_cli_arguments *a, mrl_bytes name)
{
    const struct mrl_cli_option *found = find_in(mrl_cli_global_options, name);

    if (found == NULL && a->command != NULL)
        found = find_in(a->command->options, name);
    return found;
}

static bool is_one_of(const char *choices, mrl_bytes value)
{
    mrl_bytes left = mrl_str(choices), one;
    bool more = true;

    while (more) {
        more = mrl_bytes_split(left, '|', &one, &left);
        if (mrl_bytes_eq(one, value))
            return true;
    }
    return false;
}

static mrl_exit keep(struct scan *s, const struct mrl_cli_option *option, const char *value)
{
    struct mrl_cli_arguments *a = s->out;

    if (!option->many && mrl_cli_has(a, option->name))
        return refuse(s->why, "--", option->name, " is given twice");
    if (a->given_count == MRL_CLI_GIVEN_MAX)
        return refuse(s->why, "too many options", "", "");
    if (value != NULL && strchr(option->value, '|') != NULL &&
        !is_one_of(option->value, mrl_str(value))) {
        (void)mrl_fail(s->why, MRL_ERR_INVALID, "--%s takes one of %s", option->name,
                       option->value); /* only its text */
        return MRL_EXIT_USAGE;
    }
    a->given[a->given_count++] = (struct mrl_cli_given){option, value};
    return MRL_EXIT_OK;
}

/* The value in the same word ("--group=pumps") or in the next one. */
static mrl_exit take_option(struct scan *s, mrl_bytes name, const char *in_word)
{
    const struct mrl_cli_option *option = find_option(s->out, name);
    const char *word = s->argv[s->at - 1];

    if (option == NULL)
        return refuse(s->why, "unknown option ", word, "");
    if (option->value == NULL)
        return in_word == NULL ? keep(s, option, NULL)
                               : refuse(s->why, "--", option->name, " takes no value");
    if (in_word == NULL && s->at == s->argc)
        return refuse(s->why, "--", option->name, " needs a value");
    return keep(s, option, in_word != NULL ? in_word : s->argv[s->at++]);
}

static mrl_exit take_long(struct scan *s, const char *word)
{
    mrl_bytes text = mrl_str(word);
    size_t equals = mrl_bytes_find(text, '=', 0);

    return take_option(s, mrl_bytes_sub(text, 2, equals - 2),
                       equals < text.len ? &word[equals + 1] : NULL);
}

static mrl_exit take_short(struct scan *s, const char *word)
{
    if (strcmp(word, "-h") == 0)
        return take_option(s, MRL_LIT("help"), NULL);
    if (strcmp(word, "-o") == 0)
        return take_option(s, MRL_LIT("output"), NULL);
    if (strncmp(word, "-o", 2) == 0)
        return take_option(s, MRL_LIT("output"), &word[2]);
    return refuse(s->why, "unknown option ", word, "");
}

/* A verb, an operand, or for `help` the words of a command. */
static mrl_exit take_word(struct scan *s, const char *word)
{
    struct mrl_cli_arguments *a = s->out;

    if (a->noun == NULL) {
        a->noun = word;
        if (!mrl_cli_noun_exists(word))
            return refuse(s->why, "there is no command ", word, "; merlon help lists all");
        a->command = mrl_cli_command_find(word, NULL);
        return MRL_EXIT_OK;
    }
    if (a->command == NULL) {
        a->command = mrl_cli_command_find(a->noun, word);
        return a->command != NULL ? MRL_EXIT_OK : refuse(s->why, a->noun, " has no command ", word);
    }
    if (word[0] == '\0')
        return refuse(s->why, "an argument is empty", "", "");
    if (a->operand_count == MRL_CLI_OPERANDS_MAX)
        return refuse(s->why, "too many arguments: ", word, "");
    a->operands[a->operand_count++] = word;
    return MRL_EXIT_OK;
}

static mrl_exit take(struct scan *s)
{
    const char *word = s->argv[s->at++];

    if (s->only_operands || word[0] != '-' || word[1] == '\0')
        return take_word(s, word);
    if (strcmp(word, "--") == 0) {
        s->only_operands = true;
        return MRL_EXIT_OK;
    }
    return word[1] == '-' ? take_long(s, word) : take_short(s, word);
}

/* How many operands: at least the names outside brackets, at most all of them, or as many as fit.
 */
static void count_operands(const char *names, size_t *least, size_t *most)
{
    mrl_bytes left = mrl_str(names), one = MRL_BYTES_NONE;
    bool more = left.len > 0;

    *least = *most = 0;
    while (more) {
        more = mrl_bytes_split(left, ' ', &one, &left);
        *least += one.data[0] != '[';
        (*most)++;
    }
    if (mrl_bytes_ends(one, MRL_LIT("...")))
        *most = MRL_CLI_OPERANDS_MAX;
}

static mrl_exit check_complete(const struct mrl_cli_arguments *a, struct mrl_why *why)
{
    const struct mrl_cli_option *option = a->command->options;
    size_t least, most;

    count_operands(a->command->operands, &least, &most);
    if (a->operand_count < least)
        return refuse(why, "missing: ", a->command->operands, "");
    if (a->operand_count > most)
        return refuse(why, "too many arguments: ", a->operands[most], "");
    for (; option != NULL && option->name != NULL; option++)
        if (option->required && !mrl_cli_has(a, option->name))
            return refuse(why, "--", option->name, " is missing");
    return MRL_EXIT_OK;
}

/* Who asks for help has often got the rest wrong. */
static void find_calls_for_help(struct scan *s)
{
    for (; s->at < s->argc; s->at++) {
        const char *word = s->argv[s->at];

        if (strcmp(word, "--help") != 0 && strcmp(word, "-h") != 0)
            continue;
        s->out->given[0] =
            (struct mrl_cli_given){find_in(mrl_cli_global_options, MRL_LIT("help")), NULL};
        s->out->given_count = 1;
    }
}

mrl_exit mrl_cli_arguments_read(int argc, char *const *argv, struct mrl_cli_arguments *out,
                                struct mrl_why *why)
{
    struct scan s = {argc, argv, 1, false, out, why};
    mrl_exit code = MRL_EXIT_OK;

    *out = (struct mrl_cli_arguments){0};
    while (code == MRL_EXIT_OK && s.at < argc)
        code = take(&s);
    if (code != MRL_EXIT_OK)
        find_calls_for_help(&s);
    if (mrl_cli_has(out, "help") || mrl_cli_has(out, "version"))
        return MRL_EXIT_OK;
    MRL_EXIT_TRY(code);
    if (out->noun == NULL)
        return refuse(why, "which command? ", "merlon help", " lists all");
    if (out->command == NULL)
        return refuse(why, out->noun, ": a verb is missing; merlon help ", out->noun);
    return check_complete(out, why);
}

const char *mrl_cli_operand(const struct mrl_cli_arguments *a, size_t i)
{
    return i < a->operand_count ? a->operands[i] : NULL;
}

const char *mrl_cli_next(const struct mrl_cli_arguments *a, const char *name, size_t *at)
{
    assert(find_option(a, mrl_str(name)) != NULL);
    while (*at < a->given_count) {
        const struct mrl_cli_given *g = &a->given[(*at)++];

        if (strcmp(g->option->name, name) == 0)
            return g->value;
    }
    return NULL;
}

const char *mrl_cli_value(const struct mrl_cli_arguments *a, const char *name)
{
    size_t at = 0;

    return mrl_cli_next(a, name, &at);
}

bool mrl_cli_has(const struct mrl_cli_arguments *a, const char *name)
{
    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].option->name, name) == 0)
            return true;
    return false;
}

mrl_exit mrl_cli_number(struct mrl_cli *cli, const struct mrl_cli_arguments *a, const char *name,
                        uint64_t max, uint64_t *out)
{
    const char *text = mrl_cli_value(a, name);
    uint64_t number;

    if (text == NULL)
        return MRL_EXIT_OK;
    if (!mrl_bytes_to_u64(mrl_str(text), max, &number) || number == 0)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s: a number from 1 to %llu", name,
                            (unsigned long long)max);
    *out = number;
    return MRL_EXIT_OK;
}
