/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what it takes and how it gets there. Layer: server/audit. Thread: any, except
 * where named. An entry is in the store (fsync) before its callback is called; it cannot be
 * switched off. A failed write of a single entry is not lost silently: an audit.lost entry with the
 * count follows as soon as the store writes again. */
#ifndef MRL_AUDIT_AUDIT_H
#define MRL_AUDIT_AUDIT_H

#include "audit/digest.h"
#include "audit/event.h"
#include "store/seal.h"
#include "store/store.h"

/* For mrl_store_options. */
extern const struct mrl_migration_list mrl_audit_migrations;

/* Inside a write job of a store that a log was opened on, so that change and entry are one: what
 * cannot be logged does not happen. The entry's number goes to *seq (may be NULL). Errors as in
 * store/tx.h; MRL_ERR_STATE: no log was opened. */
mrl_err mrl_audit_append(struct mrl_tx *tx, const struct mrl_audit_event *e, uint64_t *seq);
/* The same for several, with numbers that follow each other from *first on. */
mrl_err mrl_audit_append_many(struct mrl_tx *tx, const struct mrl_audit_event *events, size_t count,
                              uint64_t *first);
/* The same as mrl_audit_append, for what happens once in the life of an installation: nothing when
 * the log has an entry with this action already. */
mrl_err mrl_audit_append_once(struct mrl_tx *tx, const struct mrl_audit_event *e);

struct mrl_audit;
struct mrl_audit_options {
    mrl_bytes node; /* the name of this server, in every entry; at most MRL_AUDIT_NODE_MAX bytes */
    struct mrl_sealer *sealer; /* borrowed until mrl_audit_free: seals what is personal */
    mrl_bytes origin;     /* of the checkpoints, "<tenant>/merlon-audit"; empty: none are made */
    mrl_bytes public_key; /* Ed25519, 32 bytes: what they are signed with */
    /* May be NULL. On the writer thread, when mrl_audit_checkpoint_due begins to be true. */
    void (*wake)(void *context);
    void *wake_context;
};
/* Opens the log of a store, before its first job. Borrows store until mrl_audit_free. Gives *out.
 * MRL_ERR_LIMIT: the name is too long. MRL_ERR_INVALID: origin or key are none. */
mrl_err mrl_audit_new(struct mrl_store *store, const struct mrl_audit_options *o,
                      struct mrl_audit **out);
/* Writes what is still counted, waits until all is written. No other thread may use a; the store
 * must still be open. NULL is fine. */
void mrl_audit_free(struct mrl_audit *a);

/* One entry, without waiting. done (may be NULL) is called once, on the writer thread, after the
 * fsync or with the error; it must not block. */
void mrl_audit_record(struct mrl_audit *a, const struct mrl_audit_event *e,
                      void (*done)(void *context, mrl_err result), void *context);

enum {
    MRL_AUDIT_WINDOW_MS = 10000,
    MRL_AUDIT_WINDOWS_MAX = 4096,
    MRL_AUDIT_WINDOWS_OF_ONE = 16, /* actor, or network */
};
/* One entry of a kind that an attacker can cause at will (denials), without waiting. The first of
 * (actor, or network of the source when the actor is not known; action; reason; target) is recorded
 * at once; equal ones within MRL_AUDIT_WINDOW_MS are counted and become one entry with "repeated".
 * What one actor (or network) does beyond MRL_AUDIT_WINDOWS_OF_ONE kinds is counted for each action
 * of his without reason and target: nobody fills the log by trying ever new names. When
 * MRL_AUDIT_WINDOWS_MAX kinds are open, further ones are counted per action only. */
void mrl_audit_note(struct mrl_audit *a, const struct mrl_audit_event *e);
/* Each second or so: ends windows. now: mrl_monotonic_ms(). */
void mrl_audit_tick(struct mrl_audit *a, uint64_t now);

#endif
