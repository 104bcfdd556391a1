/* SPDX-License-Identifier: Apache-2.0 */
/* One message on its way to the sessions that want it, here and on the other workers. */
#include <stdatomic.h>
#include <stdlib.h>

#include "messages/gather.h"
#include "messages/keep.h"
#include "messages/owed.h"

enum { MEMBERS_TRIED = 16 }; /* of a share whose members are full, for one message */

void mrl_routing_init(struct mrl_hub *h)
{
    struct mrl_routing *r = &h->routing;

    r->seen = calloc(h->hub_count, sizeof(r->seen[0]));
    r->workers = calloc(h->hub_count, sizeof(r->workers[0]));
    if (r->seen == NULL || r->workers == NULL)
        abort();
}

void mrl_routing_done(struct mrl_hub *h)
{
    struct mrl_routing *r = &h->routing;

    for (size_t i = 0; i < r->hit_cap; i++)
        free(r->hits[i].identifiers);
    free(r->hits);
    free(r->seen);
    free(r->workers);
    free(r->picks);
}

static void *grown(void *array, size_t cap, size_t size)
{
    void *bigger = reallocarray(array, cap, size);

    if (bigger == NULL)
        abort();
    return bigger;
}

static struct mrl_hit *hit_new(struct mrl_routing *r)
{
    struct mrl_hit *hit;

    if (r->hit_count == r->hit_cap) {
        size_t cap = r->hit_cap == 0 ? 16 : r->hit_cap * 2;

        r->hits = grown(r->hits, cap, sizeof(r->hits[0]));
        for (; r->hit_cap < cap; r->hit_cap++)
            r->hits[r->hit_cap] = (struct mrl_hit){0};
    }
    hit = &r->hits[r->hit_count++];
    *hit = (struct mrl_hit){.identifier_cap = hit->identifier_cap, .identifiers = hit->identifiers};
    return hit;
}

/* One message, however many subscriptions of the session match. MQTT 5.0 3.3.4 */
static struct mrl_hit *hit_of(struct mrl_routing *r, struct mrl_session *s)
{
    if (s->hit == 0) {
        hit_new(r)->session = s;
        s->hit = r->hit_count;
    }
    return &r->hits[s->hit - 1];
}

/* As many as there are: the subscriptions of a session are limited. MQTT 5.0 3.3.4-4 */
static void add_identifier(struct mrl_hit *hit, uint32_t identifier)
{
    if (identifier == 0)
        return;
    if (hit->identifier_count == hit->identifier_cap) {
        hit->identifier_cap = hit->identifier_cap == 0 ? 4 : hit->identifier_cap * 2;
        hit->identifiers = grown(hit->identifiers, hit->identifier_cap, sizeof(uint32_t));
    }
    hit->identifiers[hit->identifier_count++] = identifier;
}

static void merge(struct mrl_hit *hit, const struct mrl_subscribe_options *o)
{
    if (o->qos > hit->qos)
        hit->qos = o->qos;
    hit->retain_as_published |= o->retain_as_published;
    add_identifier(hit, o->identifier);
}

static void on_mine(struct mrl_route_entry *e, void *context)
{
    struct mrl_routing *r = context;
    struct mrl_subscriber *subscriber = MRL_CONTAINER(e, struct mrl_subscriber, entry);
    const struct mrl_subscription *subscription;
    struct mrl_hit *hit;

    if (subscriber->session == NULL) {
        const struct mrl_hub_listener *l =
            MRL_CONTAINER(subscriber, struct mrl_hub_listener, subscriber);

        r->any = true;
        l->see(l->context, r->publication);
        return;
    }
    subscription = MRL_CONTAINER(subscriber, struct mrl_subscription, subscriber);
    if (subscription->options.no_local && r->publication->origin == subscriber->session->number)
        return; /* MQTT 5.0 3.8.3-3 */
    r->any = true;
    hit = hit_of(r, subscriber->session);
    merge(hit, &subscription->options);
    hit->owed |= subscription->owed != NULL;
}

static void on_other(unsigned worker, void *context)
{
    struct mrl_routing *r = context;

    r->any = true;
    if (r->seen[worker] == r->turn)
        return;
    r->seen[worker] = r->turn;
    r->workers[r->worker_count++] = worker;
}

