/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/witness.h"

#include <stdlib.h>

#include "audit/checkpoint.h"
#include "audit/edge.h"
#include "audit/facts.h"
#include "audit/witness_answer.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    ASKS_MOST = 2, /* the second with the size that the first was told */
    SAID_MOST = 100,
};

struct witness {
    struct mrl_note_key key;
    struct mrl_witness_state state; /* written by the asking thread, under lock */
};

struct mrl_witnesses {
    struct mrl_audit *audit;
    mrl_witness_post *post;
    void *context;
    uint64_t late_s;
    _Atomic bool stopping, fresh;
    pthread_mutex_t lock;
    size_t count;
    struct witness at[MRL_WITNESSES_MAX];
};

/* What all are shown. */
struct round {
    uint64_t size, entries;
    int64_t time_ms;
    struct mrl_buf note;
    mrl_bytes text; /* of note, what is cosigned */
    bool starting;  /* nothing may be written yet */
};

/* What one made of it. */
struct outcome {
    enum mrl_witness_standing standing;
    unsigned status;
    uint64_t size;
    uint64_t time;
    struct mrl_why why;
};

const char *mrl_witness_standing_name(enum mrl_witness_standing standing)
{
    static const char *const names[MRL_WITNESS_STANDING_COUNT_] = {
        [MRL_WITNESS_NEW] = "new",
        [MRL_WITNESS_OK] = "ok",
        [MRL_WITNESS_UNREACHABLE] = "unreachable",
        [MRL_WITNESS_REFUSES] = "refuses",
        [MRL_WITNESS_AHEAD] = "ahead",
        [MRL_WITNESS_FORKED] = "forked",
    };

    return names[standing];
}

static bool contradicts(enum mrl_witness_standing s)
{
    return s == MRL_WITNESS_AHEAD || s == MRL_WITNESS_FORKED;
}

/* --- what is there --- */

static mrl_err read_round(struct mrl_tx *tx, void *context)
{
    struct round *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_last(tx, &r->entries));
    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    r->size = newest.size;
    r->time_ms = newest.time_ms;
    return mrl_buf_append(&r->note, newest.note);
}

static mrl_err open_round(struct mrl_witnesses *w, struct round *r, struct mrl_why *why)
{
    struct mrl_note parsed;

    MRL_TRY(mrl_store_read(w->audit->store, read_round, r));
    if (r->size == 0)
        return MRL_OK;
    MRL_TRY(mrl_note_read(mrl_buf_bytes(&r->note), &parsed, why));
    r->text = parsed.text;
    return MRL_OK;
}

struct waiting {
    uint64_t after;
    int64_t time_ms;
};

