/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/owed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "messages/retained.h"
#include "tests/unit/unit.h"

enum {
    KIND = 1,
    IN_FLIGHT = 3,
    QUEUED = 8,
    FEW = MRL_RETAINED_AT_ONCE,
    TOPICS = MRL_RETAINED_SEARCH_MOST + 500, /* too many for a search */
    SEEN = 3 * TOPICS,
};

struct seen {
    int topic;
    uint8_t payload; /* its first byte */
    uint8_t qos;
    bool retain;
    uint16_t packet_id;
    uint32_t identifier;
};

/* A door that takes `much` messages of QoS 0, then as many again with little room. */
struct door {
    struct mrl_session *session;
    struct seen seen[SEEN];
    size_t count;
    size_t asked; /* of seen: looked at by a test */
    size_t much, written;
};

struct fixture {
    struct mrl_loop *loop;
    struct mrl_mailbox *mailbox;
    struct mrl_hub *hub;
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    struct mrl_hub_limits limits;
    bool denied, lowered;
    unsigned drops;
    size_t looked, looks; /* that were, and that may be before it waits */
    bool seldom, waits;   /* every second time that it asks */
    struct door d;
};

static bool on_publish(void *door, const struct mrl_delivery *p)
{
    struct door *d = door;
    struct seen *s = &d->seen[d->count++];
    mrl_bytes topic = p->publication->topic, payload = p->publication->payload;
    char name[16];

    assert_true(d->count < SEEN);
    assert_true(mrl_bytes_starts(topic, MRL_LIT("t/")));
    (void)snprintf(name, sizeof(name), "%.*s", MRL_FMT(topic));
    *s = (struct seen){.topic = (int)strtol(name + 2, NULL, 10),
                       .payload = payload.len > 0 ? payload.data[0] : '-',
                       .qos = p->qos,
                       .retain = p->retain,
                       .packet_id = p->packet_id,
                       .identifier = p->identifier_count > 0 ? p->identifiers[0] : 0};
    if (p->qos == 0)
        d->written++;
    return true;
}

static void on_pubrel(void *door, uint16_t packet_id)
{
    (void)door;
    (void)packet_id;
}

static void on_evict(void *door, enum mrl_evict_reason why)
{
    (void)why;
    ((struct door *)door)->session = NULL;
}

static enum mrl_room room(void *door)
{
    const struct door *d = door;

    if (d->written < d->much)
        return MRL_ROOM_MUCH;
    return d->written < 2 * d->much ? MRL_ROOM_LITTLE : MRL_ROOM_NONE;
}

static const struct mrl_session_sink sink = {on_publish, on_pubrel, on_evict, room};

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)context;
    (void)s;
    return true;
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *question)
{
    const struct fixture *f = context;

    (void)s;
    if (f->lowered)
        question->qos = 0;
    return !f->denied;
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    (void)s;
    (void)why;
    ((struct fixture *)context)->drops++;
}

static uint64_t look(void *context, const struct mrl_session *s, size_t places)
{
    struct fixture *f = context;

    assert_non_null(mrl_session_door(s));
    f->looked += places;
    if (f->seldom && places == 0)
        f->waits = !f->waits;
    return f->waits || f->looked >= f->looks;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct mrl_hub_hooks hooks = {
        .context = f, .may_connect = may_connect, .may = may, .dropped = dropped, .look = look};

    assert_non_null(f);
    f->limits = (struct mrl_hub_limits){.subscriptions_per_session = 10,
                                        .queued_messages = QUEUED,
                                        .queued_bytes = 1 << 16,
                                        .in_flight = IN_FLIGHT,
                                        .session_expiry_s = 3600};
    f->d.much = SEEN;
    f->looks = SIZE_MAX;
    mrl_rcu_register();
    f->retained = mrl_retained_new(TOPICS, 64 << 20);
    f->routes = mrl_routes_new();
    assert_ok(mrl_loop_new(&f->loop));
    assert_ok(mrl_mailbox_new(f->loop, NULL, &f->mailbox));
    f->hub = mrl_hub_new(f->loop, f->mailbox, 0, f->retained, f->routes, &f->limits, &hooks);
    mrl_hub_join(f->hub, &f->hub, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    mrl_mailbox_free(f->mailbox);
    mrl_hub_free(f->hub);
    mrl_loop_free(f->loop);
    mrl_retained_free(f->retained);
    mrl_routes_free(f->routes);
    free(f);
    return 0;
}

static void publish_like(struct fixture *f, int topic, struct mrl_publication like)
{
    struct mrl_publication *p;
    char name[16];

    (void)snprintf(name, sizeof(name), "t/%d", topic);
    like.topic = mrl_str(name);
    p = mrl_publication_new(&like);
    assert_ok(mrl_hub_publish(f->hub, p, NULL));
    mrl_publication_unref(p);
}

static void keep(struct fixture *f, int topic, const char *payload, uint8_t qos)
{
    publish_like(f, topic,
                 (struct mrl_publication){.payload = mrl_str(payload), .qos = qos, .retain = true});
}

static void say(struct fixture *f, int topic, const char *payload, uint8_t qos)
{
    publish_like(f, topic, (struct mrl_publication){.payload = mrl_str(payload), .qos = qos});
}

static void keep_many(struct fixture *f, int count, uint8_t qos)
{
    for (int i = 0; i < count; i++)
        keep(f, i, "old", qos);
}

static bool attach_as(struct fixture *f, const char *client, struct door *d)
{
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("d"), mrl_str(client)},
                                 .expiry_s = 60,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .sink = &sink,
                                 .door = d};
    bool present;

    assert_ok(mrl_session_attach(f->hub, &a, &d->session, &present));
    mrl_session_start(d->session);
    return present;
}

