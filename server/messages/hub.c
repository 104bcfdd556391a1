/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/hub.h"

#include <stdlib.h>

#include "messages/keep.h"
#include "messages/owed.h"
#include "messages/topic_tree.h"

struct mrl_hub *mrl_hub_new(struct mrl_loop *loop, struct mrl_mailbox *mailbox, unsigned index,
                            struct mrl_retained *retained, struct mrl_routes *routes,
                            const struct mrl_hub_limits *limits, const struct mrl_hub_hooks *hooks)
{
    struct mrl_hub *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    h->loop = loop;
    h->mailbox = mailbox;
    h->index = index;
    h->retained = retained;
    h->routes = routes;
    h->limits = limits;
    h->hooks = *hooks;
    mrl_list_init(&h->owing);
    mrl_list_init(&h->ending);
    return h;
}

enum { SWEEP_MS = 1000 };

/* Retained messages are everybody's: one hub sees to their end. */
static void on_sweep(struct mrl_timer *t)
{
    struct mrl_hub *h = MRL_CONTAINER(t, struct mrl_hub, sweep);
    bool more = mrl_keep_expire_retained(h);

    mrl_loop_timer(h->loop, t, more ? 0 : SWEEP_MS);
}

void mrl_hub_join(struct mrl_hub *h, struct mrl_hub *const *hubs, unsigned count)
{
    h->hubs = hubs;
    h->hub_count = count;
    mrl_routing_init(h);
    h->sweep.fire = on_sweep;
    if (h->index == 0)
        mrl_loop_timer(h->loop, &h->sweep, SWEEP_MS);
}

void mrl_hub_free(struct mrl_hub *h)
{
    struct mrl_map_node *next;
    struct mrl_journal *journal;

    if (h == NULL)
        return;
    h->closing = true;
    mrl_timer_cancel(&h->sweep);
    journal = h->journal;
    h->journal = NULL; /* what ends with the process stays in the store */
    for (struct mrl_map_node *n = mrl_map_next(&h->sessions, NULL); n != NULL; n = next) {
        next = mrl_map_next(&h->sessions, n);
        mrl_session_end(MRL_CONTAINER(n, struct mrl_session, in_hub));
    }
    MRL_LIST_EACH(s, &h->ending, struct mrl_session, in_principal)
    mrl_session_go_on_ending(s);
    mrl_owed_done(h);
    mrl_keep_done(h);
    mrl_map_done(&h->sessions);
    mrl_map_done(&h->principals);
    mrl_routing_done(h);
    mrl_journal_free(journal);
    free(h);
}

size_t mrl_hub_session_count(const struct mrl_hub *h)
{
    return h->sessions.count;
}

size_t mrl_hub_connected_count(const struct mrl_hub *h)
{
    return h->connected;
}

static void rejudge_session(struct mrl_hub *h, struct mrl_session *s)
{
    if (!h->hooks.may_connect(h->hooks.context, s)) {
        mrl_session_evict(s, MRL_EVICT_NOT_ALLOWED);
        mrl_session_end(s); /* its queue must not wait for a principal that may not come back */
        return;
    }
    mrl_session_take_limits(s);
    mrl_subscriptions_rejudge(s);
}

/* A judgement may end sessions, and with the last one their principal: the list is copied first. */
static void rejudge_principal(struct mrl_hub *h, const struct mrl_principal_sessions *p)
{
    struct mrl_session **sessions = calloc(p->count, sizeof(struct mrl_session *));
    unsigned count = 0;

    if (sessions == NULL)
        abort();
    MRL_LIST_EACH(s, &p->sessions, struct mrl_session, in_principal)
    sessions[count++] = s;
    for (unsigned i = 0; i < count; i++)
        rejudge_session(h, sessions[i]);
    free(sessions);
}

static void rejudge_all(struct mrl_hub *h, uint8_t principal_kind)
{
    struct mrl_principal_sessions **all =
        calloc(h->principals.count + 1, sizeof(struct mrl_principal_sessions *));
    size_t count = 0;

    if (all == NULL)
        abort();
    for (struct mrl_map_node *n = NULL; (n = mrl_map_next(&h->principals, n)) != NULL;) {
        struct mrl_principal_sessions *p = MRL_CONTAINER(n, struct mrl_principal_sessions, in_hub);

        if ((uint8_t)p->key[0] == principal_kind)
            all[count++] = p;
    }
    for (size_t i = 0; i < count; i++)
        rejudge_principal(h, all[i]);
    free(all);
}

bool mrl_hub_judge_kept(struct mrl_session *s)
{
    const struct mrl_hub_hooks *hooks = &s->hub->hooks;

    s->refused = !hooks->may_connect(hooks->context, s);
    if (!s->refused)
        mrl_subscriptions_rejudge(s);
    return !s->refused;
}

void mrl_hub_end_refused(struct mrl_hub *h)
{
    struct mrl_map_node *next;

    for (struct mrl_map_node *n = mrl_map_next(&h->sessions, NULL); n != NULL; n = next) {
        struct mrl_session *s = MRL_CONTAINER(n, struct mrl_session, in_hub);

        next = mrl_map_next(&h->sessions, n);
        if (s->refused)
            mrl_session_end(s);
    }
}

void mrl_hub_rejudge(struct mrl_hub *h, uint8_t principal_kind, mrl_bytes principal)
{
    struct mrl_principal_sessions *p;

    if (principal.len == 0) {
        rejudge_all(h, principal_kind);
        return;
    }
    p = mrl_principal_find(h, principal_kind, principal);
    if (p != NULL)
        rejudge_principal(h, p);
}

mrl_err mrl_hub_listen(struct mrl_hub *h, mrl_bytes filter,
                       void (*see)(void *context, const struct mrl_publication *p), void *context,
                       struct mrl_hub_listener **out)
{
    struct mrl_hub_listener *l;

    MRL_ENSURE(mrl_topic_levels(filter) <= MRL_TOPIC_LEVELS_MAX, MRL_ERR_LIMIT);
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    l->see = see;
    l->context = context;
    mrl_routes_add(h->routes, h->index, filter, /*share=*/MRL_BYTES_NONE, &l->subscriber.entry);
    *out = l;
    return MRL_OK;
}

void mrl_hub_unlisten(struct mrl_hub *h, struct mrl_hub_listener *l)
{
    if (l == NULL)
        return;
    mrl_routes_remove(h->routes, &l->subscriber.entry);
    free(l);
}
