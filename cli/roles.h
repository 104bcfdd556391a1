/* SPDX-License-Identifier: Apache-2.0 */
/* Rules out of --publish, --subscribe and --rule. Layer: cli. */
#ifndef MRL_CLI_ROLES_H
#define MRL_CLI_ROLES_H

#include "cli/request.h"

#define MRL_ROLES_RULE_HELP                                                                        \
    "A rule with its limits: words, a space, a filter, as in "                                     \
    "\"publish,no-retain,max-qos=1 plant/${id}/#\"; the words are publish, subscribe, no-retain, " \
    "no-clear and max-qos=N."

/* [{"filter", "publish", "subscribe"}, ...] in order of filters, each once, then those of --rule in
 * the order given. MRL_EXIT_USAGE: none given, not UTF-8, or not a rule. Gives *out. */
mrl_exit mrl_roles_rules(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t **out);
/* As the API shows it: "publish+subscribe+max-qos=1 a/#", which --rule takes as well. */
mrl_err mrl_roles_format_rule(const json_t *rule, struct mrl_buf *out);
/* The same rules in any order. */
bool mrl_roles_same(const json_t *a, const json_t *b);

/* The role that has these rules is made unless it exists, and assigned unless it is. Its name is
 * made from the rules. Prints what is now so. */
mrl_exit mrl_roles_grant(struct mrl_cli *cli, json_t *rules, mrl_bytes to);

#endif
