/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: to search and to take away. */
#include "api/request.h"
#include "audit/checkpoint.h"
#include "audit/read.h"
#include "base/hex.h"
#include "base/writer.h"

enum { EXPORT_BYTES = 4 << 20 }; /* an export ends after the entry that passes this */

struct reading {
    struct mrl_api_request *r;
    struct mrl_api_page *page;
    struct mrl_audit_filter filter;
};

static mrl_err read_outcome(struct mrl_api_request *r, struct mrl_audit_filter *f)
{
    mrl_bytes text;

    if (!mrl_exchange_query(r->x, "outcome", &text))
        return MRL_OK;
    for (int i = 0; i < MRL_AUDIT_OUTCOME_COUNT_; i++) {
        enum mrl_audit_outcome *outcome;

        if (!mrl_bytes_eq(text, mrl_str(mrl_audit_outcome_name((enum mrl_audit_outcome)i))))
            continue;
        outcome = mrl_arena_alloc(mrl_exchange_arena(r->x), sizeof(*outcome));
        *outcome = (enum mrl_audit_outcome)i;
        f->outcome = outcome;
        return MRL_OK;
    }
    return mrl_fail(&r->why, MRL_ERR_INVALID, "outcome: ok, denied or failed");
}

static mrl_err read_order(struct mrl_api_request *r, struct mrl_audit_filter *f)
{
    mrl_bytes text;

    f->newest_first = true;
    if (!mrl_exchange_query(r->x, "order", &text) || mrl_bytes_eq(text, MRL_LIT("newest")))
        return MRL_OK;
    f->newest_first = false;
    return mrl_bytes_eq(text, MRL_LIT("oldest"))
               ? MRL_OK
               : mrl_fail(&r->why, MRL_ERR_INVALID, "order: newest or oldest");
}

static mrl_err read_place(struct mrl_api_request *r, const struct mrl_api_page *page,
                          struct mrl_audit_filter *f)
{
    uint64_t seq = 0;

    if (page->after.len > 0 && (!mrl_bytes_to_u64(page->after, INT64_MAX, &seq) || seq == 0))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "cursor: not one that this list gave");
    if (f->newest_first)
        f->before_seq = seq;
    else
        f->after_seq = seq;
    return MRL_OK;
}

static mrl_err read_filter(struct mrl_api_request *r, const struct mrl_api_page *page,
                           struct mrl_audit_filter *f)
{
    uint64_t since = 0;

    (void)mrl_exchange_query(r->x, "action", &f->action_prefix); /* absent: any, as those below */
    (void)mrl_exchange_query(r->x, "actor", &f->actor);
    (void)mrl_exchange_query(r->x, "target", &f->target);
    MRL_TRY(mrl_api_query_number(r, "since_ms", INT64_MAX, &since));
    f->since_ms = (int64_t)since;
    f->limit = (unsigned)page->limit + 1;
    f->why = &r->why;
    MRL_TRY(read_outcome(r, f));
    MRL_TRY(read_order(r, f));
    return read_place(r, page, f);
}

static void open_member(struct mrl_api_request *r, json_t *o, const char *name,
                        const struct mrl_audit_row *row, mrl_bytes field)
{
    const struct mrl_audit_opening *opening = mrl_audit_opening_of(row->opened, field);

    if (opening != NULL && json_is_object(o))
        mrl_api_put_text(r, o, name, opening->value);
}

/* The entry as an object, commitments opened. A row that cannot be read any more is shown as that:
 * verification says the rest. */
static json_t *entry_json(struct mrl_api_request *r, const struct mrl_audit_row *row)
{
    json_t *o = NULL;

    if (mrl_json_read(row->json, &MRL_JSON_LIMITS_DEFAULT, &o, NULL) == MRL_OK &&
        json_is_object(o)) {
        open_member(r, o, "source", row, MRL_LIT("source"));
        open_member(r, o, "target", row, MRL_LIT("target"));
        open_member(r, json_object_get(o, "actor"), "id", row, MRL_LIT("actor.id"));
        mrl_api_put_flag(r, o, "committed", true);
        return o;
    }
    json_decref(o);
    o = mrl_json_object();
    mrl_api_put_number(r, o, "seq", (int64_t)row->seq);
    mrl_api_put_flag(r, o, "unreadable", true);
    return o;
}

