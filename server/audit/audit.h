/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what it takes and how it gets there. Layer: server/audit. Thread: any, except
 * where named. An entry is in the store (fsync) before its callback is called; it cannot be
 * switched off. A failed write of a single entry is not lost silently: an audit.lost entry with the
 * count follows as soon as the store writes again. */
#ifndef MRL_AUDIT_AUDIT_H
#define MRL_AUDIT_AUDIT_H

#include "audit/chain.h"
#include "audit/event.h"
#include "store/store.h"

/* For mrl_store_options. */
extern const struct mrl_migration_list mrl_audit_migrations;

/* Inside a write job, so that change and entry are one. The entry's number goes to *seq (may be
 * NULL). Errors as in store/tx.h. */
mrl_err mrl_audit_append(struct mrl_tx *tx, const struct mrl_audit_event *e, uint64_t *seq);
/* The same, for what happens once in the life of an installation: nothing when the log has an entry
 * with this action already. */
mrl_err mrl_audit_append_once(struct mrl_tx *tx, const struct mrl_audit_event *e);

struct mrl_audit;
/* Borrows store until mrl_audit_free. Gives *out. */
mrl_err mrl_audit_new(struct mrl_store *store, struct mrl_audit **out);
/* Writes what is still counted, waits until all is written. No other thread may use a; the store
 * must still be open. NULL is fine. */
void mrl_audit_free(struct mrl_audit *a);

/* One entry, without waiting. done (may be NULL) is called once, on the writer thread, after the
 * fsync or with the error; it must not block. */
void mrl_audit_record(struct mrl_audit *a, const struct mrl_audit_event *e,
                      void (*done)(void *context, mrl_err result), void *context);

enum { MRL_AUDIT_WINDOW_MS = 10000, MRL_AUDIT_WINDOWS_MAX = 4096 };
/* One entry of a kind that an attacker can cause at will (denials), without waiting. The first of
 * (actor, or network of the source when the actor is not known; action; reason; target) is recorded
 * at once; equal ones within MRL_AUDIT_WINDOW_MS are counted and become one entry with "repeated".
 * When MRL_AUDIT_WINDOWS_MAX kinds are open, further ones are counted per action only. */
void mrl_audit_note(struct mrl_audit *a, const struct mrl_audit_event *e);
/* Each second or so: ends windows. now: mrl_monotonic_ms(). */
void mrl_audit_tick(struct mrl_audit *a, uint64_t now);

/* Signs size and hash of the log as they are in the store: wraps the key process. Appends to out.
 */
typedef mrl_err (*mrl_audit_sign)(void *context, const struct mrl_audit_head *head,
                                  struct mrl_buf *signature);
/* Service threads: signs and stores the head when the log grew since the last one; nothing else
 * otherwise. Not from two threads at once. */
mrl_err mrl_audit_sign_head(struct mrl_audit *a, mrl_audit_sign sign, void *context);

#endif
