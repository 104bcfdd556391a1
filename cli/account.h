/* SPDX-License-Identifier: Apache-2.0 */
/* What commands on applications and on operators share. Layer: cli. */
#ifndef MRL_CLI_ACCOUNT_H
#define MRL_CLI_ACCOUNT_H

#include "cli/request.h"

extern const struct mrl_cli_column mrl_account_columns[]; /* of one account */

/* base: "/v1/applications" or "/v1/operators". */
mrl_exit mrl_account_show(struct mrl_cli *cli, const char *base, const char *name);
/* POST base/name/step with --reason, if given. */
mrl_exit mrl_account_step(struct mrl_cli *cli, const char *base,
                          const struct mrl_cli_arguments *given);
/* The certificate of an account that exists, with a new key, as files of --out. prepare (may be
 * NULL) is called when the key is there, and makes the account; fresh: as mrl_identity_make. Prints
 * what was written. */
typedef mrl_exit mrl_account_prepare(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
mrl_exit mrl_account_certify(struct mrl_cli *cli, const char *base,
                             const struct mrl_cli_arguments *given, mrl_account_prepare *prepare);
/* The line of a stock MQTT client that uses the files. A hint: silent when the server does not say
 * where it listens. */
void mrl_account_print_hint(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
