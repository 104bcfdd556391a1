/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/proof.h"

#include <string.h>

#include "base/hex.h"
#include "tests/unit/tlog/fixture.h"
#include "tests/unit/tlog/vectors.h"
#include "tests/unit/unit.h"

enum { SMALL = 131 };

static struct fixture_log log_;
static struct mrl_tlog_hash roots[SMALL + 1]; /* from 1 on */

/* Sizes at which something about tiles changes, and neighbours of them. */
static const uint64_t edges[] = {1,   2,     3,     255,   256,   257,   511,
                                 512, 65279, 65280, 65281, 65535, 65536, 65537};

static int set_up(void **state)
{
    (void)state;
    fixture_log_init(&log_);
    for (uint64_t size = 1; size <= SMALL; size++)
        roots[size] = fixture_mth(log_.levels[0], size);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_log_done(&log_);
    return 0;
}

static struct mrl_tlog_hash root_of(uint64_t size)
{
    struct mrl_tlog_hash root;

    if (size > 0)
        return size <= SMALL ? roots[size] : fixture_mth(log_.levels[0], size);
    assert_ok(mrl_tlog_tiles_root(&(struct mrl_tlog_tiles){0}, 0, &root));
    return root;
}

static void assert_path(const struct mrl_tlog_proof *p, const char *const *expected, size_t count)
{
    char text[2 * MRL_TLOG_HASH + 1];

    assert_int_equal(p->count, count);
    for (size_t i = 0; i < count; i++) {
        mrl_hex(mrl_bytes_of(p->path[i].bytes, MRL_TLOG_HASH), text);
        assert_string_equal(text, expected[i]);
    }
}

static mrl_err read_vectors(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    struct mrl_tlog_hash *leaves = context;

    assert_int_equal(tile.level, 0);
    for (size_t i = 0; i < 8; i++)
        assert_ok(mrl_tlog_leaf(vector_entries[i], &leaves[i]));
    *hashes = mrl_bytes_of(leaves, 8 * sizeof(*leaves));
    return MRL_OK;
}

