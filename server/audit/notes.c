/* SPDX-License-Identifier: Apache-2.0 */
/* Denials in a flood: the first of a kind at once, the rest counted. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "audit/log.h"
#include "base/clock.h"
#include "base/writer.h"

enum { KEY_MAX = 2048, ADDRESS_TEXT_MAX = 64, NET4 = 3, NET6 = 8 };

static const mrl_bytes too_many = MRL_LIT_INIT("too many different ones to tell apart");

/* An actor, or a network when the actor is not known. */
struct source {
    struct mrl_map_node node;
    unsigned windows; /* open */
    uint8_t key[];
};

struct window {
    struct mrl_map_node node;
    struct mrl_list link;
    struct source *source;
    struct mrl_audit_event *event; /* the first, owned */
    uint64_t opened;
    uint64_t repeated;
    size_t key_len;
    uint8_t key[];
};

void mrl_audit_notes_init(struct mrl_audit_notes *n)
{
    (void)pthread_mutex_init(&n->lock, NULL);
    mrl_list_init(&n->oldest);
}

void mrl_audit_notes_done(struct mrl_audit_notes *n)
{
    mrl_map_done(&n->windows);
    mrl_map_done(&n->sources);
    (void)pthread_mutex_destroy(&n->lock);
}

/* "192.0.2.7:50112" or "[2001:db8::1]:50112" without the port. */
static mrl_bytes without_port(mrl_bytes source)
{
    mrl_bytes head, tail;

    if (mrl_bytes_starts(source, MRL_LIT("["))) {
        (void)mrl_bytes_split(mrl_bytes_sub(source, 1, source.len), ']', &head, &tail);
        return head;
    }
    if (mrl_bytes_split(source, ':', &head, &tail) && mrl_bytes_find(tail, ':', 0) == tail.len)
        return head;
    return source;
}

/* One attacker owns a /64 (and easily many addresses of a /24): it gets one window, not many. */
static void put_network(struct mrl_writer *w, mrl_bytes source)
{
    mrl_bytes address = without_port(source);
    char text[ADDRESS_TEXT_MAX];
    struct in6_addr a6;
    struct in_addr a4;

    if (!mrl_bytes_to_cstr(address, text, sizeof(text)))
        text[0] = '\0';
    if (inet_pton(AF_INET, text, &a4) == 1)
        mrl_put_blob16(w, mrl_bytes_of(&a4, NET4));
    else if (inet_pton(AF_INET6, text, &a6) == 1 && IN6_IS_ADDR_V4MAPPED(&a6))
        mrl_put_blob16(w, mrl_bytes_of(&a6.s6_addr[12], NET4));
    else if (inet_pton(AF_INET6, text, &a6) == 1)
        mrl_put_blob16(w, mrl_bytes_of(&a6, NET6));
    else
        mrl_put_blob16(w, mrl_bytes_sub(source, 0, MRL_AUDIT_SOURCE_MAX));
}

static void put_source(struct mrl_writer *w, const struct mrl_audit_event *e)
{
    bool known = e->actor.kind != MRL_ACTOR_UNKNOWN && e->actor.id.len > 0;

    mrl_put_u8(w, known ? (uint8_t)e->actor.kind : 0);
    if (known)
        mrl_put_blob16(w, mrl_bytes_sub(e->actor.id, 0, MRL_AUDIT_ID_MAX));
    else
        put_network(w, e->source);
}

static mrl_bytes source_key(const struct mrl_audit_event *e, uint8_t to[static KEY_MAX])
{
    struct mrl_writer w = mrl_writer_on(to, KEY_MAX);

    put_source(&w, e);
    return mrl_bytes_of(to, w.len);
}

static mrl_bytes make_key(const struct mrl_audit_event *e, uint8_t to[static KEY_MAX])
{
    struct mrl_writer w = mrl_writer_on(to, KEY_MAX);

    mrl_put_u16(&w, (uint16_t)e->action);
    mrl_put_u8(&w, (uint8_t)e->outcome);
    put_source(&w, e);
    mrl_put_blob16(&w, mrl_bytes_sub(e->reason, 0, MRL_AUDIT_REASON_MAX));
    mrl_put_blob16(&w, mrl_bytes_sub(e->target, 0, MRL_AUDIT_TARGET_MAX));
    return mrl_bytes_of(to, w.len);
}

static struct source *find_source(const struct mrl_audit_notes *n, mrl_bytes key)
{
    struct mrl_map_node *node = mrl_map_find(&n->sources, key);

    return node == NULL ? NULL : MRL_CONTAINER(node, struct source, node);
}

static struct source *open_source(struct mrl_audit_notes *n, mrl_bytes key)
{
    struct source *s = find_source(n, key);

    if (s == NULL) {
        s = calloc(1, sizeof(*s) + key.len);
        if (s == NULL)
            abort();
        memcpy(s->key, key.data, key.len);
        s->node.key = mrl_bytes_of(s->key, key.len);
        mrl_map_insert(&n->sources, &s->node);
    }
    s->windows++;
    return s;
}