static struct mrl_subscription *next_member(const struct mrl_routing *r,
                                            const struct mrl_route_share *share, unsigned place)
{
    const struct mrl_route_turn turn = {r->hub->index, place};
    struct mrl_route_entry *e = mrl_route_share_next(share, r->publication->qos > 0, turn);

    return e == NULL ? NULL : MRL_CONTAINER(e, struct mrl_subscription, subscriber.entry);
}

static bool has_room(const struct mrl_subscription *m, const struct mrl_publication *p)
{
    const struct mrl_session *s = m->subscriber.session;

    return p->qos == 0 || m->options.qos == 0 ||
           (s->queued_count < s->limits.queued_messages &&
            s->queued_bytes + mrl_publication_size(p) <= s->limits.queued_bytes);
}

/* Who has no room is not asked again before something has left its queue, so that this ends; where
 * all are full, a few are asked all the same, as a smaller message may still fit. The last of them
 * loses it. One with an empty queue, which is smaller than this message, is ready for others. */
static struct mrl_subscription *
member_with_room(const struct mrl_routing *r, const struct mrl_route_share *share, unsigned place)
{
    const struct mrl_subscription *first = NULL;
    struct mrl_subscription *m;
    unsigned tried = 0;

    while ((m = next_member(r, share, place)) != NULL && !has_room(m, r->publication)) {
        if (!m->subscriber.entry.full && m->subscriber.session->queued_count > 0) {
            mrl_subscription_set_full(m);
            continue;
        }
        if (m == first || ++tried == MEMBERS_TRIED)
            return m;
        first = first == NULL ? m : first;
    }
    return m;
}

static struct mrl_subscription *member_up_to(const struct mrl_routing *r,
                                             const struct mrl_route_share *share, unsigned last)
{
    struct mrl_subscription *m = NULL;

    for (unsigned place = 0; m == NULL && place <= last; place++)
        m = member_with_room(r, share, place);
    return m;
}

/* A member's message is its own, beside that of its ordinary subscriptions. */
static bool hit_member(struct mrl_routing *r, const struct mrl_route_share *share, unsigned last)
{
    const struct mrl_subscription *subscription = member_up_to(r, share, last);
    struct mrl_hit *hit;

    if (subscription == NULL)
        return false;
    hit = hit_new(r);
    hit->session = subscription->subscriber.session;
    hit->share = mrl_route_share_id(share);
    merge(hit, &subscription->options);
    return true;
}

static void pick_on(struct mrl_routing *r, struct mrl_route_turn turn, uint64_t share)
{
    if (r->pick_count == r->pick_cap) {
        r->pick_cap = r->pick_cap == 0 ? 16 : r->pick_cap * 2;
        r->picks = grown(r->picks, r->pick_cap, sizeof(r->picks[0]));
    }
    r->picks[r->pick_count++] = (struct mrl_pick){turn.worker, {share, turn.place}};
}

/* Each round that finds nobody here leaves nobody here of the kinds up to this place, so it ends:
 * on another worker, or with one who is full. */
static void on_share(const struct mrl_route_share *share, void *context)
{
    struct mrl_routing *r = context;
    struct mrl_route_turn turn;

    while (mrl_route_share_pick(share, r->publication->qos > 0, &turn)) {
        r->any = true;
        if (turn.worker != r->hub->index) {
            pick_on(r, turn, mrl_route_share_id(share));
            return;
        }
        if (hit_member(r, share, turn.place))
            return;
    }
}

static const struct mrl_chosen *given_of(const struct mrl_routing *r,
                                         const struct mrl_route_share *share)
{
    uint64_t id = mrl_route_share_id(share);

    for (size_t i = 0; i < r->given_count; i++) {
        if (r->given[i].share == id)
            return &r->given[i];
    }
    return NULL;
}

/* Another worker chose this one; when its members have left meanwhile, or have no room, the choice
 * is made anew. */
static void on_share_given_here(const struct mrl_route_share *share, void *context)
{
    const struct mrl_chosen *given = given_of(context, share);

    if (given != NULL && !hit_member(context, share, given->place))
        on_share(share, context);
}

