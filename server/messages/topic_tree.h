/* SPDX-License-Identifier: Apache-2.0 */
/* A tree over topic levels. Layer: messages. Thread: one owner (the caller locks when it shares).
 * It holds entries under topic names or filters and answers both questions:
 *   match:  which stored filters match this topic name?   (subscriptions; MQTT 5.0 4.7)
 *   select: which stored topic names match this filter?   (retained messages)
 * Cost is the number of levels times the branches that exist, never the number of entries
 * elsewhere. */
#ifndef MRL_MESSAGES_TOPIC_TREE_H
#define MRL_MESSAGES_TOPIC_TREE_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"

/* Walks recurse once per level: doors refuse topics and filters with more. */
enum { MRL_TOPIC_LEVELS_MAX = 128 };

struct mrl_topic_node {
    struct mrl_map_node in_parent;
    struct mrl_topic_node *parent;
    struct mrl_map children; /* by level, "+" and "#" included */
    struct mrl_list entries; /* struct mrl_topic_entry */
    char level[];
};

/* Embedded in what is stored; one entry is under one name at a time. */
struct mrl_topic_entry {
    struct mrl_list link;
    struct mrl_topic_node *node; /* NULL: in no tree */
};

struct mrl_topic_tree {
    struct mrl_topic_node *root; /* NULL while empty */
    size_t count;                /* entries */
};

/* Number of levels of a topic name or filter: slashes plus one. */
size_t mrl_topic_levels(mrl_bytes name);

/* name is copied level by level. It has at most MRL_TOPIC_LEVELS_MAX levels. */
void mrl_topic_tree_add(struct mrl_topic_tree *t, mrl_bytes name, struct mrl_topic_entry *e);
void mrl_topic_tree_remove(struct mrl_topic_tree *t,
                           struct mrl_topic_entry *e); /* no-op: in no tree */
/* The entry stored first under exactly this name, or NULL. */
struct mrl_topic_entry *mrl_topic_tree_find(const struct mrl_topic_tree *t, mrl_bytes name);

/* Called once per entry; it must not change the tree. */
typedef void mrl_topic_visit(struct mrl_topic_entry *e, void *context);
void mrl_topic_tree_match(const struct mrl_topic_tree *t, mrl_bytes topic, mrl_topic_visit *visit,
                          void *context);
void mrl_topic_tree_select(const struct mrl_topic_tree *t, mrl_bytes filter, mrl_topic_visit *visit,
                           void *context);
/* Passes at most *left nodes and takes off those that it passed; false: there are more. */
bool mrl_topic_tree_select_within(const struct mrl_topic_tree *t, mrl_bytes filter, size_t *left,
                                  mrl_topic_visit *visit, void *context);

#endif
