/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/queue.h"

#include <stdlib.h>
#include <string.h>

void mrl_queue_init(struct mrl_queue *q)
{
    *q = (struct mrl_queue){.items = calloc(MRL_QUEUE_MAX, sizeof(struct mrl_queue_item))};
    if (q->items == NULL)
        abort();
}

void mrl_queue_done(struct mrl_queue *q)
{
    free(q->items);
    *q = (struct mrl_queue){0};
}

static struct mrl_queue_item *at(const struct mrl_queue *q, size_t i)
{
    return &q->items[(q->first + i) % MRL_QUEUE_MAX];
}

static void drop_first(struct mrl_queue *q)
{
    q->first = (q->first + 1) % MRL_QUEUE_MAX;
    q->count--;
}

bool mrl_queue_add(struct mrl_queue *q, mrl_bytes data)
{
    struct mrl_queue_item *item;

    if (data.len > MRL_QUEUE_ITEM_MAX)
        return false;
    if (q->count == MRL_QUEUE_MAX) {
        drop_first(q);
        q->dropped++;
    }
    item = at(q, q->count++);
    *item = (struct mrl_queue_item){.len = (uint16_t)data.len};
    if (data.len > 0)
        memcpy(item->data, data.data, data.len);
    return true;
}

struct mrl_queue_item *mrl_queue_next(struct mrl_queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        if (!at(q, i)->sent && !at(q, i)->done)
            return at(q, i);
    return NULL;
}

bool mrl_queue_acknowledge(struct mrl_queue *q, uint16_t packet_id)
{
    bool found = false;

    for (size_t i = 0; i < q->count && !found; i++) {
        struct mrl_queue_item *item = at(q, i);

        found = item->sent && !item->done && item->packet_id == packet_id;
        item->done = item->done || found;
    }
    while (q->count > 0 && at(q, 0)->done)
        drop_first(q);
    return found;
}

void mrl_queue_rewind(struct mrl_queue *q, bool session_present)
{
    for (size_t i = 0; i < q->count; i++) {
        at(q, i)->sent = false;
        if (!session_present)
            at(q, i)->packet_id = 0;
    }
}
