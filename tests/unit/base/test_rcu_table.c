/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rcu_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/map.h"
#include "tests/unit/unit.h"

enum { FIRST = 64, NODES = 100000, FLAGS = 7 };

static uint64_t hash_of(size_t i)
{
    return mrl_hash(mrl_bytes_of(&i, sizeof(i)));
}

static void add(struct cds_lfht *table, struct cds_lfht_node *node, size_t i)
{
    mrl_rcu_read_begin();
    cds_lfht_node_init(node);
    MRL_RCU_RELEASE(node);
    cds_lfht_add(table, hash_of(i), node);
    mrl_rcu_read_end();
}

static void remove_all(struct cds_lfht *table, struct cds_lfht_node *nodes)
{
    mrl_rcu_read_begin();
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(cds_lfht_del(table, &nodes[i]), 0);
    mrl_rcu_read_end();
    urcu_memb_synchronize_rcu();
}

/* How many buckets there really are. Nodes and buckets are one list, and flags of the library are
 * in the low bits of its pointers; the bucket before the first node is not met. */
static size_t buckets_of(struct cds_lfht *table, size_t nodes)
{
    struct cds_lfht_iter it;
    struct cds_lfht_node *at;
    size_t length = 0;

    mrl_rcu_read_begin();
    cds_lfht_first(table, &it);
    for (at = cds_lfht_iter_get_node(&it); at != NULL; length++)
        at = (struct cds_lfht_node *)((uintptr_t)at->next & ~(uintptr_t)FLAGS);
    mrl_rcu_read_end();
    return length - nodes;
}

static void a_table_has_as_many_buckets_as_its_nodes_need_and_not_more(void **state)
{
    struct cds_lfht_node *nodes = calloc(NODES, sizeof(*nodes));
    struct cds_lfht *table = mrl_rcu_table_new(FIRST);
    size_t buckets = FIRST, met;

    (void)state;
    assert_non_null(nodes);
    assert_non_null(table);
    mrl_rcu_register();
    for (size_t i = 0; i < NODES; i++) {
        add(table, &nodes[i], i);
        mrl_rcu_table_grow(table, &buckets, i + 1);
        assert_in_range(buckets, i + 1, i < FIRST ? FIRST : 2 * i);
    }
    met = buckets_of(table, NODES);
    assert_in_range(met, buckets - buckets / 100, buckets);
    remove_all(table, nodes);
    assert_int_equal(cds_lfht_destroy(table, /*attr=*/NULL), 0);
    free(nodes);
}

struct reading {
    struct cds_lfht *table;
    struct cds_lfht_node *nodes;
    _Atomic size_t added;
    _Atomic bool missed;
};

static int same_node(struct cds_lfht_node *node, const void *key)
{
    MRL_RCU_ACQUIRE(node);
    return node == key;
}

static bool is_there(struct reading *r, size_t i)
{
    struct cds_lfht_iter it;
    bool there;

    mrl_rcu_read_begin();
    cds_lfht_lookup(r->table, hash_of(i), same_node, &r->nodes[i], &it);
    there = cds_lfht_iter_get_node(&it) != NULL;
    mrl_rcu_read_end();
    return there;
}

static void *look_for_all(void *context)
{
    struct reading *r = context;
    size_t added, i = 0;

    mrl_rcu_register();
    while ((added = atomic_load(&r->added)) < NODES) {
        if (added > 0 && !is_there(r, i++ % added))
            atomic_store(&r->missed, true);
    }
    return NULL;
}

static void a_reader_misses_nothing_while_the_table_grows(void **state)
{
    struct cds_lfht_node *nodes = calloc(NODES, sizeof(*nodes));
    struct reading r = {.table = mrl_rcu_table_new(FIRST), .nodes = nodes};
    size_t buckets = FIRST;
    pthread_t reader;

    (void)state;
    assert_non_null(nodes);
    assert_non_null(r.table);
    mrl_rcu_register();
    assert_int_equal(pthread_create(&reader, NULL, look_for_all, &r), 0);
    for (size_t i = 0; i < NODES; i++) {
        add(r.table, &nodes[i], i);
        atomic_store(&r.added, i + 1);
        mrl_rcu_table_grow(r.table, &buckets, i + 1);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_false(atomic_load(&r.missed));
    remove_all(r.table, nodes);
    assert_int_equal(cds_lfht_destroy(r.table, /*attr=*/NULL), 0);
    free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_has_as_many_buckets_as_its_nodes_need_and_not_more),
        cmocka_unit_test(a_reader_misses_nothing_while_the_table_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
