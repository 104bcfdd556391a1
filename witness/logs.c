/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/logs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/map.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "tlog/tree.h"

enum { NAME_BYTES = 16, FILE_NAME_MAX = 64 };

struct key {
    struct key *next;
    struct mrl_note_key key;
};

struct mrl_witness_log {
    struct mrl_map_node node; /* key: the origin, in the name of the first key */
    struct key *keys;         /* owned; never changed once loaded */
    const struct mrl_witness_folder *folder;
    char file[FILE_NAME_MAX];
    pthread_mutex_t lock;
    uint64_t size; /* of the latest checkpoint; this and root under lock */
    struct mrl_tlog_hash root;
};

struct mrl_witness_logs {
    struct mrl_map by_origin;
};

static void log_free(struct mrl_witness_log *log)
{
    while (log->keys != NULL) {
        struct key *k = log->keys;

        log->keys = k->next;
        mrl_note_key_done(&k->key);
        free(k);
    }
    (void)pthread_mutex_destroy(&log->lock); /* nobody holds it */
    free(log);
}

void mrl_witness_logs_free(struct mrl_witness_logs *l)
{
    struct mrl_map_node *node;

    if (l == NULL)
        return;
    while ((node = mrl_map_pop(&l->by_origin)) != NULL)
        log_free(MRL_CONTAINER(node, struct mrl_witness_log, node));
    mrl_map_done(&l->by_origin);
    free(l);
}

struct mrl_witness_log *mrl_witness_logs_find(struct mrl_witness_logs *l, mrl_bytes origin)
{
    struct mrl_map_node *node = mrl_map_find(&l->by_origin, origin);

    return node == NULL ? NULL : MRL_CONTAINER(node, struct mrl_witness_log, node);
}

/* An origin may hold any character: its file is named after its hash. */
static mrl_err name_file(struct mrl_witness_log *log)
{
    char hex[2 * NAME_BYTES + 1];
    uint8_t digest[MRL_SHA256_SIZE];
    struct mrl_writer w = mrl_writer_on(log->file, sizeof(log->file));

    MRL_TRY(mrl_sha256(log->node.key, digest));
    mrl_hex(mrl_bytes_of(digest, NAME_BYTES), hex);
    mrl_put_text(&w, "%s.checkpoint", hex);
    mrl_put_u8(&w, 0);
    return MRL_OK;
}

static mrl_err read_state(struct mrl_witness_log *log, mrl_bytes text, struct mrl_why *why)
{
    struct mrl_checkpoint c;

    if (mrl_checkpoint_read(text, &c) != MRL_OK || !mrl_bytes_eq(c.origin, log->node.key))
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "%s/%s is not a checkpoint of %.*s: restore it, or give this witness up: "
                        "without it a fork would be cosigned",
                        log->folder->path, log->file, MRL_FMT(log->node.key));
    log->size = c.size;
    log->root = c.root;
    return MRL_OK;
}

static mrl_err load_state(struct mrl_witness_log *log, struct mrl_why *why)
{
    const struct mrl_tlog_tree empty = {0};
    MRL_AUTO(mrl_secret) text = NULL;
    mrl_err err;

    MRL_TRY(name_file(log));
    err = mrl_witness_folder_read(log->folder, log->file, &text, why);
    if (err == MRL_ERR_NOT_FOUND)
        return mrl_tlog_tree_root(&empty, &log->root);
    MRL_TRY(err);
    return read_state(log, mrl_secret_bytes(text), why);
}

static mrl_err new_log(struct mrl_witness_logs *l, const struct mrl_witness_folder *folder,
                       struct key *first, struct mrl_why *why)
{
    struct mrl_witness_log *log = calloc(1, sizeof(*log));

    if (log == NULL)
        abort();
    log->keys = first;
    log->folder = folder;
    log->node.key = mrl_str(first->key.name);
    (void)pthread_mutex_init(&log->lock, NULL); /* cannot fail with default attributes */
    mrl_map_insert(&l->by_origin, &log->node);
    return load_state(log, why);
}

