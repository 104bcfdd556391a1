/* SPDX-License-Identifier: Apache-2.0 */
/* `merlon policy lint`: of the server, or of a file without one. Layer: cli. */
#ifndef MRL_CLI_POLICY_LINT_H
#define MRL_CLI_POLICY_LINT_H

#include "cli/arguments.h"

extern const struct mrl_cli_option mrl_policy_lint_options[];
/* MRL_EXIT_UNVERIFIED when there is an error or a warning. */
mrl_exit mrl_policy_lint(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