static bool attach(struct fixture *f)
{
    return attach_as(f, "c", &f->d);
}

static void subscribe_with(struct fixture *f, const char *filter,
                           const struct mrl_subscribe_options *o)
{
    bool existed;

    assert_ok(mrl_session_subscribe(f->d.session, mrl_str(filter), o, &existed));
    if (o->retain_handling == 0 || (o->retain_handling == 1 && !existed))
        mrl_session_send_retained(f->d.session, mrl_str(filter));
}

static void subscribe(struct fixture *f, const char *filter, uint8_t qos)
{
    subscribe_with(f, filter, &(struct mrl_subscribe_options){.qos = qos});
}

static void turns(struct fixture *f)
{
    for (size_t before = SEEN; before != f->d.count;) {
        before = f->d.count;
        for (int i = 0; i < 8; i++)
            assert_ok(mrl_loop_turn(f->loop, 0));
    }
}

/* The connection wrote all, again and again. */
static void drain(struct fixture *f)
{
    do {
        f->d.written = 0;
        mrl_session_drained(f->d.session);
        turns(f);
    } while (f->d.written > 0);
}

static void acknowledge(struct fixture *f)
{
    while (f->d.asked < f->d.count) {
        const struct seen *s = &f->d.seen[f->d.asked++];

        if (s->qos == 1)
            assert_ok(mrl_session_puback(f->d.session, s->packet_id));
        turns(f);
    }
}

static unsigned times(const struct fixture *f, int topic, uint8_t payload)
{
    unsigned found = 0;

    for (size_t i = 0; i < f->d.count; i++)
        found += f->d.seen[i].topic == topic && f->d.seen[i].payload == payload;
    return found;
}

static const struct seen *first_of(const struct fixture *f, int topic)
{
    for (size_t i = 0; i < f->d.count; i++) {
        if (f->d.seen[i].topic == topic)
            return &f->d.seen[i];
    }
    fail();
    return NULL;
}

static void assert_all_once(const struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++)
        assert_int_equal(times(f, i, 'o'), 1);
}

static void all_come_once_at_qos_0_however_little_is_taken(void **state)
{
    struct fixture *f = *state;

    keep_many(f, TOPICS, 0);
    attach(f);
    f->d.much = 7;
    subscribe(f, "t/#", 0);
    turns(f);
    assert_int_equal(f->d.count, 7);
    drain(f);
    assert_int_equal(f->d.count, TOPICS);
    assert_all_once(f, 0, TOPICS);
    assert_true(f->d.seen[TOPICS - 1].retain);
    assert_int_equal(f->drops, 0);
}

static void one_turn_hands_over_one_portion(void **state)
{
    struct fixture *f = *state;

    keep_many(f, FEW + 1, 0);
    attach(f);
    subscribe(f, "t/#", 0);
    assert_int_equal(f->d.count, FEW);
    turns(f);
    assert_int_equal(f->d.count, FEW + 1);
}

static void few_go_at_once(void **state)
{
    struct fixture *f = *state;

    keep_many(f, FEW, 0);
    attach(f);
    subscribe(f, "t/#", 0);
    assert_int_equal(f->d.count, FEW);
    assert_null(f->d.session->owing);
}

