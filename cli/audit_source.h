/* SPDX-License-Identifier: Apache-2.0 */
/* The published log, c2sp.org/tlog-tiles: as the server gives it, or in a folder it was exported
 * to. Layer: cli. Nothing is believed here but lengths. */
#ifndef MRL_CLI_AUDIT_SOURCE_H
#define MRL_CLI_AUDIT_SOURCE_H

#include "base/buf.h"
#include "cli/cli.h"
#include "tlog/proof.h"

enum { MRL_AUDIT_BUNDLE_MAX = MRL_TLOG_WIDTH * (2 + MRL_TLOG_ENTRY_MAX) };

struct mrl_audit_source {
    struct mrl_cli *cli;
    const char *dir;     /* NULL: the server */
    uint64_t size;       /* of the newest checkpoint; 0: not known yet */
    struct mrl_buf tile; /* what mrl_audit_source_tiles read last */
    mrl_exit failed;     /* why that failed: its exit code, with cli->why */
};
void mrl_audit_source_done(struct mrl_audit_source *s);

/* The signed note; out is empty before. MRL_EXIT_UNVERIFIED: there is none. */
mrl_exit mrl_audit_source_checkpoint(struct mrl_audit_source *s, struct mrl_buf *out);
/* Hashes or entries of a tile, cut to its width; what out held before is gone. *there false: the
 * log has no such file (pruned). MRL_EXIT_UNVERIFIED: shorter than its width says, or damaged. */
mrl_exit mrl_audit_source_tile(struct mrl_audit_source *s, struct mrl_tlog_tile tile,
                               struct mrl_buf *out, bool *there);
/* For lib/tlog. After an error of its functions: s->failed, when that is not MRL_EXIT_OK. */
struct mrl_tlog_tiles mrl_audit_source_tiles(struct mrl_audit_source *s);
/* The root at size from the tiles. what: "checkpoint", for the sentence. MRL_EXIT_UNVERIFIED: the
 * tiles give another root. */
mrl_exit mrl_audit_source_check_root(struct mrl_audit_source *s, uint64_t size,
                                     const struct mrl_tlog_hash *root, const char *what);

#endif
