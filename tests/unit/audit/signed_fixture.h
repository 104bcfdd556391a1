/* SPDX-License-Identifier: Apache-2.0 */
/* A log that signs its checkpoints with a key of its own. For tests of what is made of checkpoints.
 */
#ifndef MRL_TESTS_AUDIT_SIGNED_FIXTURE_H
#define MRL_TESTS_AUDIT_SIGNED_FIXTURE_H

#include <string.h>

#include "audit/checkpoint.h"
#include "audit/read.h"
#include "tests/unit/store/seal_fixture.h"

#define TEST_ORIGIN "test/merlon-audit"

struct signed_log {
    struct place place;
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_audit *audit;
    struct mrl_key *key;
    struct mrl_note_key vkey;
    /* The key process, as far as the log can tell. */
    uint64_t signed_last, asked;
    mrl_err refuses; /* once */
};

static inline void signed_open(struct signed_log *l)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_audit_options o = {
        .node = MRL_LIT("test"), .sealer = l->sealer, .origin = MRL_LIT(TEST_ORIGIN)};

    assert_ok(mrl_key_to_spki(l->key, &spki));
    o.public_key = mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - 32, 32);
    l->store = store_at(&l->place, &mrl_audit_migrations, (struct mrl_store_options){0});
    assert_ok(mrl_audit_new(l->store, &o, &l->audit));
}

static inline void signed_close(struct signed_log *l)
{
    mrl_audit_free(l->audit);
    mrl_store_close(l->store);
}

static inline int signed_setup(void **state)
{
    struct signed_log *l = calloc(1, sizeof(*l));
    MRL_SCOPED(mrl_buf) spki = {0};

    assert_non_null(l);
    place_make(&l->place);
    l->sealer = test_sealer();
    assert_ok(mrl_key_generate(MRL_KEY_ED25519, &l->key, NULL));
    assert_ok(mrl_key_to_spki(l->key, &spki));
    assert_ok(mrl_note_key_make(MRL_LIT(TEST_ORIGIN), MRL_NOTE_ED25519,
                                mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - 32, 32), &l->vkey));
    signed_open(l);
    *state = l;
    return 0;
}

static inline int signed_teardown(void **state)
{
    struct signed_log *l = *state;

    signed_close(l);
    mrl_note_key_done(&l->vkey);
    mrl_key_free(l->key);
    mrl_sealer_free(l->sealer);
    place_remove(&l->place);
    free(l);
    return 0;
}

/* Signs what extends the last, as the key process does. */
static inline mrl_err signed_sign(void *context, const struct mrl_audit_signing *what,
                                  uint8_t signature[static MRL_AUDIT_SIGNATURE],
                                  struct mrl_why *why)
{
    struct signed_log *l = context;
    const struct mrl_checkpoint c = {MRL_LIT(TEST_ORIGIN), what->size, what->root};
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    MRL_SCOPED(mrl_buf) bytes = {0};
    mrl_err refuses = l->refuses;
    mrl_bytes text;

    (void)why;
    l->asked++;
    l->refuses = MRL_OK;
    MRL_TRY(refuses);
    MRL_ENSURE(what->old == l->signed_last, MRL_ERR_STATE);
    MRL_TRY(mrl_checkpoint_text(&c, memory, &text));
    MRL_TRY(mrl_key_sign(l->key, text, &bytes));
    memcpy(signature, bytes.data, MRL_AUDIT_SIGNATURE);
    l->signed_last = what->size;
    return MRL_OK;
}

static inline void signed_checkpoint(struct signed_log *l)
{
    struct mrl_why why = {""};

    if (mrl_audit_checkpoint(l->audit, signed_sign, l, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

struct signed_append {
    struct mrl_write write;
    const struct mrl_audit_event *events;
    size_t count;
};

static inline mrl_err signed_append_run(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct signed_append *a = MRL_CONTAINER(w, struct signed_append, write);

    return mrl_audit_append_many(tx, a->events, a->count, NULL);
}

static inline void signed_add(struct signed_log *l, const struct mrl_audit_event *events,
                              size_t count)
{
    struct signed_append a = {.write.run = signed_append_run, .events = events, .count = count};

    assert_ok(mrl_store_write(l->store, &a.write));
}

/* Entries of device "d<i mod 7>" by operator "alice" (even) or "bob". */
static inline void signed_grow(struct signed_log *l, size_t count)
{
    static const mrl_bytes devices[] = {MRL_LIT_INIT("d0"), MRL_LIT_INIT("d1"), MRL_LIT_INIT("d2"),
                                        MRL_LIT_INIT("d3"), MRL_LIT_INIT("d4"), MRL_LIT_INIT("d5"),
                                        MRL_LIT_INIT("d6")};
    struct mrl_audit_event *events = calloc(count, sizeof(*events));

    assert_non_null(events);
    for (size_t i = 0; i < count; i++)
        events[i] = (struct mrl_audit_event){
            .action = MRL_AUDIT_DEVICE_CHANGED,
            .actor = {.kind = MRL_ACTOR_OPERATOR,
                      .id = i % 2 == 0 ? MRL_LIT("alice") : MRL_LIT("bob")},
            .source = MRL_LIT("192.0.2.7:50112"),
            .target = devices[i % MRL_COUNT(devices)],
            .time_ms = (int64_t)(1000 + i)};
    signed_add(l, events, count);
    free(events);
}

static inline void signed_exec(struct signed_log *l, const char *sql)
{
    assert_ok(store_exec(l->store, sql, MRL_NO_ARGS));
}

static inline int64_t signed_number(struct signed_log *l, const char *sql)
{
    return store_number(l->store, sql);
}

#endif
