/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/owed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "messages/keep.h"
#include "messages/retained.h"
#include "wire/mqtt_topic.h"

/* In a queue at once: enough for a full window while acknowledgements are on their way. */
enum { QUEUED_MOST = 256 };

enum { SESSIONS_IN_A_TURN = 4 }; /* of the loop */

/* One that went before its turn. */
struct early {
    struct mrl_map_node in_owed; /* by number */
    uint64_t number;
};

struct mrl_owed {
    struct mrl_list link; /* in subscriptions of struct mrl_owing */
    struct mrl_subscription *to;
    bool open;                      /* SUBACK has left, or will not */
    bool unanswered;                /* it will not: this opens when the store has taken it */
    struct mrl_retained_batch next; /* what goes next, */
    size_t at;                      /* from here on */
    bool walks;                     /* a search would be too much */
    struct mrl_retained_walk walk;
    uint64_t passed; /* the place of the last one that had its turn */
    uint64_t until;  /* the highest number */
    uint64_t left;   /* the highest numbers there were when its client left first, */
    uint64_t back;   /* and when it was back last: of QoS 0, it missed what is between */
    uint64_t noted;  /* passed, as in the store */
    struct mrl_map early;
};

struct mrl_owing {
    struct mrl_session *session;
    struct mrl_list subscriptions; /* struct mrl_owed; the one whose turn it is comes first */
    unsigned count;
    struct mrl_list asked;  /* in that of the hub: there may be room */
    struct mrl_timer timer; /* until it may look again */
};

/* In the mailbox of the worker itself, until the next turn of its loop. */
struct mrl_owed_turn {
    struct mrl_message message;
    struct mrl_hub *hub; /* NULL: gone meanwhile */
};

static void on_timer(struct mrl_timer *t)
{
    mrl_owed_go_on(MRL_CONTAINER(t, struct mrl_owing, timer)->session);
}

static struct mrl_owing *owing_of(struct mrl_session *s)
{
    struct mrl_owing *all = s->owing;

    if (all != NULL)
        return all;
    all = calloc(1, sizeof(*all));
    if (all == NULL)
        abort();
    all->session = s;
    mrl_list_init(&all->subscriptions);
    mrl_list_init(&all->asked);
    all->timer.fire = on_timer;
    s->owing = all;
    return all;
}

static void owing_free(struct mrl_owing *all)
{
    mrl_list_remove(&all->asked);
    mrl_timer_cancel(&all->timer);
    all->session->owing = NULL;
    free(all);
}

static struct mrl_owed *owed_new(struct mrl_session *s, struct mrl_subscription *to)
{
    struct mrl_owing *all = owing_of(s);
    struct mrl_owed *o = calloc(1, sizeof(*o));

    if (o == NULL)
        abort();
    o->to = to;
    o->next.more = true;
    to->owed = o;
    mrl_list_add(&all->subscriptions, &o->link);
    all->count++;
    atomic_fetch_add(&mrl_retained_owed(s->hub->retained)->subscriptions, 1);
    return o;
}

static struct mrl_retained *retained_of(const struct mrl_owed *o)
{
    return o->to->subscriber.session->hub->retained;
}

/* The first that is left went, or is not to go. */
static void pass_one(struct mrl_owed *o)
{
    mrl_publication_unref(o->next.found[o->at++].publication);
    atomic_fetch_sub(&mrl_retained_owed(retained_of(o))->found, 1);
}

static void owed_free(struct mrl_owed *o)
{
    struct mrl_map_node *n;

    if (o->walks)
        mrl_retained_walk_end(retained_of(o), &o->walk);
    while (o->at < o->next.count)
        pass_one(o);
    while ((n = mrl_map_pop(&o->early)) != NULL)
        free(MRL_CONTAINER(n, struct early, in_owed));
    mrl_map_done(&o->early);
    atomic_fetch_sub(&mrl_retained_owed(retained_of(o))->subscriptions, 1);
    mrl_list_remove(&o->link);
    o->to->owed = NULL;
    free(o);
}

