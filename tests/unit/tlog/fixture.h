/* SPDX-License-Identifier: Apache-2.0 */
/* A log in memory, its tiles cut out of all hashes there are, and keys, for the tests of lib/tlog.
 */
#ifndef MRL_TESTS_TLOG_FIXTURE_H
#define MRL_TESTS_TLOG_FIXTURE_H

#include "crypto/key.h"
#include "tlog/note.h"
#include "tlog/tile.h"

enum { FIXTURE_LEAVES = 65537, FIXTURE_FULL_LEVELS = 3 };

/* levels[l][i]: the subtree of leaves from i * 256^l, as far as it is full. */
struct fixture_log {
    uint64_t size; /* the tiles it gives are those of this size */
    struct mrl_tlog_hash *levels[FIXTURE_FULL_LEVELS];
    struct mrl_tlog_hash
        tile[MRL_TLOG_WIDTH]; /* overwritten by each read, as the contract allows */
    size_t reads;
    size_t cut; /* hashes missing at the end of each tile */
};
/* Leaf i is the hash of i as eight bytes. */
struct mrl_tlog_hash fixture_leaf(uint64_t i);
void fixture_log_init(struct fixture_log *log);
void fixture_log_done(struct fixture_log *log);
struct mrl_tlog_tiles fixture_tiles(struct fixture_log *log, uint64_t size);
/* RFC 6962 2.1 word by word. */
struct mrl_tlog_hash fixture_mth(const struct mrl_tlog_hash *leaves, uint64_t count);

/* A private key and the note key of its public half. */
struct fixture_signer {
    struct mrl_key *key;
    struct mrl_note_key public;
};
void fixture_signer_init(struct fixture_signer *s, const char *name, enum mrl_note_kind kind);
void fixture_signer_done(struct fixture_signer *s);
/* Appends the text to note when it is empty, and a signature line. time is for cosigners. */
void fixture_sign(const struct fixture_signer *s, mrl_bytes text, uint64_t time,
                  struct mrl_buf *note);

#endif
