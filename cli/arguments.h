/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as a table: what commands exist, what each takes, what was given. Help,
 * completion and documentation are made from the same table. Layer: cli. */
#ifndef MRL_CLI_ARGUMENTS_H
#define MRL_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"

enum {
    MRL_CLI_OPERANDS_MAX = 17,
    MRL_CLI_GIVEN_MAX = 128, /* options on one command line */
};

struct mrl_cli_option {
    const char *name;  /* without the dashes; NULL ends a table */
    const char *value; /* what stands for the value in help: "GROUP"; "a|b": one of these; NULL:
                          takes none */
    const char *help;
    bool many;     /* may be given several times */
    bool required; /* must be given at least once */
};

struct mrl_cli_arguments;
struct mrl_cli_command {
    const char *noun;
    const char *verb; /* NULL: the noun is the whole command */
    /* "ID"; "[FILTER]" may be left out; "NAME..." at the end may stand several times; NULL: none */
    const char *operands;
    const struct mrl_cli_option *options; /* NULL: none */
    const char *help;                     /* one sentence */
    mrl_exit (*run)(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
};

/* What was given; all pointers are borrowed from argv. */
struct mrl_cli_arguments {
    const struct mrl_cli_command *command; /* NULL: only global options */
    const char *noun;                      /* as given, also when there is no such command */
    const char *operands[MRL_CLI_OPERANDS_MAX];
    size_t operand_count;
    struct mrl_cli_given {
        const struct mrl_cli_option *option;
        const char *value;
    } given[MRL_CLI_GIVEN_MAX];
    size_t given_count;
};

/* Options that every command takes. */
extern const struct mrl_cli_option mrl_cli_global_options[];

/* Reads everything behind the name of the program. MRL_EXIT_USAGE with why. Options stand anywhere;
 * "--" ends them. --help and --version are found even on a line that is wrong otherwise. */
mrl_exit mrl_cli_arguments_read(int argc, char *const *argv, struct mrl_cli_arguments *out,
                                struct mrl_why *why);

const char *mrl_cli_operand(const struct mrl_cli_arguments *a, size_t i); /* NULL: not given */
/* The option must be in the table of the command, or a global one (our bug otherwise). */
const char *mrl_cli_value(const struct mrl_cli_arguments *a,
                          const char *name); /* NULL: not given */
bool mrl_cli_has(const struct mrl_cli_arguments *a, const char *name);
/* The values of an option that may be given several times: start with *at = 0; NULL at the end. */
const char *mrl_cli_next(const struct mrl_cli_arguments *a, const char *name, size_t *at);
/* A decimal number from 1 to max; not given: *out stays. MRL_EXIT_USAGE. */
mrl_exit mrl_cli_number(struct mrl_cli *cli, const struct mrl_cli_arguments *a, const char *name,
                        uint64_t max, uint64_t *out);

#endif
