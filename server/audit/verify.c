/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "audit/read.h"

enum { PROGRESS_EVERY = 1000, ACTOR_MAX = 16 + MRL_AUDIT_ID_MAX * 3 };

/* A walk over both tables at once, each in its own order. */
struct walk {
    struct mrl_audit_chain chain;
    struct mrl_rows *heads; /* positioned on the next head, or NULL after the last */
    const struct mrl_key *key;
    struct mrl_why why;
};

static bool is_string(const json_t *v, mrl_bytes column)
{
    mrl_bytes text =
        v == NULL ? MRL_BYTES_NONE : mrl_bytes_of(json_string_value(v), json_string_length(v));

    return (v == NULL || json_is_string(v)) && mrl_bytes_eq(text, column);
}

static bool is_actor(const json_t *actor, mrl_bytes column)
{
    const char *kind = json_string_value(json_object_get(actor, "kind"));
    const char *id = json_string_value(json_object_get(actor, "id"));
    char text[ACTOR_MAX];
    int len = snprintf(text, sizeof(text), "%s:%s", kind == NULL ? "" : kind, id == NULL ? "" : id);

    return len > 0 && (size_t)len < sizeof(text) &&
           mrl_bytes_eq(mrl_bytes_of(text, (size_t)len), column);
}

/* The columns serve the search; one that says something else than the text hides the entry. */
static bool columns_fit(const struct mrl_rows *rows, mrl_bytes json)
{
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    bool fit = root != NULL && is_string(json_object_get(root, "action"), mrl_row_bytes(rows, 3)) &&
               is_actor(json_object_get(root, "actor"), mrl_row_bytes(rows, 4)) &&
               is_string(json_object_get(root, "target"), mrl_row_bytes(rows, 5)) &&
               is_string(json_object_get(root, "outcome"), mrl_row_bytes(rows, 6)) &&
               json_integer_value(json_object_get(root, "time")) == mrl_row_int(rows, 7);

    json_decref(root);
    return fit;
}

static mrl_err check_row(struct walk *w, const struct mrl_rows *rows)
{
    struct mrl_audit_row row = {(uint64_t)mrl_row_int(rows, 0), mrl_row_bytes(rows, 1),
                                mrl_row_bytes(rows, 2)};

    MRL_TRY(mrl_audit_chain_row(&w->chain, &row, &w->why));
    if (columns_fit(rows, row.json))
        return MRL_OK;
    w->chain.bad = row.seq;
    return mrl_fail(&w->why, MRL_ERR_CORRUPT, "entry %llu has columns that do not fit its text",
                    (unsigned long long)row.seq);
}

static mrl_err next_head(struct walk *w)
{
    mrl_err err = mrl_rows_next(w->heads);

    if (err != MRL_ERR_NOT_FOUND)
        return err;
    mrl_rows_free(MRL_TAKE(w->heads));
    return MRL_OK;
}

/* Checks the heads up to the given size. */
static mrl_err check_heads(struct walk *w, uint64_t size)
{
    while (w->heads != NULL && (uint64_t)mrl_row_int(w->heads, 0) <= size) {
        struct mrl_audit_signed_head h = {(uint64_t)mrl_row_int(w->heads, 0),
                                          mrl_row_bytes(w->heads, 1), mrl_row_bytes(w->heads, 2)};

        MRL_TRY(mrl_audit_chain_head(&w->chain, &h, w->key, &w->why));
        MRL_TRY(next_head(w));
    }
    return MRL_OK;
}

static mrl_err check_log(struct mrl_tx *tx, struct walk *w,
                         bool (*progress)(void *context, uint64_t seq), void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT size, hash, signature FROM audit_heads ORDER BY size",
                         MRL_NO_ARGS, &w->heads));
    MRL_TRY(next_head(w));
    MRL_TRY(mrl_tx_query(tx,
                         "SELECT seq, json, hash, action, actor, target, outcome, time"
                         " FROM audit_entries ORDER BY seq",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_TRY(check_row(w, rows));
        MRL_TRY(check_heads(w, w->chain.at.size));
        if (progress != NULL && w->chain.at.size % PROGRESS_EVERY == 0)
            MRL_ENSURE(progress(context, w->chain.at.size), MRL_ERR_CLOSED);
    }
    MRL_ENSURE(err == MRL_ERR_NOT_FOUND, err);
    return check_heads(w, UINT64_MAX);
}

mrl_err mrl_audit_verify(struct mrl_tx *tx, const struct mrl_key *key,
                         bool (*progress)(void *context, uint64_t seq), void *context,
                         struct mrl_audit_verdict *out)
{
    struct walk w = {.key = key};
    mrl_err err = check_log(tx, &w, progress, context);

    mrl_rows_free(w.heads);
    if (err != MRL_OK && w.chain.bad == 0) /* not a finding: the walk itself failed */
        return err;
    *out = (struct mrl_audit_verdict){w.chain.at, w.chain.signed_size, w.chain.bad, w.why};
    return MRL_OK;
}