static void half_of_the_queue_is_left_to_others(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    turns(f);
    assert_int_equal(f->d.count, IN_FLIGHT);
    assert_int_equal(f->d.session->queued_count, QUEUED / 2);
    for (int i = 0; i < QUEUED / 2; i++)
        say(f, 700, "live", 1);
    assert_int_equal(f->drops, 0);
    say(f, 700, "live", 1);
    assert_int_equal(f->drops, 1);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(times(f, 700, 'l'), QUEUED / 2);
    assert_int_equal(f->drops, 1);
}

static void half_of_the_bytes_are_left_to_others(void **state)
{
    struct fixture *f = *state;
    char payload[1001] = {0};
    const struct mrl_publication one = {.topic = MRL_LIT("t/1"),
                                        .payload = {(uint8_t *)payload, 1000}};

    memset(payload, 'o', 1000);
    f->limits.queued_bytes = 4 * mrl_publication_size(&one);
    for (int i = 0; i < 9; i++)
        keep(f, i, payload, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_int_equal(f->d.session->queued_count, 2);
    acknowledge(f);
    assert_all_once(f, 0, 9);
    assert_int_equal(f->drops, 0);
}

/* A queue of one has no half. */
static void a_queue_of_one_is_enough(void **state)
{
    struct fixture *f = *state;

    f->limits.queued_messages = 1;
    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(f->drops, 0);
}

/* Both ways: among few that were found at once, and among many that are walked along. */
static void stop_after(struct fixture *f, int retained, size_t much)
{
    keep_many(f, retained, 0);
    attach(f);
    f->d.much = much;
    subscribe(f, "t/#", 0);
    assert_int_equal(f->d.count, much);
}

static int last_of(const struct fixture *f, int retained)
{
    int last = retained - 1;

    while (times(f, last, 'o') > 0)
        last--;
    return last;
}

static void replaced_and_removed(struct fixture *f, int retained)
{
    int replaced, removed, expired;

    stop_after(f, retained, 5);
    replaced = last_of(f, retained);
    keep(f, replaced, "new", 0);
    removed = last_of(f, replaced);
    keep(f, removed, "", 0);
    expired = last_of(f, removed);
    publish_like(f, expired,
                 (struct mrl_publication){.payload = MRL_LIT("x"),
                                          .retain = true,
                                          .expires_ms = mrl_monotonic_ms() + 1});
    drain(f);
    assert_int_equal(times(f, replaced, 'o'), 0);
    assert_int_equal(times(f, replaced, 'n'), 1);
    assert_int_equal(times(f, removed, 'o'), 0);
    assert_int_equal(times(f, expired, 'o'), 0);
    assert_int_equal(times(f, expired, 'x'), 1);
    for (int i = 0; i < retained; i++)
        assert_true(times(f, i, 'o') == 1 || i == replaced || i == removed || i == expired);
}

static void what_is_replaced_or_removed_meanwhile_is_left_out_of_few(void **state)
{
    replaced_and_removed(*state, 20);
}

static void what_is_replaced_or_removed_meanwhile_is_left_out_of_many(void **state)
{
    replaced_and_removed(*state, TOPICS);
}

static void what_expires_meanwhile_is_left_out(void **state)
{
    struct fixture *f = *state;
    const struct mrl_publication short_lived = {
        .payload = MRL_LIT("old"), .retain = true, .expires_ms = mrl_monotonic_ms() + 20};

    for (int i = 0; i < 10; i++)
        publish_like(f, i, short_lived);
    attach(f);
    f->d.much = 5;
    subscribe(f, "t/#", 0);
    while (mrl_monotonic_ms() < short_lived.expires_ms)
        ;
    drain(f);
    assert_int_equal(f->d.count, 5);
    assert_null(f->d.session->owing);
}

/* The live one replaces nothing: both come, in their order. */
static void before_a_newer_one(struct fixture *f, int retained)
{
    int topic;

    stop_after(f, retained, 5);
    topic = last_of(f, retained);
    say(f, topic, "new", 0);
    assert_int_equal(f->d.count, 7);
    assert_int_equal(f->d.seen[5].topic, topic);
    assert_int_equal(f->d.seen[5].payload, 'o');
    assert_true(f->d.seen[5].retain);
    assert_int_equal(f->d.seen[6].payload, 'n');
    assert_false(f->d.seen[6].retain);
    say(f, topic, "new", 0);
    drain(f);
    assert_all_once(f, 0, retained);
    assert_int_equal(times(f, topic, 'n'), 2);
}

static void an_older_one_of_few_goes_before_a_newer_message(void **state)
{
    before_a_newer_one(*state, 20);
}

static void an_older_one_of_many_goes_before_a_newer_message(void **state)
{
    before_a_newer_one(*state, TOPICS);
}

static void an_older_one_goes_before_a_newer_message_of_a_full_half(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_int_equal(f->d.session->queued_count, QUEUED / 2);
    say(f, 599, "new", 1);
    assert_int_equal(f->d.session->queued_count, QUEUED / 2 + 2);
    acknowledge(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(first_of(f, 599)->payload, 'o');
    assert_int_equal(times(f, 599, 'n'), 1);
    assert_int_equal(f->drops, 0);
}

static void an_older_one_goes_before_what_waits_for_a_client_that_is_away(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    f->d.asked = f->d.count;
    say(f, 599, "new", 1);
    assert_true(attach(f));
    acknowledge(f);
    assert_int_equal(times(f, 599, 'o'), 1);
    assert_int_equal(times(f, 599, 'n'), 1);
    assert_int_equal(first_of(f, 599)->payload, 'o');
    assert_int_equal(f->drops, 0);
}

static void it_ends_with_the_subscription(void **state)
{
    struct fixture *f = *state;

    stop_after(f, TOPICS, 5);
    assert_ok(mrl_session_unsubscribe(f->d.session, MRL_LIT("t/#")));
    drain(f);
    assert_int_equal(f->d.count, 5);
    assert_null(f->d.session->owing);
}

static void it_ends_with_the_right_to_subscribe(void **state)
{
    struct fixture *f = *state;

    stop_after(f, TOPICS, 5);
    f->denied = true;
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("d"));
    drain(f);
    assert_int_equal(f->d.count, 5);
}

static void what_waits_goes_at_the_qos_that_is_granted_then(void **state)
{
    struct fixture *f = *state;
    unsigned at_qos_1 = 0;

    keep_many(f, 20, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    f->lowered = true;
    mrl_hub_rejudge(f->hub, KIND, MRL_LIT("d"));
    acknowledge(f);
    assert_all_once(f, 0, 20);
    for (size_t i = 0; i < f->d.count; i++)
        at_qos_1 += f->d.seen[i].qos == 1;
    assert_int_equal(at_qos_1, IN_FLIGHT + QUEUED / 2);
}

static void subscribe_again(struct fixture *f, uint8_t handling)
{
    stop_after(f, 600, 5);
    subscribe_with(f, "t/#",
                   &(struct mrl_subscribe_options){.retain_handling = handling, .identifier = 7});
    drain(f);
}

static void the_same_filter_begins_again(void **state)
{
    struct fixture *f = *state;

    subscribe_again(f, 0);
    assert_int_equal(f->d.count, 605);
    assert_int_equal(f->d.seen[5].identifier, 7);
}

static void the_same_filter_goes_on_when_only_a_new_one_gets_retained_messages(void **state)
{
    struct fixture *f = *state;

    subscribe_again(f, 1);
    assert_all_once(f, 0, 600);
    assert_int_equal(f->d.count, 600);
    assert_int_equal(f->d.seen[5].identifier, 7);
}

static void the_same_filter_ends_it_when_no_retained_messages_are_wanted(void **state)
{
    struct fixture *f = *state;

    subscribe_again(f, 2);
    assert_int_equal(f->d.count, 5);
}

static void it_goes_on_when_the_client_is_back(void **state)
{
    struct fixture *f = *state;

    stop_after(f, 600, 5);
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    turns(f);
    f->d.written = 0;
    assert_true(attach(f));
    drain(f);
    assert_all_once(f, 0, 600);
    assert_int_equal(f->d.count, 600);
}

static void it_goes_on_with_the_connection_that_takes_over(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    subscribe(f, "t/#", 1);
    assert_true(attach(f));
    f->d.asked = f->d.count - IN_FLIGHT; /* what was in flight came again */
    acknowledge(f);
    for (int i = 0; i < 600; i++)
        assert_int_equal(times(f, i, 'o'), i < IN_FLIGHT ? 2 : 1);
}

/* Sanitizers see what is not freed. */
static void a_session_that_ends_owes_nothing(void **state)
{
    struct fixture *f = *state;

    stop_after(f, TOPICS, 5);
    say(f, last_of(f, TOPICS), "new", 0);
    mrl_session_drained(f->d.session);
    assert_ok(mrl_session_set_expiry(f->d.session, 0));
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    turns(f);
    assert_int_equal(f->d.count, 7);
    assert_int_equal(mrl_hub_session_count(f->hub), 0);
}

static void several_subscriptions_take_turns(void **state)
{
    struct fixture *f = *state;
    unsigned of_second = 0;

    keep_many(f, TOPICS, 0);
    attach(f);
    subscribe(f, "t/#", 0);
    subscribe_with(f, "t/+", &(struct mrl_subscribe_options){.identifier = 2});
    for (int i = 0; i < 2; i++)
        assert_ok(mrl_loop_turn(f->loop, 0));
    for (size_t i = 0; i < f->d.count; i++)
        of_second += f->d.seen[i].identifier == 2;
    assert_int_equal(of_second, 2 * FEW);
    turns(f);
    assert_int_equal(f->d.count, 2 * TOPICS);
}

static void four_sessions_get_a_portion_in_a_turn(void **state)
{
    static const char *const clients[] = {"1", "2", "3", "4", "5"};
    const struct mrl_subscribe_options o = {0};
    struct fixture *f = *state;
    struct door *doors = calloc(MRL_COUNT(clients), sizeof(*doors));
    size_t before, most = 0, all = 0;
    bool existed;

    assert_non_null(doors);
    keep_many(f, TOPICS, 0);
    for (size_t i = 0; i < MRL_COUNT(clients); i++) {
        doors[i].much = SEEN;
        attach_as(f, clients[i], &doors[i]);
        assert_ok(mrl_session_subscribe(doors[i].session, MRL_LIT("t/#"), &o, &existed));
        mrl_session_send_retained(doors[i].session, MRL_LIT("t/#"));
    }
    do {
        before = all;
        all = 0;
        assert_ok(mrl_loop_turn(f->loop, 0));
        for (size_t i = 0; i < MRL_COUNT(clients); i++)
            all += doors[i].count;
        most = all - before > most && before > 0 ? all - before : most;
    } while (all != before);
    assert_int_equal(all, MRL_COUNT(clients) * TOPICS);
    assert_int_equal(most, 4 * FEW);
    for (size_t i = 0; i < MRL_COUNT(clients); i++)
        mrl_session_detach(doors[i].session, MRL_DETACH_CLEAN);
    free(doors);
}

static void one_that_has_no_room_holds_up_no_other(void **state)
{
    struct fixture *f = *state;

    keep_many(f, 600, 1);
    attach(f);
    f->d.much = 5;
    subscribe(f, "t/#", 0);
    subscribe(f, "t/+", 1);
    acknowledge(f);
    assert_int_equal(f->d.count, 605);
    drain(f);
    assert_int_equal(f->d.count, 1200);
}

/* Until that many have come: a timer, however short, is not for an assertion. */
static void turns_until(struct fixture *f, size_t count)
{
    for (uint64_t end = mrl_monotonic_ms() + 60000; f->d.count < count;) {
        assert_true(mrl_monotonic_ms() < end);
        assert_ok(mrl_loop_turn(f->loop, 10));
    }
}

/* Below t are more than are searched, and nothing matches. */
static void a_filter_that_matches_nothing_costs_no_more_than_its_subscriber_may_look(void **state)
{
    struct fixture *f = *state;

    keep_many(f, TOPICS, 0);
    attach(f);
    f->looks = 10000;
    for (int i = 0; i < 100; i++) {
        subscribe(f, "t/+/none", 0);
        turns(f);
    }
    assert_in_range(f->looked, f->looks, f->looks + MRL_RETAINED_SEARCH_MOST - 1);
    assert_non_null(f->d.session->owing);
    f->looks = SIZE_MAX;
    while (f->d.session->owing != NULL)
        assert_ok(mrl_loop_turn(f->loop, 10));
    assert_int_equal(f->d.count, 0);
}

static void one_subscribe_that_repeats_its_filter_costs_no_more_either(void **state)
{
    const struct mrl_subscribe_options o = {0};
    struct fixture *f = *state;
    bool existed;

    keep_many(f, TOPICS, 0);
    attach(f);
    f->looks = 10000;
    for (int i = 0; i < 100; i++)
        assert_ok(mrl_session_subscribe(f->d.session, MRL_LIT("t/+/none"), &o, &existed));
    for (int i = 0; i < 100; i++)
        mrl_session_send_retained(f->d.session, MRL_LIT("t/+/none"));
    turns(f);
    assert_in_range(f->looked, f->looks, f->looks + MRL_RETAINED_SEARCH_MOST - 1);
}

static void all_come_however_seldom_it_may_look(struct fixture *f, int retained)
{
    keep_many(f, retained, 0);
    attach(f);
    f->seldom = true;
    subscribe(f, "t/#", 0);
    turns_until(f, (size_t)retained);
    turns(f);
    assert_int_equal(f->d.count, retained);
    assert_all_once(f, 0, retained);
    assert_int_equal(f->drops, 0);
}

static void all_that_are_searched_come_however_seldom_it_may_look(void **state)
{
    all_come_however_seldom_it_may_look(*state, 1000);
}

static void all_that_are_walked_along_come_however_seldom_it_may_look(void **state)
{
    all_come_however_seldom_it_may_look(*state, TOPICS);
}

/* A place a level, and one for the root. */
static void what_is_below_the_filter_is_looked_at_and_nothing_else(void **state)
{
    struct fixture *f = *state;

    keep_many(f, TOPICS, 0);
    attach(f);
    subscribe(f, "t/7", 0);
    subscribe(f, "none/+/#", 0);
    assert_int_equal(f->looked, 3 + 1);
    assert_int_equal(f->d.count, 1);
}

static void nobody_looks_for_a_client_that_is_away(void **state)
{
    struct fixture *f = *state;
    size_t before;

    stop_after(f, TOPICS, FEW);
    f->d.written = 0;
    mrl_session_drained(f->d.session);
    before = f->looked;
    mrl_session_detach(f->d.session, MRL_DETACH_CLEAN);
    turns(f);
    assert_int_equal(f->looked, before);
    assert_true(attach(f));
    drain(f);
    assert_all_once(f, 0, TOPICS);
}

static void assert_owed(const struct fixture *f, size_t subscriptions, size_t found)
{
    const struct mrl_retained_owed *owed = mrl_retained_owed(f->retained);

    assert_int_equal(owed->subscriptions, subscriptions);
    assert_int_equal(owed->found, found);
}

static void what_is_owed_is_counted(void **state)
{
    struct fixture *f = *state;

    stop_after(f, 600, 5);
    assert_owed(f, 1, FEW - 5);
    subscribe(f, "t/+", 0);
    assert_owed(f, 2, 2 * FEW - 5);
    assert_ok(mrl_session_unsubscribe(f->d.session, MRL_LIT("t/+")));
    assert_owed(f, 1, FEW - 5);
    drain(f);
    assert_owed(f, 0, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(all_come_once_at_qos_0_however_little_is_taken),
        CASE(one_turn_hands_over_one_portion),
        CASE(few_go_at_once),
        CASE(half_of_the_queue_is_left_to_others),
        CASE(half_of_the_bytes_are_left_to_others),
        CASE(a_queue_of_one_is_enough),
        CASE(what_is_replaced_or_removed_meanwhile_is_left_out_of_few),
        CASE(what_is_replaced_or_removed_meanwhile_is_left_out_of_many),
        CASE(what_expires_meanwhile_is_left_out),
        CASE(an_older_one_of_few_goes_before_a_newer_message),
        CASE(an_older_one_of_many_goes_before_a_newer_message),
        CASE(an_older_one_goes_before_a_newer_message_of_a_full_half),
        CASE(an_older_one_goes_before_what_waits_for_a_client_that_is_away),
        CASE(it_ends_with_the_subscription),
        CASE(it_ends_with_the_right_to_subscribe),
        CASE(what_waits_goes_at_the_qos_that_is_granted_then),
        CASE(the_same_filter_begins_again),
        CASE(the_same_filter_goes_on_when_only_a_new_one_gets_retained_messages),
        CASE(the_same_filter_ends_it_when_no_retained_messages_are_wanted),
        CASE(it_goes_on_when_the_client_is_back),
        CASE(it_goes_on_with_the_connection_that_takes_over),
        CASE(a_session_that_ends_owes_nothing),
        CASE(several_subscriptions_take_turns),
        CASE(four_sessions_get_a_portion_in_a_turn),
        CASE(one_that_has_no_room_holds_up_no_other),
        CASE(a_filter_that_matches_nothing_costs_no_more_than_its_subscriber_may_look),
        CASE(one_subscribe_that_repeats_its_filter_costs_no_more_either),
        CASE(all_that_are_searched_come_however_seldom_it_may_look),
        CASE(all_that_are_walked_along_come_however_seldom_it_may_look),
        CASE(what_is_below_the_filter_is_looked_at_and_nothing_else),
        CASE(nobody_looks_for_a_client_that_is_away),
        CASE(what_is_owed_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
