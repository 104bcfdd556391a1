/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: what was committed is hashed into tiles, indexed and signed. Layer: server/audit.
 * Thread: service threads (calls block), any number of them: one works at a time. */
#ifndef MRL_AUDIT_CHECKPOINT_H
#define MRL_AUDIT_CHECKPOINT_H

#include "audit/audit.h"
#include "store/tx.h"
#include "tlog/checkpoint.h"

enum {
    MRL_AUDIT_SIGNATURE = 64,
    MRL_AUDIT_CHECKPOINT_ENTRIES = 256, /* committed since the last one: it is time for another */
    MRL_AUDIT_CHECKPOINT_MOST = 65536,  /* entries one checkpoint goes on; more make several */
};

/* What the key process must know to sign; borrowed for the call. */
struct mrl_audit_signing {
    uint64_t old; /* where the proof begins */
    uint64_t size;
    struct mrl_tlog_hash root;
    struct mrl_tlog_proof proof;
    mrl_bytes note; /* the newest stored checkpoint; empty: none */
};
/* Signs the text of the checkpoint: wraps the key process. MRL_ERR_STATE: old is not the size it
 * signed last. */
typedef mrl_err (*mrl_audit_sign)(void *context, const struct mrl_audit_signing *what,
                                  uint8_t signature[static MRL_AUDIT_SIGNATURE],
                                  struct mrl_why *why);
/* Checkpoints over all that is committed now; nothing when the newest covers it. MRL_ERR_CORRUPT:
 * the log is shorter than its newest checkpoint, or its tiles are gone: nothing is signed, and it
 * is counted. MRL_ERR_STATE: the log was opened without an origin. */
mrl_err mrl_audit_checkpoint(struct mrl_audit *a, mrl_audit_sign sign, void *context,
                             struct mrl_why *why);
/* Any thread: enough is committed since the last one. */
bool mrl_audit_checkpoint_due(const struct mrl_audit *a);

/* The newest stored checkpoint; note is a view of *rows. size 0: there is none. */
struct mrl_audit_newest {
    uint64_t size;
    mrl_bytes note;
    int64_t time_ms;
};
mrl_err mrl_audit_newest(struct mrl_tx *tx, struct mrl_rows **rows, struct mrl_audit_newest *out);

/* The verifier key of the log, "<origin>+<id>+<key>". MRL_ERR_STATE: opened without an origin. */
mrl_err mrl_audit_vkey(const struct mrl_audit *a, char to[static MRL_NOTE_VKEY_MAX]);
const char *mrl_audit_origin(const struct mrl_audit *a);

struct mrl_audit_stats {
    uint64_t size;    /* of the newest checkpoint of this run; 0: none yet */
    int64_t time_ms;  /* when it was signed */
    uint64_t signed_; /* checkpoints of this run */
    uint64_t refused; /* of a log that was cut or changed */
    uint64_t failed;  /* for other reasons: storage, key process */
};
void mrl_audit_stats(const struct mrl_audit *a, struct mrl_audit_stats *out);

#endif
