/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles: how a log lies in static files, c2sp.org/tlog-tiles. Layer: tlog. Thread: any.
 *
 * A tile of level L and index N holds the hashes of up to 256 neighbouring subtrees of 256^L
 * leaves; its last hash is that of the subtree that ends at leaf (N * 256 + width) * 256^L. Level 0
 * are leaf hashes. An entry bundle is the same for the entries themselves. */
#ifndef MRL_TLOG_TILE_H
#define MRL_TLOG_TILE_H

#include "tlog/hash.h"

enum {
    MRL_TLOG_TILE_HEIGHT = 8,
    MRL_TLOG_WIDTH = 1 << MRL_TLOG_TILE_HEIGHT,
    MRL_TLOG_LEVELS = 8,        /* 256^8 leaves are more than a number holds */
    MRL_TLOG_ENTRIES = 63,      /* as a level: an entry bundle */
    MRL_TLOG_ENTRY_MAX = 65535, /* bytes, a uint16 length */
    MRL_TLOG_PATH_MAX = 64,
};

struct mrl_tlog_tile {
    unsigned level;
    uint64_t index;
    unsigned width; /* 1..256; less than 256: a partial tile */
};

/* "tile/0/x001/x234/067", ".p/112" behind it when partial; "tile/entries/..." With a NUL. */
void mrl_tlog_tile_path(struct mrl_tlog_tile tile, char to[static MRL_TLOG_PATH_MAX]);
/* MRL_ERR_MALFORMED: not the one spelling of a tile. */
mrl_err mrl_tlog_tile_parse(mrl_bytes path, struct mrl_tlog_tile *out);
/* Width of that tile in a log of size leaves; 0: there is none. */
unsigned mrl_tlog_tile_width(unsigned level, uint64_t index, uint64_t size);

/* Where the hashes of a log come from. read gives the width * 32 bytes of a tile, which stay valid
 * until the next call; its errors are handed on. A full tile may be given for a partial one. */
struct mrl_tlog_tiles {
    mrl_err (*read)(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes);
    void *context;
};

/* The root of the log at size, from at most one tile a level. MRL_ERR_CORRUPT: a tile is too short.
 */
mrl_err mrl_tlog_tiles_root(const struct mrl_tlog_tiles *t, uint64_t size,
                            struct mrl_tlog_hash *out);

/* A bundle is each entry with its length (uint16, big-endian) before it. next reads one from the
 * front of *rest; MRL_ERR_MALFORMED: cut short. */
mrl_err mrl_tlog_bundle_next(mrl_bytes *rest, mrl_bytes *entry);

#endif
