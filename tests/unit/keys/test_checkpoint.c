/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/checkpoint.h"

#include <string.h>

#include "tests/unit/tlog/fixture.h"
#include "tests/unit/unit.h"
#include "tlog/tree.h"

/* Two histories that part after entry FORK. */
enum { ENTRIES = 40, FORK = 10 };

struct history {
    struct mrl_tlog_hash leaves[ENTRIES];
    struct mrl_tlog_hash roots[ENTRIES + 1];
};

static struct history honest, forged;
static struct fixture_signer own, stranger;

static void make_history(struct history *h, uint64_t after_fork)
{
    struct mrl_tlog_tree t = {0};

    assert_ok(mrl_tlog_tree_root(&t, &h->roots[0]));
    for (uint64_t i = 0; i < ENTRIES; i++) {
        h->leaves[i] = fixture_leaf(i < FORK ? i : i + after_fork);
        assert_ok(mrl_tlog_tree_add(&t, &h->leaves[i]));
        assert_ok(mrl_tlog_tree_root(&t, &h->roots[i + 1]));
    }
}

static int set_up(void **state)
{
    (void)state;
    make_history(&honest, 0);
    make_history(&forged, 1000);
    fixture_signer_init(&own, "acme/merlon-audit", MRL_NOTE_ED25519);
    fixture_signer_init(&stranger, "acme/merlon-audit", MRL_NOTE_ED25519);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_signer_done(&own);
    fixture_signer_done(&stranger);
    return 0;
}

static mrl_err read_leaves(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    const struct history *h = context;

    assert_int_equal(tile.level, 0);
    *hashes = mrl_bytes_of(h->leaves, sizeof(h->leaves));
    return MRL_OK;
}

/* What a daemon with history h asks for. */
static mrl_err ask(struct mrl_signed *s, struct history *h, uint64_t old, uint64_t size,
                   mrl_bytes note, struct mrl_why *why)
{
    const struct mrl_tlog_tiles tiles = {read_leaves, h};
    struct mrl_tlog_proof proof = {0};
    struct mrl_keys_checkpoint want = {.old = old, .size = size, .note = note};
    struct mrl_checkpoint c;

    if (old <= size)
        assert_ok(mrl_tlog_prove_consistency(&tiles, old, size, &proof));
    want.root = mrl_bytes_of(h->roots[size].bytes, MRL_TLOG_HASH);
    want.proof = mrl_bytes_of(proof.path, proof.count * MRL_TLOG_HASH);
    MRL_TRY(mrl_signed_advance(s, &want, &own.public, &c, why));
    assert_int_equal(c.size, size);
    assert_true(mrl_tlog_hash_eq(&c.root, &h->roots[size]));
    assert_bytes_equal(c.origin, MRL_LIT("acme/merlon-audit"));
    return MRL_OK;
}

static void note_of(const struct fixture_signer *signer, const char *origin, struct history *h,
                    uint64_t size, struct mrl_buf *out)
{
    const struct mrl_checkpoint c = {mrl_str(origin), size, h->roots[size]};
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    mrl_bytes text;

    assert_ok(mrl_checkpoint_text(&c, memory, &text));
    fixture_sign(signer, text, 0, out);
}

static void a_log_grows_from_nothing(void **state)
{
    struct mrl_signed s = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, 1, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 1, 7, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 7, 40, MRL_BYTES_NONE, NULL));
}

static void an_empty_log_may_be_signed(void **state)
{
    struct mrl_signed s = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, 0, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 0, 5, MRL_BYTES_NONE, NULL));
}

static void an_empty_log_has_one_root(void **state)
{
    struct mrl_keys_checkpoint want = {.root = mrl_bytes_of(honest.roots[1].bytes, MRL_TLOG_HASH)};
    struct mrl_signed s = {0};
    struct mrl_checkpoint c;

    (void)state;
    assert_int_equal(mrl_signed_advance(&s, &want, &own.public, &c, NULL), MRL_ERR_DENIED);
}

static void the_same_again_is_signed_again_whatever_the_proof_is_from(void **state)
{
    struct mrl_signed s = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, 7, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 7, 9, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 7, 9, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 9, 9, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &honest, 9, 20, MRL_BYTES_NONE, NULL));
}

