/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/topic_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const mrl_bytes one_level = MRL_LIT_INIT("+");
static const mrl_bytes all_levels = MRL_LIT_INIT("#");

size_t mrl_topic_levels(mrl_bytes name)
{
    size_t levels = 1;

    for (size_t i = 0; i < name.len; i++)
        levels += name.data[i] == '/';
    return levels;
}

static struct mrl_topic_node *node_new(struct mrl_topic_node *parent, mrl_bytes level)
{
    struct mrl_topic_node *n = calloc(1, sizeof(*n) + level.len);

    if (n == NULL)
        abort();
    if (level.len > 0)
        memcpy(n->level, level.data, level.len);
    n->parent = parent;
    n->in_parent.key = mrl_bytes_of(n->level, level.len);
    mrl_list_init(&n->entries);
    if (parent != NULL)
        mrl_map_insert(&parent->children, &n->in_parent);
    return n;
}

static struct mrl_topic_node *child(const struct mrl_topic_node *n, mrl_bytes level)
{
    struct mrl_map_node *found = mrl_map_find(&n->children, level);

    return found == NULL ? NULL : MRL_CONTAINER(found, struct mrl_topic_node, in_parent);
}

/* Takes the first level off *rest; false when there was none left. The text "a/" has two levels:
 * "a" and "". */
struct levels {
    mrl_bytes rest;
    bool more;
};

static bool next_level(struct levels *l, mrl_bytes *level)
{
    mrl_bytes tail;

    if (!l->more)
        return false;
    l->more = mrl_bytes_split(l->rest, '/', level, &tail);
    l->rest = tail;
    return true;
}

void mrl_topic_tree_add(struct mrl_topic_tree *t, mrl_bytes name, struct mrl_topic_entry *e)
{
    struct levels levels = {name, true};
    struct mrl_topic_node *n;
    mrl_bytes level;

    assert(e->node == NULL && mrl_topic_levels(name) <= MRL_TOPIC_LEVELS_MAX);
    if (t->root == NULL)
        t->root = node_new(NULL, MRL_BYTES_NONE);
    n = t->root;
    while (next_level(&levels, &level)) {
        struct mrl_topic_node *next = child(n, level);

        n = next != NULL ? next : node_new(n, level);
    }
    e->node = n;
    mrl_list_add(&n->entries, &e->link);
    t->count++;
}

/* Frees n and every parent that holds nothing any more. */
static void prune(struct mrl_topic_tree *t, struct mrl_topic_node *n)
{
    while (n != NULL && mrl_list_empty(&n->entries) && n->children.count == 0) {
        struct mrl_topic_node *parent = n->parent;

        if (parent != NULL)
            mrl_map_remove(&parent->children, &n->in_parent);
        else
            t->root = NULL;
        mrl_map_done(&n->children);
        free(n);
        n = parent;
    }
}

void mrl_topic_tree_remove(struct mrl_topic_tree *t, struct mrl_topic_entry *e)
{
    struct mrl_topic_node *n = e->node;

    if (n == NULL)
        return;
    mrl_list_remove(&e->link);
    e->node = NULL;
    t->count--;
    prune(t, n);
}

struct mrl_topic_entry *mrl_topic_tree_find(const struct mrl_topic_tree *t, mrl_bytes name)
{
    struct levels levels = {name, true};
    const struct mrl_topic_node *n = t->root;
    mrl_bytes level;

    while (n != NULL && next_level(&levels, &level))
        n = child(n, level);
    if (n == NULL || mrl_list_empty(&n->entries))
        return NULL;
    return MRL_CONTAINER(n->entries.next, struct mrl_topic_entry, link);
}

struct walk {
    mrl_topic_visit *visit;
    void *context;
    size_t *left; /* nodes that may be passed; NULL: any number */
};

static bool may_pass(const struct walk *w)
{
    if (w->left == NULL)
        return true;
    if (*w->left == 0)
        return false;
    (*w->left)--;
    return true;
}

static void visit_entries(const struct walk *w, const struct mrl_topic_node *n)
{
    if (n == NULL)
        return;
    MRL_LIST_EACH(e, &n->entries, struct mrl_topic_entry, link)
    w->visit(e, w->context);
}

/* `wild`: wildcards may match at this level. They never match a first level that starts with "$".
 * MQTT 4.7.2 */
static void match_from(const struct walk *w, const struct mrl_topic_node *n, struct levels rest,
                       bool wild)
{
    mrl_bytes level;
    const struct mrl_topic_node *next;

    if (wild)
        visit_entries(w, child(n, all_levels)); /* "a/#" matches "a" too. MQTT 4.7.1.2 */
    if (!next_level(&rest, &level)) {
        visit_entries(w, n);
        return;
    }
    next = child(n, level);
    if (next != NULL)
        match_from(w, next, rest, true);
    next = wild ? child(n, one_level) : NULL;
    if (next != NULL)
        match_from(w, next, rest, true);
}

void mrl_topic_tree_match(const struct mrl_topic_tree *t, mrl_bytes topic, mrl_topic_visit *visit,
                          void *context)
{
    const struct walk w = {visit, context, NULL};

    if (t->root != NULL)
        match_from(&w, t->root, (struct levels){topic, true},
                   topic.len > 0 && topic.data[0] != '$');
}

static bool is_hidden(const struct mrl_topic_node *n)
{
    return n->parent->parent == NULL && n->in_parent.key.len > 0 && n->level[0] == '$';
}

/* These give false when they had to stop. */
static bool visit_below(const struct walk *w, const struct mrl_topic_node *n)
{
    bool whole = may_pass(w);

    if (whole)
        visit_entries(w, n);
    for (struct mrl_map_node *m = NULL; whole && (m = mrl_map_next(&n->children, m)) != NULL;) {
        const struct mrl_topic_node *c = MRL_CONTAINER(m, struct mrl_topic_node, in_parent);

        whole = is_hidden(c) || visit_below(w, c);
    }
    return whole;
}

static bool select_from(const struct walk *w, const struct mrl_topic_node *n, struct levels rest);

static bool select_each(const struct walk *w, const struct mrl_topic_node *n, struct levels rest)
{
    bool whole = true;

    for (struct mrl_map_node *m = NULL; whole && (m = mrl_map_next(&n->children, m)) != NULL;) {
        const struct mrl_topic_node *c = MRL_CONTAINER(m, struct mrl_topic_node, in_parent);

        whole = is_hidden(c) || select_from(w, c, rest);
    }
    return whole;
}

static bool select_from(const struct walk *w, const struct mrl_topic_node *n, struct levels rest)
{
    const struct mrl_topic_node *next;
    mrl_bytes level;

    if (!may_pass(w))
        return false;
    if (!next_level(&rest, &level)) {
        visit_entries(w, n);
        return true;
    }
    if (mrl_bytes_eq(level, all_levels))
        return visit_below(w, n);
    if (mrl_bytes_eq(level, one_level))
        return select_each(w, n, rest);
    next = child(n, level);
    return next == NULL || select_from(w, next, rest);
}

void mrl_topic_tree_select(const struct mrl_topic_tree *t, mrl_bytes filter, mrl_topic_visit *visit,
                           void *context)
{
    const struct walk w = {visit, context, NULL};

    if (t->root != NULL)
        (void)select_from(&w, t->root, (struct levels){filter, true}); /* nothing stops it */
}

bool mrl_topic_tree_select_within(const struct mrl_topic_tree *t, mrl_bytes filter, size_t *left,
                                  mrl_topic_visit *visit, void *context)
{
    const struct walk w = {visit, context, left};

    return t->root == NULL || select_from(&w, t->root, (struct levels){filter, true});
}
