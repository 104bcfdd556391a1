/* SPDX-License-Identifier: Apache-2.0 */
/* A witness in this process: it answers as c2sp.org/tlog-witness says. For tests of who asks one.
 */
#ifndef MRL_TESTS_AUDIT_WITNESS_FIXTURE_H
#define MRL_TESTS_AUDIT_WITNESS_FIXTURE_H

#include "audit/witness.h"
#include "base/clock.h"
#include "base/writer.h"
#include "tests/unit/audit/signed_fixture.h"

struct test_witness {
    struct mrl_key *key;
    struct mrl_note_key note_key;
    char vkey[MRL_NOTE_VKEY_MAX];
    uint64_t size; /* what it cosigned last */
    struct mrl_tlog_hash root;
    unsigned asked;
    /* What it does instead. */
    bool away;
    unsigned status; /* 0: as it should */
    const char *says;
    void (*meanwhile)(void *context); /* happens between its decision and its answer */
    void *meanwhile_context;
};

static inline void test_witness_make(struct test_witness *w, const char *name)
{
    MRL_SCOPED(mrl_buf) spki = {0};

    assert_ok(mrl_key_generate(MRL_KEY_ED25519, &w->key, NULL));
    assert_ok(mrl_key_to_spki(w->key, &spki));
    assert_ok(mrl_note_key_make(mrl_str(name), MRL_NOTE_COSIGNATURE,
                                mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - 32, 32),
                                &w->note_key));
    assert_ok(mrl_note_key_format(&w->note_key, w->vkey));
}

static inline void test_witness_done(struct test_witness *w)
{
    mrl_note_key_done(&w->note_key);
    mrl_key_free(w->key);
}

/* The line of w below text. */
static inline void test_witness_cosign(struct test_witness *w, mrl_bytes text, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) message = {0};
    MRL_SCOPED(mrl_buf) bytes = {0};
    uint8_t signature[8 + 64];
    struct mrl_writer to = mrl_writer_on(signature, 8);
    uint64_t now = (uint64_t)mrl_wall_ms() / 1000;

    mrl_put_u64(&to, now);
    assert_ok(mrl_cosignature_message(text, now, &message));
    assert_ok(mrl_key_sign(w->key, mrl_buf_bytes(&message), &bytes));
    assert_int_equal(bytes.len, 64);
    memcpy(signature + 8, bytes.data, 64);
    assert_ok(mrl_note_put_signature(out, mrl_str(w->note_key.name), w->note_key.id,
                                     mrl_bytes_of(signature, sizeof(signature))));
}

static inline unsigned test_witness_judge(struct test_witness *w,
                                          const struct mrl_add_checkpoint *a,
                                          const struct mrl_checkpoint *c, mrl_bytes text,
                                          struct mrl_buf *out)
{
    if (a->old != w->size ||
        (a->old == c->size && !mrl_tlog_hash_eq(&c->root, &w->root) && w->size > 0)) {
        assert_ok(mrl_buf_printf(out, "%llu\n", (unsigned long long)w->size));
        return 409;
    }
    if (w->size > 0 &&
        mrl_tlog_check_consistency(&a->proof, a->old, &w->root, c->size, &c->root) != MRL_OK)
        return 422;
    w->size = c->size;
    w->root = c->root;
    test_witness_cosign(w, text, out);
    return 200;
}

static inline mrl_err test_witness_post(void *context, size_t index, mrl_bytes body,
                                        struct mrl_witness_answer *out, struct mrl_why *why)
{
    struct test_witness *w = (struct test_witness *)context + index;
    struct mrl_add_checkpoint a;
    struct mrl_note note;
    struct mrl_checkpoint c;

    w->asked++;
    if (w->away)
        return mrl_fail(why, MRL_ERR_IO, "nobody there");
    assert_ok(mrl_add_checkpoint_read(body, &a));
    assert_ok(mrl_note_read(a.note, &note, why));
    assert_ok(mrl_checkpoint_read(note.text, &c));
    out->status = w->status;
    if (w->status == 0)
        out->status = test_witness_judge(w, &a, &c, note.text, &out->body);
    if (w->meanwhile != NULL)
        w->meanwhile(w->meanwhile_context);
    if (w->says != NULL) {
        mrl_buf_clear(&out->body);
        assert_ok(mrl_buf_append(&out->body, mrl_str(w->says)));
    }
    return MRL_OK;
}

#endif