static mrl_err read_waiting(struct mrl_tx *tx, void *context)
{
    static const struct mrl_audit_openings closed;
    struct waiting *w = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_facts facts;
    struct mrl_audit_row row = {.opened = &closed};
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT json FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT 1",
                         MRL_ARGS(MRL_INT(w->after)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    row.json = mrl_row_bytes(rows, 0);
    MRL_TRY(mrl_audit_facts_read(&row, &facts));
    w->time_ms = facts.time_ms;
    mrl_audit_facts_done(&facts);
    return MRL_OK;
}

static mrl_err measure(struct mrl_witnesses *w, struct witness *one, const struct round *r)
{
    struct waiting waiting = {.after = one->state.size};
    uint64_t lag = r->entries > one->state.size ? r->entries - one->state.size : 0;

    if (lag > 0)
        MRL_TRY(mrl_store_read(w->audit->store, read_waiting, &waiting));
    (void)pthread_mutex_lock(&w->lock); /* our own, not recursive: cannot fail */
    one->state.lag_entries = lag;
    one->state.waiting_ms = waiting.time_ms;
    (void)pthread_mutex_unlock(&w->lock);
    return MRL_OK;
}

/* --- asking --- */

struct proving {
    uint64_t old, size;
    struct mrl_tlog_proof *proof;
};

static mrl_err prove_with(struct mrl_tx *tx, const struct proving *p, struct mrl_audit_edge *edge)
{
    struct mrl_audit_source source = {.tx = tx, .edge = edge};
    const struct mrl_tlog_tiles tiles = mrl_audit_source_tiles(&source);
    mrl_err err = mrl_audit_edge_load(tx, p->size, edge);

    if (err == MRL_OK)
        err = mrl_tlog_prove_consistency(&tiles, p->old, p->size, p->proof);
    mrl_audit_source_done(&source);
    return err;
}

static mrl_err prove(struct mrl_tx *tx, void *context)
{
    struct mrl_audit_edge *edge = malloc(sizeof(*edge));
    mrl_err err;

    if (edge == NULL)
        abort();
    err = prove_with(tx, context, edge);
    free(edge);
    return err;
}

/* An error is of storage; no answer is a standing. */
static mrl_err post(struct mrl_witnesses *w, size_t index, const struct round *r, uint64_t old,
                    struct mrl_witness_answer *answer, struct outcome *out)
{
    struct mrl_add_checkpoint add = {.old = old, .note = mrl_buf_bytes(&r->note)};
    struct proving proving = {old, r->size, &add.proof};
    MRL_SCOPED(mrl_buf) body = {0};

    MRL_TRY(mrl_store_read(w->audit->store, prove, &proving));
    MRL_TRY(mrl_add_checkpoint_write(&add, &body));
    mrl_buf_clear(&answer->body);
    answer->status = 0;
    out->standing = MRL_WITNESS_REFUSES;
    if (w->post(w->context, index, mrl_buf_bytes(&body), answer, &out->why) != MRL_OK)
        out->standing = MRL_WITNESS_UNREACHABLE;
    out->status = answer->status;
    return MRL_OK;
}

struct storing {
    struct mrl_write write;
    const struct round *round;
    const struct mrl_note_key *key;
    mrl_bytes line;
};

/* A newer checkpoint may have replaced it meanwhile. */
static mrl_err stored_note(struct mrl_tx *tx, const struct round *r, struct mrl_buf *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT note FROM audit_checkpoints WHERE size = $1",
                                   MRL_ARGS(MRL_INT(r->size)), &rows);

    if (err == MRL_OK)
        return mrl_buf_append(out, mrl_row_bytes(rows, 0));
    MRL_ENSURE(err == MRL_ERR_NOT_FOUND, err);
    MRL_TRY(mrl_buf_append(out, mrl_buf_bytes(&r->note)));
    return mrl_tx_exec(
        tx, "INSERT INTO audit_checkpoints (size, note, time, cosigned) VALUES ($1, $2, $3, 0)",
        MRL_ARGS(MRL_INT(r->size), MRL_TEXT(mrl_buf_bytes(&r->note)), MRL_INT(r->time_ms)), NULL);
}

static mrl_err run_store(struct mrl_tx *tx, struct mrl_write *write)
{
    const struct storing *s = MRL_CONTAINER(write, struct storing, write);
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_note parsed;

    MRL_TRY(stored_note(tx, s->round, &note));
    MRL_TRY(mrl_note_read(mrl_buf_bytes(&note), &parsed, NULL));
    if (mrl_note_check(&parsed, s->key, NULL) == MRL_OK)
        return MRL_OK; /* it was asked again, after a restart */
    MRL_TRY(mrl_buf_append(&note, s->line));
    return mrl_tx_exec(
        tx, "UPDATE audit_checkpoints SET note = $2, cosigned = cosigned + 1 WHERE size = $1",
        MRL_ARGS(MRL_INT(s->round->size), MRL_TEXT(mrl_buf_bytes(&note))), NULL);
}

/* 200. Nothing is believed that does not verify. */
static mrl_err take(struct mrl_witnesses *w, const struct mrl_note_key *key, const struct round *r,
                    mrl_bytes body, struct outcome *out)
{
    MRL_SCOPED(mrl_buf) line = {0};
    struct storing s = {.write.run = run_store, .round = r, .key = key};

    if (mrl_witness_cosignature(body, r->text, key, &line, &out->time) != MRL_OK) {
        (void)mrl_fail(&out->why, MRL_ERR_CRYPTO, "its answer is no cosignature of its key");
        return MRL_OK;
    }
    s.line = mrl_buf_bytes(&line);
    MRL_TRY(mrl_store_write(w->audit->store, &s.write));
    out->standing = MRL_WITNESS_OK;
    out->size = r->size;
    atomic_store(&w->fresh, true);
    return MRL_OK;
}

