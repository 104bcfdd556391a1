/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/owed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "messages/retained.h"
#include "wire/mqtt_topic.h"

/* In a queue at once: enough for a full window while acknowledgements are on their way. */
enum { QUEUED_MOST = 256 };

/* Of a walk: sent before its turn. */
struct early {
    struct mrl_map_node in_owed; /* by number */
    uint64_t number;
};

struct mrl_owed {
    struct mrl_list link; /* in subscriptions of struct mrl_owing */
    struct mrl_subscription *to;
    struct mrl_retained_batch next; /* NULL: went before its turn */
    size_t at;                      /* of next */
    bool walks;                     /* more may come after next */
    struct mrl_retained_walk walk;
    struct mrl_map early;
};

struct turn;

struct mrl_owing {
    struct mrl_session *session;
    struct mrl_list subscriptions; /* struct mrl_owed; the one whose turn it is comes first */
    unsigned count;
    struct turn *turn; /* asked for; or NULL */
};

/* In the mailbox of the worker itself, until the next turn of its loop. */
struct turn {
    struct mrl_message message;
    struct mrl_owing *of; /* NULL: gone meanwhile */
};

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
    s->owing = all;
    return all;
}

static void owing_free(struct mrl_owing *all)
{
    if (all->turn != NULL)
        all->turn->of = NULL;
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
    to->owed = o;
    mrl_list_add(&all->subscriptions, &o->link);
    all->count++;
    return o;
}

static void stop_walk(struct mrl_owed *o)
{
    struct mrl_map_node *n;

    if (!o->walks)
        return;
    mrl_retained_walk_end(o->to->subscriber.session->hub->retained, &o->walk);
    o->walks = false;
    while ((n = mrl_map_pop(&o->early)) != NULL)
        free(MRL_CONTAINER(n, struct early, in_owed));
    mrl_map_done(&o->early);
}

void mrl_owed_forget(struct mrl_subscription *to)
{
    struct mrl_owing *all = to->subscriber.session->owing;
    struct mrl_owed *o = to->owed;

    if (o == NULL)
        return;
    stop_walk(o);
    while (o->at < o->next.count)
        mrl_publication_unref(o->next.found[o->at++]);
    mrl_list_remove(&o->link);
    to->owed = NULL;
    free(o);
    if (--all->count == 0)
        owing_free(all);
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

/* To the limits of all messages: what would be lost now would be lost of the newer one as well. */
static bool has_room_before(const struct mrl_session *s, const struct mrl_publication *p,
                            uint8_t qos)
{
    if (s->door == NULL || !s->started)
        return false;
    if (p->qos == 0 || qos == 0)
        return s->sink->room(s->door) != MRL_ROOM_NONE;
    return s->queued_count < s->limits.queued_messages &&
           s->queued_bytes + mrl_publication_size(p) <= s->limits.queued_bytes;
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

/* Out of the batch what went before its turn. */
static void leave_out_early(const struct mrl_session *s, struct mrl_owed *o)
{
    for (size_t i = 0; o->early.count > 0 && i < o->next.count; i++) {
        struct mrl_publication *p = o->next.found[i], *now;
        uint64_t number;

        now = mrl_retained_find(s->hub->retained, p->topic, &number);
        if (now == p && mrl_map_find(&o->early, key_of(&number)) != NULL) {
            mrl_publication_unref(p);
            o->next.found[i] = NULL;
        }
        mrl_publication_unref(now);
    }
}

static void walk_on(const struct mrl_session *s, struct mrl_owed *o)
{
    o->next.count = o->next.bytes = o->at = 0;
    if (!mrl_retained_walk_on(s->hub->retained, &o->walk, o->to->in_session.key, mrl_monotonic_ms(),
                              &o->next)) {
        leave_out_early(s, o);
        stop_walk(o);
    } else {
        leave_out_early(s, o);
    }
}

enum progress { FINISHED, GOES_ON, NO_ROOM };

/* At most one batch. */
static enum progress hand_over(struct mrl_session *s, struct mrl_owed *o)
{
    uint64_t now = mrl_monotonic_ms();

    if (o->at == o->next.count && o->walks)
        walk_on(s, o);
    for (; o->at < o->next.count; o->at++) {
        struct mrl_publication *p = o->next.found[o->at];

        if (p == NULL)
            continue;
        if (mrl_retained_stands(s->hub->retained, p, now)) {
            if (!has_room(s, p, o->to->options.qos))
                return NO_ROOM;
            give(s, o->to, p);
        }
        mrl_publication_unref(p);
    }
    return o->walks ? GOES_ON : FINISHED;
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
    struct turn *t = MRL_CONTAINER(m, struct turn, message);

    if (t->of != NULL)
        t->of->turn = NULL;
    free(t);
}

static void on_turn(struct mrl_message *m, void *owner)
{
    struct mrl_owing *all = MRL_CONTAINER(m, struct turn, message)->of;

    (void)owner;
    drop_turn(m);
    if (all != NULL)
        take_turn(all->session);
}

void mrl_owed_go_on(struct mrl_session *s)
{
    struct mrl_owing *all = s->owing;

    if (all == NULL || all->turn != NULL || s->door == NULL || !s->started)
        return;
    all->turn = calloc(1, sizeof(*all->turn));
    if (all->turn == NULL)
        abort();
    all->turn->message = (struct mrl_message){.handle = on_turn, .drop = drop_turn};
    all->turn->of = all;
    mrl_mailbox_post(s->hub->mailbox, &all->turn->message);
}

void mrl_owed_begin(struct mrl_session *s, struct mrl_subscription *to)
{
    struct mrl_retained *r = s->hub->retained;
    struct mrl_owed *o;
    enum progress got;

    mrl_owed_forget(to);
    o = owed_new(s, to);
    if (!mrl_retained_select_few(r, to->in_session.key, mrl_monotonic_ms(), &o->next)) {
        o->walks = true;
        mrl_retained_walk_begin(r, &o->walk);
    }
    got = hand_over(s, o);
    if (got == FINISHED)
        mrl_owed_forget(to);
    else if (got == GOES_ON)
        mrl_owed_go_on(s);
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

/* Of the batch; true: it was there. */
static bool give_from_batch(struct mrl_session *s, struct mrl_owed *o,
                            const struct mrl_publication *p)
{
    size_t i = o->at;

    while (i < o->next.count && o->next.found[i] != p)
        i++;
    if (i == o->next.count)
        return false;
    give(s, o->to, p);
    mrl_publication_unref(o->next.found[i]);
    o->next.found[i] = NULL;
    return true;
}

/* What the walk has not come to. */
static void give_from_walk(struct mrl_session *s, struct mrl_owed *o,
                           const struct mrl_publication *p, uint64_t number)
{
    if (number > o->walk.passed && number <= o->walk.until &&
        mrl_map_find(&o->early, key_of(&number)) == NULL &&
        mrl_mqtt_filter_matches(o->to->in_session.key, p->topic)) {
        give(s, o->to, p);
        remember_early(o, number);
    }
}

void mrl_owed_before(struct mrl_session *s, const struct mrl_publication *p)
{
    struct mrl_publication *older;
    uint64_t number;

    if (s->owing == NULL)
        return;
    older = mrl_retained_find(s->hub->retained, p->topic, &number);
    if (older == NULL)
        return;
    MRL_LIST_EACH(o, &s->owing->subscriptions, struct mrl_owed, link)
    {
        if (has_room_before(s, older, o->to->options.qos) && !give_from_batch(s, o, older) &&
            o->walks)
            give_from_walk(s, o, older, number);
    }
    mrl_publication_unref(older);
}
