/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "messages/keep.h"
#include "messages/owed.h"
#include "messages/topic_tree.h"

static _Atomic int64_t last_number;

static struct mrl_subscription *find(const struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_map_node *n = mrl_map_find(&s->subscriptions, filter);

    return n == NULL ? NULL : MRL_CONTAINER(n, struct mrl_subscription, in_session);
}

/* $share/name/filter; false: an ordinary one, *plain is filter. MQTT 5.0 4.8.2 */
static bool split_share(mrl_bytes filter, mrl_bytes *name, mrl_bytes *plain)
{
    static const mrl_bytes prefix = MRL_LIT_INIT("$share/");
    mrl_bytes rest = mrl_bytes_sub(filter, prefix.len, filter.len);

    if (mrl_bytes_starts(filter, prefix) && mrl_bytes_split(rest, '/', name, plain))
        return true;
    *name = MRL_BYTES_NONE;
    *plain = filter;
    return false;
}

static struct mrl_subscription *add(struct mrl_session *s, mrl_bytes filter,
                                    const struct mrl_subscribe_options *o)
{
    mrl_bytes share, plain;
    struct mrl_subscription *subscription = calloc(1, sizeof(*subscription) + filter.len);

    if (subscription == NULL)
        abort();
    memcpy(subscription->filter, filter.data, filter.len);
    subscription->options = *o;
    subscription->number = atomic_fetch_add(&last_number, 1) + 1;
    subscription->subscriber.session = s;
    subscription->in_session.key = mrl_bytes_of(subscription->filter, filter.len);
    mrl_map_insert(&s->subscriptions, &subscription->in_session);
    subscription->shared = split_share(filter, &share, &plain);
    mrl_routes_add(s->hub->routes, s->hub->index, plain, share, &subscription->subscriber.entry);
    mrl_routes_set_ready(&subscription->subscriber.entry, s->started);
    s->shared_count += subscription->shared;
    return subscription;
}

static void drop(struct mrl_session *s, struct mrl_subscription *subscription)
{
    mrl_owed_forget(subscription);
    mrl_routes_remove(s->hub->routes, &subscription->subscriber.entry);
    mrl_map_remove(&s->subscriptions, &subscription->in_session);
    s->shared_count -= subscription->shared;
    free(subscription);
}

/* A replaced subscription that asks for none because it is not new goes on getting what it was
 * owed; owed.c ends it for one that wants none at all. */
static void owe_retained(struct mrl_session *s, struct mrl_subscription *to, bool existed)
{
    uint8_t handling = to->options.retain_handling;
    bool wanted = handling == MRL_RETAINED_ALWAYS || (handling == MRL_RETAINED_IF_NEW && !existed);

    if (wanted && !to->shared) /* MQTT 5.0 4.8.2: a share gets none of them */
        mrl_owed_begin(s, to);
}

mrl_err mrl_session_subscribe(struct mrl_session *s, mrl_bytes filter,
                              const struct mrl_subscribe_options *o, bool *existed)
{
    struct mrl_subscription *old = find(s, filter), *subscription;

    *existed = old != NULL;
    if (old != NULL) { /* MQTT 5.0 3.8.4-3 */
        old->options = *o;
        mrl_keep_subscription(s, old, false);
        owe_retained(s, old, /*existed=*/true);
        return MRL_OK;
    }
    MRL_ENSURE(filter.len > 0 && mrl_topic_levels(filter) <= MRL_TOPIC_LEVELS_MAX, MRL_ERR_INVALID);
    MRL_ENSURE(s->subscriptions.count < s->limits.subscriptions, MRL_ERR_LIMIT);
    subscription = add(s, filter, o);
    mrl_keep_subscription(s, subscription, false);
    owe_retained(s, subscription, /*existed=*/false);
    return MRL_OK;
}

static void on_match(struct mrl_topic_entry *e, void *context)
{
    (void)e;
    *(bool *)context = true;
}

static uint64_t share_if_matches(const struct mrl_subscription *one,
                                 const struct mrl_topic_tree *topic)
{
    mrl_bytes name, plain;
    bool matches = false;

    if (one->shared && split_share(one->in_session.key, &name, &plain))
        mrl_topic_tree_select(topic, plain, on_match, &matches);
    return matches ? mrl_route_entry_share(&one->subscriber.entry) : 0;
}

uint64_t mrl_subscriptions_share(struct mrl_session *s, mrl_bytes topic)
{
    struct mrl_topic_tree tree = {0};
    struct mrl_topic_entry entry = {0};
    uint64_t share = 0;

    mrl_topic_tree_add(&tree, topic, &entry);
    for (struct mrl_map_node *n = NULL;
         share == 0 && (n = mrl_map_next(&s->subscriptions, n)) != NULL;)
        share = share_if_matches(MRL_CONTAINER(n, struct mrl_subscription, in_session), &tree);
    mrl_topic_tree_remove(&tree, &entry);
    return share;
}

