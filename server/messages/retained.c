/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/retained.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "messages/topic_tree.h"
#include "net/timer.h"
#include "wire/mqtt_topic.h"

/* Of the items that expire only: most do not. */
struct expiry {
    struct mrl_timer timer;
    struct mrl_list due; /* in the list of what must go */
    struct mrl_retained *in;
    struct item *item;
};

struct item {
    struct mrl_topic_entry entry;
    struct mrl_retained_rank rank;
    struct expiry *expiry; /* or NULL */
    struct mrl_publication *publication;
    struct owner *owner; /* NULL: nobody's */
    struct mrl_list of_owner;
    int64_t row; /* in the store; 0: nowhere */
    bool settled;
    unsigned worker; /* that has its row in its journal until it is settled */
};

/* What one owner has; there as long as it has something. */
struct owner {
    struct mrl_map_node in_store; /* by the owner of its messages */
    struct mrl_list items;
    size_t messages;
    size_t bytes;
    uint8_t key[];
};

struct mrl_retained {
    pthread_mutex_t lock;
    struct mrl_topic_tree tree;
    size_t most_topics;
    size_t most_bytes;
    size_t bytes;
    struct mrl_timers expiries;
    struct mrl_list due;
    struct mrl_map owners;
    struct mrl_list ranks;    /* struct mrl_retained_rank, by number */
    uint64_t last_number;     /* given out */
    uint64_t last_back;       /* the last place of one that was taken back */
    _Atomic int64_t *counter; /* of rows; or NULL */
    struct mrl_retained_owed owed;
};

struct mrl_retained *mrl_retained_new(size_t most_topics, size_t most_bytes)
{
    struct mrl_retained *r = calloc(1, sizeof(*r));

    if (r == NULL || pthread_mutex_init(&r->lock, NULL) != 0)
        abort();
    r->most_topics = most_topics;
    r->most_bytes = most_bytes;
    mrl_timers_init(&r->expiries, mrl_monotonic_ms());
    mrl_list_init(&r->due);
    mrl_list_init(&r->ranks);
    return r;
}

static void on_expired(struct mrl_timer *t)
{
    struct expiry *x = MRL_CONTAINER(t, struct expiry, timer);

    mrl_list_add(&x->in->due, &x->due);
}

static void stop_expiry(struct item *i)
{
    if (i->expiry == NULL)
        return;
    mrl_timer_cancel(&i->expiry->timer);
    mrl_list_remove(&i->expiry->due);
    free(i->expiry);
    i->expiry = NULL;
}

static void start_expiry(struct mrl_retained *r, struct item *i, uint64_t now)
{
    uint64_t at = i->publication->expires_ms;
    struct expiry *x = calloc(1, sizeof(*x));

    if (x == NULL)
        abort();
    mrl_list_init(&x->due);
    x->timer.fire = on_expired;
    x->in = r;
    x->item = i;
    i->expiry = x;
    mrl_timer_set(&r->expiries, &x->timer, now, at > now ? at - now : 0);
}

static struct owner *find_owner(const struct mrl_retained *r, mrl_bytes key)
{
    struct mrl_map_node *n = key.len > 0 ? mrl_map_find(&r->owners, key) : NULL;

    return n == NULL ? NULL : MRL_CONTAINER(n, struct owner, in_store);
}

static void disown(struct mrl_retained *r, struct item *i)
{
    struct owner *o = i->owner;

    i->owner = NULL;
    if (o == NULL)
        return;
    mrl_list_remove(&i->of_owner);
    o->bytes -= mrl_publication_size(i->publication);
    if (--o->messages > 0)
        return;
    mrl_map_remove(&r->owners, &o->in_store);
    free(o);
}

/* Its publication says whose it is. */
static void own(struct mrl_retained *r, struct item *i)
{
    mrl_bytes key = i->publication->owner;
    struct owner *o = find_owner(r, key);

    if (key.len == 0)
        return;
    if (o == NULL) {
        o = calloc(1, sizeof(*o) + key.len);
        if (o == NULL)
            abort();
        memcpy(o->key, key.data, key.len);
        o->in_store.key = mrl_bytes_of(o->key, key.len);
        mrl_list_init(&o->items);
        mrl_map_insert(&r->owners, &o->in_store);
    }
    mrl_list_add(&o->items, &i->of_owner);
    o->messages++;
    o->bytes += mrl_publication_size(i->publication);
    i->owner = o;
}