static void drop_owed(struct mrl_session *s, struct mrl_owed *o)
{
    owed_free(o);
    if (--s->owing->count == 0)
        owing_free(s->owing);
}

void mrl_owed_forget(struct mrl_subscription *to)
{
    struct mrl_session *s = to->subscriber.session;

    if (to->owed == NULL)
        return;
    mrl_keep_owed_gone(s, to->in_session.key);
    drop_owed(s, to->owed);
}

void mrl_owed_refused(struct mrl_subscription *to)
{
    if (to->owed != NULL && !to->owed->open)
        mrl_owed_forget(to);
}

void mrl_owed_taken(struct mrl_subscription *to)
{
    if (to->owed == NULL || !to->owed->unanswered)
        return;
    to->owed->open = true;
    mrl_owed_go_on(to->subscriber.session);
}

static bool queue_has_room(const struct mrl_session *s, const struct mrl_publication *p)
{
    unsigned most = s->limits.queued_messages / 2;

    if (s->queued_count == 0)
        return true;
    return s->queued_count < (most < QUEUED_MOST ? most : QUEUED_MOST) &&
           s->queued_bytes + mrl_publication_size(p) <= s->limits.queued_bytes / 2;
}

static bool has_room(const struct mrl_session *s, const struct mrl_publication *p, uint8_t qos)
{
    if (s->door == NULL || !s->started)
        return false;
    return p->qos > 0 && qos > 0 ? queue_has_room(s, p) : s->sink->room(s->door) == MRL_ROOM_MUCH;
}

/* To the limits of all messages, whether the client is there or not. */
static bool queue_takes(const struct mrl_session *s, unsigned count, size_t bytes)
{
    return s->queued_count + count <= s->limits.queued_messages &&
           s->queued_bytes + bytes <= s->limits.queued_bytes;
}

static void give(struct mrl_session *s, const struct mrl_subscription *to,
                 const struct mrl_publication *p)
{
    uint32_t identifier = to->options.identifier;
    const struct mrl_hit hit = {
        .qos = to->options.qos, .identifiers = &identifier, .identifier_count = identifier != 0};

    mrl_deliver(s, p, &hit, /*retain=*/true); /* MQTT 5.0 3.3.1.3 */
    mrl_keep_forget_message(s->hub);
}

static mrl_bytes key_of(const uint64_t *number)
{
    return mrl_bytes_of(number, sizeof(*number));
}

static void note(struct mrl_session *s, struct mrl_owed *o)
{
    o->noted = o->passed;
    mrl_keep_owed(s, o->to->in_session.key, o->passed, o->until);
}

/* How long it must wait, in ms, after it looked at so many places. */
static uint64_t count_looks(const struct mrl_session *s, size_t places)
{
    const struct mrl_hub_hooks *hooks = &s->hub->hooks;

    return hooks->look == NULL ? 0 : hooks->look(hooks->context, s, places);
}

static bool may_look(struct mrl_session *s)
{
    uint64_t wait_ms;

    if (s->door == NULL)
        return false; /* it asks for a turn when it is back */
    wait_ms = count_looks(s, 0);
    if (wait_ms > 0)
        mrl_loop_timer(s->hub->loop, &s->owing->timer, wait_ms);
    return wait_ms == 0;
}

/* The highest number that may be owed. */
static uint64_t last_of(const struct mrl_owed *o)
{
    return o->back > o->until ? o->back : o->until;
}

/* A search costs what is below the filter, a walk what is retained at all. */
static void look(const struct mrl_session *s, struct mrl_owed *o)
{
    const struct mrl_retained_span span = {o->passed, last_of(o)};
    struct mrl_retained *r = s->hub->retained;
    mrl_bytes filter = o->to->in_session.key;
    uint64_t now = mrl_monotonic_ms();

    if (o->walks) {
        mrl_retained_walk_on(r, &o->walk, filter, now, &o->next);
    } else if (!mrl_retained_search(r, filter, span, now, &o->next)) {
        mrl_retained_walk_begin(r, &o->walk, span);
        o->walks = o->next.more = true;
    }
}

