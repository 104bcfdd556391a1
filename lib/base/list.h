/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive circular doubly linked list. Layer: base. Thread: one owner.
 * An initialised node that is in no list points at itself, so removing twice is harmless. */
#ifndef MRL_BASE_LIST_H
#define MRL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct mrl_list {
    struct mrl_list *next;
    struct mrl_list *prev;
};

static inline void mrl_list_init(struct mrl_list *l)
{
    l->next = l->prev = l;
}
static inline bool mrl_list_empty(const struct mrl_list *l)
{
    return l->next == l;
}
static inline void mrl_list_add(struct mrl_list *head, struct mrl_list *node) /* at the end */
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
static inline void mrl_list_add_front(struct mrl_list *head, struct mrl_list *node)
{
    mrl_list_add(head->next, node);
}
static inline void mrl_list_remove(struct mrl_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    mrl_list_init(node);
}
static inline struct mrl_list *mrl_list_pop(struct mrl_list *head) /* the first, or NULL */
{
    struct mrl_list *first = head->next;

    if (first == head)
        return NULL;
    mrl_list_remove(first);
    return first;
}

/* `it` may be removed or freed in the body. */
#define MRL_LIST_EACH(it, head, type, member)                            \
    for (type *it = MRL_CONTAINER((head)->next, type, member),           \
              *it##_next = MRL_CONTAINER(it->member.next, type, member); \
         &it->member != (head);                                          \
         it = it##_next, it##_next = MRL_CONTAINER(it->member.next, type, member))

#endif