static void set_publication(struct mrl_retained *r, struct item *i, const struct mrl_publication *p)
{
    disown(r, i);
    if (i->publication != NULL)
        r->bytes -= mrl_publication_size(i->publication);
    mrl_publication_unref(i->publication);
    i->publication = mrl_publication_ref(p);
    r->bytes += mrl_publication_size(p);
    own(r, i);
    stop_expiry(i);
    if (p->expires_ms != 0)
        start_expiry(r, i, mrl_monotonic_ms());
}

static void drop_item(struct mrl_retained *r, struct item *i)
{
    stop_expiry(i);
    disown(r, i);
    mrl_list_remove(&i->rank.link);
    r->bytes -= mrl_publication_size(i->publication);
    mrl_topic_tree_remove(&r->tree, &i->entry);
    mrl_publication_unref(i->publication);
    free(i);
}

/* Each node is passed once. One that holds nothing any more goes with what it held last, so it is
 * not looked at after that. */
static void drop_below(struct mrl_retained *r, struct mrl_topic_node *n)
{
    struct item *own = mrl_list_empty(&n->entries)
                           ? NULL
                           : MRL_CONTAINER(n->entries.next, struct item, entry.link);
    struct mrl_map_node *next;

    for (struct mrl_map_node *m = mrl_map_next(&n->children, NULL); m != NULL; m = next) {
        next = mrl_map_next(&n->children, m);
        drop_below(r, MRL_CONTAINER(m, struct mrl_topic_node, in_parent));
    }
    if (own != NULL)
        drop_item(r, own);
}

void mrl_retained_free(struct mrl_retained *r)
{
    if (r == NULL)
        return;
    if (r->tree.root != NULL)
        drop_below(r, r->tree.root);
    mrl_map_done(&r->owners);
    (void)pthread_mutex_destroy(&r->lock); /* nobody waits any more */
    free(r);
}

static struct item *find(const struct mrl_retained *r, mrl_bytes topic)
{
    struct mrl_topic_entry *e = mrl_topic_tree_find(&r->tree, topic);

    return e == NULL ? NULL : MRL_CONTAINER(e, struct item, entry);
}

static void set_last(struct mrl_retained *r, struct item *i)
{
    mrl_list_remove(&i->rank.link);
    mrl_list_add(&r->ranks, &i->rank.link);
    i->rank.number = r->last_number = i->row != 0 ? (uint64_t)i->row : r->last_number + 1;
}

static mrl_err put_locked(struct mrl_retained *r, const struct mrl_publication *p, struct item *i)
{
    size_t size = mrl_publication_size(p);
    size_t old = i == NULL ? 0 : mrl_publication_size(i->publication);

    MRL_ENSURE(i != NULL || r->tree.count < r->most_topics, MRL_ERR_LIMIT);
    MRL_ENSURE(r->bytes - old + size <= r->most_bytes, MRL_ERR_LIMIT);
    if (i == NULL) {
        i = calloc(1, sizeof(*i));
        if (i == NULL)
            abort();
        mrl_list_init(&i->of_owner);
        mrl_list_init(&i->rank.link);
        mrl_topic_tree_add(&r->tree, p->topic, &i->entry);
    }
    set_publication(r, i, p);
    i->row = r->counter == NULL ? 0 : atomic_fetch_add(r->counter, 1) + 1;
    set_last(r, i);
    i->settled = false;
    return MRL_OK;
}

static mrl_err set_locked(struct mrl_retained *r, const struct mrl_publication *p)
{
    struct item *i = find(r, p->topic);

    if (p->payload.len > 0)
        return put_locked(r, p, i);
    if (i != NULL) /* MQTT 5.0 3.3.1-6 */
        drop_item(r, i);
    return MRL_OK;
}

mrl_err mrl_retained_set(struct mrl_retained *r, const struct mrl_publication *p)
{
    mrl_err err;

    (void)pthread_mutex_lock(&r->lock); /* cannot fail: a plain mutex, initialised */
    err = set_locked(r, p);
    (void)pthread_mutex_unlock(&r->lock);
    return err;
}

