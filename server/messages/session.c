/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/writer.h"
#include "messages/keep.h"

static _Atomic uint64_t last_number;

/* The kind, then the id. */
static mrl_bytes principal_key(uint8_t kind, mrl_bytes id, uint8_t *memory, size_t cap)
{
    struct mrl_writer w = mrl_writer_on(memory, cap);

    mrl_put_u8(&w, kind);
    mrl_put_bytes(&w, id);
    return mrl_bytes_of(memory, w.len);
}

struct mrl_principal_sessions *mrl_principal_find(const struct mrl_hub *h, uint8_t kind,
                                                  mrl_bytes id)
{
    uint8_t memory[512]; /* ids are far shorter */
    struct mrl_map_node *n =
        mrl_map_find(&h->principals, principal_key(kind, id, memory, sizeof(memory)));

    return n == NULL ? NULL : MRL_CONTAINER(n, struct mrl_principal_sessions, in_hub);
}

static struct mrl_principal_sessions *principal_get(struct mrl_hub *h, uint8_t kind, mrl_bytes id)
{
    struct mrl_principal_sessions *p = mrl_principal_find(h, kind, id);

    if (p != NULL)
        return p;
    p = calloc(1, sizeof(*p) + 1 + id.len);
    if (p == NULL)
        abort();
    mrl_list_init(&p->sessions);
    p->in_hub.key = principal_key(kind, id, (uint8_t *)p->key, 1 + id.len);
    mrl_map_insert(&h->principals, &p->in_hub);
    return p;
}

static size_t session_key_size(const struct mrl_session_key *k)
{
    return 1 + 2 + k->principal.len + k->client_id.len;
}

static mrl_bytes write_session_key(const struct mrl_session_key *k, uint8_t *memory, size_t cap)
{
    struct mrl_writer w = mrl_writer_on(memory, cap);

    mrl_put_u8(&w, k->principal_kind);
    mrl_put_blob16(&w, k->principal);
    mrl_put_bytes(&w, k->client_id);
    return mrl_bytes_of(memory, w.len);
}

static struct mrl_session *find(const struct mrl_hub *h, const struct mrl_session_key *k)
{
    size_t size = session_key_size(k);
    uint8_t *memory = malloc(size);
    struct mrl_map_node *n;

    if (memory == NULL)
        abort();
    n = mrl_map_find(&h->sessions, write_session_key(k, memory, size));
    free(memory);
    return n == NULL ? NULL : MRL_CONTAINER(n, struct mrl_session, in_hub);
}

static void on_timer(struct mrl_timer *t);

static struct mrl_session *session_new(struct mrl_hub *h, const struct mrl_session_key *k)
{
    size_t size = session_key_size(k);
    struct mrl_session *s = calloc(1, sizeof(*s) + size);
    uint8_t *memory;

    if (s == NULL)
        abort();
    memory = (uint8_t *)(s + 1);
    s->hub = h;
    s->number = atomic_fetch_add(&last_number, 1) + 1;
    s->in_hub.key = write_session_key(k, memory, size);
    s->key = (struct mrl_session_key){
        .principal_kind = k->principal_kind,
        .principal = mrl_bytes_sub(s->in_hub.key, 3, k->principal.len),
        .client_id = mrl_bytes_sub(s->in_hub.key, 3 + k->principal.len, k->client_id.len),
    };
    mrl_list_init(&s->queued);
    mrl_list_init(&s->flying);
    mrl_list_init(&s->pending);
    s->timer.fire = on_timer;
    mrl_map_insert(&h->sessions, &s->in_hub);
    s->principal = principal_get(h, k->principal_kind, k->principal);
    mrl_list_add(&s->principal->sessions, &s->in_principal);
    s->principal->count++;
    mrl_session_take_limits(s);
    s->receive_maximum = s->limits.in_flight;
    return s;
}

/* A retained store that is full in all keeps no more, but whoever waits for the will gets it.
 * Nobody is there to be told. [MQTT-3.1.2-8] */
