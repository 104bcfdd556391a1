/* SPDX-License-Identifier: Apache-2.0 */
/* Cosignatures of witnesses: each is shown every new checkpoint, and what it says of it is kept.
 * Layer: server/audit. Thread: calls that ask block; one thread at a time makes them. State and
 * judgement: any.
 *
 * A witness that saw a longer log, or another one, is the only sign of a database and a checkpoint
 * file that were rolled back together. */
#ifndef MRL_AUDIT_WITNESS_H
#define MRL_AUDIT_WITNESS_H

#include "audit/audit.h"
#include "base/buf.h"

enum { MRL_WITNESSES_MAX = 16, MRL_WITNESS_ANSWER_MAX = 16 << 10 };

enum mrl_witness_standing {
    MRL_WITNESS_NEW,         /* not asked yet */
    MRL_WITNESS_OK,          /* it cosigned what it was shown last */
    MRL_WITNESS_UNREACHABLE, /* no answer */
    MRL_WITNESS_REFUSES,     /* an answer that is no cosignature; why has it */
    MRL_WITNESS_AHEAD,       /* it cosigned a longer log */
    MRL_WITNESS_FORKED,      /* it cosigned another log of that size */
    MRL_WITNESS_STANDING_COUNT_
};
const char *mrl_witness_standing_name(enum mrl_witness_standing standing); /* "ok" */

struct mrl_witness_answer {
    unsigned status;
    struct mrl_buf body; /* at most MRL_WITNESS_ANSWER_MAX bytes */
};
/* POSTs body to add-checkpoint of witness index; an error is no answer, why says why. */
typedef mrl_err mrl_witness_post(void *context, size_t index, mrl_bytes body,
                                 struct mrl_witness_answer *out, struct mrl_why *why);

struct mrl_witness_address {
    mrl_bytes vkey;
    mrl_bytes url; /* only shown */
};
struct mrl_witnesses_options { /* borrowed until mrl_witnesses_free */
    const struct mrl_witness_address *addresses;
    size_t count;
    uint64_t late_s; /* an entry that waits longer for a cosignature is an alarm */
    mrl_witness_post *post;
    void *context;
};
struct mrl_witnesses;
/* Reads what the stored checkpoints bear. MRL_ERR_LIMIT, MRL_ERR_INVALID: more than
 * MRL_WITNESSES_MAX, a key that is no witness's, one given twice; why says which. */
mrl_err mrl_witnesses_new(struct mrl_audit *a, const struct mrl_witnesses_options *o,
                          struct mrl_witnesses **out, struct mrl_why *why);
void mrl_witnesses_free(struct mrl_witnesses *w); /* NULL is fine */

/* Before the log goes on: asks each with the newest checkpoint. MRL_ERR_CORRUPT: one has seen a
 * longer or another log; why names it, the sizes and the remedy. No answer is no finding.
 * MRL_ERR_NOT_FOUND: there is no checkpoint yet to ask with. */
mrl_err mrl_witnesses_check_start(struct mrl_witnesses *w, struct mrl_why *why);
/* Shows the newest checkpoint to each that has not cosigned it, stores cosignatures with it, enters
 * alarms. An error is of storage. */
mrl_err mrl_witnesses_collect(struct mrl_witnesses *w, struct mrl_why *why);
/* Any thread: from now on only those are asked that answered the last time, so that a stop waits
 * for no dead one. */
void mrl_witnesses_stop(struct mrl_witnesses *w);
/* Any thread: was a cosignature stored since the last call? */
bool mrl_witnesses_fresh(struct mrl_witnesses *w);

struct mrl_witness_state {
    const char *name;
    mrl_bytes url;
    enum mrl_witness_standing standing;
    unsigned status;      /* of its last answer */
    uint64_t size;        /* what it cosigned last, as far as we know */
    int64_t time_ms;      /* when; 0: unknown */
    uint64_t lag_entries; /* that wait for its cosignature */
    int64_t waiting_ms;   /* time of the first of them; 0: none waits */
    bool late;
    uint64_t failures; /* rounds of this run without its cosignature */
    struct mrl_why why;
};
size_t mrl_witnesses_count(const struct mrl_witnesses *w); /* 0 for NULL */
void mrl_witnesses_state(struct mrl_witnesses *w, size_t index, struct mrl_witness_state *out);
/* How long the first entry that waits does, in seconds. */
uint64_t mrl_witness_lag_s(const struct mrl_witness_state *s);
/* May administrative changes go on? MRL_ERR_STATE: every witness is late, or one has seen another
 * log; why says so. */
mrl_err mrl_witnesses_judge(struct mrl_witnesses *w, struct mrl_why *why);

#endif