static void close_source(struct mrl_audit_notes *n, struct source *s)
{
    if (--s->windows > 0)
        return;
    mrl_map_remove(&n->sources, &s->node);
    free(s);
}

static void open_window(struct mrl_audit_notes *n, const struct mrl_audit_event *e, mrl_bytes key,
                        uint64_t now)
{
    struct window *win = calloc(1, sizeof(*win) + key.len);
    uint8_t memory[KEY_MAX];

    if (win == NULL)
        abort();
    win->source = open_source(n, source_key(e, memory));
    memcpy(win->key, key.data, key.len);
    win->key_len = key.len;
    win->node.key = mrl_bytes_of(win->key, key.len);
    win->event = mrl_audit_event_copy(e);
    win->opened = now;
    mrl_map_insert(&n->windows, &win->node);
    mrl_list_add(&n->oldest, &win->link);
    n->count++;
}

/* true: the first of its kind, to be recorded now. */
static bool count_note(struct mrl_audit_notes *n, const struct mrl_audit_event *e, mrl_bytes key,
                       uint64_t now)
{
    struct mrl_map_node *node = mrl_map_find(&n->windows, key);

    if (node != NULL) {
        MRL_CONTAINER(node, struct window, node)->repeated++;
        return false;
    }
    if (n->count < MRL_AUDIT_WINDOWS_MAX) {
        open_window(n, e, key, now);
        return true;
    }
    n->other[e->action]++;
    if (n->other_since == 0)
        n->other_since = now;
    return false;
}

/* e itself, or what stands for it when its source has enough windows of its own. */
static struct mrl_audit_event kind_of(const struct mrl_audit_notes *n,
                                      const struct mrl_audit_event *e)
{
    struct mrl_audit_event kind = *e;
    uint8_t memory[KEY_MAX];
    const struct source *s = find_source(n, source_key(e, memory));

    if (s == NULL || s->windows < MRL_AUDIT_WINDOWS_OF_ONE ||
        mrl_map_find(&n->windows, make_key(e, memory)) != NULL)
        return kind;
    kind.target = MRL_BYTES_NONE;
    kind.reason = too_many;
    return kind;
}

void mrl_audit_note(struct mrl_audit *a, const struct mrl_audit_event *e)
{
    uint64_t now = mrl_monotonic_ms();
    struct mrl_audit_event kind;
    uint8_t memory[KEY_MAX];
    bool first;

    (void)pthread_mutex_lock(&a->notes.lock);
    kind = kind_of(&a->notes, e);
    first = count_note(&a->notes, &kind, make_key(&kind, memory), now);
    (void)pthread_mutex_unlock(&a->notes.lock);
    if (first)
        mrl_audit_record(a, &kind, NULL, NULL);
}

static bool is_over(uint64_t since, uint64_t now)
{
    return now >= since && now - since >= MRL_AUDIT_WINDOW_MS;
}

/* Moves what is over to ended and other; the caller records it without the lock. */
static void take_ended(struct mrl_audit_notes *n, uint64_t now, struct mrl_list *ended,
                       uint64_t other[static MRL_AUDIT_ACTION_COUNT_])
{
    MRL_LIST_EACH(win, &n->oldest, struct window, link)
    {
        if (!is_over(win->opened, now))
            break;
        mrl_map_remove(&n->windows, &win->node);
        close_source(n, win->source);
        mrl_list_remove(&win->link);
        mrl_list_add(ended, &win->link);
        n->count--;
    }
    if (n->other_since == 0 || !is_over(n->other_since, now))
        return;
    memcpy(other, n->other, sizeof(n->other));
    memset(n->other, 0, sizeof(n->other));
    n->other_since = 0;
}

static void record_repeated(struct mrl_audit *a, struct window *win)
{
    struct mrl_audit_event *e = win->event;

    e->repeated = win->repeated;
    e->request = MRL_BYTES_NONE; /* was that of the first */
    e->time_ms = 0;
    if (e->repeated > 0)
        mrl_audit_submit(a, e, NULL, NULL);
    else
        free(e);
    free(win);
}

static void record_other(struct mrl_audit *a, enum mrl_audit_action action, uint64_t count)
{
    struct mrl_audit_event e = {
        .action = action, .outcome = MRL_AUDIT_DENIED, .reason = too_many, .repeated = count};

    if (count > 0)
        mrl_audit_record(a, &e, NULL, NULL);
}

void mrl_audit_notes_end(struct mrl_audit *a, uint64_t now)
{
    uint64_t other[MRL_AUDIT_ACTION_COUNT_] = {0};
    struct mrl_list ended;

    mrl_list_init(&ended);
    (void)pthread_mutex_lock(&a->notes.lock);
    take_ended(&a->notes, now, &ended, other);
    (void)pthread_mutex_unlock(&a->notes.lock);
    MRL_LIST_EACH(win, &ended, struct window, link)
    record_repeated(a, win);
    for (unsigned i = 0; i < MRL_AUDIT_ACTION_COUNT_; i++)
        record_other(a, (enum mrl_audit_action)i, other[i]);
}
