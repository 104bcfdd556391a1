/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/hash.h"

#include "base/attr.h"
#include "base/hex.h"
#include "tests/unit/tlog/vectors.h"
#include "tests/unit/unit.h"

static void assert_hash(const struct mrl_tlog_hash *hash, const char *expected)
{
    char text[2 * MRL_TLOG_HASH + 1];

    mrl_hex(mrl_bytes_of(hash->bytes, MRL_TLOG_HASH), text);
    assert_string_equal(text, expected);
}

static void leaves_and_nodes_of_rfc_6962(void **state)
{
    struct mrl_tlog_hash left, right, node;

    (void)state;
    assert_ok(mrl_tlog_leaf(vector_entries[0], &left));
    assert_hash(&left, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_ok(mrl_tlog_leaf(vector_entries[1], &right));
    assert_hash(&right, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    assert_ok(mrl_tlog_node(&left, &right, &node));
    assert_hash(&node, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    assert_ok(mrl_tlog_node(&left, &right, &left)); /* the output may be an input */
    assert_true(mrl_tlog_hash_eq(&left, &node));
}

static void a_leaf_is_never_a_node(void **state)
{
    uint8_t joined[2 * MRL_TLOG_HASH] = {1};
    struct mrl_tlog_hash left = {{1}}, right = {{0}}, leaf, node;

    (void)state;
    assert_ok(mrl_tlog_leaf(mrl_bytes_of(joined, sizeof(joined)), &leaf));
    assert_ok(mrl_tlog_node(&left, &right, &node));
    assert_false(mrl_tlog_hash_eq(&leaf, &node));
}

static void the_last_bit_counts(void **state)
{
    struct mrl_tlog_hash a = {{0}}, b = {{0}};

    (void)state;
    assert_true(mrl_tlog_hash_eq(&a, &b));
    b.bytes[MRL_TLOG_HASH - 1] = 1;
    assert_false(mrl_tlog_hash_eq(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_and_nodes_of_rfc_6962),
        cmocka_unit_test(a_leaf_is_never_a_node),
        cmocka_unit_test(the_last_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
