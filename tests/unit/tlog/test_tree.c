/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/tree.h"

#include "base/hex.h"
#include "tests/unit/tlog/fixture.h"
#include "tests/unit/tlog/vectors.h"
#include "tests/unit/unit.h"

static void roots_of_rfc_6962(void **state)
{
    struct mrl_tlog_tree t = {0};
    struct mrl_tlog_hash leaf, root;
    char text[2 * MRL_TLOG_HASH + 1];

    (void)state;
    for (size_t size = 0;; size++) {
        assert_ok(mrl_tlog_tree_root(&t, &root));
        mrl_hex(mrl_bytes_of(root.bytes, MRL_TLOG_HASH), text);
        assert_string_equal(text, vector_roots[size]);
        if (size == MRL_COUNT(vector_entries))
            break;
        assert_ok(mrl_tlog_leaf(vector_entries[size], &leaf));
        assert_ok(mrl_tlog_tree_add(&t, &leaf));
    }
}

static void every_size_has_the_root_of_the_definition(void **state)
{
    static struct mrl_tlog_hash leaves[1030];
    struct mrl_tlog_tree t = {0};
    struct mrl_tlog_hash root, expected;

    (void)state;
    for (uint64_t i = 0; i < MRL_COUNT(leaves); i++) {
        leaves[i] = fixture_leaf(i);
        assert_ok(mrl_tlog_tree_add(&t, &leaves[i]));
        assert_int_equal(t.size, i + 1);
        assert_ok(mrl_tlog_tree_root(&t, &root));
        expected = fixture_mth(leaves, i + 1);
        assert_true(mrl_tlog_hash_eq(&root, &expected));
    }
}

static void a_tree_grows_to_the_largest_size_and_not_one_further(void **state)
{
    struct mrl_tlog_tree t = {.size = MRL_TLOG_SIZE_MAX - 1};
    struct mrl_tlog_hash leaf = fixture_leaf(0);

    (void)state;
    assert_ok(mrl_tlog_tree_add(&t, &leaf));
    assert_int_equal(mrl_tlog_tree_add(&t, &leaf), MRL_ERR_LIMIT);
    assert_int_equal(t.size, MRL_TLOG_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_of_rfc_6962),
        cmocka_unit_test(every_size_has_the_root_of_the_definition),
        cmocka_unit_test(a_tree_grows_to_the_largest_size_and_not_one_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