static void it_never_goes_back(void **state)
{
    struct mrl_signed s = {0};
    struct mrl_why why = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, 9, MRL_BYTES_NONE, NULL));
    assert_int_equal(ask(&s, &honest, 7, 8, MRL_BYTES_NONE, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "would go back"));
    assert_int_equal(ask(&s, &honest, 0, 0, MRL_BYTES_NONE, &why), MRL_ERR_DENIED);
    assert_ok(ask(&s, &honest, 9, 10, MRL_BYTES_NONE, NULL));
}

static void it_never_forks(void **state)
{
    struct mrl_signed s = {0};
    struct mrl_why why = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, 20, MRL_BYTES_NONE, NULL));
    assert_int_equal(ask(&s, &forged, 20, 20, MRL_BYTES_NONE, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "forked"));
    assert_int_equal(ask(&s, &forged, 20, 30, MRL_BYTES_NONE, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "does not contain the log of size 20"));
    assert_ok(ask(&s, &honest, 20, 30, MRL_BYTES_NONE, NULL));
}

static void histories_that_are_one_so_far_go_on_either_way_but_not_both(void **state)
{
    struct mrl_signed s = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, FORK, MRL_BYTES_NONE, NULL));
    assert_ok(ask(&s, &forged, FORK, 30, MRL_BYTES_NONE, NULL));
    assert_int_equal(ask(&s, &honest, 30, 40, MRL_BYTES_NONE, NULL), MRL_ERR_DENIED);
}

static void a_proof_from_another_size_names_the_right_one(void **state)
{
    static const uint64_t others[] = {0, 1, 6, 8, 9};
    struct mrl_signed s = {0};

    (void)state;
    assert_ok(ask(&s, &honest, 0, 7, MRL_BYTES_NONE, NULL));
    for (size_t i = 0; i < MRL_COUNT(others); i++) {
        struct mrl_why why = {0};

        assert_int_equal(ask(&s, &honest, others[i], 9, MRL_BYTES_NONE, &why), MRL_ERR_STATE);
        assert_non_null(strstr(why.text, "of size 7"));
    }
}

static void a_damaged_proof_is_denied_and_forgotten(void **state)
{
    const struct mrl_tlog_tiles tiles = {read_leaves, &honest};
    struct mrl_signed s = {0};
    struct mrl_tlog_proof proof;
    struct mrl_keys_checkpoint want = {.old = 7, .size = 30};
    struct mrl_checkpoint c;

    (void)state;
    assert_ok(ask(&s, &honest, 0, 7, MRL_BYTES_NONE, NULL));
    assert_ok(mrl_tlog_prove_consistency(&tiles, 7, 30, &proof));
    want.root = mrl_bytes_of(honest.roots[30].bytes, MRL_TLOG_HASH);
    for (size_t hashes = 0; hashes < proof.count; hashes++) {
        want.proof = mrl_bytes_of(proof.path, hashes * MRL_TLOG_HASH);
        assert_int_equal(mrl_signed_advance(&s, &want, &own.public, &c, NULL), MRL_ERR_DENIED);
    }
    proof.path[0].bytes[0] ^= 1;
    want.proof = mrl_bytes_of(proof.path, proof.count * MRL_TLOG_HASH);
    assert_int_equal(mrl_signed_advance(&s, &want, &own.public, &c, NULL), MRL_ERR_DENIED);
    assert_int_equal(s.size, 7);
    assert_ok(ask(&s, &honest, 7, 30, MRL_BYTES_NONE, NULL));
}

static void after_a_start_the_stored_checkpoint_is_where_it_goes_on(void **state)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_signed s = {0};

    (void)state;
    note_of(&own, "acme/merlon-audit", &honest, 20, &note);
    assert_int_equal(ask(&s, &honest, 7, 8, mrl_buf_bytes(&note), NULL), MRL_ERR_DENIED);
    assert_int_equal(ask(&s, &forged, 20, 30, mrl_buf_bytes(&note), NULL), MRL_ERR_DENIED);
    assert_ok(ask(&s, &honest, 20, 30, mrl_buf_bytes(&note), NULL));
    assert_ok(ask(&s, &honest, 30, 40, mrl_buf_bytes(&note), NULL)); /* not looked at any more */
}