/* 409: the size that it has. true: it is worth asking again from there. */
static bool learn(const struct round *r, uint64_t old, mrl_bytes body, struct outcome *out)
{
    uint64_t has;

    if (mrl_witness_size(body, &has) != MRL_OK) {
        (void)mrl_fail(&out->why, MRL_ERR_MALFORMED, "it answered 409 without a size");
        return false;
    }
    out->size = has;
    if (has > r->size) {
        out->standing = MRL_WITNESS_AHEAD;
        (void)mrl_fail(&out->why, MRL_ERR_CORRUPT, "it cosigned %llu entries, the log has %llu",
                       (unsigned long long)has, (unsigned long long)r->size);
    } else if (has == old) {
        out->standing = MRL_WITNESS_FORKED;
        (void)mrl_fail(&out->why, MRL_ERR_CORRUPT, "it cosigned other entries up to %llu",
                       (unsigned long long)has);
    } else {
        (void)mrl_fail(&out->why, MRL_ERR_STATE, "it says another size each time");
    }
    return has <= r->size && has != old;
}

/* Its words go into answers and logs: plain ones only. */
static void plain(mrl_bytes said, char to[static SAID_MOST + 1])
{
    said = mrl_bytes_trim(mrl_bytes_sub(said, 0, SAID_MOST));
    for (size_t i = 0; i < said.len; i++)
        to[i] = (char)(said.data[i] >= ' ' && said.data[i] <= '~' ? said.data[i] : '?');
    to[said.len] = '\0';
}

static void refused(const struct mrl_witness_answer *answer, uint64_t old, struct outcome *out)
{
    char said[SAID_MOST + 1];

    if (answer->status == 422) {
        out->standing = MRL_WITNESS_FORKED;
        (void)mrl_fail(&out->why, MRL_ERR_CORRUPT, "it cosigned other entries up to %llu",
                       (unsigned long long)old);
        return;
    }
    plain(mrl_buf_bytes(&answer->body), said);
    (void)mrl_fail(&out->why, MRL_ERR_DENIED, "it answered %u: %s", answer->status, said);
}

static mrl_err ask(struct mrl_witnesses *w, size_t index, const struct round *r,
                   struct outcome *out)
{
    struct mrl_witness_answer answer = {0};
    uint64_t old = out->size <= r->size ? out->size : 0;
    bool again = true;
    mrl_err err = MRL_OK;

    for (unsigned asked = 0; err == MRL_OK && again && asked < ASKS_MOST; asked++) {
        err = post(w, index, r, old, &answer, out);
        again = err == MRL_OK && answer.status == 409 &&
                learn(r, old, mrl_buf_bytes(&answer.body), out);
        old = again ? out->size : old;
    }
    if (err == MRL_OK && answer.status == 200)
        err = take(w, &w->at[index].key, r, mrl_buf_bytes(&answer.body), out);
    else if (err == MRL_OK && answer.status != 409 && out->standing == MRL_WITNESS_REFUSES)
        refused(&answer, old, out);
    mrl_buf_done(&answer.body);
    return err;
}

/* --- what follows from it --- */

static void record(struct mrl_witnesses *w, enum mrl_audit_action action,
                   const struct mrl_witness_state *s, const struct round *r)
{
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("cosigned", s->size),
        MRL_AUDIT_INT("has", r->entries),
        MRL_AUDIT_INT("waiting", mrl_witness_lag_s(s)),
    };
    const struct mrl_audit_event e = {
        .action = action,
        .outcome = action == MRL_AUDIT_AUDIT_WITNESS_BACK ? MRL_AUDIT_OK : MRL_AUDIT_FAILED,
        .actor = {.kind = MRL_ACTOR_SYSTEM, .id = MRL_LIT("merlond")},
        .target = mrl_str(s->name),
        .reason = mrl_str(s->why.text),
        .details = details,
        .details_count = MRL_COUNT(details),
    };

    mrl_audit_record(w->audit, &e, NULL, NULL);
}

static void log_standing(const struct mrl_witness_state *s)
{
    const struct mrl_log_field fields[] = {
        MRL_FIELD_STR("witness", s->name),
        MRL_FIELD_STR("state", mrl_witness_standing_name(s->standing)),
        MRL_FIELD_INT("status", s->status),
        MRL_FIELD_INT("cosigned", s->size),
        MRL_FIELD_STR("why", s->why.text),
    };
    bool good = s->standing == MRL_WITNESS_OK;

    mrl_log_write(good ? MRL_LOG_INFO : MRL_LOG_ERROR,
                  good ? "audit.witness_cosigns" : "audit.witness_does_not_cosign", fields,
                  MRL_COUNT(fields));
}