/* Takes k. */
static mrl_err add_key(struct mrl_witness_logs *l, const struct mrl_witness_folder *folder,
                       struct key *k, struct mrl_why *why)
{
    struct mrl_witness_log *log = mrl_witness_logs_find(l, mrl_str(k->key.name));

    if (log == NULL)
        return new_log(l, folder, k, why);
    k->next = log->keys->next; /* behind the first, whose name is the key of the map */
    log->keys->next = k;
    return MRL_OK;
}

mrl_err mrl_witness_logs_load(const struct mrl_witness_folder *folder, const mrl_bytes *vkeys,
                              size_t count, struct mrl_witness_logs **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_witness_logs) l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct key *k = calloc(1, sizeof(*k));
        struct mrl_why reason = {0};

        if (k == NULL)
            abort();
        if (mrl_note_key_parse(vkeys[i], &k->key, &reason) != MRL_OK ||
            k->key.kind != MRL_NOTE_ED25519) {
            mrl_note_key_done(&k->key);
            free(k);
            return mrl_fail(why, MRL_ERR_INVALID, "[[log]] %zu: vkey is no log's key: %.180s",
                            i + 1, reason.text[0] != '\0' ? reason.text : "it is a witness's");
        }
        MRL_TRY(add_key(l, folder, k, why));
    }
    *out = MRL_TAKE(l);
    return MRL_OK;
}

mrl_err mrl_witness_log_check(const struct mrl_witness_log *log, const struct mrl_note *n)
{
    for (const struct key *k = log->keys; k != NULL; k = k->next)
        if (mrl_note_check(n, &k->key, /*time=*/NULL) == MRL_OK)
            return MRL_OK;
    return MRL_ERR_AUTH;
}

static mrl_err store(struct mrl_witness_log *log, const struct mrl_checkpoint *c,
                     struct mrl_why *why)
{
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    mrl_bytes text;

    if (c->size == log->size) /* the same: it is stored, or the empty log that needs no file */
        return MRL_OK;
    MRL_TRY(mrl_checkpoint_text(c, memory, &text));
    MRL_TRY(mrl_witness_folder_replace(log->folder, log->file, text, why));
    log->size = c->size;
    log->root = c->root;
    return MRL_OK;
}

static enum mrl_witness_step judge(const struct mrl_witness_log *log,
                                   const struct mrl_add_checkpoint *a,
                                   const struct mrl_checkpoint *c)
{
    if (a->old != log->size)
        return MRL_WITNESS_WRONG_OLD;
    if (c->size == log->size && !mrl_tlog_hash_eq(&c->root, &log->root))
        return MRL_WITNESS_FORKED;
    return mrl_tlog_check_consistency(&a->proof, a->old, &log->root, c->size, &c->root) == MRL_OK
               ? MRL_WITNESS_ADVANCED
               : MRL_WITNESS_WRONG_PROOF;
}

static mrl_err advance(struct mrl_witness_log *log, const struct mrl_add_checkpoint *a,
                       const struct mrl_checkpoint *c, mrl_err (*then)(void *context),
                       void *context, struct mrl_witness_verdict *out, struct mrl_why *why)
{
    enum mrl_witness_step step = judge(log, a, c);

    if (step == MRL_WITNESS_ADVANCED) {
        MRL_TRY(store(log, c, why));
        MRL_TRY(then(context));
    }
    *out = (struct mrl_witness_verdict){step, log->size};
    return MRL_OK;
}

mrl_err mrl_witness_log_advance(struct mrl_witness_log *log, const struct mrl_add_checkpoint *a,
                                const struct mrl_checkpoint *c, mrl_err (*then)(void *context),
                                void *context, struct mrl_witness_verdict *out, struct mrl_why *why)
{
    mrl_err err;

    (void)pthread_mutex_lock(&log->lock); /* fails only when used wrongly */
    err = advance(log, a, c, then, context, out, why);
    (void)pthread_mutex_unlock(&log->lock);
    return err;
}
