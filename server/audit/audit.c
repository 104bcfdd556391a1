/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audit/checkpoint.h"
#include "audit/log.h"
#include "base/writer.h"

struct copied_event {
    struct mrl_audit_event event; /* first: freed as this */
    struct mrl_audit_detail details[MRL_AUDIT_DETAILS_MAX];
    uint8_t bytes[];
};

/* One byte more than the limit stays, so that the entry still says that it was cut. */
static size_t kept(mrl_bytes b, size_t max)
{
    return b.len <= max ? b.len : max + 1;
}

/* What an event holds besides the details, with the limit of each. */
struct field {
    mrl_bytes *bytes;
    size_t max;
};
enum { FIELDS = 6 };

static void fields_of(struct mrl_audit_event *e, struct field to[static FIELDS])
{
    to[0] = (struct field){&e->actor.id, MRL_AUDIT_ID_MAX};
    to[1] = (struct field){&e->actor.auth, MRL_AUDIT_ID_MAX};
    to[2] = (struct field){&e->source, MRL_AUDIT_SOURCE_MAX};
    to[3] = (struct field){&e->target, MRL_AUDIT_TARGET_MAX};
    to[4] = (struct field){&e->reason, MRL_AUDIT_REASON_MAX};
    to[5] = (struct field){&e->request, MRL_AUDIT_ID_MAX};
}

static size_t size_of(struct mrl_audit_event e)
{
    struct field fields[FIELDS];
    size_t size = 0;

    fields_of(&e, fields);
    for (size_t i = 0; i < FIELDS; i++)
        size += kept(*fields[i].bytes, fields[i].max);
    for (size_t i = 0; i < e.details_count; i++)
        size += kept(e.details[i].text, MRL_AUDIT_DETAIL_MAX);
    return size;
}

static void move_into(struct mrl_writer *w, mrl_bytes *b, size_t max)
{
    size_t at = w->len;

    mrl_put_bytes(w, mrl_bytes_sub(*b, 0, kept(*b, max)));
    *b = mrl_bytes_sub(mrl_bytes_of(w->data, w->len), at, w->len - at);
}

struct mrl_audit_event *mrl_audit_event_copy(const struct mrl_audit_event *e)
{
    size_t size = size_of(*e);
    struct copied_event *copy = calloc(1, sizeof(*copy) + size);
    struct mrl_writer w;
    struct field fields[FIELDS];

    if (copy == NULL)
        abort();
    assert(e->details_count <= MRL_AUDIT_DETAILS_MAX);
    w = mrl_writer_on(copy->bytes, size);
    copy->event = *e;
    fields_of(&copy->event, fields);
    for (size_t i = 0; i < FIELDS; i++)
        move_into(&w, fields[i].bytes, fields[i].max);
    for (size_t i = 0; i < e->details_count; i++) {
        copy->details[i] = e->details[i];
        move_into(&w, &copy->details[i].text, MRL_AUDIT_DETAIL_MAX);
    }
    copy->event.details = copy->details;
    return &copy->event;
}

struct entry_job {
    struct mrl_write write;
    struct mrl_audit *audit;
    struct mrl_audit_event *event; /* owned */
    void (*done)(void *context, mrl_err result);
    void *context;
};

static mrl_err append_entry(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_audit_append(tx, MRL_CONTAINER(w, struct entry_job, write)->event, NULL);
}

static uint64_t weight(const struct mrl_audit_event *e)
{
    return e->repeated == 0 ? 1 : e->repeated;
}

static void entry_done(struct mrl_write *w, mrl_err result)
{
    struct entry_job *j = MRL_CONTAINER(w, struct entry_job, write);
    struct mrl_audit *a = j->audit;

    if (j->done != NULL)
        j->done(j->context, result);
    else if (result != MRL_OK)
        atomic_fetch_add(&a->lost, weight(j->event));
    free(j->event);
    free(j);
    (void)pthread_mutex_lock(&a->lock);
    if (--a->outstanding == 0)
        (void)pthread_cond_broadcast(&a->idle);
    (void)pthread_mutex_unlock(&a->lock); /* a may be freed from here on */
}

