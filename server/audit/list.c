/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit/read.h"
#include "base/buf.h"

enum { CONDITIONS_MAX = 10 };

/* The statement being built: one condition per filter that is set, values by number. */
struct question {
    struct mrl_buf sql;
    struct mrl_value args[CONDITIONS_MAX];
    size_t count;
};

static mrl_err add(struct question *q, const char *condition, struct mrl_value v)
{
    q->args[q->count++] = v;
    return mrl_buf_printf(&q->sql, " AND %s $%zu", condition, q->count);
}

static bool is_action(mrl_bytes prefix)
{
    for (size_t i = 0; i < prefix.len; i++) {
        uint8_t c = prefix.data[i];

        if (c != '.' && c != '_' && (c < 'a' || c > 'z'))
            return false;
    }
    return true;
}

/* A range instead of LIKE, so that the index serves: every byte of a name is below '~'. */
static mrl_err add_prefix(struct question *q, mrl_bytes prefix, char end[static 66])
{
    MRL_ENSURE(prefix.len <= 64 && is_action(prefix), MRL_ERR_INVALID);
    memcpy(end, prefix.data, prefix.len);
    end[prefix.len] = '~';
    end[prefix.len + 1] = '\0';
    MRL_TRY(add(q, "action >=", MRL_TEXT(prefix)));
    return add(q, "action <", MRL_TEXT(mrl_str(end)));
}

static mrl_err add_texts(struct question *q, const struct mrl_audit_filter *f)
{
    if (f->actor.len > 0)
        MRL_TRY(add(q, "actor =", MRL_TEXT(f->actor)));
    if (f->target.len > 0)
        MRL_TRY(add(q, "target =", MRL_TEXT(f->target)));
    if (f->outcome != NULL)
        MRL_TRY(add(q, "outcome =", MRL_TEXT(mrl_str(mrl_audit_outcome_name(*f->outcome)))));
    return MRL_OK;
}

static mrl_err add_numbers(struct question *q, const struct mrl_audit_filter *f)
{
    MRL_ENSURE(f->after_seq <= INT64_MAX && f->before_seq <= INT64_MAX, MRL_ERR_INVALID);
    if (f->since_ms != 0)
        MRL_TRY(add(q, "time >=", MRL_INT(f->since_ms)));
    if (f->after_seq != 0)
        MRL_TRY(add(q, "seq >", MRL_INT(f->after_seq)));
    if (f->before_seq != 0)
        MRL_TRY(add(q, "seq <", MRL_INT(f->before_seq)));
    return MRL_OK;
}

static mrl_err build(struct question *q, const struct mrl_audit_filter *f, char end[static 66])
{
    MRL_TRY(mrl_buf_printf(&q->sql, "SELECT seq, json, hash FROM audit_entries WHERE 1 = 1"));
    if (f->action_prefix.len > 0)
        MRL_TRY(add_prefix(q, f->action_prefix, end));
    MRL_TRY(add_texts(q, f));
    MRL_TRY(add_numbers(q, f));
    q->args[q->count++] = MRL_INT(f->limit);
    MRL_TRY(mrl_buf_printf(&q->sql, " ORDER BY seq %s LIMIT $%zu", f->newest_first ? "DESC" : "ASC",
                           q->count));
    return mrl_buf_append(&q->sql, mrl_bytes_of("", 1)); /* its NUL */
}

static mrl_err run(struct mrl_tx *tx, const struct question *q,
                   mrl_err (*each)(void *context, const struct mrl_audit_row *row), void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, (const char *)q->sql.data, q->args, q->count, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_audit_row row = {(uint64_t)mrl_row_int(rows, 0), mrl_row_bytes(rows, 1),
                                    mrl_row_bytes(rows, 2)};

        MRL_TRY(each(context, &row));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_audit_list(struct mrl_tx *tx, const struct mrl_audit_filter *f,
                       mrl_err (*each)(void *context, const struct mrl_audit_row *row),
                       void *context)
{
    struct question q = {.count = 0};
    char end[66];
    mrl_err err;

    MRL_ENSURE(f->limit >= 1 && f->limit <= MRL_AUDIT_LIST_MAX, MRL_ERR_LIMIT);
    err = build(&q, f, end);
    if (err == MRL_OK)
        err = run(tx, &q, each, context);
    mrl_buf_done(&q.sql);
    return err;
}
