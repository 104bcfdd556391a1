/* SPDX-License-Identifier: Apache-2.0 */
/* The storage interface: one writer thread with group commit, a few read connections. Layer: store.
 * Thread: any, except where named. What was reported done without error survives kill -9 and loss
 * of power; what failed left nothing behind. Logs nothing. */
#ifndef MRL_STORE_STORE_H
#define MRL_STORE_STORE_H

#include "base/err.h"
#include "store/tx.h"

struct mrl_store;

/* Forward only; numbers of a component count from 1 without a gap. All texts are constants. */
struct mrl_migration {
    const char *component;
    unsigned number;
    const char *sql; /* one or more statements */
};
struct mrl_migration_list {
    const struct mrl_migration *items;
    size_t count;
};

enum {
    MRL_STORE_READERS = 4,
    MRL_STORE_READERS_MAX = 64,
    MRL_STORE_GROUP = 512,
    MRL_STORE_BUSY_MS = 10000,
};

struct mrl_store_options {
    const char *path; /* SQLite: the database file, made with mode 0600 when missing */
    const struct mrl_migration_list
        *migrations; /* in the order in which components build on another */
    size_t migrations_count;
    unsigned readers;   /* 0: MRL_STORE_READERS */
    unsigned group_max; /* jobs of one commit; 0: MRL_STORE_GROUP */
    uint64_t bytes_max; /* of the database file; 0: as large as the disk; above: MRL_ERR_NO_SPACE */
};

/* Opens, recovers after a crash, and runs the migrations that are missing, each in its own
 * transaction. Everything in o is borrowed for the call. MRL_ERR_BUSY: another process uses it.
 * MRL_ERR_DENIED: the folder is writable for everyone, or the file is a link or readable for
 * others. MRL_ERR_UNSUPPORTED: made by a newer program. MRL_ERR_INVALID: a migration does not run
 * or the numbers have a gap (the migrations before it stay). MRL_ERR_CORRUPT, MRL_ERR_IO. Gives
 * *out. */
mrl_err mrl_store_open(const struct mrl_store_options *o, struct mrl_store **out,
                       struct mrl_why *why);
/* Runs what was submitted (also what running jobs submit), then closes. No other thread may use s
 * from here on. NULL is fine. */
void mrl_store_close(struct mrl_store *s);

/* A thing of a layer above that is wanted wherever there is a transaction: mrl_tx_attached gives
 * context back. committed (may be NULL) is called on the writer thread after each group that
 * committed, before the callbacks of its jobs. Borrowed until the store is closed; no job may be
 * waiting. */
void mrl_store_attach(struct mrl_store *s, void *context, void (*committed)(void *context));

/* A write job, embedded in the caller's struct and alive until done was called. Jobs run in the
 * order of submission, on the writer thread; a callback must not wait for another job or a lock
 * that is held while submitting. */
struct mrl_write {
    /* Runs in its own savepoint: an error undoes its own effects and no other job's. When the group
     * cannot commit the effects are undone although run returned MRL_OK; run is called once. */
    mrl_err (*run)(struct mrl_tx *tx, struct mrl_write *w);
    /* Optional. After the fsync, only when run succeeded: publish to memory. */
    void (*committed)(struct mrl_write *w);
    /* Optional. After committed; the last touch by the store, w may be freed. MRL_ERR_NO_SPACE and
     * MRL_ERR_IO: nothing was written; a later job may succeed. */
    void (*done)(struct mrl_write *w, mrl_err result);
    struct mrl_why *why; /* optional, borrowed until done: the sentence of a failure of the store */
    /* What it removed or overwrote is gone from every file of the store before done, or, where a
     * reader still looks at the old state, with the first commit after that reader. */
    bool forget;
    /* The store's own. */
    struct mrl_write *next;
    mrl_err result;
};

/* Never blocks, never fails. The caller bounds how much it submits (mrl_store_backlog). */
void mrl_store_submit(struct mrl_store *s, struct mrl_write *w);
/* The same, and waits until done was called. Service threads only; not from a callback. */
mrl_err mrl_store_write(struct mrl_store *s, struct mrl_write *w);
/* Jobs submitted and not yet done. */
uint64_t mrl_store_backlog(const struct mrl_store *s);

/* The last group could not be committed, and nothing was since. */
bool mrl_store_failing(const struct mrl_store *s);

/* Runs on the calling thread in a read transaction: one consistent state, whatever the writer does
 * meanwhile. Waits for a free read connection, at most MRL_STORE_BUSY_MS (MRL_ERR_BUSY). Service
 * threads only; not from a callback. */
mrl_err mrl_store_read(struct mrl_store *s, mrl_err (*run)(struct mrl_tx *tx, void *context),
                       void *context);

struct mrl_store_stats {
    uint64_t jobs;     /* done, with or without error */
    uint64_t commits;  /* groups that committed */
    uint64_t failures; /* groups that could not */
};
void mrl_store_stats(const struct mrl_store *s, struct mrl_store_stats *out);

#endif