static void send_will(struct mrl_hub *h, struct mrl_publication *will)
{
    if (mrl_hub_publish(h, will, NULL) == MRL_OK)
        return;
    will->retain = false;
    (void)mrl_hub_publish(h, will, NULL); /* only the retained store says no */
}

/* Takes will; a copy goes out, for the row that has it may be on its way to the store still.
 * removal is what takes it out of the store: it becomes durable together with what the
 * will brings, and nothing else may take it out before. */
static void publish_will(struct mrl_session *s, struct mrl_will from, struct mrl_op *removal)
{
    struct mrl_publication *will = mrl_publication_new(from.publication);
    const struct mrl_hub_hooks *hooks = &s->hub->hooks;
    struct mrl_hub_question question = {.action = MRL_HUB_PUBLISH};
    bool insisted;

    mrl_publication_unref(from.publication);
    will->origin = s->number;
    if (from.life_ms != 0)
        will->expires_ms = mrl_monotonic_ms() + from.life_ms;
    will->retain = will->retain && mrl_session_may_retain(s, will); /* else it goes out only */
    question.name = will->topic;
    question.qos = will->qos;
    question.retain = will->retain;
    question.empty = will->payload.len == 0;
    insisted = mrl_keep_insist(s->hub, true);
    s->hub->companion = removal;
    if (!hooks->may(hooks->context, s, &question))
        hooks->dropped(hooks->context, s, MRL_ERR_DENIED);
    else
        send_will(s->hub, will);
    s->hub->companion = NULL;
    (void)mrl_keep_insist(s->hub, insisted);
    mrl_publication_unref(will);
}

static struct mrl_will take_will(struct mrl_session *s)
{
    struct mrl_will will = s->will;

    s->will = (struct mrl_will){NULL, 0, 0};
    s->will_at_ms = 0;
    return will;
}

void mrl_session_fire_will(struct mrl_session *s)
{
    struct mrl_will will = take_will(s);

    if (will.publication != NULL)
        publish_will(s, will, mrl_keep_session(s, /*must=*/true));
}

/* Its will, and what other members of its shares are to get, become durable together with its
 * removal: neither is lost nor comes twice when the server dies in between. */
static void hand_down(struct mrl_session *s)
{
    struct mrl_will will = take_will(s);
    struct mrl_op *removal = mrl_keep_end(s);
    bool leaves_some = will.publication != NULL || s->flying_count + s->queued_count > 0;
    bool together = removal != NULL && leaves_some;

    if (together)
        mrl_routing_together_with(s->hub, removal);
    if (will.publication != NULL)
        publish_will(s, will, NULL);
    mrl_delivery_clear(s);
    if (together)
        mrl_routing_together_end(s->hub);
}

/* What was published is durable with all its receivers (and the packet id of a QoS 2 publisher), or
 * refused, before one of them goes: so nothing is given on that may still come again. */
void mrl_session_go_on_ending(struct mrl_session *s)
{
    if (!s->ending || mrl_keep_share_is_under_way(s))
        return;
    hand_down(s);
    mrl_list_remove(&s->in_principal);
    free(s->receiving);
    free(s);
}

static void leave_principal(struct mrl_session *s)
{
    struct mrl_principal_sessions *p = s->principal;

    mrl_list_remove(&s->in_principal);
    if (--p->count == 0) {
        mrl_map_remove(&s->hub->principals, &p->in_hub);
        free(p);
    }
    s->principal = NULL;
}

/* With its will. */
static void end_session(struct mrl_session *s)
{
    struct mrl_hub *h = s->hub;

    if (s->door != NULL) {
        s->door = NULL;
        h->connected--;
    }
    mrl_timer_cancel(&s->timer);
    s->started = false;
    s->ending = true;
    mrl_subscriptions_clear(s);
    mrl_map_remove(&h->sessions, &s->in_hub);
    leave_principal(s);
    mrl_list_add(&h->ending, &s->in_principal);
    mrl_session_go_on_ending(s);
}

void mrl_session_end(struct mrl_session *s)
{
    mrl_publication_unref(take_will(s).publication);
    end_session(s);
}

