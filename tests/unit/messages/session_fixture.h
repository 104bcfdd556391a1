/* SPDX-License-Identifier: Apache-2.0 */
/* Two hubs that keep nothing on a disk, and doors that write down what they are told:
 * "P<qos><d|-><r|-> id topic payload #identifier;", "R id;", "E reason;". Every function fails the
 * running test when it cannot. */
#ifndef MRL_TESTS_MESSAGES_SESSION_FIXTURE_H
#define MRL_TESTS_MESSAGES_SESSION_FIXTURE_H

#include "base/buf.h"
#include "messages/session.h"
#include "tests/unit/unit.h"

enum { KIND = 1, HUBS = 2, IN_FLIGHT = 3, QUEUED = 4, SUBSCRIPTIONS = 2, RETAINED = 3 };

struct door {
    struct mrl_buf log;
    struct mrl_session *session;
    size_t largest; /* payload it takes */
};

struct fixture {
    struct mrl_loop *loop;
    struct mrl_mailbox *mailboxes[HUBS];
    struct mrl_hub *hubs[HUBS];
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    const char *denied; /* a name the policy denies */
    bool lowered;       /* the policy gives one QoS less than a subscription has */
    struct mrl_hub_question asked;
    bool may_connect;
    unsigned drops;
    struct mrl_hub_limits limits;
};

struct wish {
    uint8_t kind; /* 0: KIND */
    const char *principal, *client;
    bool clean;
    uint32_t expiry_s;
    uint16_t receive_maximum;
    unsigned most;
    const char *will;
    uint32_t will_delay_s;
    uint64_t will_life_ms;
};

int set_up(void **state);
int tear_down(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

mrl_err try_attach(struct mrl_hub *h, struct door *d, const struct wish *w, bool *present);
/* true: there was such a session. */
bool attach(struct mrl_hub *h, struct door *d, const struct wish *w);
void subscribe(struct door *d, const char *filter, uint8_t qos, uint32_t identifier);
/* Copies like. receivers may be NULL. */
mrl_err publish_as(struct mrl_hub *h, const struct mrl_publication *like, bool *receivers);
void publish(struct mrl_hub *h, const char *topic, const char *payload, uint8_t qos);
/* What went to the other hub has arrived. */
void turn(const struct fixture *f);
/* Its client says goodbye; the door is as it was before. */
void done(struct door *d);

/* What the door saw since the last look. */
#define assert_saw(d, text)                                  \
    do {                                                     \
        assert_ok(mrl_buf_append(&(d)->log, MRL_LIT("\0"))); \
        assert_string_equal((char *)(d)->log.data, text);    \
        mrl_buf_clear(&(d)->log);                            \
    } while (0)

#endif
