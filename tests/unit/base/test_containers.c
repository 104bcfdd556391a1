/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/list.h"
#include "base/map.h"
#include "tests/unit/unit.h"

struct item {
    struct mrl_map_node node;
    struct mrl_list link;
    char key[16];
};

enum { ITEMS = 1000 };

static void a_map_finds_what_it_holds(void **state)
{
    static struct item items[ITEMS];
    struct mrl_map map = {0};
    size_t walked = 0;

    (void)state;
    assert_null(mrl_map_find(&map, MRL_LIT("none")));
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(items[i].key, sizeof(items[i].key), "device-%d", i);
        items[i].node.key = mrl_str(items[i].key);
        mrl_map_insert(&map, &items[i].node);
    }
    for (int i = 0; i < ITEMS; i += 2)
        mrl_map_remove(&map, &items[i].node);
    mrl_map_remove(&map, &items[0].node); /* twice is harmless */
    assert_null(mrl_map_find(&map, MRL_LIT("device-10")));
    assert_ptr_equal(mrl_map_find(&map, MRL_LIT("device-11")), &items[11].node);
    for (struct mrl_map_node *n = NULL; (n = mrl_map_next(&map, n)) != NULL;)
        walked++;
    assert_int_equal(walked, ITEMS / 2);
    while (mrl_map_pop(&map) != NULL)
        walked--;
    assert_int_equal(walked, 0);
    mrl_map_done(&map);
}

static void what_comes_while_a_map_is_emptied_is_popped_too(void **state)
{
    static struct item items[ITEMS];
    struct mrl_map map = {0};
    struct mrl_map_node *n, *held = NULL;
    int popped = 0;

    (void)state;
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(items[i].key, sizeof(items[i].key), "device-%d", i);
        items[i].node.key = mrl_str(items[i].key);
        mrl_map_insert(&map, &items[i].node);
    }
    for (; (n = mrl_map_pop(&map)) != NULL; popped++) {
        assert_null(mrl_map_find(&map, n->key));
        if (held != NULL)
            mrl_map_insert(&map, held); /* its place is before or at that of the one popped last */
        held = held == NULL ? n : NULL;
        assert_int_equal(map.count == 0, mrl_map_next(&map, NULL) == NULL);
    }
    assert_int_equal(map.count, 0);
    assert_int_equal(popped, 2 * ITEMS - 1);
    mrl_map_done(&map);
}

static void a_list_keeps_order_and_survives_removal(void **state)
{
    struct item items[4];
    struct mrl_list list;
    int seen = 0;

    (void)state;
    mrl_list_init(&list);
    for (int i = 0; i < 3; i++)
        mrl_list_add(&list, &items[i].link);
    mrl_list_add_front(&list, &items[3].link);
    mrl_list_remove(&items[1].link);
    mrl_list_remove(&items[1].link);
    MRL_LIST_EACH(it, &list, struct item, link)
    {
        static const int order[] = {3, 0, 2};
        assert_ptr_equal(it, &items[order[seen++]]);
        mrl_list_remove(&it->link);
    }
    assert_int_equal(seen, 3);
    assert_true(mrl_list_empty(&list));
    assert_null(mrl_list_pop(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_finds_what_it_holds),
        cmocka_unit_test(what_comes_while_a_map_is_emptied_is_popped_too),
        cmocka_unit_test(a_list_keeps_order_and_survives_removal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