/* One timer for whatever comes first: the will's delay or the end of the session. */
static void arm(struct mrl_session *s)
{
    uint64_t now = mrl_monotonic_ms();
    uint64_t next = s->will_at_ms;

    if (s->expires_at_ms != 0 && (next == 0 || s->expires_at_ms < next))
        next = s->expires_at_ms;
    if (next != 0)
        mrl_loop_timer(s->hub->loop, &s->timer, next > now ? next - now : 0);
}

static void on_timer(struct mrl_timer *t)
{
    struct mrl_session *s = MRL_CONTAINER(t, struct mrl_session, timer);
    uint64_t now = mrl_monotonic_ms();
    bool ends = s->expires_at_ms != 0 && s->expires_at_ms <= now;

    if (ends) {
        end_session(s); /* min(delay, session end). MQTT 5.0 3.1.2.5 */
        return;
    }
    if (s->will_at_ms != 0 && s->will_at_ms <= now)
        mrl_session_fire_will(s);
    arm(s);
}

static uint32_t allowed_expiry(const struct mrl_hub *h, uint32_t wanted)
{
    return wanted < h->limits->session_expiry_s ? wanted : h->limits->session_expiry_s;
}

/* As soon as its connection is over. */
static bool is_due(const struct mrl_will *w)
{
    return w->publication != NULL && w->delay_s == 0;
}

/* The connection is gone; the session stays for its expiry, or ends. */
static void park(struct mrl_session *s)
{
    uint64_t now = mrl_monotonic_ms();

    s->door = NULL;
    s->started = false;
    mrl_subscriptions_set_ready(s, /*ready=*/false);
    s->hub->connected--;
    s->expires_at_ms = now + (uint64_t)s->expiry_s * 1000;
    if (s->expiry_s == 0) {
        end_session(s);
        return;
    }
    if (is_due(&s->will)) {
        mrl_session_fire_will(s); /* writes the row, too */
    } else {
        if (s->will.publication != NULL)
            s->will_at_ms = now + (uint64_t)s->will.delay_s * 1000;
        (void)mrl_keep_session(s, /*must=*/true);
    }
    arm(s);
}

void mrl_session_detach(struct mrl_session *s, enum mrl_detach how)
{
    if (how == MRL_DETACH_CLEAN) {
        mrl_publication_unref(s->will.publication);
        s->will.publication = NULL;
    }
    park(s);
}

void mrl_session_evict(struct mrl_session *s, enum mrl_evict_reason why)
{
    void *door = s->door;

    if (door == NULL)
        return;
    s->sink->evict(door, why);
    s->door = NULL;
    s->started = false;
    mrl_subscriptions_set_ready(s, /*ready=*/false);
    s->hub->connected--;
}

/* The old connection gives way. True when the session goes on. MQTT 5.0 3.1.4-3, 3.1.2-4 */
static bool take_over(struct mrl_session *s, bool clean_start)
{
    bool goes_on = !clean_start && s->expiry_s > 0;

    mrl_session_evict(s, MRL_EVICT_TAKEN_OVER);
    if (!goes_on)
        end_session(s);
    return goes_on;
}

/* A session that ends with its connection from now on is not kept any longer, but its will is: that
 * the server dies does not make it unsaid. MQTT 5.0 3.1.2.5. Gives what takes the will before this
 * connection out of the store, or NULL. */
static struct mrl_op *keep_or_not(struct mrl_session *s)
{
    struct mrl_op *removal = NULL, *row;

    if (s->hub->journal == NULL)
        return NULL;
    if (s->expiry_s > 0 && !s->durable)
        mrl_keep_begin(s);
    if (s->expiry_s == 0 && s->durable) {
        removal = mrl_keep_end(s);
        mrl_delivery_unkeep(s);
    }
    if (s->expiry_s == 0 && s->will.publication != NULL)
        mrl_keep_begin_will(s);
    row = mrl_keep_session(s, /*must=*/false);
    return removal != NULL ? removal : row;
}

