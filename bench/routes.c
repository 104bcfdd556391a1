/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to find who wants a message, in the table that all workers share, with a thousand
 * and with a million filters of devices. Yardstick: the same in a topic tree of one thread. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rcu.h"
#include "messages/route.h"
#include "messages/topic_tree.h"

enum { SMALL = 1000, LARGE = 1000000, LOOKS = 2000000, WORKERS = 4 };
static const double budget = 1.0;

struct subscriber {
    struct mrl_route_entry in_routes;
    struct mrl_topic_entry in_tree;
};

static struct subscriber subscribers[LARGE + 2];
static char topics[4096][48]; /* of devices all over the table */
static unsigned found;

static void on_mine(struct mrl_route_entry *e, void *context)
{
    (void)e;
    (void)context;
    found++;
}

static void on_other(unsigned worker, void *context)
{
    (void)worker;
    (void)context;
    found++;
}

static void on_share(const struct mrl_route_share *s, void *context)
{
    (void)s;
    (void)context;
    found++;
}

static void on_entry(struct mrl_topic_entry *e, void *context)
{
    (void)e;
    (void)context;
    found++;
}

static double cpu_ns(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
        abort();
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static const char *filter_of(size_t i)
{
    static char text[48];

    (void)snprintf(text, sizeof(text), "devices/device-%07zu/#", i);
    return i < LARGE ? text : i == LARGE ? "devices/+/up" : "$SYS/#";
}

static double look_routes(const struct mrl_routes *r)
{
    const struct mrl_route_visitor v = {on_mine, on_other, on_share, NULL};
    double start = cpu_ns();

    for (size_t i = 0; i < LOOKS; i++)
        mrl_routes_match(r, 0, mrl_str(topics[i % MRL_COUNT(topics)]), &v);
    return (cpu_ns() - start) / LOOKS;
}

static double look_tree(const struct mrl_topic_tree *t)
{
    double start = cpu_ns();

    for (size_t i = 0; i < LOOKS; i++)
        mrl_topic_tree_match(t, mrl_str(topics[i % MRL_COUNT(topics)]), on_entry, NULL);
    return (cpu_ns() - start) / LOOKS;
}

static double look_both(size_t count, double *yardstick)
{
    struct mrl_topic_tree tree = {0};
    struct mrl_routes *r = mrl_routes_new();
    size_t before = mallinfo2().uordblks, middle;
    double ns;

    for (size_t i = 0; i < count; i++)
        mrl_routes_add(r, i % WORKERS, mrl_str(filter_of(i)), MRL_BYTES_NONE,
                       &subscribers[i].in_routes);
    mrl_routes_add(r, 1, mrl_str(filter_of(LARGE)), MRL_BYTES_NONE, &subscribers[LARGE].in_routes);
    middle = mallinfo2().uordblks;
    for (size_t i = 0; i < count; i++)
        mrl_topic_tree_add(&tree, mrl_str(filter_of(i)), &subscribers[i].in_tree);
    mrl_topic_tree_add(&tree, mrl_str(filter_of(LARGE)), &subscribers[LARGE].in_tree);
    printf("%8zu filters: %4zu bytes each in the table, %4zu in a tree\n", count,
           (middle - before) / count, (mallinfo2().uordblks - middle) / count);
    for (size_t i = 0; i < MRL_COUNT(topics); i++)
        (void)snprintf(topics[i], sizeof(topics[i]), "devices/device-%07zu/up",
                       i * 7919 * 31 % count);
    ns = look_routes(r);
    *yardstick = look_tree(&tree);
    printf("%8zu filters: %4.0f ns a message in the table, %4.0f ns in a tree\n", count, ns,
           *yardstick);
    for (size_t i = 0; i < count; i++) {
        mrl_routes_remove(r, &subscribers[i].in_routes);
        mrl_topic_tree_remove(&tree, &subscribers[i].in_tree);
    }
    mrl_routes_remove(r, &subscribers[LARGE].in_routes);
    mrl_topic_tree_remove(&tree, &subscribers[LARGE].in_tree);
    mrl_routes_free(r);
    return ns;
}

int main(void)
{
    double yardstick, small, large;

    mrl_rcu_register();
    small = look_both(SMALL, &yardstick);
    large = look_both(LARGE, &yardstick);
    if (found != 4U * 2 * LOOKS)
        return 1;
    printf("a million against a thousand: %.2f\n", large / small);
    printf("ratio %.2f (budget %.2f)\n", large / yardstick, budget);
    return large / yardstick <= budget ? 0 : 1;
}
