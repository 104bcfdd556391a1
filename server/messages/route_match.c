/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "messages/route_internal.h"
#include "messages/topic_tree.h"

struct level {
    mrl_bytes text;
    uint64_t hash;
};

/* One walk down from the root. Its levels are split and hashed once, however many branches ask. */
struct walk {
    const struct mrl_route_table *table;
    const struct mrl_route_visitor *visitor;
    unsigned worker;
    unsigned count;
    struct level levels[MRL_TOPIC_LEVELS_MAX];
};

static void split(struct walk *w, mrl_bytes topic)
{
    mrl_bytes rest = topic;
    bool more = true;

    while (more && w->count < MRL_TOPIC_LEVELS_MAX) {
        struct level *l = &w->levels[w->count++];

        more = mrl_bytes_split(rest, '/', &l->text, &rest);
        l->hash = mrl_hash(l->text);
    }
}

static void visit_stakes(const struct walk *w, const struct mrl_route_node *n)
{
    const struct mrl_route_visitor *v = w->visitor;
    struct mrl_route_stake *s = atomic_load_explicit(&n->stakes, memory_order_acquire);

    for (; s != NULL; s = atomic_load_explicit(&s->next, memory_order_acquire)) {
        if (s->worker != w->worker) {
            v->other(s->worker, v->context);
            continue;
        }
        MRL_LIST_EACH(e, &s->entries, struct mrl_route_entry, link)
        v->mine(e, v->context);
    }
}

static void visit(const struct walk *w, const struct mrl_route_node *n)
{
    const struct mrl_route_share *s;

    if (n == NULL)
        return;
    visit_stakes(w, n);
    s = atomic_load_explicit(&n->shares, memory_order_acquire);
    for (; s != NULL; s = atomic_load_explicit(&s->next, memory_order_acquire))
        w->visitor->share(s, w->visitor->context);
}

static const struct mrl_route_node *child(const struct walk *w, const struct mrl_route_node *n,
                                          unsigned depth)
{
    const struct level *l = &w->levels[depth];

    if (atomic_load_explicit(&n->children, memory_order_acquire) == 0)
        return NULL;
    return mrl_route_table_find(w->table, n, l->text, l->hash);
}

/* Wildcards never match a first level that starts with "$". MQTT 5.0 4.7.2 */
static void match_from(const struct walk *w, const struct mrl_route_node *n, unsigned depth)
{
    mrl_bytes first = w->levels[0].text;
    bool wild = depth > 0 || first.len == 0 || first.data[0] != '$';
    const struct mrl_route_node *next;

    if (wild) /* "a/#" matches "a" too. MQTT 5.0 4.7.1.2 */
        visit(w, atomic_load_explicit(&n->all, memory_order_acquire));
    if (depth == w->count) {
        visit(w, n);
        return;
    }
    next = child(w, n, depth);
    if (next != NULL)
        match_from(w, next, depth + 1);
    next = wild ? atomic_load_explicit(&n->one, memory_order_acquire) : NULL;
    if (next != NULL)
        match_from(w, next, depth + 1);
}

void mrl_routes_match(const struct mrl_routes *r, unsigned worker, mrl_bytes topic,
                      const struct mrl_route_visitor *v)
{
    struct walk w;

    w.table = &r->table;
    w.visitor = v;
    w.worker = worker;
    w.count = 0;
    split(&w, topic);
    mrl_rcu_read_begin();
    match_from(&w, &r->root, 0);
    mrl_rcu_read_end();
}
