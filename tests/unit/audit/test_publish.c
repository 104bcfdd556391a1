/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/publish.h"

#include "tests/unit/audit/signed_fixture.h"

struct ask {
    struct mrl_tlog_tile tile;
    uint64_t seq;
    bool reveal;
    struct mrl_buf out;
    struct mrl_why why;
};

static mrl_err read_tile(struct mrl_tx *tx, void *context)
{
    struct ask *a = context;

    return mrl_audit_publish_tile(tx, a->tile, &a->out);
}

static mrl_err read_proof(struct mrl_tx *tx, void *context)
{
    struct ask *a = context;

    return mrl_audit_prove(tx, a->seq, a->reveal, &a->out, &a->why);
}

static mrl_err tile(struct signed_log *l, struct ask *a, unsigned level, uint64_t index,
                    unsigned width)
{
    mrl_buf_clear(&a->out);
    a->tile = (struct mrl_tlog_tile){level, index, width};
    return mrl_store_read(l->store, read_tile, a);
}

static void bundles_and_tiles_of_level_0_belong_together(void **state)
{
    static const unsigned widths[] = {256, 256, 88};
    struct signed_log *l = *state;
    struct ask bundle = {.seq = 0}, leaves = {.seq = 0};

    signed_grow(l, 600);
    signed_checkpoint(l);
    for (uint64_t i = 0; i < MRL_COUNT(widths); i++) {
        mrl_bytes rest, entry;
        struct mrl_tlog_hash leaf;
        unsigned n = 0;

        assert_ok(tile(l, &bundle, MRL_TLOG_ENTRIES, i, widths[i]));
        assert_ok(tile(l, &leaves, 0, i, widths[i]));
        assert_int_equal(leaves.out.len, widths[i] * MRL_TLOG_HASH);
        for (rest = mrl_buf_bytes(&bundle.out); rest.len > 0; n++) {
            assert_ok(mrl_tlog_bundle_next(&rest, &entry));
            assert_ok(mrl_tlog_leaf(entry, &leaf));
            assert_memory_equal(leaf.bytes, &leaves.out.data[n * MRL_TLOG_HASH], MRL_TLOG_HASH);
        }
        assert_int_equal(n, widths[i]);
    }
    mrl_buf_done(&bundle.out);
    mrl_buf_done(&leaves.out);
}

static void what_no_checkpoint_covers_is_not_there(void **state)
{
    struct signed_log *l = *state;
    struct ask a = {.seq = 0};

    assert_int_equal(tile(l, &a, 0, 0, 1), MRL_ERR_NOT_FOUND);
    signed_grow(l, 300);
    signed_checkpoint(l);
    signed_grow(l, 300);
    assert_ok(tile(l, &a, 0, 1, 44));
    assert_ok(tile(l, &a, 1, 0, 1));
    assert_ok(tile(l, &a, 0, 1, 43));
    assert_int_equal(tile(l, &a, 0, 1, 45), MRL_ERR_NOT_FOUND);
    assert_int_equal(tile(l, &a, 0, 2, 1), MRL_ERR_NOT_FOUND);
    assert_int_equal(tile(l, &a, 1, 0, 2), MRL_ERR_NOT_FOUND);
    assert_int_equal(tile(l, &a, 2, 0, 1), MRL_ERR_NOT_FOUND);
    mrl_buf_done(&a.out);
}

static void check_proof(struct signed_log *l, mrl_bytes text, uint64_t seq, mrl_bytes entry)
{
    MRL_SCOPED(mrl_buf) extra = {0};
    struct mrl_note *note = malloc(sizeof(*note));
    struct mrl_proof_file p;
    struct mrl_checkpoint c;
    struct mrl_tlog_hash leaf;

    assert_non_null(note);
    assert_ok(mrl_proof_file_read(text, &extra, &p));
    assert_int_equal(p.index, seq - 1);
    assert_ok(mrl_checkpoint_open(p.note, &l->vkey, note, &c, NULL));
    assert_ok(mrl_tlog_leaf(entry, &leaf));
    assert_ok(mrl_tlog_check_inclusion(&p.proof, p.index, c.size, &leaf, &c.root));
    free(note);
}

static mrl_err keep_entry(void *context, const struct mrl_audit_row *row)
{
    return mrl_buf_append(context, row->json);
}

struct show {
    uint64_t seq;
    struct mrl_buf entry;
};

static mrl_err read_entry(struct mrl_tx *tx, void *context)
{
    struct show *s = context;

    return mrl_audit_show(tx, s->seq, keep_entry, &s->entry, NULL);
}

static void every_entry_can_be_proven(void **state)
{
    static const uint64_t numbers[] = {1, 2, 255, 256, 257, 511, 512, 513, 769, 770};
    struct signed_log *l = *state;
    struct ask a = {.seq = 0};

    signed_grow(l, 770);
    signed_checkpoint(l);
    for (size_t i = 0; i < MRL_COUNT(numbers); i++) {
        struct show s = {.seq = numbers[i]};

        mrl_buf_clear(&a.out);
        a.seq = numbers[i];
        assert_ok(mrl_store_read(l->store, read_proof, &a));
        assert_ok(mrl_store_read(l->store, read_entry, &s));
        check_proof(l, mrl_buf_bytes(&a.out), numbers[i], mrl_buf_bytes(&s.entry));
        mrl_buf_done(&s.entry);
    }
    mrl_buf_done(&a.out);
}

static bool contains(mrl_bytes text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void a_proof_reveals_only_when_asked(void **state)
{
    struct signed_log *l = *state;
    struct ask a = {.seq = 1};
    MRL_SCOPED(mrl_buf) extra = {0};
    struct mrl_proof_file p;

    signed_grow(l, 3);
    signed_checkpoint(l);
    assert_ok(mrl_store_read(l->store, read_proof, &a));
    assert_ok(mrl_proof_file_read(mrl_buf_bytes(&a.out), &extra, &p));
    assert_int_equal(p.extra.len, 0);
    mrl_buf_clear(&a.out);
    a.reveal = true;
    assert_ok(mrl_store_read(l->store, read_proof, &a));
    assert_ok(mrl_proof_file_read(mrl_buf_bytes(&a.out), &extra, &p));
    assert_true(contains(p.extra, "alice"));
    assert_true(contains(p.extra, "192.0.2.7:50112"));
    mrl_buf_done(&a.out);
}

static void what_cannot_be_proven_is_told(void **state)
{
    struct signed_log *l = *state;
    struct ask a = {.seq = 4};

    signed_grow(l, 3);
    signed_checkpoint(l);
    assert_int_equal(mrl_store_read(l->store, read_proof, &a), MRL_ERR_NOT_FOUND);
    assert_string_equal(a.why.text, "there is no entry 4");
    signed_grow(l, 1);
    assert_int_equal(mrl_store_read(l->store, read_proof, &a), MRL_ERR_NOT_FOUND);
    assert_string_equal(a.why.text, "no checkpoint covers entry 4 yet");
    mrl_buf_done(&a.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(bundles_and_tiles_of_level_0_belong_together),
        WITH_LOG(what_no_checkpoint_covers_is_not_there),
        WITH_LOG(every_entry_can_be_proven),
        WITH_LOG(a_proof_reveals_only_when_asked),
        WITH_LOG(what_cannot_be_proven_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
