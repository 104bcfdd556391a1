/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is answered with (c2sp.org/tlog-witness). Layer: witness. Thread: any. */
#ifndef MRL_WITNESS_ANSWER_H
#define MRL_WITNESS_ANSWER_H

#include "witness/identity.h"
#include "witness/logs.h"

struct mrl_witness {
    struct mrl_witness_identity *identity; /* borrowed */
    struct mrl_witness_logs *logs;         /* borrowed */
};

struct mrl_witness_answer {
    unsigned status;
    const char *content_type; /* static */
    struct mrl_buf body;      /* owned */
    /* For the log: */
    struct mrl_why why;   /* empty when it was cosigned */
    mrl_bytes origin;     /* view of the request; empty: none was read, or not one of ours */
    bool is_misbehaviour; /* the log has signed what does not fit with what it signed before */
    uint64_t latest;      /* size of the latest checkpoint, where one was looked at */
};
void mrl_witness_answer_done(struct mrl_witness_answer *a);

/* body: that of POST /add-checkpoint; now in seconds since 1970. Blocks: disk. */
void mrl_witness_add_checkpoint(const struct mrl_witness *w, mrl_bytes body, uint64_t now,
                                struct mrl_witness_answer *out);

#endif