static mrl_err on_listed(void *context, const struct mrl_audit_row *row)
{
    struct mrl_api_page *page = context;
    char key[24];
    struct mrl_writer w = mrl_writer_on(key, sizeof(key));

    mrl_put_text(&w, "%llu", (unsigned long long)row->seq);
    if (mrl_api_page_take(page, mrl_bytes_of(key, w.len)))
        mrl_api_add(page->r, page->items, entry_json(page->r, row));
    return MRL_OK;
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct reading *reading = context;

    return mrl_audit_list(tx, &reading->filter, on_listed, reading->page);
}

mrl_err mrl_api_audit_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    struct reading reading = {.r = r, .page = &page};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(read_filter(r, &page, &reading.filter));
    MRL_TRY(mrl_store_read(r->api->store, run_list, &reading));
    return mrl_api_page_answer(&page);
}

/* One line: the canonical text as a string, so that whoever verifies has the very bytes. */
static mrl_err write_row(struct mrl_api_request *r, const struct mrl_audit_row *row)
{
    MRL_AUTO(json_t) o = mrl_json_object();
    struct mrl_buf *out = mrl_exchange_answer(r->x);

    mrl_api_put_number(r, o, "seq", (int64_t)row->seq);
    mrl_api_put_text(r, o, "json", row->json);
    MRL_TRY(mrl_json_write(o, out));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

static mrl_err on_exported(void *context, const struct mrl_audit_row *row)
{
    struct mrl_api_request *r = context;

    MRL_TRY(write_row(r, row));
    return mrl_exchange_answer(r->x)->len < EXPORT_BYTES ? MRL_OK : MRL_ERR_NO_SPACE;
}

static mrl_err run_export(struct mrl_tx *tx, void *context)
{
    const struct reading *reading = context;
    mrl_err err = mrl_audit_list(tx, &reading->filter, on_exported, reading->r);

    return err == MRL_ERR_NO_SPACE ? MRL_OK : err; /* ended early: the reader asks on */
}

mrl_err mrl_api_audit_export(struct mrl_api_request *r)
{
    struct reading reading = {.r = r};
    uint64_t limit = MRL_AUDIT_LIST_MAX;

    MRL_TRY(mrl_api_query_number(r, "after", INT64_MAX, &reading.filter.after_seq));
    MRL_TRY(mrl_api_query_number(r, "limit", MRL_AUDIT_LIST_MAX, &limit));
    if (limit == 0)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "limit: 1 to %d", MRL_AUDIT_LIST_MAX);
    reading.filter.limit = (unsigned)limit;
    reading.filter.why = &r->why;
    MRL_TRY(mrl_store_read(r->api->store, run_export, &reading));
    MRL_TRY(r->failed);
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("application/x-ndjson"));
    return MRL_OK;
}

static mrl_err read_seq(struct mrl_api_request *r, uint64_t *out)
{
    if (!mrl_bytes_to_u64(r->variables[0], INT64_MAX, out) || *out == 0)
        return mrl_fail(&r->why, MRL_ERR_NOT_FOUND, "an entry has a number from 1 on");
    return MRL_OK;
}

struct showing {
    struct mrl_api_request *r;
    uint64_t seq;
    uint64_t covered; /* size of the newest checkpoint */
};

static mrl_err on_entry(void *context, const struct mrl_audit_row *row)
{
    const struct showing *s = context;
    struct mrl_api_request *r = s->r;
    json_t *o = mrl_json_object(), *opened = mrl_json_object();

    for (size_t i = 0; i < row->opened->count; i++) {
        char field[MRL_AUDIT_FIELD_MAX + 1];

        if (mrl_bytes_to_cstr(row->opened->at[i].field, field, sizeof(field)))
            mrl_api_put_text(r, opened, field, row->opened->at[i].value);
    }
    mrl_api_put_number(r, o, "seq", (int64_t)row->seq);
    mrl_api_put_text(r, o, "entry", row->json);
    mrl_api_put(r, o, "opened", opened);
    if (row->seq <= s->covered)
        mrl_api_put_number(r, o, "covered_by", (int64_t)s->covered);
    return mrl_api_answer(r, 200, o);
}

static mrl_err run_entry(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct showing *s = context;
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    s->covered = newest.size;
    return mrl_audit_show(tx, s->seq, on_entry, s, &s->r->why);
}

mrl_err mrl_api_audit_entry(struct mrl_api_request *r)
{
    struct showing s = {.r = r};

    MRL_TRY(read_seq(r, &s.seq));
    return mrl_store_read(r->api->store, run_entry, &s);
}
