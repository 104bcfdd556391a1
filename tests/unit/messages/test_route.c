/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/route.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/rcu.h"
#include "messages/topic_tree.h"
#include "tests/unit/unit.h"

enum { MINE = 0, OTHER = 1, THIRD = 2 };

struct seen {
    unsigned mine, others, shares;
    unsigned workers; /* bits */
};

static void count_mine(struct mrl_route_entry *e, void *context)
{
    (void)e;
    ((struct seen *)context)->mine++;
}

static void count_other(unsigned worker, void *context)
{
    struct seen *s = context;

    s->others++;
    s->workers |= 1U << worker;
}

static void count_share(const struct mrl_route_share *share, void *context)
{
    (void)share;
    ((struct seen *)context)->shares++;
}

static struct seen match(const struct mrl_routes *r, const char *topic)
{
    struct seen s = {0};
    const struct mrl_route_visitor v = {count_mine, count_other, count_share, &s};

    mrl_routes_match(r, MINE, mrl_str(topic), &v);
    return s;
}

static int set_up(void **state)
{
    mrl_rcu_register();
    *state = mrl_routes_new();
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(mrl_routes_count(*state), 0);
    mrl_routes_free(*state);
    return 0;
}

static void add(struct mrl_routes *r, unsigned worker, const char *filter,
                struct mrl_route_entry *e)
{
    mrl_routes_add(r, worker, mrl_str(filter), MRL_BYTES_NONE, e);
}

static void only_workers_with_a_matching_filter_are_named(void **state)
{
    struct mrl_routes *r = *state;
    struct mrl_route_entry e[4] = {0};
    struct seen s;

    add(r, OTHER, "devices/+/up", &e[0]);
    add(r, THIRD, "devices/d1/down", &e[1]);
    add(r, OTHER, "devices/+/up", &e[2]); /* one filter, two subscriptions: named once */
    add(r, MINE, "devices/#", &e[3]);
    s = match(r, "devices/d1/up");
    assert_int_equal(s.mine, 1);
    assert_int_equal(s.others, 1);
    assert_int_equal(s.workers, 1 << OTHER);
    s = match(r, "devices/d1/down");
    assert_int_equal(s.workers, 1 << THIRD);
    mrl_routes_remove(r, &e[0]);
    assert_int_equal(match(r, "devices/d2/up").workers, 1 << OTHER);
    mrl_routes_remove(r, &e[2]);
    assert_int_equal(match(r, "devices/d2/up").workers, 0);
    mrl_routes_remove(r, &e[2]); /* again: harmless */
    mrl_routes_remove(r, &e[1]);
    mrl_routes_remove(r, &e[3]);
}

static void a_filter_is_kept_once(void **state)
{
    struct mrl_routes *r = *state;
    static struct mrl_route_entry e[100];

    for (size_t i = 0; i < MRL_COUNT(e); i++)
        add(r, i % 3, "a/+/#", &e[i]);
    assert_int_equal(mrl_routes_count(r), 3); /* "a", "+", "#" */
    assert_int_equal(match(r, "a/b").mine, 34);
    assert_int_equal(match(r, "a").mine, 0);
    for (size_t i = 0; i < MRL_COUNT(e); i++)
        mrl_routes_remove(r, &e[i]);
}

static void shares_are_apart_from_each_other_and_from_the_rest(void **state)
{
    struct mrl_routes *r = *state;
    struct mrl_route_entry e[4] = {0};
    struct seen s;

    mrl_routes_add(r, MINE, MRL_LIT("a/#"), MRL_LIT("g1"), &e[0]);
    mrl_routes_add(r, OTHER, MRL_LIT("a/#"), MRL_LIT("g1"), &e[1]);
    mrl_routes_add(r, OTHER, MRL_LIT("a/#"), MRL_LIT("g2"), &e[2]);
    add(r, MINE, "a/#", &e[3]);
    s = match(r, "a/b");
    assert_int_equal(s.shares, 2);
    assert_int_equal(s.mine, 1);
    assert_int_equal(s.others, 0);
    mrl_routes_remove(r, &e[0]);
    assert_int_equal(match(r, "a/b").shares, 2);
    mrl_routes_remove(r, &e[1]);
    assert_int_equal(match(r, "a/b").shares, 1);
    mrl_routes_remove(r, &e[2]);
    mrl_routes_remove(r, &e[3]);
}

