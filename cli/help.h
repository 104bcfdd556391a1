/* SPDX-License-Identifier: Apache-2.0 */
/* Help, documentation and completion, all written from the table of commands. Layer: cli. */
#ifndef MRL_CLI_HELP_H
#define MRL_CLI_HELP_H

#include "cli/arguments.h"

void mrl_help_all(FILE *out);
/* All commands of a noun, or one with its options. verb NULL: any. */
void mrl_help_command(FILE *out, const char *noun, const char *verb);
void mrl_help_markdown(FILE *out);        /* docs/operate/cli.md */
void mrl_help_bash_completion(FILE *out); /* cli/completion/merlon.bash */

#endif