static void connect_door(struct mrl_session *s, const struct mrl_attach *a)
{
    struct mrl_will before = take_will(s);
    struct mrl_op *removal;
    unsigned limit;

    mrl_session_take_limits(s);
    limit = s->receive_maximum = s->limits.in_flight;
    mrl_timer_cancel(&s->timer);
    s->will = a->will;
    s->expires_at_ms = 0;
    s->sink = a->sink;
    s->door = a->door;
    s->expiry_s = allowed_expiry(s->hub, a->expiry_s);
    removal = keep_or_not(s);
    if (is_due(&before))
        publish_will(s, before, removal);
    else
        mrl_publication_unref(before.publication); /* it is not sent. MQTT 5.0 3.1.3-9 */
    s->window = a->receive_maximum < limit ? a->receive_maximum : limit;
    s->hub->connected++;
}

mrl_err mrl_session_attach(struct mrl_hub *h, const struct mrl_attach *a, struct mrl_session **out,
                           bool *present)
{
    struct mrl_session *s = find(h, &a->key);
    const struct mrl_principal_sessions *p;

    if (s != NULL && !take_over(s, a->clean_start))
        s = NULL;
    *present = s != NULL;
    if (s == NULL) {
        p = mrl_principal_find(h, a->key.principal_kind, a->key.principal);
        MRL_ENSURE(p == NULL || p->count < a->most_sessions, MRL_ERR_LIMIT);
        s = session_new(h, &a->key);
    }
    connect_door(s, a);
    *out = s;
    return MRL_OK;
}

/* When it was cut off, as rows count it: the connection of one that was connected ended with the
 * process. It may lie before the machine started, where there is no monotonic time. */
static int64_t left_at(const struct mrl_ledger *l, const struct mrl_session_row *row)
{
    int64_t now = mrl_ledger_wall(l, mrl_monotonic_ms());
    int64_t left = row->ends - (int64_t)row->expiry_s * 1000;

    return row->ends == 0 || left > now ? now : left; /* later than now: the clock went back */
}

/* The limit may be a shorter one than when it was kept. */
static void restore_times(struct mrl_session *s, const struct mrl_session_row *row)
{
    const struct mrl_ledger *l = mrl_journal_ledger(s->hub->journal);
    int64_t left = left_at(l, row);

    s->expiry_s = allowed_expiry(s->hub, row->expiry_s);
    s->expires_at_ms = mrl_ledger_monotonic(l, left + (int64_t)s->expiry_s * 1000);
    if (s->will.publication != NULL)
        s->will_at_ms = mrl_ledger_monotonic(l, left + (int64_t)s->will.delay_s * 1000);
    arm(s);
}

struct mrl_session *mrl_session_restore(struct mrl_hub *h, const struct mrl_session_key *k,
                                        int64_t id, const struct mrl_session_row *row,
                                        struct mrl_publication *will)
{
    struct mrl_session *s = find(h, k);

    if (s != NULL) /* it was to go when its successor came */
        mrl_session_end(s);
    s = session_new(h, k);
    s->has_row = true;
    s->row_version = row->version;
    s->row = id;
    s->sent = s->last_seq = row->sent;
    s->will = (struct mrl_will){will, row->will_delay_s, row->will_life_ms};
    mrl_keep_begin(s);
    restore_times(s, row);
    return s;
}

void mrl_session_start(struct mrl_session *s)
{
    mrl_delivery_resume(s);
    mrl_subscriptions_set_ready(s, /*ready=*/true);
}

void mrl_session_judge(struct mrl_session *s)
{
    mrl_subscriptions_rejudge(s);
}

mrl_err mrl_session_set_expiry(struct mrl_session *s, uint32_t expiry_s)
{
    MRL_ENSURE(s->expiry_s != 0 || expiry_s == 0, MRL_ERR_STATE);
    s->expiry_s = allowed_expiry(s->hub, expiry_s);
    return MRL_OK;
}

uint32_t mrl_session_expiry(const struct mrl_session *s)
{
    return s->expiry_s;
}

const struct mrl_session_key *mrl_session_key(const struct mrl_session *s)
{
    return &s->key;
}

void *mrl_session_door(const struct mrl_session *s)
{
    return s->door;
}

uint64_t mrl_session_number(const struct mrl_session *s)
{
    return s->number;
}