static void on_share_given_on(const struct mrl_route_share *share, void *context)
{
    if (given_of(context, share) != NULL)
        on_share(share, context);
}

static void on_nobody(struct mrl_route_entry *e, void *context)
{
    (void)e;
    (void)context;
}

static void on_no_worker(unsigned worker, void *context)
{
    (void)worker;
    (void)context;
}

static const struct mrl_route_visitor everybody = {
    .mine = on_mine, .other = on_other, .share = on_share};
static const struct mrl_route_visitor everybody_here = {
    .mine = on_mine, .other = on_no_worker, .share = on_share_given_here};
static const struct mrl_route_visitor members_here = {
    .mine = on_nobody, .other = on_no_worker, .share = on_share_given_here};
static const struct mrl_route_visitor another_member = {
    .mine = on_nobody, .other = on_no_worker, .share = on_share_given_on};

static void find_receivers(struct mrl_hub *h, const struct mrl_publication *p,
                           const struct mrl_route_visitor *wanted)
{
    struct mrl_routing *r = &h->routing;
    struct mrl_route_visitor visitor = *wanted;

    visitor.context = r;
    r->hub = h;
    r->publication = p;
    r->turn++;
    r->hit_count = 0;
    r->worker_count = 0;
    r->pick_count = 0;
    r->any = false;
    mrl_routes_match(h->routes, h->index, p->topic, &visitor);
}

/* After the walk: a delivery must not change what is being walked. */
static void deliver_here(struct mrl_routing *r)
{
    const struct mrl_publication *p = r->publication;

    for (size_t i = 0; i < r->hit_count; i++) {
        const struct mrl_hit *hit = &r->hits[i];

        hit->session->hit = 0;
        if (hit->owed)
            mrl_owed_before(hit->session, p, hit->qos);
        mrl_deliver(hit->session, p, hit, hit->retain_as_published && p->retain);
    }
}

struct routed_message {
    struct mrl_message message;
    struct mrl_hub *hub; /* where it goes */
    const struct mrl_publication *publication;
    bool ordinary;               /* for the ordinary subscriptions there */
    bool insists;                /* as its hub did: mrl_keep_insist */
    struct mrl_receipt *receipt; /* own hold: waits until it is durable there; or NULL */
    struct mrl_gather *gather;   /* gets the entries made there; or NULL */
    size_t share_count;
    struct mrl_chosen shares[]; /* whose turn is there */
};

static void drop_routed(struct mrl_message *m)
{
    struct routed_message *routed = MRL_CONTAINER(m, struct routed_message, message);

    if (routed->gather != NULL) {
        struct mrl_list none;

        mrl_list_init(&none);
        mrl_gather_answer(routed->gather, &none);
    }
    mrl_receipt_let_go(routed->receipt, MRL_OK);
    mrl_publication_unref(routed->publication);
    free(routed);
}

static void on_routed(struct mrl_message *m, void *owner);

static bool may_be_durable(const struct mrl_hub *h, const struct mrl_publication *p)
{
    return p->qos > 0 && atomic_load(&h->durable) > 0;
}

/* A share's message may come to rest on any worker: whoever was chosen may have no room when it
 * arrives. */
static bool may_be_durable_somewhere(const struct mrl_hub *h, const struct mrl_publication *p)
{
    bool may = false;

    for (unsigned i = 0; i < h->hub_count; i++)
        may |= may_be_durable(h->hubs[i], p);
    return may;
}

static void send_to(struct mrl_routing *r, unsigned worker, bool ordinary)
{
    struct routed_message *routed =
        calloc(1, sizeof(*routed) + r->pick_count * sizeof(routed->shares[0]));

    if (routed == NULL)
        abort();
    routed->message = (struct mrl_message){.handle = on_routed, .drop = drop_routed};
    routed->hub = r->hub->hubs[worker];
    routed->publication = mrl_publication_ref(r->publication);
    routed->ordinary = ordinary;
    routed->insists = r->hub->insists;
    for (size_t i = 0; i < r->pick_count; i++) {
        if (r->picks[i].worker == worker)
            routed->shares[routed->share_count++] = r->picks[i].chosen;
    }
    if (may_be_durable(routed->hub, r->publication) ||
        (routed->share_count > 0 && may_be_durable_somewhere(r->hub, r->publication))) {
        routed->gather = r->gather == NULL ? NULL : mrl_gather_ask(r->gather);
        routed->receipt = r->gather == NULL ? mrl_keep_wait(r->hub) : NULL;
    }
    mrl_mailbox_post(routed->hub->mailbox, &routed->message);
}

