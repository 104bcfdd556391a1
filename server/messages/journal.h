/* SPDX-License-Identifier: Apache-2.0 */
/* What one worker has to tell the store: operations collect in memory and go as one write job at a
 * time, so that the next batch grows while one commits. Layer: messages, inside this folder.
 * Thread: the worker.
 *
 * An operation that has not left can be taken back: what is undone before the batch goes is never
 * written. One that must be done (a removal) is tried again when the store fails, all others are
 * refused then. */
#ifndef MRL_MESSAGES_JOURNAL_H
#define MRL_MESSAGES_JOURNAL_H

#include <stdatomic.h>

#include "base/list.h"
#include "messages/ledger.h"
#include "messages/publication.h"
#include "messages/receipt.h"
#include "net/loop.h"

struct mrl_gather;
struct mrl_session;
struct mrl_stored;

enum mrl_op_kind {
    MRL_OP_SESSION, /* its row as it is */
    MRL_OP_SESSION_GONE,
    MRL_OP_SUBSCRIPTION,
    MRL_OP_SUBSCRIPTION_GONE,
    MRL_OP_OWED, /* to a subscription: retained messages from number on, to that of message */
    MRL_OP_OWED_GONE,
    MRL_OP_OWED_EARLY, /* of these the one of number had its turn already */
    MRL_OP_MESSAGE,
    MRL_OP_MESSAGE_GONE,
    MRL_OP_ENTRY,       /* of a queue */
    MRL_OP_ENTRY_BEGUN, /* it may leave: no longer MRL_ENTRY_WAITING */
    MRL_OP_ENTRY_RELEASED,
    MRL_OP_ENTRY_GONE,
    MRL_OP_RECEIVED, /* a packet id between PUBLISH and PUBREL */
    MRL_OP_RECEIVED_GONE,
    MRL_OP_RETAINED,
    MRL_OP_RETAINED_GONE,
    MRL_OP_NOTHING, /* waits for what was before it */
    MRL_OP_KINDS_
};

/* The columns of a session; the texts are the tail of its operation. */
struct mrl_session_row {
    int64_t version; /* an older one never replaces a newer one */
    bool first;      /* there is no row yet */
    uint8_t principal_kind;
    size_t principal_len; /* of the tail; the rest is the client id */
    uint32_t expiry_s;
    int64_t ends; /* 0: connected */
    uint64_t sent;
    uint32_t will_delay_s;
    uint64_t will_life_ms;
};

struct mrl_op {
    struct mrl_list link;
    struct mrl_list of_session; /* among those its session waits for */
    struct mrl_journal *journal;
    struct mrl_gather *gather; /* waits here for what comes with it from other workers; or NULL */
    enum mrl_op_kind kind;
    bool collecting; /* has not left: may be cancelled */
    bool must;       /* tried until the store takes it */
    uint8_t flags;   /* of a queue entry, or options of a subscription */
    uint32_t identifier;
    int64_t session; /* its row */
    int64_t number;  /* of the entry, packet, message or retained message */
    int64_t message; /* row of an entry's message */
    int64_t expires; /* of a message, wall clock; 0: never */
    const struct mrl_publication *publication; /* own reference: message or will; or NULL */
    struct mrl_session_row row;

    /* On the worker of the journal: result is final. The operation is freed after it. */
    void (*settle)(struct mrl_op *op, mrl_err result);
    void (*forget)(struct mrl_op *op); /* optional: frees what owner is; settled or not */
    struct mrl_session *by;            /* NULL: ended meanwhile */
    void *owner;                       /* what settle is about; NULL: gone meanwhile */
    struct mrl_stored *stored;
    struct mrl_receipt *receipt; /* own hold, or NULL */
    size_t tail_len;
    uint8_t tail[];
};

enum {
    MRL_ENTRY_QOS2 = 0x01,
    MRL_ENTRY_RETAIN = 0x02,
    MRL_ENTRY_RELEASED = 0x04, /* only PUBCOMP is awaited: no message */
    MRL_ENTRY_SHARED = 0x08,   /* it was a member's turn */
    MRL_ENTRY_WAITING = 0x10,  /* a member's, QoS 2: it never left */
};

struct mrl_ledger {
    struct mrl_ledger_config config;
    _Atomic int64_t last_session, last_message, last_retained; /* row ids given out */
    int64_t wall_at_zero; /* wall clock minus monotonic: a clock that is set moves nothing */
    _Atomic bool failing;
    _Atomic bool succeeded;     /* something since the last failure */
    _Atomic uint64_t failed_ms; /* when that was */
    struct mrl_write clock;
    _Atomic bool clock_busy;
    int64_t ahead, ahead_stored; /* of the wall clock: as written last, and as in the store */
};
/* At start: rows go on counting as they did, whatever the wall clock was set to meanwhile. */
mrl_err mrl_ledger_read_clock(struct mrl_ledger *l, struct mrl_tx *tx);
int64_t mrl_ledger_wall(const struct mrl_ledger *l, uint64_t monotonic_ms);
/* At least 1; a time before this machine's start counts as now. */
uint64_t mrl_ledger_monotonic(const struct mrl_ledger *l, int64_t wall_ms);
/* What became of a batch. */
void mrl_ledger_tell(struct mrl_ledger *l, mrl_err result, const char *why);

struct mrl_journal;
struct mrl_journal *mrl_journal_new(struct mrl_ledger *l, struct mrl_loop *loop,
                                    struct mrl_mailbox *mailbox);
/* Sends what is left; the loop does not run any more, the store is still open. */
void mrl_journal_flush(struct mrl_journal *j);
void mrl_journal_free(struct mrl_journal *j); /* after the mailbox; NULL is fine */
struct mrl_ledger *mrl_journal_ledger(struct mrl_journal *j);

struct mrl_op *mrl_op_new(enum mrl_op_kind kind, mrl_bytes tail);
mrl_bytes mrl_op_tail(const struct mrl_op *op);
/* Takes op. */
void mrl_journal_add(struct mrl_journal *j, struct mrl_op *op);
/* The same, behind one that is gathered: not durable before it is. */
void mrl_journal_add_behind(struct mrl_journal *j, struct mrl_op *gathered, struct mrl_op *op);
/* Only while collecting: it was never there. What waits for it gets result. */
void mrl_op_cancel(struct mrl_op *op, mrl_err result);
void mrl_ops_free(struct mrl_list *ops); /* shutting down: nobody is told but who waits */
/* The receipt of op (if any) need not wait for it. */
void mrl_op_let_go(struct mrl_op *op, mrl_err result);

/* While into is not NULL, messages and entries go there instead of into the next batch. */
void mrl_journal_divert(struct mrl_journal *j, struct mrl_list *into);
bool mrl_journal_diverted(const struct mrl_journal *j);
/* Puts diverted operations, of this or other journals, into the next batch: they become durable
 * together. Each is settled on its own worker. */
void mrl_journal_take(struct mrl_journal *j, struct mrl_list *ops);
/* An operation that is collecting joins those of into, which are what g gathers. */
void mrl_op_move(struct mrl_op *op, struct mrl_gather *g, struct mrl_list *into);

/* journal_write.c: inside the write job. */
mrl_err mrl_journal_write(struct mrl_tx *tx, struct mrl_ledger *l, const struct mrl_list *ops);

#endif