/* What goes next. false: it must wait before it looks for that. */
static bool find_next(struct mrl_session *s, struct mrl_owed *o)
{
    if (!may_look(s))
        return false;
    o->next.count = o->next.bytes = o->next.looked = o->at = 0;
    look(s, o);
    atomic_fetch_add(&mrl_retained_owed(s->hub->retained)->found, o->next.count);
    (void)count_looks(s, o->next.looked); /* asked for before the next one */
    return true;
}

static uint8_t qos_of(const struct mrl_owed *o, const struct mrl_publication *p)
{
    return p->qos < o->to->options.qos ? p->qos : o->to->options.qos;
}

/* Also what was set since, while its client was away: at QoS 0 that went to nobody. */
static bool is_owed(const struct mrl_owed *o, const struct mrl_retained_one *one)
{
    bool missed =
        one->number > o->left && one->number <= o->back && qos_of(o, one->publication) == 0;

    return (missed || one->number <= o->until) &&
           mrl_map_find(&o->early, key_of(&one->number)) == NULL &&
           !mrl_publication_expired(one->publication, mrl_monotonic_ms());
}

static void remember_early(struct mrl_owed *o, uint64_t number)
{
    struct early *e = calloc(1, sizeof(*e));

    if (e == NULL)
        abort();
    e->number = number;
    e->in_owed.key = key_of(&e->number);
    mrl_map_insert(&o->early, &e->in_owed);
}

static void went_early(struct mrl_session *s, struct mrl_owed *o, uint64_t number)
{
    remember_early(o, number);
    mrl_keep_owed_early(s, o->to->in_session.key, number);
}

/* What stands in its topic now, if that is owed: it, or what came instead. false: there is no room.
 */
static bool hand_over_one(struct mrl_session *s, struct mrl_owed *o,
                          const struct mrl_retained_one *one)
{
    struct mrl_retained_one stands;
    bool owed, room = true;

    if (!mrl_retained_find(s->hub->retained, one->publication->topic, &stands))
        return true;
    owed = is_owed(o, &stands);
    if (owed)
        room = has_room(s, stands.publication, o->to->options.qos);
    if (owed && room) {
        give(s, o->to, stands.publication);
        if (stands.number != one->number)
            went_early(s, o, stands.number);
    }
    mrl_publication_unref(stands.publication);
    return room;
}

/* false: there is no room for all of them. */
static bool hand_over_batch(struct mrl_session *s, struct mrl_owed *o)
{
    while (o->at < o->next.count) {
        const struct mrl_retained_one *one = &o->next.found[o->at];

        if (!hand_over_one(s, o, one))
            return false;
        o->passed = one->place;
        pass_one(o);
    }
    return true;
}

/* The store has nothing to say any more, also as the session is kept no longer. */
static bool decided(const struct mrl_subscription *to)
{
    return to->undecided == 0 || !to->subscriber.session->durable;
}

/* By a SUBSCRIBE that replaced the one these are owed to, and was not refused. */
static bool wants_none(const struct mrl_subscription *to)
{
    return to->options.retain_handling == MRL_RETAINED_NEVER && decided(to);
}

enum progress { FINISHED, GOES_ON, NO_ROOM /* or not its time to look */ };

/* At most one batch. How far it got is durable together with the entries of the queue. */
static enum progress hand_over(struct mrl_session *s, struct mrl_owed *o)
{
    bool whole;

    if (wants_none(o->to))
        return FINISHED;
    if (!o->open)
        return NO_ROOM;
    if (o->at == o->next.count && o->next.more && !find_next(s, o))
        return NO_ROOM;
    (void)mrl_keep_insist(s->hub, true);
    whole = hand_over_batch(s, o);
    if (o->passed != o->noted && (!whole || o->next.more))
        note(s, o);
    (void)mrl_keep_insist(s->hub, false);
    if (whole)
        return o->next.more ? GOES_ON : FINISHED;
    return NO_ROOM;
}