bool mrl_retained_has_room(struct mrl_retained *r, const struct mrl_publication *p,
                           size_t most_messages, size_t most_bytes)
{
    size_t messages = 1, bytes = mrl_publication_size(p);
    const struct owner *o;
    const struct item *i;

    if (p->payload.len == 0)
        return true;
    (void)pthread_mutex_lock(&r->lock);
    o = find_owner(r, p->owner);
    i = find(r, p->topic);
    if (o != NULL) {
        messages += o->messages;
        bytes += o->bytes;
    }
    if (o != NULL && i != NULL && i->owner == o) {
        messages--;
        bytes -= mrl_publication_size(i->publication);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return messages <= most_messages && bytes <= most_bytes;
}

void mrl_retained_number(struct mrl_retained *r, _Atomic int64_t *counter)
{
    r->counter = counter;
}

static struct mrl_retained_change replaced(const struct item *i, unsigned worker)
{
    return (struct mrl_retained_change){.old_row = i->row,
                                        .old_settled = i->settled || i->worker == worker,
                                        .previous = mrl_publication_ref(i->publication)};
}

static mrl_err replace_locked(struct mrl_retained *r, const struct mrl_publication *p,
                              unsigned worker, struct mrl_retained_change *out)
{
    struct item *i = find(r, p->topic);
    struct mrl_retained_change change = {0};
    mrl_err err;

    if (i != NULL)
        change = replaced(i, worker);
    err = set_locked(r, p);
    if (err != MRL_OK) {
        mrl_publication_unref(change.previous);
        return err;
    }
    i = find(r, p->topic);
    if (i != NULL) {
        i->worker = worker;
        change.row = i->row;
    }
    *out = change;
    return MRL_OK;
}

mrl_err mrl_retained_replace(struct mrl_retained *r, const struct mrl_publication *p,
                             unsigned worker, struct mrl_retained_change *change)
{
    mrl_err err;

    (void)pthread_mutex_lock(&r->lock);
    err = replace_locked(r, p, worker, change);
    (void)pthread_mutex_unlock(&r->lock);
    return err;
}

void mrl_retained_settle(struct mrl_retained *r, mrl_bytes topic, int64_t row)
{
    struct item *i;

    (void)pthread_mutex_lock(&r->lock);
    i = find(r, topic);
    if (i != NULL && i->row == row)
        i->settled = true;
    (void)pthread_mutex_unlock(&r->lock);
}

static void take_back_locked(struct mrl_retained *r, struct item *i,
                             const struct mrl_retained_change *change)
{
    if (change->previous == NULL) {
        drop_item(r, i);
        return;
    }
    set_publication(r, i, change->previous);
    i->row = change->old_row;
    i->settled = change->old_settled;
    if (i->rank.number > r->last_back)
        r->last_back = i->rank.number;
}

void mrl_retained_take_back(struct mrl_retained *r, mrl_bytes topic,
                            const struct mrl_retained_change *change)
{
    struct item *i;

    (void)pthread_mutex_lock(&r->lock);
    i = find(r, topic);
    if (i != NULL && i->row == change->row)
        take_back_locked(r, i, change);
    (void)pthread_mutex_unlock(&r->lock);
}

void mrl_retained_load(struct mrl_retained *r, const struct mrl_publication *p, int64_t row,
                       int64_t *older)
{
    struct item *i;

    (void)pthread_mutex_lock(&r->lock);
    i = find(r, p->topic);
    *older = i == NULL ? 0 : i->row;
    if (set_locked(r, p) == MRL_OK && (i = find(r, p->topic)) != NULL) {
        i->row = row;
        i->rank.number = r->last_number = (uint64_t)row;
        i->settled = true;
    }
    (void)pthread_mutex_unlock(&r->lock);
}

/* A timer cannot be set for all of the time a message may last. */
static bool is_over(struct mrl_retained *r, struct item *i, uint64_t now)
{
    if (mrl_publication_expired(i->publication, now))
        return true;
    stop_expiry(i);
    start_expiry(r, i, now);
    return false;
}

static size_t expire_locked(struct mrl_retained *r, uint64_t now, unsigned worker,
                            struct mrl_retained_change *gone, size_t most)
{
    size_t count = 0;

    mrl_timers_advance(&r->expiries, now);
    while (count < most && !mrl_list_empty(&r->due)) {
        struct item *i = MRL_CONTAINER(r->due.next, struct expiry, due)->item;

        if (!is_over(r, i, now))
            continue;
        gone[count++] = replaced(i, worker);
        drop_item(r, i);
    }
    return count;
}

size_t mrl_retained_expire(struct mrl_retained *r, uint64_t now_ms, unsigned worker,
                           struct mrl_retained_change *gone, size_t most)
{
    size_t count;

    (void)pthread_mutex_lock(&r->lock);
    count = expire_locked(r, now_ms, worker, gone, most);
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

struct taking {
    struct item **items;
    size_t count, most;
};

static void take_item(struct mrl_topic_entry *e, void *context)
{
    struct taking *t = context;

    if (t->count < t->most)
        t->items[t->count++] = MRL_CONTAINER(e, struct item, entry);
}

static size_t take_below_locked(struct mrl_retained *r, mrl_bytes filter, unsigned worker,
                                struct mrl_retained_change *gone, size_t most)
{
    struct taking t = {.items = calloc(most + 1, sizeof(struct item *)), .most = most};

    if (t.items == NULL)
        abort();
    mrl_topic_tree_select(&r->tree, filter, take_item, &t);
    for (size_t i = 0; i < t.count; i++) {
        gone[i] = replaced(t.items[i], worker);
        drop_item(r, t.items[i]);
    }
    free(t.items);
    return t.count;
}

/* The owner goes with its last message. */
static size_t take_owned_locked(struct mrl_retained *r, mrl_bytes owner, unsigned worker,
                                struct mrl_retained_change *gone, size_t most)
{
    size_t count = 0;
    struct owner *o;

    while (count < most && (o = find_owner(r, owner)) != NULL) {
        struct item *i = MRL_CONTAINER(o->items.next, struct item, of_owner);

        gone[count++] = replaced(i, worker);
        drop_item(r, i);
    }
    return count;
}

size_t mrl_retained_take(struct mrl_retained *r, mrl_bytes owner, mrl_bytes filter, unsigned worker,
                         struct mrl_retained_change *gone, size_t most)
{
    size_t count;

    (void)pthread_mutex_lock(&r->lock);
    count = take_owned_locked(r, owner, worker, gone, most);
    if (filter.len > 0)
        count += take_below_locked(r, filter, worker, &gone[count], most - count);
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

/* One that was taken back has its own number again; its place is that of what the store refused. */
static uint64_t number_of(const struct item *i)
{
    return i->row != 0 ? (uint64_t)i->row : i->rank.number;
}

static struct mrl_retained_one one_of(const struct item *i)
{
    return (struct mrl_retained_one){mrl_publication_ref(i->publication), number_of(i),
                                     i->rank.number};
}

/* false: it does not fit. */
static bool take_into(struct mrl_retained_batch *b, const struct item *i)
{
    const struct mrl_publication *p = i->publication;
    size_t size = mrl_publication_size(p);

    if (b->count == MRL_RETAINED_AT_ONCE ||
        (b->count > 0 && b->bytes + size > MRL_RETAINED_BYTES_AT_ONCE))
        return false;
    b->found[b->count++] = one_of(i);
    b->bytes += size;
    return true;
}

struct search {
    const struct item *found[MRL_RETAINED_SEARCH_MOST]; /* a node has one at most */
    size_t count;
    struct mrl_retained_span span;
    uint64_t now_ms;
};

static void find_item(struct mrl_topic_entry *e, void *context)
{
    struct search *s = context;
    const struct item *i = MRL_CONTAINER(e, struct item, entry);

    if (i->rank.number > s->span.after && number_of(i) <= s->span.until &&
        !mrl_publication_expired(i->publication, s->now_ms))
        s->found[s->count++] = i;
}

static int by_place(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;

    return ((*x)->rank.number > (*y)->rank.number) - ((*x)->rank.number < (*y)->rank.number);
}

static bool search_locked(struct mrl_retained *r, mrl_bytes filter, struct search *s,
                          struct mrl_retained_batch *out)
{
    size_t left = MRL_RETAINED_SEARCH_MOST, taken = 0;
    bool whole = mrl_topic_tree_select_within(&r->tree, filter, &left, find_item, s);

    out->looked = MRL_RETAINED_SEARCH_MOST - left;
    if (!whole)
        return false;
    qsort(s->found, s->count, sizeof(struct item *), by_place);
    while (taken < s->count && take_into(out, s->found[taken]))
        taken++;
    out->more = taken < s->count;
    return true;
}

bool mrl_retained_search(struct mrl_retained *r, mrl_bytes filter, struct mrl_retained_span span,
                         uint64_t now_ms, struct mrl_retained_batch *out)
{
    struct search s;
    bool whole;

    s.count = 0; /* found is large, and not looked at before it is set */
    s.span = span;
    s.now_ms = now_ms;
    (void)pthread_mutex_lock(&r->lock);
    whole = search_locked(r, filter, &s, out);
    (void)pthread_mutex_unlock(&r->lock);
    return whole;
}

void mrl_retained_walk_begin(struct mrl_retained *r, struct mrl_retained_walk *w,
                             struct mrl_retained_span span)
{
    *w = (struct mrl_retained_walk){.span = span};
    (void)pthread_mutex_lock(&r->lock);
    mrl_list_add_front(&r->ranks, &w->place.link);
    (void)pthread_mutex_unlock(&r->lock);
}

uint64_t mrl_retained_last(struct mrl_retained *r)
{
    uint64_t last;

    (void)pthread_mutex_lock(&r->lock);
    last = r->last_number;
    (void)pthread_mutex_unlock(&r->lock);
    return last;
}

void mrl_retained_walk_end(struct mrl_retained *r, struct mrl_retained_walk *w)
{
    (void)pthread_mutex_lock(&r->lock);
    mrl_list_remove(&w->place.link);
    (void)pthread_mutex_unlock(&r->lock);
}

/* false: it matches and does not fit. */
static bool look_at(const struct mrl_retained_walk *w, const struct mrl_retained_rank *rank,
                    mrl_bytes filter, uint64_t now_ms, struct mrl_retained_batch *out)
{
    const struct item *i;

    if (rank->number <= w->span.after)
        return true;
    i = MRL_CONTAINER(rank, struct item, rank);
    return number_of(i) > w->span.until || mrl_publication_expired(i->publication, now_ms) ||
           !mrl_mqtt_filter_matches(filter, i->publication->topic) || take_into(out, i);
}

/* Nothing that it could see stands from here on. */
static bool ends_at(const struct mrl_retained *r, const struct mrl_retained_walk *w, uint64_t place)
{
    return place > w->span.until && place > r->last_back;
}

/* false: it came to its end. */
static bool walk_locked(struct mrl_retained *r, struct mrl_retained_walk *w, mrl_bytes filter,
                        uint64_t now_ms, struct mrl_retained_batch *out)
{
    for (; out->looked < MRL_RETAINED_WALK_STEP; out->looked++) {
        struct mrl_list *next = w->place.link.next;
        const struct mrl_retained_rank *rank = MRL_CONTAINER(next, struct mrl_retained_rank, link);

        if (next == &r->ranks || ends_at(r, w, rank->number))
            return false;
        if (!look_at(w, rank, filter, now_ms, out))
            return true;
        mrl_list_remove(&w->place.link);
        mrl_list_add_front(next, &w->place.link);
    }
    return true;
}

void mrl_retained_walk_on(struct mrl_retained *r, struct mrl_retained_walk *w, mrl_bytes filter,
                          uint64_t now_ms, struct mrl_retained_batch *out)
{
    (void)pthread_mutex_lock(&r->lock);
    out->more = walk_locked(r, w, filter, now_ms, out);
    (void)pthread_mutex_unlock(&r->lock);
}

bool mrl_retained_find(struct mrl_retained *r, mrl_bytes topic, struct mrl_retained_one *out)
{
    const struct item *i;

    (void)pthread_mutex_lock(&r->lock);
    i = find(r, topic);
    if (i != NULL)
        *out = one_of(i);
    (void)pthread_mutex_unlock(&r->lock);
    return i != NULL;
}

size_t mrl_retained_count(struct mrl_retained *r)
{
    size_t count;

    (void)pthread_mutex_lock(&r->lock);
    count = r->tree.count;
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

struct mrl_retained_owed *mrl_retained_owed(struct mrl_retained *r)
{
    return &r->owed;
}
