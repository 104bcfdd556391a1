/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the audit log share. Layer: server/audit, internal. */
#ifndef MRL_AUDIT_LOG_H
#define MRL_AUDIT_LOG_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit/audit.h"
#include "base/list.h"
#include "base/map.h"
#include "store/seal.h"
#include "tlog/note.h"
#include "tlog/tile.h"

/* Memory for the values of one row: text, openings, envelope. */
enum {
    MRL_AUDIT_ROW_MAX = MRL_AUDIT_ENTRY_MAX + 2 * MRL_AUDIT_OPENINGS_BYTES_MAX + MRL_SEAL_OVERHEAD
};

/* Open windows of equal denials. */
struct mrl_audit_notes {
    pthread_mutex_t lock;
    struct mrl_map windows;
    struct mrl_map sources; /* who has windows open */
    struct mrl_list oldest;
    size_t count;
    uint64_t other[MRL_AUDIT_ACTION_COUNT_]; /* what found no window */
    uint64_t other_since;                    /* 0: none counted */
};

struct mrl_audit_edge { /* edge.h */
    uint64_t size;
    struct mrl_tlog_hash hashes[MRL_TLOG_LEVELS][MRL_TLOG_WIDTH]; /* as many as size says */
};

struct mrl_audit {
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    char node[MRL_AUDIT_NODE_MAX + 1];
    struct mrl_audit_notes notes;
    _Atomic uint64_t lost; /* events that the store refused */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    uint64_t outstanding; /* jobs not done; under lock */

    /* The writer thread's. */
    struct mrl_buf scratch;
    uint64_t appended; /* since the last commit, undone ones included */

    void (*wake)(void *context);
    void *wake_context;
    _Atomic uint64_t uncovered; /* entries committed since the last checkpoint began */

    /* The checkpointer's, under checkpointing. */
    pthread_mutex_t checkpointing;
    struct mrl_note_key key;    /* key.key is NULL: this log signs nothing */
    struct mrl_audit_edge edge; /* of the newest checkpoint; size 0: to be loaded */
    uint64_t tried;             /* size that was last given to be signed */
    _Atomic uint64_t signed_size, signed_count, refused, failed;
    _Atomic int64_t signed_ms;
};

/* Where the openings of an entry are sealed; memory is for the text of the number. */
struct mrl_seal_place mrl_audit_private_place(uint64_t seq,
                                              char memory[static MRL_SEAL_NUMBER_MAX]);

/* Number of the last entry in tx; 0: the log is empty. */
mrl_err mrl_audit_last(struct mrl_tx *tx, uint64_t *out);

/* One block of memory with everything e points at, cut so far that the entry is the same. Gives;
 * free() it. */
struct mrl_audit_event *mrl_audit_event_copy(const struct mrl_audit_event *e);
/* Takes e. */
void mrl_audit_submit(struct mrl_audit *a, struct mrl_audit_event *e,
                      void (*done)(void *context, mrl_err result), void *context);

void mrl_audit_notes_init(struct mrl_audit_notes *n);
/* Records and drops the windows that are over at now; UINT64_MAX: all. */
void mrl_audit_notes_end(struct mrl_audit *a, uint64_t now);
void mrl_audit_notes_done(struct mrl_audit_notes *n); /* after mrl_audit_notes_end of all */

#endif
