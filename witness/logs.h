/* SPDX-License-Identifier: Apache-2.0 */
/* The logs that are witnessed, and the latest checkpoint cosigned of each. Layer: witness. Thread:
 * any, once loaded. */
#ifndef MRL_WITNESS_LOGS_H
#define MRL_WITNESS_LOGS_H

#include "tlog/checkpoint.h"
#include "witness/folder.h"

struct mrl_witness_log;
struct mrl_witness_logs;

/* Reads what is known of each log; folder is borrowed and outlives it. MRL_ERR_INVALID: a key that
 * is none or twice there; MRL_ERR_CORRUPT: a state file that does not read. */
mrl_err mrl_witness_logs_load(const struct mrl_witness_folder *folder, const mrl_bytes *vkeys,
                              size_t count, struct mrl_witness_logs **out, struct mrl_why *why);
void mrl_witness_logs_free(struct mrl_witness_logs *l); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_witness_logs);

/* NULL: not one of ours. */
struct mrl_witness_log *mrl_witness_logs_find(struct mrl_witness_logs *l, mrl_bytes origin);
/* MRL_ERR_AUTH: no key of the log has signed the note. */
mrl_err mrl_witness_log_check(const struct mrl_witness_log *log, const struct mrl_note *n);

enum mrl_witness_step {
    MRL_WITNESS_ADVANCED,    /* stored: it may be cosigned */
    MRL_WITNESS_WRONG_OLD,   /* old is not the size of the latest checkpoint */
    MRL_WITNESS_FORKED,      /* of that size, with another root */
    MRL_WITNESS_WRONG_PROOF, /* the proof does not lead from it */
};
struct mrl_witness_verdict {
    enum mrl_witness_step step;
    uint64_t size; /* of the latest checkpoint */
};
/* Compares c, of the request a, with the latest checkpoint and stores it, as one step. The errors
 * are those of storing: nothing may be cosigned then. then (may not block) is called with context
 * while nobody else can advance this log, when it advanced. */
mrl_err mrl_witness_log_advance(struct mrl_witness_log *log, const struct mrl_add_checkpoint *a,
                                const struct mrl_checkpoint *c, mrl_err (*then)(void *context),
                                void *context, struct mrl_witness_verdict *out,
                                struct mrl_why *why);

#endif