/* A choice among the members of the one share that matches. */
struct choice {
    bool queued, found;
    struct mrl_route_turn turn;
    struct mrl_route_entry *mine; /* NULL: the turn is on another worker */
};

static void choose(const struct mrl_route_share *share, void *context)
{
    struct choice *c = context;

    c->found = mrl_route_share_pick(share, c->queued, &c->turn);
    if (c->found && c->turn.worker == MINE)
        c->mine = mrl_route_share_next(share, c->queued, c->turn);
}

static struct choice chosen(const struct mrl_routes *r, bool queued)
{
    struct choice c = {.queued = queued};
    const struct mrl_route_visitor v = {count_mine, count_other, choose, &c};

    mrl_routes_match(r, MINE, MRL_LIT("a"), &v);
    return c;
}

static void who_has_room_is_chosen_before_who_is_full(void **state)
{
    struct mrl_route_entry here = {0}, there = {0}, away = {0};
    struct mrl_routes *r = *state;

    mrl_routes_add(r, MINE, MRL_LIT("a"), MRL_LIT("g"), &here);
    mrl_routes_add(r, OTHER, MRL_LIT("a"), MRL_LIT("g"), &there);
    mrl_routes_add(r, MINE, MRL_LIT("a"), MRL_LIT("g"), &away);
    mrl_routes_set_ready(&here, true);
    mrl_routes_set_ready(&there, true);
    mrl_routes_set_full(&here, true);
    for (int i = 0; i < 2; i++)
        assert_int_equal(chosen(r, /*queued=*/true).turn.worker, OTHER);
    mrl_routes_set_full(&there, true);
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(chosen(r, /*queued=*/true).mine, &away);
    assert_ptr_not_equal(chosen(r, /*queued=*/false).mine, &away);
    mrl_routes_set_full(&away, true);
    assert_ptr_not_equal(chosen(r, /*queued=*/true).mine, &away);
    mrl_routes_remove(r, &there);
    assert_ptr_equal(chosen(r, /*queued=*/true).mine, &here);
    mrl_routes_set_ready(&here, false);
    mrl_routes_set_full(&away, false);
    assert_ptr_equal(chosen(r, /*queued=*/true).mine, &away);
    mrl_routes_remove(r, &here);
    mrl_routes_remove(r, &away);
    assert_false(chosen(r, /*queued=*/true).found);
}

/* A random name over a tiny alphabet, so that collisions of every kind happen. */
static void random_name(char *to, const char *const *levels, uint32_t kinds)
{
    uint32_t count = 1 + mrl_random_below(4);
    size_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        const char *level = levels[mrl_random_below(kinds)];

        used += (size_t)snprintf(to + used, 32 - used, "%s%s", i > 0 ? "/" : "", level);
        if (strcmp(level, "#") == 0)
            break;
    }
    if (used == 0)
        (void)snprintf(to, 32, "a");
}

struct both {
    struct mrl_route_entry in_routes;
    struct mrl_topic_entry in_tree;
};

static void count_tree(struct mrl_topic_entry *e, void *context)
{
    (void)e;
    (*(unsigned *)context)++;
}