/* Told once, and again only when it changes. */
static void settle(struct mrl_witnesses *w, struct witness *one, const struct round *r,
                   const struct outcome *o)
{
    struct mrl_witness_state s = one->state;
    bool changed = s.standing != o->standing || s.status != o->status;
    bool alarm = contradicts(o->standing) && s.standing != o->standing && !r->starting;

    s.standing = o->standing;
    s.status = o->status;
    s.size = o->size;
    s.why = o->why;
    s.failures += o->standing != MRL_WITNESS_OK;
    if (o->standing == MRL_WITNESS_OK) {
        s.time_ms = (int64_t)o->time * 1000;
        s.lag_entries = r->entries > s.size ? r->entries - s.size : 0;
        s.waiting_ms = 0;
        s.why = (struct mrl_why){""};
    }
    (void)pthread_mutex_lock(&w->lock);
    one->state = s;
    (void)pthread_mutex_unlock(&w->lock);
    if (changed)
        log_standing(&s);
    if (alarm)
        record(w, MRL_AUDIT_AUDIT_ROLLBACK_SUSPECTED, &s, r);
}

static void judge_lag(struct mrl_witnesses *w, struct witness *one, const struct round *r)
{
    uint64_t lag_s = mrl_witness_lag_s(&one->state);
    bool late = lag_s > w->late_s;

    if (r->starting || late == one->state.late)
        return;
    (void)pthread_mutex_lock(&w->lock);
    one->state.late = late;
    (void)pthread_mutex_unlock(&w->lock);
    if (late)
        mrl_log_error("audit.witness_late", MRL_FIELD_STR("witness", one->state.name),
                      MRL_FIELD_INT("waiting_s", lag_s), MRL_FIELD_STR("why", one->state.why.text));
    else
        mrl_log_info("audit.witness_back", MRL_FIELD_STR("witness", one->state.name));
    record(w, late ? MRL_AUDIT_AUDIT_WITNESS_LATE : MRL_AUDIT_AUDIT_WITNESS_BACK, &one->state, r);
}

static mrl_err serve_one(struct mrl_witnesses *w, size_t index, const struct round *r)
{
    struct witness *one = &w->at[index];
    struct outcome o = {.size = one->state.size};

    MRL_TRY(measure(w, one, r));
    if (r->starting || one->state.standing != MRL_WITNESS_OK || one->state.size < r->size) {
        MRL_TRY(ask(w, index, r, &o));
        settle(w, one, r, &o);
    }
    judge_lag(w, one, r);
    return MRL_OK;
}

static mrl_err ask_all(struct mrl_witnesses *w, struct round *r, struct mrl_why *why)
{
    MRL_TRY(open_round(w, r, why));
    for (size_t i = 0; i < w->count && r->size > 0; i++)
        if (!atomic_load(&w->stopping) || w->at[i].state.standing == MRL_WITNESS_OK)
            MRL_TRY(serve_one(w, i, r));
    return MRL_OK;
}

mrl_err mrl_witnesses_collect(struct mrl_witnesses *w, struct mrl_why *why)
{
    struct round r = {0};
    mrl_err err = ask_all(w, &r, why);

    mrl_buf_done(&r.note);
    return err;
}

static mrl_err find_contradiction(const struct mrl_witnesses *w, struct mrl_why *why)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct mrl_witness_state *s = &w->at[i].state;

        if (contradicts(s->standing))
            return mrl_fail(why, MRL_ERR_CORRUPT,
                            "the witness %.60s has seen another log (%s): this one was rolled back "
                            "or rewritten; to go on all the same: merlond run --config FILE "
                            "--accept-rollback REASON",
                            s->name, s->why.text);
    }
    return MRL_OK;
}

mrl_err mrl_witnesses_check_start(struct mrl_witnesses *w, struct mrl_why *why)
{
    struct round r = {.starting = true};
    mrl_err err = ask_all(w, &r, why);

    mrl_buf_done(&r.note);
    MRL_TRY(err);
    MRL_ENSURE(r.size > 0, MRL_ERR_NOT_FOUND);
    return find_contradiction(w, why);
}

/* --- looking at it --- */

void mrl_witnesses_stop(struct mrl_witnesses *w)
{
    atomic_store(&w->stopping, true);
}

bool mrl_witnesses_fresh(struct mrl_witnesses *w)
{
    return atomic_exchange(&w->fresh, false);
}

size_t mrl_witnesses_count(const struct mrl_witnesses *w)
{
    return w != NULL ? w->count : 0;
}