static void to_the_end(struct mrl_owing *all, struct mrl_owed *o)
{
    mrl_list_remove(&o->link);
    mrl_list_add(&all->subscriptions, &o->link);
}

/* The first that gets something, of those that wait. */
static void take_turn(struct mrl_session *s)
{
    struct mrl_owing *all = s->owing;

    if (s->door == NULL || !s->started) /* it left meanwhile */
        return;
    for (unsigned tried = 0; tried < all->count; tried++) {
        struct mrl_owed *o = MRL_CONTAINER(all->subscriptions.next, struct mrl_owed, link);
        enum progress got = hand_over(s, o);

        to_the_end(all, o);
        if (got == NO_ROOM)
            continue;
        if (got == FINISHED)
            mrl_owed_forget(o->to);
        mrl_owed_go_on(s);
        return;
    }
}

static void drop_turn(struct mrl_message *m)
{
    struct mrl_owed_turn *turn = MRL_CONTAINER(m, struct mrl_owed_turn, message);

    if (turn->hub != NULL)
        turn->hub->owed_turn = NULL;
    free(turn);
}

/* One portion each, of so many that wait now: the others come in the next turn. */
static void take_turns(struct mrl_hub *h)
{
    const struct mrl_list *last = h->owing.prev;
    bool over = mrl_list_empty(&h->owing);

    for (int i = 0; i < SESSIONS_IN_A_TURN && !over; i++) {
        struct mrl_list *asked = mrl_list_pop(&h->owing);

        over = asked == last;
        take_turn(MRL_CONTAINER(asked, struct mrl_owing, asked)->session);
    }
}

static void on_turn(struct mrl_message *m, void *owner);

static void ask_for_turn(struct mrl_hub *h)
{
    struct mrl_owed_turn *turn;

    if (h->owed_turn != NULL)
        return;
    turn = calloc(1, sizeof(*turn));
    if (turn == NULL)
        abort();
    turn->message = (struct mrl_message){.handle = on_turn, .drop = drop_turn};
    turn->hub = h;
    h->owed_turn = turn;
    mrl_mailbox_post(h->mailbox, &turn->message);
}

static void on_turn(struct mrl_message *m, void *owner)
{
    struct mrl_hub *h = MRL_CONTAINER(m, struct mrl_owed_turn, message)->hub;

    (void)owner;
    drop_turn(m);
    if (h == NULL)
        return;
    take_turns(h);
    if (!mrl_list_empty(&h->owing))
        ask_for_turn(h);
}

void mrl_owed_go_on(struct mrl_session *s)
{
    struct mrl_owing *all = s->owing;

    if (all == NULL || !mrl_list_empty(&all->asked) || s->door == NULL || !s->started)
        return;
    mrl_list_add(&s->hub->owing, &all->asked);
    ask_for_turn(s->hub);
}

void mrl_owed_done(struct mrl_hub *h)
{
    if (h->owed_turn != NULL)
        h->owed_turn->hub = NULL;
}

void mrl_owed_begin(struct mrl_session *s, struct mrl_subscription *to)
{
    bool before = to->owed != NULL;
    bool open = before && to->owed->open; /* stays, should this SUBSCRIBE be refused */
    struct mrl_owed *o;

    if (before)
        drop_owed(s, to->owed);
    o = owed_new(s, to);
    o->open = open;
    o->until = mrl_retained_last(s->hub->retained);
    if (!find_next(s, o) || o->next.more || o->next.count > 0) {
        note(s, o);
        return;
    }
    drop_owed(s, o);
    if (before)
        mrl_keep_owed_gone(s, to->in_session.key);
}

void mrl_owed_open(struct mrl_session *s, struct mrl_subscription *to)
{
    enum progress got;

    if (to->owed == NULL)
        return;
    to->owed->open = true;
    got = hand_over(s, to->owed);
    if (got == FINISHED)
        mrl_owed_forget(to);
    else if (got == GOES_ON)
        mrl_owed_go_on(s);
}

