/* SPDX-License-Identifier: Apache-2.0 */
/* Rules out of --publish and --subscribe. Layer: cli. */
#ifndef MRL_CLI_ROLES_H
#define MRL_CLI_ROLES_H

#include "cli/request.h"

/* [{"filter", "publish", "subscribe"}, ...] in order of filters, each once. MRL_EXIT_USAGE: none
 * given, or not UTF-8. Gives *out. */
mrl_exit mrl_roles_rules(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t **out);
/* The same rules in any order. */
bool mrl_roles_same(const json_t *a, const json_t *b);

/* The role that has these rules is made unless it exists, and assigned unless it is. Its name is
 * made from the rules. Prints what is now so. */
mrl_exit mrl_roles_grant(struct mrl_cli *cli, json_t *rules, mrl_bytes to);

#endif