/* One message a worker, with all that is for it. */
static void send_all(struct mrl_routing *r)
{
    for (unsigned i = 0; i < r->worker_count; i++)
        send_to(r, r->workers[i], /*ordinary=*/true);
    for (size_t i = 0; i < r->pick_count; i++) {
        unsigned worker = r->picks[i].worker;

        if (r->seen[worker] == r->turn)
            continue;
        r->seen[worker] = r->turn;
        send_to(r, worker, /*ordinary=*/false);
    }
}

/* Whoever published waits for what is made here, or gets it. */
static void deliver_routed(struct routed_message *routed)
{
    struct mrl_hub *h = routed->hub;
    struct mrl_list ops;

    mrl_list_init(&ops);
    h->watched = routed->receipt != NULL;
    h->receipt = routed->receipt;
    h->routing.gather = routed->gather;
    (void)mrl_keep_insist(h, routed->insists);
    if (routed->gather != NULL)
        mrl_journal_divert(h->journal, &ops);
    send_all(&h->routing);
    deliver_here(&h->routing);
    mrl_keep_forget_message(h);
    if (routed->gather != NULL) {
        mrl_journal_divert(h->journal, NULL);
        mrl_gather_answer(routed->gather, &ops);
    }
    routed->gather = NULL;
    h->routing.gather = NULL;
    (void)mrl_keep_insist(h, false);
    h->watched = false;
    h->receipt = NULL;
}

static void on_routed(struct mrl_message *m, void *owner)
{
    struct routed_message *routed = MRL_CONTAINER(m, struct routed_message, message);
    struct mrl_routing *r = &routed->hub->routing;

    (void)owner;
    r->given = routed->shares;
    r->given_count = routed->share_count;
    find_receivers(routed->hub, routed->publication,
                   routed->ordinary ? &everybody_here : &members_here);
    deliver_routed(routed);
    drop_routed(m);
}

/* Receivers that keep the message are, or may be found, on other workers, too. */
static bool leaves_this_worker(const struct mrl_routing *r)
{
    bool leaves = r->pick_count > 0 && may_be_durable_somewhere(r->hub, r->publication);

    for (unsigned i = 0; i < r->worker_count; i++)
        leaves |= may_be_durable(r->hub->hubs[r->workers[i]], r->publication);
    return leaves;
}

mrl_err mrl_hub_publish(struct mrl_hub *h, const struct mrl_publication *p, bool *receivers)
{
    struct mrl_routing *r = &h->routing;
    bool gathers;

    if (p->retain)
        MRL_TRY(mrl_keep_retained(h, p));
    find_receivers(h, p, &everybody);
    if (receivers != NULL)
        *receivers = r->any;
    gathers = h->companion != NULL && (h->companion->gather != NULL || leaves_this_worker(r));
    if (gathers)
        mrl_routing_together_with(h, h->companion);
    h->companion = NULL;
    send_all(r);
    deliver_here(r);
    mrl_keep_forget_message(h);
    if (gathers)
        mrl_routing_together_end(h);
    return MRL_OK;
}

void mrl_routing_together_with(struct mrl_hub *h, struct mrl_op *with)
{
    h->routing.gather = mrl_gather_begin(h, with);
}

void mrl_routing_together_end(struct mrl_hub *h)
{
    mrl_gather_end(h->routing.gather);
    h->routing.gather = NULL;
}

void mrl_routing_give_on(struct mrl_hub *h, const struct mrl_publication *p, uint64_t share)
{
    const struct mrl_chosen given = {.share = share};
    struct mrl_routing *r = &h->routing;
    bool insisted;

    if (h->closing)
        return;
    insisted = mrl_keep_insist(h, true);
    r->given = &given;
    r->given_count = 1;
    find_receivers(h, p, &another_member);
    send_all(r);
    deliver_here(r);
    mrl_keep_forget_message(h);
    (void)mrl_keep_insist(h, insisted);
}
