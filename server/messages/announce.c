/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/announce.h"

#include "base/clock.h"
#include "base/writer.h"
#include "messages/keep.h"
#include "messages/topic_tree.h"

enum { TOPIC_MAX = 512 };

/* NULL: no topic of that length; ids and names of ours are shorter. */
static struct mrl_publication *publication_of(const struct mrl_announcement *a)
{
    uint8_t topic[TOPIC_MAX];
    struct mrl_writer w = mrl_writer_on(topic, sizeof(topic));
    struct mrl_publication p = {.payload = a->payload,
                                .content_type = a->content_type,
                                .has_content_type = a->content_type.len > 0,
                                .qos = 1};

    mrl_put_text(&w, "$merlon/devices/");
    mrl_put_bytes(&w, a->device);
    mrl_put_u8(&w, '/');
    mrl_put_bytes(&w, a->name);
    if (mrl_writer_end(&w, &p.topic) != MRL_OK)
        return NULL;
    p.expires_ms = a->life_ms > 0 ? mrl_monotonic_ms() + a->life_ms : 0;
    return mrl_publication_new(&p);
}

bool mrl_announce(struct mrl_hub *h, const struct mrl_announcement *a)
{
    struct mrl_publication *p = publication_of(a);
    bool receivers = false;

    if (p == NULL)
        return false;
    (void)mrl_hub_publish(h, p, &receivers); /* fails only for what is to be retained */
    mrl_publication_unref(p);
    return receivers;
}

static void on_match(struct mrl_topic_entry *e, void *context)
{
    (void)e;
    *(bool *)context = true;
}

static bool deliver(struct mrl_session *s, const struct mrl_topic_tree *topic,
                    const struct mrl_subscription *subscription, const struct mrl_publication *p,
                    bool retain)
{
    uint32_t identifier = subscription->options.identifier;
    struct mrl_hit hit = {.qos = subscription->options.qos,
                          .identifiers = &identifier,
                          .identifier_count = identifier != 0};
    bool matches = false;

    if (!subscription->shared)
        mrl_topic_tree_select(topic, subscription->in_session.key, on_match, &matches);
    if (!matches)
        return false;
    mrl_deliver(s, p, &hit, retain);
    mrl_keep_forget_message(s->hub);
    return true;
}

/* The first subscription that matches, whichever: one message is enough. */
static bool deliver_any(struct mrl_session *s, mrl_bytes filter, const struct mrl_publication *p)
{
    struct mrl_topic_tree topic = {0};
    struct mrl_topic_entry entry = {0};
    bool delivered = false;

    mrl_topic_tree_add(&topic, p->topic, &entry);
    for (struct mrl_map_node *n = NULL;
         !delivered && (n = mrl_map_next(&s->subscriptions, n)) != NULL;)
        if (filter.len == 0 || mrl_bytes_eq(filter, n->key))
            delivered = deliver(s, &topic, MRL_CONTAINER(n, struct mrl_subscription, in_session), p,
                                /*retain=*/filter.len > 0);
    mrl_topic_tree_remove(&topic, &entry);
    return delivered;
}

bool mrl_announce_to(struct mrl_session *s, mrl_bytes filter, const struct mrl_announcement *a)
{
    struct mrl_publication *p = publication_of(a);
    bool delivered;

    if (p == NULL)
        return false;
    delivered = deliver_any(s, filter, p);
    mrl_publication_unref(p);
    return delivered;
}