void mrl_subscription_restore(struct mrl_session *s, mrl_bytes filter,
                              const struct mrl_subscribe_options *o)
{
    struct mrl_subscription *subscription = add(s, filter, o);

    subscription->stored = *o;
    subscription->is_stored = true;
}

void mrl_subscription_restore_owed(struct mrl_session *s, mrl_bytes filter, uint64_t passed,
                                   uint64_t until)
{
    struct mrl_subscription *subscription = find(s, filter);

    if (subscription != NULL && !subscription->shared && subscription->owed == NULL)
        mrl_owed_restore(s, subscription, passed, until);
}

void mrl_subscription_restore_early(struct mrl_session *s, mrl_bytes filter, uint64_t number)
{
    struct mrl_subscription *subscription = find(s, filter);

    if (subscription != NULL && subscription->owed != NULL)
        mrl_owed_restore_early(subscription->owed, number);
}

mrl_err mrl_session_unsubscribe(struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_subscription *subscription = find(s, filter);

    MRL_ENSURE(subscription != NULL, MRL_ERR_NOT_FOUND);
    mrl_keep_subscription_gone(s, filter);
    drop(s, subscription);
    return MRL_OK;
}

/* What the store refused was answered with a failure, which leaves the former one as it was
 * [MQTT-3.8.4-3]. Decided with the last of several: those before it hold no longer anyway. */
void mrl_subscription_settled(struct mrl_session *s, mrl_bytes filter, int64_t number,
                              const struct mrl_subscribe_options *taken)
{
    struct mrl_subscription *subscription = find(s, filter);

    if (subscription == NULL || subscription->number != number)
        return;
    if (taken != NULL) {
        subscription->stored = *taken;
        subscription->is_stored = true;
        mrl_owed_taken(subscription);
    }
    if (--subscription->undecided > 0)
        return;
    if (!subscription->is_stored) {
        drop(s, subscription);
        return;
    }
    subscription->options = subscription->stored;
    if (taken == NULL)
        mrl_owed_refused(subscription);
}

void mrl_session_send_retained(struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_subscription *subscription = find(s, filter);

    if (subscription != NULL)
        mrl_owed_open(s, subscription);
}

bool mrl_session_send(struct mrl_session *s, const struct mrl_publication *p)
{
    const struct mrl_subscription *subscription = find(s, p->topic);
    struct mrl_hit hit = {0};
    uint32_t identifier;

    if (subscription == NULL)
        return false;
    identifier = subscription->options.identifier;
    hit.qos = subscription->options.qos;
    hit.identifiers = &identifier;
    hit.identifier_count = identifier != 0;
    mrl_deliver(s, p, &hit, /*retain=*/false);
    mrl_keep_forget_message(s->hub);
    return true;
}

void mrl_subscriptions_clear(struct mrl_session *s)
{
    for (struct mrl_map_node *n; (n = mrl_map_next(&s->subscriptions, NULL)) != NULL;)
        drop(s, MRL_CONTAINER(n, struct mrl_subscription, in_session));
    mrl_map_done(&s->subscriptions);
}

void mrl_subscriptions_set_ready(struct mrl_session *s, bool ready)
{
    struct mrl_map_node *n = NULL;

    if (ready)
        mrl_owed_back(s);
    else
        mrl_owed_left(s);
    if (s->shared_count == 0)
        return;
    while ((n = mrl_map_next(&s->subscriptions, n)) != NULL)
        mrl_routes_set_ready(
            &MRL_CONTAINER(n, struct mrl_subscription, in_session)->subscriber.entry, ready);
}

void mrl_subscription_set_full(struct mrl_subscription *subscription)
{
    mrl_routes_set_full(&subscription->subscriber.entry, /*full=*/true);
    subscription->subscriber.session->shares_full = true;
}

void mrl_subscriptions_have_room(struct mrl_session *s)
{
    struct mrl_map_node *n = NULL;

    if (!s->shares_full)
        return;
    s->shares_full = false;
    while ((n = mrl_map_next(&s->subscriptions, n)) != NULL)
        mrl_routes_set_full(
            &MRL_CONTAINER(n, struct mrl_subscription, in_session)->subscriber.entry,
            /*full=*/false);
}

void mrl_subscriptions_rejudge(struct mrl_session *s)
{
    const struct mrl_hub_hooks *hooks = &s->hub->hooks;
    struct mrl_map_node *next;

    for (struct mrl_map_node *n = mrl_map_next(&s->subscriptions, NULL); n != NULL; n = next) {
        struct mrl_subscription *subscription =
            MRL_CONTAINER(n, struct mrl_subscription, in_session);
        struct mrl_hub_question question = {
            .action = MRL_HUB_SUBSCRIBE, .name = n->key, .qos = subscription->options.qos};

        next = mrl_map_next(&s->subscriptions, n);
        if (!hooks->may(hooks->context, s, &question)) {
            mrl_keep_subscription_gone(s, n->key);
            drop(s, subscription);
        } else if (question.qos != subscription->options.qos) {
            subscription->options.qos = question.qos; /* the policy gives less now */
            mrl_keep_subscription(s, subscription, true);
        }
    }
}
