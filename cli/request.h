/* SPDX-License-Identifier: Apache-2.0 */
/* What most commands do: options into a body, one request, the answer printed. Layer: cli. */
#ifndef MRL_CLI_REQUEST_H
#define MRL_CLI_REQUEST_H

#include "cli/arguments.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/target.h"

/* Sets a text member of a body; value NULL: nothing. MRL_EXIT_USAGE: not UTF-8. */
mrl_exit mrl_cli_body_set(struct mrl_cli *cli, json_t *body, const char *name, const char *value);
/* The same for the options of these names (NULL at the end). */
mrl_exit mrl_cli_body_from(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                           const char *const *names, json_t *body);
/* An array of all values of an option. */
mrl_exit mrl_cli_body_list(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                           const char *option, const char *name, json_t *body);

/* GETs target, prints it as a record or as JSON. */
mrl_exit mrl_cli_show(struct mrl_cli *cli, mrl_bytes target, const struct mrl_cli_column *columns);
/* All items of a list as a table or as one JSON array. */
mrl_exit mrl_cli_show_list(struct mrl_cli *cli, mrl_bytes target,
                           const struct mrl_cli_column *columns, const char *what);
/* The answer of a change: JSON, or its record. */
void mrl_cli_show_answer(struct mrl_cli *cli, const struct mrl_cli_answer *answer,
                         const struct mrl_cli_column *columns);
/* The value of the only one of these options (NULL at the end) that is given. MRL_EXIT_USAGE: none,
 * or several. */
mrl_exit mrl_cli_only_one(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                          const char *const *names, const char **name, const char **value);
/* "device:ID", "group:G" or "application:A" from --device, --group or --app. */
mrl_exit mrl_cli_principal(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                           bool group_allowed, struct mrl_buf *out);

#endif
