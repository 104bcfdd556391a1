/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as outsiders read and prove it: its files, proofs, key; and what is done to the
 * whole of it: verification, erasure, pruning. */
#include "api/request.h"
#include "audit/erase.h"
#include "audit/prune.h"
#include "audit/publish.h"
#include "audit/verify.h"
#include "audit/witness.h"
#include "base/hex.h"
#include "export/export.h"

/* --- the published files, c2sp.org/tlog-tiles --- */

struct file {
    struct mrl_api_request *r;
    bool is_checkpoint;
    struct mrl_tlog_tile tile;
};

static mrl_err run_file(struct mrl_tx *tx, void *context)
{
    const struct file *f = context;
    struct mrl_buf *out = mrl_exchange_answer(f->r->x);

    return f->is_checkpoint ? mrl_audit_publish_checkpoint(tx, out)
                            : mrl_audit_publish_tile(tx, f->tile, out);
}

/* A tile never changes, a checkpoint each second. */
static void set_file_headers(struct mrl_api_request *r, bool is_checkpoint)
{
    if (is_checkpoint) {
        mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("text/plain; charset=utf-8"));
        mrl_exchange_set_header(r->x, "Cache-Control", MRL_LIT("no-cache"));
        return;
    }
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("application/octet-stream"));
    mrl_exchange_set_header(r->x, "Cache-Control", MRL_LIT("private, max-age=31536000, immutable"));
}

mrl_err mrl_api_audit_file(struct mrl_api_request *r)
{
    struct file f = {.r = r};
    mrl_err err;

    f.is_checkpoint = mrl_bytes_eq(r->variables[0], MRL_LIT("checkpoint"));
    if (!f.is_checkpoint)
        MRL_ENSURE(mrl_tlog_tile_parse(r->variables[0], &f.tile) == MRL_OK, MRL_ERR_NOT_FOUND);
    err = mrl_store_read(r->api->store, run_file, &f);
    if (err == MRL_ERR_STATE) {
        mrl_api_problem(r, 410, "gone", MRL_LIT("these entries were pruned"));
        return MRL_OK;
    }
    MRL_TRY(err);
    set_file_headers(r, f.is_checkpoint);
    return MRL_OK;
}

mrl_err mrl_api_audit_key(struct mrl_api_request *r)
{
    char vkey[MRL_NOTE_VKEY_MAX];
    json_t *o;

    MRL_TRY(mrl_audit_vkey(r->api->audit, vkey));
    o = mrl_json_object();
    mrl_api_put_text(r, o, "origin", mrl_str(mrl_audit_origin(r->api->audit)));
    mrl_api_put_text(r, o, "vkey", mrl_str(vkey));
    mrl_api_put_text(r, o, "algorithm", MRL_LIT("Ed25519"));
    mrl_api_put_hex(r, o, "public_key", mrl_issuing_audit_key(r->api->issuing));
    return mrl_api_answer(r, 200, o);
}

/* --- witnesses --- */

static json_t *witness_json(struct mrl_api_request *r, const struct mrl_witness_state *s)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "name", mrl_str(s->name));
    mrl_api_put_text(r, o, "url", s->url);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_witness_standing_name(s->standing)));
    mrl_api_put_flag(r, o, "late", s->late);
    mrl_api_put_number(r, o, "size", (int64_t)s->size);
    if (s->time_ms != 0)
        mrl_api_put_time(r, o, "time", s->time_ms);
    mrl_api_put_number(r, o, "lag_entries", (int64_t)s->lag_entries);
    mrl_api_put_number(r, o, "lag_s", (int64_t)mrl_witness_lag_s(s));
    mrl_api_put_text(r, o, "why", mrl_str(s->why.text));
    return o;
}

mrl_err mrl_api_audit_witnesses(struct mrl_api_request *r)
{
    json_t *o = mrl_json_object(), *items = mrl_json_array();

    for (size_t i = 0; i < mrl_witnesses_count(r->api->witnesses); i++) {
        struct mrl_witness_state state;

        mrl_witnesses_state(r->api->witnesses, i, &state);
        mrl_api_add(r, items, witness_json(r, &state));
    }
    mrl_api_put(r, o, "items", items);
    return mrl_api_answer(r, 200, o);
}

/* --- proofs --- */

struct proving {
    struct mrl_api_request *r;
    uint64_t seq;
    bool reveal;
};

static mrl_err run_proof(struct mrl_tx *tx, void *context)
{
    const struct proving *p = context;

    return mrl_audit_prove(tx, p->seq, p->reveal, mrl_exchange_answer(p->r->x), &p->r->why);
}

mrl_err mrl_api_audit_proof(struct mrl_api_request *r)
{
    struct proving p = {.r = r};
    uint64_t reveal = 0;

    if (!mrl_bytes_to_u64(r->variables[0], INT64_MAX, &p.seq) || p.seq == 0)
        return mrl_fail(&r->why, MRL_ERR_NOT_FOUND, "an entry has a number from 1 on");
    MRL_TRY(mrl_api_query_number(r, "reveal", 1, &reveal));
    p.reveal = reveal == 1;
    MRL_TRY(mrl_store_read(r->api->store, run_proof, &p));
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("text/plain; charset=utf-8"));
    return MRL_OK;
}

/* --- verification --- */

static mrl_err run_verify(struct mrl_tx *tx, void *context)
{
    return mrl_audit_verify(tx, NULL, NULL, context);
}

