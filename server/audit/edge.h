/* SPDX-License-Identifier: Apache-2.0 */
/* The right edge of the log as tiles: the partial tile of each level, and the store behind it.
 * Layer: server/audit, internal. Thread: one owner; what takes a tx: inside a transaction.
 *
 * audit_tiles has one row a tile, id = level << 56 | index: of level 0 the full ones, of the levels
 * above also the partial one. The partial tile of level 0 is hashed again from its entries. */
#ifndef MRL_AUDIT_EDGE_H
#define MRL_AUDIT_EDGE_H

#include "audit/log.h"
#include "tlog/tile.h"

/* Full tiles on their way into the store. */
struct mrl_audit_full {
    size_t count;
    struct mrl_buf ids;    /* int64_t each */
    struct mrl_buf hashes; /* MRL_TLOG_WIDTH hashes each */
};
void mrl_audit_full_done(struct mrl_audit_full *f);

/* Of the partial tile of a level in a log of size leaves; width 0: there is none. */
uint64_t mrl_audit_edge_index(uint64_t size, unsigned level);
unsigned mrl_audit_edge_width(uint64_t size, unsigned level);
/* The edge of the log at size, which the store must hold. MRL_ERR_CORRUPT: tiles or entries are
 * missing. */
mrl_err mrl_audit_edge_load(struct mrl_tx *tx, uint64_t size, struct mrl_audit_edge *out);
/* Appends one leaf; tiles that became full by it are added to full. */
mrl_err mrl_audit_edge_add(struct mrl_audit_edge *e, const struct mrl_tlog_hash *leaf,
                           struct mrl_audit_full *full);
/* Writes full and the partial tiles of the levels above 0. */
mrl_err mrl_audit_edge_write(struct mrl_tx *tx, const struct mrl_audit_edge *e,
                             const struct mrl_audit_full *full);

/* Tiles of a log: those of the edge, of full (may be NULL), of the store. */
struct mrl_audit_source {
    struct mrl_tx *tx;
    const struct mrl_audit_edge *edge;
    const struct mrl_audit_full *full;
    struct mrl_rows *rows; /* what the last tile was read from */
};
/* The tiles live as long as *s. */
struct mrl_tlog_tiles mrl_audit_source_tiles(struct mrl_audit_source *s);
void mrl_audit_source_done(struct mrl_audit_source *s);

int64_t mrl_audit_tile_id(unsigned level, uint64_t index);

#endif