/* The tree holds the examples of the standard: test_topic_tree.c. */
static void it_matches_as_the_topic_tree_does(void **state)
{
    static const char *const levels[] = {"a", "", "$x", "b", "+", "#"};
    static struct both stored[500];
    struct mrl_topic_tree tree = {0};
    unsigned hits = 0;
    char name[32];

    for (size_t i = 0; i < MRL_COUNT(stored); i++) {
        random_name(name, levels, 6);
        add(*state, MINE, name, &stored[i].in_routes);
        mrl_topic_tree_add(&tree, mrl_str(name), &stored[i].in_tree);
    }
    for (size_t i = 0; i < MRL_COUNT(stored); i++) {
        for (int n = 0; n < 20; n++) {
            unsigned expected = 0;

            random_name(name, levels, 4);
            mrl_topic_tree_match(&tree, mrl_str(name), count_tree, &expected);
            assert_int_equal(match(*state, name).mine, expected);
            hits += expected;
        }
        mrl_routes_remove(*state, &stored[i].in_routes);
        mrl_topic_tree_remove(&tree, &stored[i].in_tree);
    }
    assert_true(hits > 1000);
}

static void it_grows_and_finds_everything(void **state)
{
    static struct mrl_route_entry e[5000];
    char name[32];

    for (size_t i = 0; i < MRL_COUNT(e); i++) {
        (void)snprintf(name, sizeof(name), "devices/%zu/#", i);
        add(*state, i % 2, name, &e[i]);
        if (i % 500 == 0)
            mrl_rcu_barrier(); /* it grows again only after readers have left */
    }
    for (size_t i = 0; i < MRL_COUNT(e); i++) {
        struct seen s;

        (void)snprintf(name, sizeof(name), "devices/%zu/x", i);
        s = match(*state, name);
        assert_int_equal(s.mine + s.others, 1);
        assert_int_equal(s.mine, i % 2 == MINE);
    }
    for (size_t i = 0; i < MRL_COUNT(e); i++)
        mrl_routes_remove(*state, &e[i]);
}

/* One thread of each kind: what stands is always found, what comes and goes disturbs nobody. */
struct crowd {
    struct mrl_routes *routes;
    unsigned worker;
    _Atomic bool *stop;
    bool failed;
};

static void *come_and_go(void *argument)
{
    struct crowd *c = argument;
    static _Thread_local struct mrl_route_entry e[600];
    char name[32];

    mrl_rcu_register();
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < MRL_COUNT(e); i++) {
            (void)snprintf(name, sizeof(name), "d/%zu/%u", i, i % 3 == 0 ? 9 : c->worker);
            mrl_routes_add(c->routes, c->worker, mrl_str(name),
                           i % 2 == 0 ? MRL_LIT("g") : MRL_BYTES_NONE, &e[i]);
        }
        for (size_t i = 0; i < MRL_COUNT(e); i++)
            mrl_routes_remove(c->routes, &e[i]);
    }
    return NULL;
}

static void *look(void *argument)
{
    struct crowd *c = argument;

    mrl_rcu_register();
    while (!atomic_load(c->stop)) {
        struct seen s = match(c->routes, "d/5/always");

        c->failed |= s.mine + s.others != 1 || s.shares != 0;
        (void)match(c->routes, "d/7/9");
    }
    return NULL;
}

static void readers_and_writers_do_not_disturb_each_other(void **state)
{
    _Atomic bool stop = false;
    struct crowd c[4] = {{*state, 1, &stop, false},
                         {*state, 2, &stop, false},
                         {*state, 3, &stop, false},
                         {*state, 4, &stop, false}};
    struct mrl_route_entry always = {0};
    pthread_t threads[4];

    add(*state, MINE, "d/+/always", &always);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? come_and_go : look, &c[i]), 0);
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            atomic_store(&stop, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(c[i].failed);
    }
    mrl_routes_remove(*state, &always);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_workers_with_a_matching_filter_are_named),
        CASE(a_filter_is_kept_once),
        CASE(shares_are_apart_from_each_other_and_from_the_rest),
        CASE(who_has_room_is_chosen_before_who_is_full),
        CASE(it_matches_as_the_topic_tree_does),
        CASE(it_grows_and_finds_everything),
        CASE(readers_and_writers_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
