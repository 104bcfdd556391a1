/* SPDX-License-Identifier: Apache-2.0 */
/* The whole exported log, row by row. Layer: cli. */
#ifndef MRL_CLI_AUDIT_WALK_H
#define MRL_CLI_AUDIT_WALK_H

#include "audit/chain.h"
#include "cli/request.h"

/* One line of the export, as text and as what it says. Everything is borrowed for the call. */
struct mrl_audit_line {
    mrl_bytes text;
    struct mrl_audit_row row;
};
typedef mrl_exit mrl_audit_visit(struct mrl_cli *cli, void *context,
                                 const struct mrl_audit_line *line);
/* Reads one line. MRL_ERR_CORRUPT with why: not such a line. hash has room for the row's. */
mrl_err mrl_audit_line_read(mrl_bytes text, json_t **json, uint8_t hash[static MRL_AUDIT_HASH_SIZE],
                            struct mrl_audit_line *out, struct mrl_why *why);
/* Asks for page after page until one is empty. */
mrl_exit mrl_audit_walk(struct mrl_cli *cli, mrl_audit_visit *visit, void *context);

/* merlon audit verify */
extern const struct mrl_cli_option mrl_audit_verify_options[];
mrl_exit mrl_audit_verify_run(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
