/* SPDX-License-Identifier: Apache-2.0 */
/* Two hubs with a journal on a real store, and clients that write down what they get: "P1 7 text;"
 * is a PUBLISH at QoS 1 with packet id 7. Every function fails the running test when it cannot. */
#ifndef MRL_TESTS_MESSAGES_KEEP_FIXTURE_H
#define MRL_TESTS_MESSAGES_KEEP_FIXTURE_H

#include "messages/keep.h"
#include "tests/unit/store/seal_fixture.h"

enum { HUBS = 2, KIND = 1, IN_FLIGHT = 20 };

struct door {
    struct mrl_buf log;
    struct mrl_session *session;
};

struct fixture {
    struct place place;
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_ledger *ledger;
    struct mrl_loop *loop;
    struct mrl_mailbox *mailboxes[HUBS];
    struct mrl_retained *retained;
    struct mrl_routes *routes;
    struct mrl_hub *hubs[HUBS];
    struct mrl_hub_limits limits;
    mrl_err told;
    unsigned tells;
    unsigned answers; /* receipts that are done */
    mrl_err answer;
};

extern const struct mrl_session_sink sink;
extern const struct mrl_publication one, two; /* to the topic "t", at QoS 1 and 2 */

int set_up(void **state);
int tear_down(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

unsigned home(const struct mrl_session_key *k, unsigned hub_count);
/* To the hub of the first letter of its client identifier: "a" is on the first. */
void attach(struct fixture *f, const char *client, uint32_t expiry_s, struct door *d);
/* Its session ends with the connection; its will, to "t" at QoS 1, has a delay of ten minutes. */
void attach_with_will(struct fixture *f, const char *client, struct door *d);
void subscribe(struct door *d, const char *filter, uint8_t qos);
/* true: there is something to wait for. by: whose packet id 7 goes with it at QoS 2; or NULL. */
bool publish(struct fixture *f, struct mrl_hub *h, const struct mrl_publication *message,
             struct mrl_session *by);
/* Packet id 7 of by, whose answer is waited for; true: it is new. */
bool receive(struct fixture *f, struct mrl_session *by);
/* The store fails with every job that needs the table, until it is shown again. */
void hide_table(const struct fixture *f, const char *table);
void show_table(const struct fixture *f, const char *table);
/* Counts its answer; no-op without one. */
void wait_for(struct fixture *f, struct mrl_receipt *r);
/* Until nothing is under way on any thread. */
void settle(const struct fixture *f);
/* And the timers that are due have run: they look every 10 ms. */
void settle_timers(const struct fixture *f);
/* As after kill -9: nothing is flushed. */
struct mrl_ledger_found restart(struct fixture *f);
/* "sessions subscriptions messages queue received retained" */
void assert_rows(const struct fixture *f, const char *wanted);
void assert_log(struct door *d, const char *wanted); /* and empties it */

#endif
