/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: to search, to take away and verify elsewhere, to verify here. */
#include "api/request.h"
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
    MRL_TRY(read_outcome(r, f));
    MRL_TRY(read_order(r, f));
    return read_place(r, page, f);
}

/* The entry as an object. A row that cannot be read any more is shown as that: verification says
 * the rest. */
static json_t *entry_json(struct mrl_api_request *r, const struct mrl_audit_row *row)
{
    json_t *o = NULL;

    if (mrl_json_read(row->json, &MRL_JSON_LIMITS_DEFAULT, &o, NULL) == MRL_OK && json_is_object(o))
        return o;
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
    mrl_api_put_hex(r, o, "hash", row->hash);
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
    MRL_TRY(mrl_store_read(r->api->store, run_export, &reading));
    MRL_TRY(r->failed);
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("application/x-ndjson"));
    return MRL_OK;
}

static json_t *head_json(struct mrl_api_request *r, const struct mrl_audit_signed_head *head,
                         int64_t time_ms)
{
    json_t *o = mrl_json_object();

    mrl_api_put_number(r, o, "size", (int64_t)head->size);
    mrl_api_put_hex(r, o, "hash", head->hash);
    mrl_api_put_hex(r, o, "signature", head->signature);
    mrl_api_put_time(r, o, "time", time_ms);
    return o;
}

static mrl_err on_head(void *context, const struct mrl_audit_signed_head *head, int64_t time_ms)
{
    struct mrl_api_page *page = context;
    char key[24];
    struct mrl_writer w = mrl_writer_on(key, sizeof(key));

    mrl_put_text(&w, "%llu", (unsigned long long)head->size);
    if (mrl_api_page_take(page, mrl_bytes_of(key, w.len)))
        mrl_api_add(page->r, page->items, head_json(page->r, head, time_ms));
    return MRL_OK;
}

static mrl_err run_heads(struct mrl_tx *tx, void *context)
{
    const struct reading *reading = context;

    return mrl_audit_heads(tx, reading->filter.after_seq, reading->filter.limit, on_head,
                           reading->page);
}

mrl_err mrl_api_audit_heads(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    struct reading reading = {.r = r, .page = &page};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(read_place(r, &page, &reading.filter)); /* oldest first */
    reading.filter.limit = (unsigned)page.limit + 1;
    MRL_TRY(mrl_store_read(r->api->store, run_heads, &reading));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_audit_key(struct mrl_api_request *r)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "algorithm", MRL_LIT("Ed25519"));
    mrl_api_put_hex(r, o, "public_key", mrl_issuing_audit_key(r->api->issuing));
    return mrl_api_answer(r, 200, o);
}

/* RFC 8410 4: the SubjectPublicKeyInfo of an Ed25519 key is these bytes and the key. */
static mrl_err audit_key(const struct mrl_api_request *r, struct mrl_key **out)
{
    static const uint8_t prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                     0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    MRL_SCOPED(mrl_buf) spki = {0};

    MRL_TRY(mrl_buf_append(&spki, mrl_bytes_of(prefix, sizeof(prefix))));
    MRL_TRY(mrl_buf_append(&spki, mrl_issuing_audit_key(r->api->issuing)));
    return mrl_key_from_spki(mrl_buf_bytes(&spki), out, NULL);
}

struct verifying {
    const struct mrl_key *key;
    struct mrl_audit_verdict verdict;
};

static mrl_err run_verify(struct mrl_tx *tx, void *context)
{
    struct verifying *v = context;

    return mrl_audit_verify(tx, v->key, NULL, NULL, &v->verdict);
}

static mrl_err record_verdict(struct mrl_api_request *r, const struct mrl_audit_verdict *v)
{
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("bad", v->bad),
        MRL_AUDIT_INT("signed_size", v->signed_size),
        MRL_AUDIT_INT("size", v->head.size),
    };
    struct mrl_audit_event e =
        mrl_actor_event(&r->actor, MRL_AUDIT_AUDIT_VERIFIED, MRL_LIT("audit"));

    e.outcome = v->bad == 0 ? MRL_AUDIT_OK : MRL_AUDIT_FAILED;
    e.reason = mrl_str(v->bad == 0 ? "" : v->why.text);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_api_record(r, &e);
}

mrl_err mrl_api_audit_verify(struct mrl_api_request *r)
{
    struct verifying v = {0};
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(json_t) body = NULL;
    json_t *o;

    MRL_TRY(mrl_api_body(r, (const char *const[]){NULL}, &body));
    MRL_TRY(audit_key(r, &key));
    v.key = key;
    MRL_TRY(mrl_store_read(r->api->store, run_verify, &v));
    MRL_TRY(record_verdict(r, &v.verdict));
    o = mrl_json_object();
    mrl_api_put_flag(r, o, "verified", v.verdict.bad == 0);
    mrl_api_put_number(r, o, "entries", (int64_t)v.verdict.head.size);
    mrl_api_put_hex(r, o, "hash", mrl_bytes_of(v.verdict.head.hash, sizeof(v.verdict.head.hash)));
    mrl_api_put_number(r, o, "signed_entries", (int64_t)v.verdict.signed_size);
    if (v.verdict.bad != 0) {
        mrl_api_put_number(r, o, "first_bad_entry", (int64_t)v.verdict.bad);
        mrl_api_put_text(r, o, "why", mrl_str(v.verdict.why.text));
    }
    return mrl_api_answer(r, 200, o);
}