static mrl_err record_verdict(struct mrl_api_request *r, const struct mrl_audit_verdict *v)
{
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("bad", v->bad_from),
        MRL_AUDIT_INT("signed_size", v->signed_entries),
        MRL_AUDIT_INT("size", v->entries),
    };
    struct mrl_audit_event e =
        mrl_actor_event(&r->actor, MRL_AUDIT_AUDIT_VERIFIED, MRL_LIT("audit"));

    e.outcome = v->bad_from == 0 ? MRL_AUDIT_OK : MRL_AUDIT_FAILED;
    e.reason = mrl_str(v->bad_from == 0 ? "" : v->why.text);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_api_record(r, &e);
}

/* As a checkpoint has it. */
static void put_root(struct mrl_api_request *r, json_t *o, const struct mrl_tlog_hash *root)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_base64_write(mrl_bytes_of(root->bytes, sizeof(root->bytes)), 0, &text) == MRL_OK)
        mrl_api_put_text(r, o, "root", mrl_buf_bytes(&text));
}

static json_t *verdict_json(struct mrl_api_request *r, const struct mrl_audit_verdict *v)
{
    json_t *o = mrl_json_object();

    mrl_api_put_flag(r, o, "verified", v->bad_from == 0);
    mrl_api_put_number(r, o, "first_entry", (int64_t)v->first);
    mrl_api_put_number(r, o, "entries", (int64_t)v->entries);
    mrl_api_put_number(r, o, "signed_entries", (int64_t)v->signed_entries);
    put_root(r, o, &v->root);
    if (v->bad_from == 0)
        return o;
    mrl_api_put_number(r, o, "first_bad_entry", (int64_t)v->bad_from);
    mrl_api_put_number(r, o, "last_bad_entry", (int64_t)v->bad_to);
    mrl_api_put_text(r, o, "why", mrl_str(v->why.text));
    return o;
}

mrl_err mrl_api_audit_verify(struct mrl_api_request *r)
{
    struct mrl_audit_verdict v = {0};
    MRL_AUTO(json_t) body = NULL;

    MRL_TRY(mrl_api_body(r, (const char *const[]){NULL}, &body));
    MRL_TRY(mrl_store_read(r->api->store, run_verify, &v));
    MRL_TRY(record_verdict(r, &v));
    return mrl_api_answer(r, 200, verdict_json(r, &v));
}

/* --- erasure and pruning --- */

mrl_err mrl_api_audit_erase(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_audit_event e = mrl_actor_event(&r->actor, MRL_AUDIT_AUDIT_ERASED, MRL_LIT("audit"));
    struct mrl_audit_erased erased = {0};
    mrl_bytes actor;
    json_t *o;

    MRL_TRY(mrl_api_body(r, (const char *const[]){"actor", "reason", NULL}, &body));
    MRL_TRY(mrl_api_text(r, body, "actor", &actor));
    MRL_TRY(mrl_api_text(r, body, "reason", &e.reason));
    MRL_TRY(mrl_audit_erase(r->api->store, actor, &e, &erased, &r->why));
    o = mrl_json_object();
    mrl_api_put_number(r, o, "erased", (int64_t)erased.entries);
    mrl_api_put_number(r, o, "seq", (int64_t)erased.seq);
    return mrl_api_answer(r, 200, o);
}

static mrl_err read_before(struct mrl_api_request *r, const json_t *body, uint64_t *before)
{
    const json_t *seq = json_object_get(body, "before"), *ms = json_object_get(body, "before_ms");

    if ((seq == NULL) == (ms == NULL))
        return mrl_fail(&r->why, MRL_ERR_INVALID,
                        "one of before (a number) and before_ms (a time)");
    if (seq != NULL && json_is_integer(seq) && json_integer_value(seq) > 0) {
        *before = (uint64_t)json_integer_value(seq);
        return MRL_OK;
    }
    if (ms != NULL && json_is_integer(ms) && json_integer_value(ms) > 0)
        return mrl_audit_before_time(r->api->store, json_integer_value(ms), before);
    return mrl_fail(&r->why, MRL_ERR_INVALID, "before and before_ms are positive integers");
}

static mrl_err read_force(struct mrl_api_request *r, const json_t *body, bool *force)
{
    const json_t *given = json_object_get(body, "force");

    if (given != NULL && !json_is_boolean(given))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "force is true or false");
    *force = json_is_true(given);
    return MRL_OK;
}

/* What a sink has not got must not be gone when it asks, unless the operator gives it up. */
static mrl_err check_exports(struct mrl_api_request *r, const json_t *body, uint64_t before)
{
    uint64_t slowest = mrl_export_slowest(r->api->exports);
    bool force = false;

    MRL_TRY(read_force(r, body, &force));
    if (force || slowest == UINT64_MAX || before <= slowest + 1)
        return MRL_OK;
    return mrl_fail(&r->why, MRL_ERR_STATE,
                    "an export has confirmed entries up to %llu only: wait for it, take it out of "
                    "the configuration, or force the loss",
                    (unsigned long long)slowest);
}

mrl_err mrl_api_audit_prune(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_audit_event e = mrl_actor_event(&r->actor, MRL_AUDIT_AUDIT_PRUNED, MRL_LIT("audit"));
    struct mrl_audit_pruned pruned = {0};
    uint64_t before;
    json_t *o;

    MRL_TRY(mrl_api_body(r, (const char *const[]){"before", "before_ms", "reason", "force", NULL},
                         &body));
    MRL_TRY(mrl_api_text(r, body, "reason", &e.reason));
    MRL_TRY(read_before(r, body, &before));
    MRL_TRY(check_exports(r, body, before));
    MRL_TRY(mrl_audit_prune(r->api->store, before, &e, &pruned, &r->why));
    o = mrl_json_object();
    mrl_api_put_number(r, o, "pruned", (int64_t)pruned.entries);
    mrl_api_put_number(r, o, "first_entry", (int64_t)pruned.first);
    return mrl_api_answer(r, 200, o);
}
