/* SPDX-License-Identifier: Apache-2.0 */
/* What a session may hold. */
#include "messages/internal.h"

void mrl_session_take_limits(struct mrl_session *s)
{
    const struct mrl_hub *h = s->hub;

    s->limits = (struct mrl_session_limits){
        .subscriptions = h->limits->subscriptions_per_session,
        .queued_messages = h->limits->queued_messages,
        .queued_bytes = h->limits->queued_bytes,
        .in_flight = h->limits->in_flight,
        .retained_messages = SIZE_MAX,
        .retained_bytes = SIZE_MAX,
    };
    if (h->hooks.limits != NULL)
        h->hooks.limits(h->hooks.context, &s->key, &s->limits);
    mrl_subscriptions_have_room(s);
}

bool mrl_session_may_retain(const struct mrl_session *s, const struct mrl_publication *p)
{
    return !p->retain || mrl_retained_has_room(s->hub->retained, p, s->limits.retained_messages,
                                               s->limits.retained_bytes);
}

unsigned mrl_session_receive_maximum(const struct mrl_session *s)
{
    return s->receive_maximum;
}

unsigned mrl_session_most_subscriptions(const struct mrl_session *s)
{
    return s->limits.subscriptions;
}