static void a_stored_checkpoint_may_be_signed_again(void **state)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_signed s = {0};

    (void)state;
    note_of(&own, "acme/merlon-audit", &honest, 20, &note);
    assert_ok(ask(&s, &honest, 20, 20, mrl_buf_bytes(&note), NULL));
}

static void a_good_note_is_not_forgotten_for_a_request_without_one(void **state)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_signed s = {0};

    (void)state;
    note_of(&own, "acme/merlon-audit", &honest, 20, &note);
    assert_int_equal(ask(&s, &forged, 20, 30, mrl_buf_bytes(&note), NULL), MRL_ERR_DENIED);
    assert_int_equal(ask(&s, &forged, 0, 30, MRL_BYTES_NONE, NULL), MRL_ERR_STATE);
}

static void without_a_note_the_log_begins_at_nothing(void **state)
{
    struct mrl_signed s = {0};

    (void)state;
    assert_int_equal(ask(&s, &honest, 7, 9, MRL_BYTES_NONE, NULL), MRL_ERR_STATE);
    assert_ok(ask(&s, &honest, 0, 9, MRL_BYTES_NONE, NULL));
}

static void the_note_of_somebody_else_is_no_beginning(void **state)
{
    static const struct {
        struct fixture_signer *signer;
        const char *origin;
    } notes[] = {{&stranger, "acme/merlon-audit"}, {&own, "other/merlon-audit"}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(notes); i++) {
        MRL_SCOPED(mrl_buf) note = {0};
        struct mrl_signed s = {0};
        struct mrl_why why = {0};

        note_of(notes[i].signer, notes[i].origin, &honest, 20, &note);
        assert_int_equal(ask(&s, &honest, 20, 30, mrl_buf_bytes(&note), &why), MRL_ERR_DENIED);
        assert_non_null(strstr(why.text, "not one of this log"));
        assert_false(s.known);
    }
}

static void a_note_that_was_changed_is_no_beginning(void **state)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_signed s = {0};

    (void)state;
    note_of(&own, "acme/merlon-audit", &honest, 20, &note);
    for (size_t i = 0; i < note.len; i++) {
        note.data[i] ^= 1;
        assert_int_equal(ask(&s, &honest, 20, 30, mrl_buf_bytes(&note), NULL), MRL_ERR_DENIED);
        note.data[i] ^= 1;
    }
    assert_int_equal(ask(&s, &honest, 20, 30, MRL_LIT("no note"), NULL), MRL_ERR_DENIED);
    assert_ok(ask(&s, &honest, 20, 30, mrl_buf_bytes(&note), NULL));
}

static void a_size_that_no_log_has_is_invalid(void **state)
{
    struct mrl_keys_checkpoint want = {.size = MRL_TLOG_SIZE_MAX,
                                       .root = mrl_bytes_of(honest.roots[1].bytes, MRL_TLOG_HASH)};
    struct mrl_signed s = {0};
    struct mrl_checkpoint c;

    (void)state;
    want.size++;
    assert_int_equal(mrl_signed_advance(&s, &want, &own.public, &c, NULL), MRL_ERR_INVALID);
    want.size--;
    assert_ok(mrl_signed_advance(&s, &want, &own.public, &c, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_grows_from_nothing),
        cmocka_unit_test(an_empty_log_may_be_signed),
        cmocka_unit_test(an_empty_log_has_one_root),
        cmocka_unit_test(the_same_again_is_signed_again_whatever_the_proof_is_from),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(it_never_forks),
        cmocka_unit_test(histories_that_are_one_so_far_go_on_either_way_but_not_both),
        cmocka_unit_test(a_proof_from_another_size_names_the_right_one),
        cmocka_unit_test(a_damaged_proof_is_denied_and_forgotten),
        cmocka_unit_test(after_a_start_the_stored_checkpoint_is_where_it_goes_on),
        cmocka_unit_test(a_stored_checkpoint_may_be_signed_again),
        cmocka_unit_test(a_good_note_is_not_forgotten_for_a_request_without_one),
        cmocka_unit_test(without_a_note_the_log_begins_at_nothing),
        cmocka_unit_test(the_note_of_somebody_else_is_no_beginning),
        cmocka_unit_test(a_note_that_was_changed_is_no_beginning),
        cmocka_unit_test(a_size_that_no_log_has_is_invalid),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
