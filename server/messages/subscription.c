/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "messages/internal.h"
#include "messages/topic_tree.h"

static struct mrl_subscription *find(const struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_map_node *n = mrl_map_find(&s->subscriptions, filter);

    return n == NULL ? NULL : MRL_CONTAINER(n, struct mrl_subscription, in_session);
}

static void add(struct mrl_session *s, mrl_bytes filter, const struct mrl_subscribe_options *o)
{
    struct mrl_subscription *subscription = calloc(1, sizeof(*subscription) + filter.len);

    if (subscription == NULL)
        abort();
    memcpy(subscription->filter, filter.data, filter.len);
    subscription->options = *o;
    subscription->subscriber.session = s;
    subscription->in_session.key = mrl_bytes_of(subscription->filter, filter.len);
    mrl_map_insert(&s->subscriptions, &subscription->in_session);
    mrl_routes_add(s->hub->routes, s->hub->index, filter, /*share=*/MRL_BYTES_NONE,
                   &subscription->subscriber.entry);
}

static void drop(struct mrl_session *s, struct mrl_subscription *subscription)
{
    mrl_routes_remove(s->hub->routes, &subscription->subscriber.entry);
    mrl_map_remove(&s->subscriptions, &subscription->in_session);
    free(subscription);
}

mrl_err mrl_session_subscribe(struct mrl_session *s, mrl_bytes filter,
                              const struct mrl_subscribe_options *o, bool *existed)
{
    struct mrl_subscription *old = find(s, filter);

    *existed = old != NULL;
    if (old != NULL) { /* MQTT 5.0 3.8.4-3 */
        old->options = *o;
        return MRL_OK;
    }
    MRL_ENSURE(filter.len > 0 && mrl_topic_levels(filter) <= MRL_TOPIC_LEVELS_MAX, MRL_ERR_INVALID);
    MRL_ENSURE(s->subscriptions.count < s->limits.subscriptions, MRL_ERR_LIMIT);
    add(s, filter, o);
    return MRL_OK;
}

mrl_err mrl_session_unsubscribe(struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_subscription *subscription = find(s, filter);

    MRL_ENSURE(subscription != NULL, MRL_ERR_NOT_FOUND);
    drop(s, subscription);
    return MRL_OK;
}

void mrl_session_send_retained(struct mrl_session *s, mrl_bytes filter)
{
    const struct mrl_subscription *subscription = find(s, filter);
    struct mrl_publication **found;
    struct mrl_hit hit = {0};
    uint32_t identifier;
    size_t count;

    if (subscription == NULL)
        return;
    identifier = subscription->options.identifier;
    hit.qos = subscription->options.qos;
    hit.identifiers = &identifier;
    hit.identifier_count = identifier != 0;
    count = mrl_retained_select(s->hub->retained, filter, mrl_monotonic_ms(), &found);
    for (size_t i = 0; i < count; i++) {
        mrl_deliver(s, found[i], &hit, /*retain=*/true); /* MQTT 5.0 3.3.1-8 */
        mrl_publication_unref(found[i]);
    }
    free(found);
}

void mrl_subscriptions_clear(struct mrl_session *s)
{
    for (struct mrl_map_node *n; (n = mrl_map_next(&s->subscriptions, NULL)) != NULL;)
        drop(s, MRL_CONTAINER(n, struct mrl_subscription, in_session));
    mrl_map_done(&s->subscriptions);
}

void mrl_subscriptions_rejudge(struct mrl_session *s)
{
    const struct mrl_hub_hooks *hooks = &s->hub->hooks;
    struct mrl_map_node *next;

    for (struct mrl_map_node *n = mrl_map_next(&s->subscriptions, NULL); n != NULL; n = next) {
        struct mrl_subscription *subscription =
            MRL_CONTAINER(n, struct mrl_subscription, in_session);

        next = mrl_map_next(&s->subscriptions, n);
        if (!hooks->may(hooks->context, s, MRL_HUB_SUBSCRIBE, n->key))
            drop(s, subscription);
    }
}
