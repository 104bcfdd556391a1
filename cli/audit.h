/* SPDX-License-Identifier: Apache-2.0 */
/* The commands `merlon audit ...`, one file a topic; audit.c has the table. Layer: cli. */
#ifndef MRL_CLI_AUDIT_H
#define MRL_CLI_AUDIT_H

#include "cli/audit_trust.h"

extern const struct mrl_cli_option mrl_audit_list_options[];
extern const struct mrl_cli_option mrl_audit_tail_options[];
mrl_exit mrl_audit_list(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
mrl_exit mrl_audit_tail(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

extern const struct mrl_cli_option mrl_audit_show_options[];
mrl_exit mrl_audit_show(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

extern const struct mrl_cli_option mrl_audit_export_options[];
mrl_exit mrl_audit_export(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
/* Writes the published layout below dir: only what is not there yet, the checkpoint last. */
mrl_exit mrl_audit_export_tiles(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                                const char *dir);

extern const struct mrl_cli_option mrl_audit_prove_options[];
mrl_exit mrl_audit_prove(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

extern const struct mrl_cli_option mrl_audit_verify_options[];
mrl_exit mrl_audit_verify(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
mrl_exit mrl_audit_verify_proof(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

extern const struct mrl_cli_option mrl_audit_erase_options[];
extern const struct mrl_cli_option mrl_audit_prune_options[];
extern const struct mrl_cli_option mrl_audit_key_options[];
mrl_exit mrl_audit_erase(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
mrl_exit mrl_audit_prune(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
mrl_exit mrl_audit_witness(struct mrl_cli *cli, const struct mrl_cli_arguments *given);
mrl_exit mrl_audit_key(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

/* For the result of a verification: what was verified and what that rests on. */
mrl_err mrl_audit_describe(const struct mrl_checkpoint *at, const struct mrl_audit_trust *trust,
                           json_t *result);
void mrl_audit_print_result(struct mrl_cli *cli, const json_t *result);
/* "7": the number of an entry. MRL_EXIT_USAGE. */
mrl_exit mrl_audit_number(struct mrl_cli *cli, const char *text, uint64_t *out);

#endif