void mrl_owed_left(struct mrl_session *s)
{
    uint64_t last;

    if (s->owing == NULL)
        return;
    last = mrl_retained_last(s->hub->retained);
    MRL_LIST_EACH(o, &s->owing->subscriptions, struct mrl_owed, link)
    {
        if (o->left == 0)
            o->left = last;
    }
}

/* Whoever looks on finds what was missed; of what was found last, those of its topics are enough.
 */
static void miss_until(struct mrl_owed *o, uint64_t last)
{
    o->back = last;
    if (o->walks)
        o->walk.span.until = last_of(o);
}

void mrl_owed_back(struct mrl_session *s)
{
    uint64_t last;

    if (s->owing == NULL)
        return;
    last = mrl_retained_last(s->hub->retained);
    MRL_LIST_EACH(o, &s->owing->subscriptions, struct mrl_owed, link)
    {
        o->open = o->open || decided(o->to);
        o->unanswered = !o->open;
        miss_until(o, last);
    }
}

void mrl_owed_restore(struct mrl_session *s, struct mrl_subscription *to, uint64_t passed,
                      uint64_t until)
{
    struct mrl_owed *o = owed_new(s, to);

    o->open = true;
    o->passed = o->noted = passed;
    o->until = o->left = until;
}

void mrl_owed_restore_early(struct mrl_owed *o, uint64_t number)
{
    remember_early(o, number);
}

static bool still_owes(const struct mrl_owed *o, const struct mrl_retained_one *one)
{
    return !wants_none(o->to) && one->place > o->passed && is_owed(o, one) &&
           mrl_mqtt_filter_matches(o->to->in_session.key, one->publication->topic);
}

struct pair {
    const struct mrl_publication *older, *newer;
    uint8_t older_qos, newer_qos; /* as they would be delivered */
};

/* The older one takes no room that the newer one needs. Of QoS 0 both go or none. */
static bool takes_both(const struct mrl_session *s, const struct pair *p)
{
    bool queues = p->newer_qos > 0;
    size_t bytes = mrl_publication_size(p->older);

    if (p->older_qos == 0)
        return s->door != NULL && s->started && s->sink->room(s->door) != MRL_ROOM_NONE;
    return queue_takes(s, 1 + queues, bytes + (queues ? mrl_publication_size(p->newer) : 0));
}

/* Different QoS have no order between them. */
static bool takes_newer_alone(const struct mrl_session *s, const struct pair *p)
{
    return p->older_qos > 0 && p->older_qos == p->newer_qos &&
           queue_takes(s, 1, mrl_publication_size(p->newer));
}

static void go_before(struct mrl_session *s, struct mrl_owed *o, struct pair p, uint64_t number)
{
    p.older_qos = qos_of(o, p.older);
    if (takes_both(s, &p))
        give(s, o->to, p.older);
    else if (takes_newer_alone(s, &p))
        s->hub->hooks.dropped(s->hub->hooks.context, s, MRL_ERR_BUSY);
    else
        return;
    went_early(s, o, number);
}

void mrl_owed_before(struct mrl_session *s, const struct mrl_publication *p, uint8_t qos)
{
    bool watched = s->hub->watched, insisted;
    struct mrl_retained_one older;

    if (s->owing == NULL || !mrl_retained_find(s->hub->retained, p->topic, &older))
        return;
    s->hub->watched = false; /* who publishes the newer one does not wait for this one */
    insisted = mrl_keep_insist(s->hub, true);
    MRL_LIST_EACH(o, &s->owing->subscriptions, struct mrl_owed, link)
    {
        const struct pair pair = {older.publication, p, 0, p->qos < qos ? p->qos : qos};

        if (still_owes(o, &older))
            go_before(s, o, pair, older.number);
    }
    (void)mrl_keep_insist(s->hub, insisted);
    s->hub->watched = watched;
    mrl_publication_unref(older.publication);
}
