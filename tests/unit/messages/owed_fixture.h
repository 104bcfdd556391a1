/* SPDX-License-Identifier: Apache-2.0 */
/* A hub with retained messages of the topics "t/0", "t/1" and so on, and a client that notes what
 * it gets. Every function fails the running test when it cannot. */
#ifndef MRL_TESTS_MESSAGES_OWED_FIXTURE_H
#define MRL_TESTS_MESSAGES_OWED_FIXTURE_H

#include "messages/owed.h"
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

int set_up(void **state);
int tear_down(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

void keep(struct fixture *f, int topic, const char *payload, uint8_t qos);
/* The first so many topics, with the payload "old". */
void keep_many(struct fixture *f, int count, uint8_t qos);
/* It lasts until it is given to expire, which takes it. */
struct mrl_publication *keep_a_while(struct fixture *f, int topic, const char *payload);
void expire(struct mrl_publication *p);
/* Not retained. */
void say(struct fixture *f, int topic, const char *payload, uint8_t qos);
/* true: there was such a session. */
bool attach_as(struct fixture *f, const char *client, struct door *d);
bool attach(struct fixture *f);
/* What is retained is sent as far as its Retain Handling wants it. */
void subscribe_with(struct fixture *f, const char *filter, const struct mrl_subscribe_options *o);
void subscribe(struct fixture *f, const char *filter, uint8_t qos);
/* So many are retained and the client subscribes to all, whose connection takes so much of them. */
void stop_after(struct fixture *f, int retained, size_t much);
/* Until nothing more comes by itself. */
void turns(struct fixture *f);
/* Until that many have come: a timer, however short, is not for an assertion. */
void turns_until(struct fixture *f, size_t count);
/* The connection wrote all, again and again. */
void drain(struct fixture *f);
void acknowledge(struct fixture *f);

unsigned times(const struct fixture *f, int topic, uint8_t payload);
const struct seen *first_of(const struct fixture *f, int topic);
/* The last topic whose old message did not come. */
int last_of(const struct fixture *f, int retained);
void assert_all_once(const struct fixture *f, int from, int to);

#endif
