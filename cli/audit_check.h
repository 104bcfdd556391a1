/* SPDX-License-Identifier: Apache-2.0 */
/* The whole log, computed again from its entries and compared with everything published: what
 * `merlon audit verify` does. Layer: cli. */
#ifndef MRL_CLI_AUDIT_CHECK_H
#define MRL_CLI_AUDIT_CHECK_H

#include "cli/audit_source.h"
#include "cli/audit_trust.h"

struct mrl_audit_check {
    struct mrl_cli *cli;
    struct mrl_audit_source *source;
    struct mrl_checkpoint to; /* opened already: its signature holds */
    const struct mrl_audit_kept *kept;
    size_t kept_count;
    uint64_t first; /* out: the first entry whose text is there; size + 1: none is */
};

/* Reads every bundle and every tile up to to.size. The root must be to.root, and that at the size
 * of each kept checkpoint its root. MRL_EXIT_UNVERIFIED: cli->why names the entry, or the range in
 * which it is. */
mrl_exit mrl_audit_check_run(struct mrl_audit_check *c);

#endif