static void proofs_of_rfc_6962(void **state)
{
    static const char *const inclusion_5_of_8[] = {
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"};
    static const char *const consistency_6_8[] = {
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"};
    static const char *const consistency_2_5[] = {
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"};
    static const char *const consistency_1_8[] = {
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"};
    struct mrl_tlog_hash leaves[8];
    const struct mrl_tlog_tiles t = {read_vectors, leaves};
    struct mrl_tlog_proof p;

    (void)state;
    assert_ok(mrl_tlog_prove_inclusion(&t, 5, 8, &p));
    assert_path(&p, inclusion_5_of_8, 3);
    assert_ok(mrl_tlog_prove_consistency(&t, 6, 8, &p));
    assert_path(&p, consistency_6_8, 3);
    assert_ok(mrl_tlog_prove_consistency(&t, 2, 5, &p));
    assert_path(&p, consistency_2_5, 2);
    assert_ok(mrl_tlog_prove_consistency(&t, 1, 8, &p));
    assert_path(&p, consistency_1_8, 3);
}

static void check_inclusion(uint64_t index, uint64_t size, const struct mrl_tlog_hash *root)
{
    struct mrl_tlog_tiles t = fixture_tiles(&log_, size);
    struct mrl_tlog_hash leaf = log_.levels[0][index];
    struct mrl_tlog_proof p;

    assert_ok(mrl_tlog_prove_inclusion(&t, index, size, &p));
    assert_ok(mrl_tlog_check_inclusion(&p, index, size, &leaf, root));
}

static void every_leaf_of_every_small_size_is_proven(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= SMALL; size++)
        for (uint64_t index = 0; index < size; index++)
            check_inclusion(index, size, &roots[size]);
}

static void check_consistency(uint64_t old, uint64_t size, const struct mrl_tlog_hash *old_root,
                              const struct mrl_tlog_hash *root)
{
    struct mrl_tlog_tiles t = fixture_tiles(&log_, size);
    struct mrl_tlog_proof p;

    assert_ok(mrl_tlog_prove_consistency(&t, old, size, &p));
    assert_ok(mrl_tlog_check_consistency(&p, old, old_root, size, root));
}

static void every_pair_of_small_sizes_is_consistent(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= SMALL; size++)
        for (uint64_t old = 1; old <= size; old++)
            check_consistency(old, size, &roots[old], &roots[size]);
}

static void roots_and_proofs_hold_at_the_edges_of_tiles(void **state)
{
    struct mrl_tlog_hash at_edge[MRL_COUNT(edges)], root;

    (void)state;
    for (size_t s = 0; s < MRL_COUNT(edges); s++) {
        struct mrl_tlog_tiles t = fixture_tiles(&log_, edges[s]);

        at_edge[s] = root_of(edges[s]);
        log_.reads = 0;
        assert_ok(mrl_tlog_tiles_root(&t, edges[s], &root));
        assert_true(mrl_tlog_hash_eq(&root, &at_edge[s]));
        assert_true(log_.reads <= 3); /* one a level */
        for (size_t i = 0; i <= s; i++) {
            check_inclusion(edges[i] - 1, edges[s], &root);
            check_inclusion(edges[s] - edges[i], edges[s], &root);
            check_consistency(edges[i], edges[s], &at_edge[i], &root);
        }
    }
}

/* p is as the prover made it; holds says what the checker thinks of it. */
static void check_damaged(struct mrl_tlog_proof *p,
                          bool (*holds)(const struct mrl_tlog_proof *p, const uint64_t *numbers),
                          const uint64_t *numbers)
{
    struct mrl_tlog_proof other = *p;

    assert_true(holds(p, numbers));
    for (size_t i = 0; i < p->count; i++)
        for (size_t bit = 0; bit < 8 * MRL_TLOG_HASH; bit += 37) {
            p->path[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(holds(p, numbers));
            p->path[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    for (size_t gone = 0; gone < p->count; gone++) {
        other.count = p->count - 1;
        memcpy(other.path, p->path, gone * sizeof(p->path[0]));
        memcpy(&other.path[gone], &p->path[gone + 1], (other.count - gone) * sizeof(p->path[0]));
        assert_false(holds(&other, numbers));
    }
    for (size_t twice = 0; twice <= p->count; twice++) {
        other.count = p->count + 1;
        memcpy(other.path, p->path, twice * sizeof(p->path[0]));
        other.path[twice] = twice == 0 ? fixture_leaf(0) : p->path[twice - 1];
        memcpy(&other.path[twice + 1], &p->path[twice], (p->count - twice) * sizeof(p->path[0]));
        assert_false(holds(&other, numbers));
    }
}

static bool inclusion_holds(const struct mrl_tlog_proof *p, const uint64_t *n)
{
    struct mrl_tlog_hash leaf = log_.levels[0][n[0]];

    return mrl_tlog_check_inclusion(p, n[0], n[1], &leaf, &roots[n[1]]) == MRL_OK;
}

static bool consistency_holds(const struct mrl_tlog_proof *p, const uint64_t *n)
{
    return mrl_tlog_check_consistency(p, n[0], &roots[n[0]], n[1], &roots[n[1]]) == MRL_OK;
}

static const uint64_t damaged_sizes[] = {1, 2, 3, 6, 7, 8, 9, 64, 65, 100, 130};

static void a_damaged_inclusion_proof_is_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < MRL_COUNT(damaged_sizes); s++)
        for (uint64_t index = 0; index < damaged_sizes[s]; index++) {
            const uint64_t numbers[] = {index, damaged_sizes[s]};
            struct mrl_tlog_tiles t = fixture_tiles(&log_, numbers[1]);
            struct mrl_tlog_proof p;

            assert_ok(mrl_tlog_prove_inclusion(&t, index, numbers[1], &p));
            check_damaged(&p, inclusion_holds, numbers);
        }
}

static void a_damaged_consistency_proof_is_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < MRL_COUNT(damaged_sizes); s++)
        for (uint64_t old = 1; old <= damaged_sizes[s]; old++) {
            const uint64_t numbers[] = {old, damaged_sizes[s]};
            struct mrl_tlog_tiles t = fixture_tiles(&log_, numbers[1]);
            struct mrl_tlog_proof p;

            assert_ok(mrl_tlog_prove_consistency(&t, old, numbers[1], &p));
            check_damaged(&p, consistency_holds, numbers);
        }
}

static void a_proof_is_for_its_numbers_and_roots_only(void **state)
{
    struct mrl_tlog_tiles t = fixture_tiles(&log_, 100);
    struct mrl_tlog_hash leaf = log_.levels[0][40];
    struct mrl_tlog_proof p;

    (void)state;
    assert_ok(mrl_tlog_prove_inclusion(&t, 40, 100, &p));
    for (uint64_t index = 0; index <= 100; index++)
        assert_int_equal(mrl_tlog_check_inclusion(&p, index, 100, &leaf, &roots[100]),
                         index == 40 ? MRL_OK : MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_check_inclusion(&p, 40, 100, &leaf, &roots[99]), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_check_inclusion(&p, 40, 0, &leaf, &roots[100]), MRL_ERR_CORRUPT);
    assert_ok(mrl_tlog_prove_consistency(&t, 40, 100, &p));
    for (uint64_t old = 1; old <= 101; old++)
        assert_int_equal(mrl_tlog_check_consistency(&p, old, &roots[old], 100, &roots[100]),
                         old == 40 ? MRL_OK : MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_check_consistency(&p, 40, &roots[41], 100, &roots[100]),
                     MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_check_consistency(&p, 40, &roots[40], 100, &roots[41]),
                     MRL_ERR_CORRUPT);
}

static void from_nothing_everything_is_consistent_with_an_empty_proof(void **state)
{
    struct mrl_tlog_tiles t = fixture_tiles(&log_, 7);
    struct mrl_tlog_hash empty = root_of(0);
    struct mrl_tlog_proof p = {.count = 9};

    (void)state;
    assert_ok(mrl_tlog_prove_consistency(&t, 0, 7, &p));
    assert_int_equal(p.count, 0);
    assert_ok(mrl_tlog_check_consistency(&p, 0, &empty, 7, &roots[7]));
    assert_ok(mrl_tlog_check_consistency(&p, 0, &empty, 0, &empty));
    assert_int_equal(mrl_tlog_check_consistency(&p, 0, &empty, 0, &roots[1]), MRL_ERR_CORRUPT);
    p.count = 1;
    assert_int_equal(mrl_tlog_check_consistency(&p, 0, &empty, 7, &roots[7]), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_check_consistency(&p, 7, &roots[7], 7, &roots[7]), MRL_ERR_CORRUPT);
}

static void impossible_numbers_are_invalid(void **state)
{
    struct mrl_tlog_tiles t = fixture_tiles(&log_, 7);
    struct mrl_tlog_proof p;

    (void)state;
    assert_int_equal(mrl_tlog_prove_inclusion(&t, 0, 0, &p), MRL_ERR_INVALID);
    assert_int_equal(mrl_tlog_prove_inclusion(&t, 7, 7, &p), MRL_ERR_INVALID);
    assert_int_equal(mrl_tlog_prove_inclusion(&t, 7, MRL_TLOG_SIZE_MAX + 1, &p), MRL_ERR_INVALID);
    assert_int_equal(mrl_tlog_prove_consistency(&t, 8, 7, &p), MRL_ERR_INVALID);
    assert_int_equal(mrl_tlog_prove_consistency(&t, 7, MRL_TLOG_SIZE_MAX + 1, &p), MRL_ERR_INVALID);
}

static mrl_err same_for_all(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    static uint8_t zeroes[MRL_TLOG_WIDTH * MRL_TLOG_HASH];

    (void)context;
    *hashes = mrl_bytes_of(zeroes, (size_t)tile.width * MRL_TLOG_HASH);
    return MRL_OK;
}

static void the_largest_log_has_proofs_that_fit(void **state)
{
    const struct mrl_tlog_tiles t = {same_for_all, NULL};
    struct mrl_tlog_proof p;

    (void)state;
    assert_ok(mrl_tlog_prove_inclusion(&t, 0, MRL_TLOG_SIZE_MAX, &p));
    assert_int_equal(p.count, 63);
    assert_ok(mrl_tlog_prove_inclusion(&t, MRL_TLOG_SIZE_MAX - 1, MRL_TLOG_SIZE_MAX, &p));
    for (unsigned bit = 0; bit < 63; bit++) {
        assert_ok(mrl_tlog_prove_consistency(&t, (UINT64_C(1) << bit) + 1, MRL_TLOG_SIZE_MAX, &p));
        assert_true(p.count <= MRL_TLOG_PROOF_MAX);
    }
}

static void a_tile_that_is_too_short_is_corrupt(void **state)
{
    struct mrl_tlog_tiles t = fixture_tiles(&log_, 300);
    struct mrl_tlog_hash root;
    struct mrl_tlog_proof p;

    (void)state;
    log_.cut = 1;
    assert_int_equal(mrl_tlog_tiles_root(&t, 300, &root), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_prove_inclusion(&t, 3, 300, &p), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_tlog_prove_consistency(&t, 3, 300, &p), MRL_ERR_CORRUPT);
    log_.cut = 0;
}

static mrl_err no_disk(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    (void)context;
    (void)tile;
    (void)hashes;
    return MRL_ERR_IO;
}

static void failures_of_reading_are_handed_on(void **state)
{
    const struct mrl_tlog_tiles t = {no_disk, NULL};
    struct mrl_tlog_hash root;
    struct mrl_tlog_proof p;

    (void)state;
    assert_int_equal(mrl_tlog_tiles_root(&t, 300, &root), MRL_ERR_IO);
    assert_int_equal(mrl_tlog_prove_inclusion(&t, 3, 300, &p), MRL_ERR_IO);
    assert_int_equal(mrl_tlog_prove_consistency(&t, 3, 300, &p), MRL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_of_rfc_6962),
        cmocka_unit_test(every_leaf_of_every_small_size_is_proven),
        cmocka_unit_test(every_pair_of_small_sizes_is_consistent),
        cmocka_unit_test(roots_and_proofs_hold_at_the_edges_of_tiles),
        cmocka_unit_test(a_damaged_inclusion_proof_is_refused),
        cmocka_unit_test(a_damaged_consistency_proof_is_refused),
        cmocka_unit_test(a_proof_is_for_its_numbers_and_roots_only),
        cmocka_unit_test(from_nothing_everything_is_consistent_with_an_empty_proof),
        cmocka_unit_test(impossible_numbers_are_invalid),
        cmocka_unit_test(the_largest_log_has_proofs_that_fit),
        cmocka_unit_test(a_tile_that_is_too_short_is_corrupt),
        cmocka_unit_test(failures_of_reading_are_handed_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