void mrl_audit_submit(struct mrl_audit *a, struct mrl_audit_event *e,
                      void (*done)(void *context, mrl_err result), void *context)
{
    struct entry_job *j = calloc(1, sizeof(*j));

    if (j == NULL)
        abort();
    *j = (struct entry_job){.write = {.run = append_entry, .done = entry_done},
                            .audit = a,
                            .event = e,
                            .done = done,
                            .context = context};
    (void)pthread_mutex_lock(&a->lock);
    a->outstanding++;
    (void)pthread_mutex_unlock(&a->lock);
    mrl_store_submit(a->store, &j->write);
}

void mrl_audit_record(struct mrl_audit *a, const struct mrl_audit_event *e,
                      void (*done)(void *context, mrl_err result), void *context)
{
    mrl_audit_submit(a, mrl_audit_event_copy(e), done, context);
}

/* When the store refuses this one too, its count is lost again and comes with the next tick. */
static void record_lost(struct mrl_audit *a)
{
    struct mrl_audit_event e = {.action = MRL_AUDIT_AUDIT_LOST,
                                .outcome = MRL_AUDIT_FAILED,
                                .actor.kind = MRL_ACTOR_SYSTEM,
                                .reason = MRL_LIT("the store refused the entries")};

    e.repeated = atomic_exchange(&a->lost, 0);
    if (e.repeated > 0)
        mrl_audit_record(a, &e, NULL, NULL);
}

void mrl_audit_tick(struct mrl_audit *a, uint64_t now)
{
    mrl_audit_notes_end(a, now);
    record_lost(a);
}

/* On the writer thread, after each group. */
static void group_committed(void *context)
{
    struct mrl_audit *a = context;
    uint64_t before, more = a->appended;

    if (more == 0)
        return;
    a->appended = 0;
    before = atomic_fetch_add(&a->uncovered, more);
    if (a->wake != NULL && before < MRL_AUDIT_CHECKPOINT_ENTRIES &&
        before + more >= MRL_AUDIT_CHECKPOINT_ENTRIES)
        a->wake(a->wake_context);
}

static mrl_err set_options(struct mrl_audit *a, const struct mrl_audit_options *o)
{
    MRL_ENSURE(mrl_bytes_to_cstr(o->node, a->node, sizeof(a->node)), MRL_ERR_LIMIT);
    a->sealer = o->sealer;
    a->wake = o->wake;
    a->wake_context = o->wake_context;
    if (o->origin.len == 0)
        return MRL_OK;
    return mrl_note_key_make(o->origin, MRL_NOTE_ED25519, o->public_key, &a->key);
}

mrl_err mrl_audit_new(struct mrl_store *store, const struct mrl_audit_options *o,
                      struct mrl_audit **out)
{
    struct mrl_audit *a = calloc(1, sizeof(*a));
    mrl_err err;

    if (a == NULL)
        abort();
    err = set_options(a, o);
    if (err != MRL_OK) {
        free(a);
        return err;
    }
    a->store = store;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_mutex_init(&a->checkpointing, NULL);
    (void)pthread_cond_init(&a->idle, NULL);
    mrl_audit_notes_init(&a->notes);
    mrl_store_attach(store, a, group_committed);
    *out = a;
    return MRL_OK;
}

static void wait_until_idle(struct mrl_audit *a)
{
    (void)pthread_mutex_lock(&a->lock);
    while (a->outstanding > 0)
        (void)pthread_cond_wait(&a->idle, &a->lock);
    (void)pthread_mutex_unlock(&a->lock);
}

void mrl_audit_free(struct mrl_audit *a)
{
    if (a == NULL)
        return;
    mrl_audit_tick(a, UINT64_MAX);
    wait_until_idle(a);
    record_lost(a); /* what the last entries lost */
    wait_until_idle(a);
    mrl_store_attach(a->store, NULL, NULL);
    mrl_audit_notes_done(&a->notes);
    mrl_buf_done(&a->scratch);
    (void)pthread_cond_destroy(&a->idle);
    (void)pthread_mutex_destroy(&a->lock);
    (void)pthread_mutex_destroy(&a->checkpointing);
    mrl_note_key_done(&a->key);
    free(a);
}