void mrl_witnesses_state(struct mrl_witnesses *w, size_t index, struct mrl_witness_state *out)
{
    (void)pthread_mutex_lock(&w->lock);
    *out = w->at[index].state;
    (void)pthread_mutex_unlock(&w->lock);
}

uint64_t mrl_witness_lag_s(const struct mrl_witness_state *s)
{
    int64_t lag = mrl_wall_ms() - s->waiting_ms;

    return s->waiting_ms == 0 || lag < 0 ? 0 : (uint64_t)lag / 1000;
}

mrl_err mrl_witnesses_judge(struct mrl_witnesses *w, struct mrl_why *why)
{
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < w->count; i++) {
        struct mrl_witness_state s;

        mrl_witnesses_state(w, i, &s);
        if (contradicts(s.standing))
            return mrl_fail(why, MRL_ERR_STATE, "the witness %.60s has seen another log: %s",
                            s.name, s.why.text);
        if (mrl_witness_lag_s(&s) < least)
            least = mrl_witness_lag_s(&s);
    }
    if (least <= w->late_s)
        return MRL_OK;
    return mrl_fail(why, MRL_ERR_STATE,
                    "no witness has cosigned the log for %llu s, and changes are refused after "
                    "%llu s",
                    (unsigned long long)least, (unsigned long long)w->late_s);
}

/* --- opening --- */

static mrl_err add(struct mrl_witnesses *w, const struct mrl_witness_address *address,
                   struct mrl_why *why)
{
    struct witness *one = &w->at[w->count];

    MRL_TRY(mrl_note_key_parse(address->vkey, &one->key, why));
    w->count++;
    if (one->key.kind != MRL_NOTE_COSIGNATURE)
        return mrl_fail(why, MRL_ERR_INVALID, "the key of %.100s is a log's, not a witness's",
                        one->key.name);
    for (size_t i = 0; i + 1 < w->count; i++)
        if (w->at[i].key.id == one->key.id &&
            mrl_bytes_eq(mrl_str(w->at[i].key.name), mrl_str(one->key.name)))
            return mrl_fail(why, MRL_ERR_INVALID, "the witness %.100s is there twice",
                            one->key.name);
    one->state.name = one->key.name;
    one->state.url = address->url;
    return MRL_OK;
}

/* What they cosigned before this start; what they say themselves counts as soon as they say it. */
static mrl_err read_known(struct mrl_tx *tx, void *context)
{
    struct mrl_witnesses *w = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_note parsed;
    uint64_t time;
    mrl_err err = mrl_tx_query_one(tx,
                                   "SELECT size, note FROM audit_checkpoints WHERE cosigned > 0"
                                   " ORDER BY size DESC LIMIT 1",
                                   MRL_NO_ARGS, &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    MRL_TRY(mrl_note_read(mrl_row_bytes(rows, 1), &parsed, NULL));
    for (size_t i = 0; i < w->count; i++) {
        if (mrl_note_check(&parsed, &w->at[i].key, &time) != MRL_OK)
            continue;
        w->at[i].state.size = (uint64_t)mrl_row_int(rows, 0);
        w->at[i].state.time_ms = (int64_t)time * 1000;
    }
    return MRL_OK;
}

static mrl_err open_all(struct mrl_witnesses *w, const struct mrl_witnesses_options *o,
                        struct mrl_why *why)
{
    if (o->count > MRL_WITNESSES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "there are at most %d witnesses", MRL_WITNESSES_MAX);
    for (size_t i = 0; i < o->count; i++)
        MRL_TRY(add(w, &o->addresses[i], why));
    return mrl_store_read(w->audit->store, read_known, w);
}

mrl_err mrl_witnesses_new(struct mrl_audit *a, const struct mrl_witnesses_options *o,
                          struct mrl_witnesses **out, struct mrl_why *why)
{
    struct mrl_witnesses *w = calloc(1, sizeof(*w));
    mrl_err err;

    if (w == NULL)
        abort();
    w->audit = a;
    w->post = o->post;
    w->context = o->context;
    w->late_s = o->late_s;
    (void)pthread_mutex_init(&w->lock, NULL); /* no attributes: cannot fail */
    err = open_all(w, o, why);
    if (err == MRL_OK)
        *out = w;
    else
        mrl_witnesses_free(w);
    return err;
}

void mrl_witnesses_free(struct mrl_witnesses *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->count; i++)
        mrl_note_key_done(&w->at[i].key);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}
