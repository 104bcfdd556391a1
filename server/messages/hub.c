/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/hub.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "messages/internal.h"

struct mrl_hub *mrl_hub_new(struct mrl_loop *loop, struct mrl_mailbox *mailbox, unsigned index,
                            struct mrl_retained *retained, const struct mrl_hub_limits *limits,
                            const struct mrl_hub_hooks *hooks)
{
    struct mrl_hub *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    h->loop = loop;
    h->mailbox = mailbox;
    h->index = index;
    h->retained = retained;
    h->limits = limits;
    h->hooks = *hooks;
    return h;
}

void mrl_hub_join(struct mrl_hub *h, struct mrl_hub *const *hubs, unsigned count)
{
    h->hubs = hubs;
    h->hub_count = count;
}

void mrl_hub_free(struct mrl_hub *h)
{
    if (h == NULL)
        return;
    for (struct mrl_map_node *n; (n = mrl_map_next(&h->sessions, NULL)) != NULL;)
        mrl_session_end(MRL_CONTAINER(n, struct mrl_session, in_hub));
    mrl_map_done(&h->sessions);
    mrl_map_done(&h->principals);
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

struct routing {
    const struct mrl_publication *publication;
    struct mrl_list hits; /* struct mrl_hit of each matching session */
    bool any;
};

static struct mrl_hit *hit_of(struct routing *r, struct mrl_session *s)
{
    if (s->hit == NULL) {
        s->hit = calloc(1, sizeof(*s->hit));
        if (s->hit == NULL)
            abort();
        s->hit->session = s;
        mrl_list_add(&r->hits, &s->hit->link);
    }
    return s->hit;
}

static void merge(struct mrl_hit *hit, const struct mrl_subscribe_options *o)
{
    if (o->qos > hit->qos)
        hit->qos = o->qos;
    hit->retain_as_published |= o->retain_as_published;
    if (o->identifier != 0 && hit->identifier_count < MRL_COUNT(hit->identifiers))
        hit->identifiers[hit->identifier_count++] = o->identifier;
}

static void on_match(struct mrl_topic_entry *e, void *context)
{
    struct routing *r = context;
    struct mrl_subscriber *subscriber = MRL_CONTAINER(e, struct mrl_subscriber, entry);
    const struct mrl_subscription *subscription;

    r->any = true;
    if (subscriber->session == NULL) {
        const struct mrl_hub_listener *l =
            MRL_CONTAINER(subscriber, struct mrl_hub_listener, subscriber);

        l->see(l->context, r->publication);
        return;
    }
    subscription = MRL_CONTAINER(subscriber, struct mrl_subscription, subscriber);
    if (subscription->options.no_local && r->publication->origin == subscriber->session->number)
        return; /* MQTT 5.0 3.8.3-3 */
    merge(hit_of(r, subscriber->session), &subscription->options);
}

/* Matches first and delivers afterwards: a delivery may end a session and with it change the tree.
 */
static bool route_here(struct mrl_hub *h, const struct mrl_publication *p)
{
    struct routing r = {.publication = p};
    struct mrl_list *link;

    mrl_list_init(&r.hits);
    mrl_topic_tree_match(&h->tree, p->topic, on_match, &r);
    while ((link = mrl_list_pop(&r.hits)) != NULL) {
        struct mrl_hit *hit = MRL_CONTAINER(link, struct mrl_hit, link);

        hit->session->hit = NULL;
        mrl_deliver(hit->session, p, hit, hit->retain_as_published && p->retain);
        free(hit);
    }
    return r.any;
}

struct routed_message {
    struct mrl_message message;
    struct mrl_hub *hub; /* where it goes */
    const struct mrl_publication *publication;
};

static void on_routed(struct mrl_message *m, void *owner)
{
    struct routed_message *routed = MRL_CONTAINER(m, struct routed_message, message);

    (void)owner;
    (void)route_here(routed->hub,
                     routed->publication); /* whoever published has long been answered */
    mrl_publication_unref(routed->publication);
    free(routed);
}

static void drop_routed(struct mrl_message *m)
{
    struct routed_message *routed = MRL_CONTAINER(m, struct routed_message, message);

    mrl_publication_unref(routed->publication);
    free(routed);
}

static bool route_to(struct mrl_hub *other, const struct mrl_publication *p)
{
    struct routed_message *routed;

    if (atomic_load_explicit(&other->interest, memory_order_acquire) == 0)
        return false;
    routed = calloc(1, sizeof(*routed));
    if (routed == NULL)
        abort();
    routed->message = (struct mrl_message){.handle = on_routed, .drop = drop_routed};
    routed->hub = other;
    routed->publication = mrl_publication_ref(p);
    mrl_mailbox_post(other->mailbox, &routed->message);
    return true;
}

mrl_err mrl_hub_publish(struct mrl_hub *h, const struct mrl_publication *p, bool *receivers)
{
    bool any;

    if (p->retain)
        MRL_TRY(mrl_retained_set(h->retained, p));
    any = route_here(h, p);
    for (unsigned i = 0; i < h->hub_count; i++)
        any |= i != h->index && route_to(h->hubs[i], p);
    if (receivers != NULL)
        *receivers = any;
    return MRL_OK;
}

static void rejudge_session(struct mrl_hub *h, struct mrl_session *s)
{
    if (!h->hooks.may_connect(h->hooks.context, s)) {
        mrl_session_evict(s, MRL_EVICT_NOT_ALLOWED);
        mrl_session_end(s); /* its queue must not wait for a principal that may not come back */
        return;
    }
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
    mrl_topic_tree_add(&h->tree, filter, &l->subscriber.entry);
    atomic_fetch_add_explicit(&h->interest, 1, memory_order_release);
    *out = l;
    return MRL_OK;
}

void mrl_hub_unlisten(struct mrl_hub *h, struct mrl_hub_listener *l)
{
    if (l == NULL)
        return;
    mrl_topic_tree_remove(&h->tree, &l->subscriber.entry);
    atomic_fetch_sub_explicit(&h->interest, 1, memory_order_release);
    free(l);
}
