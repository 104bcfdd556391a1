/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends in one thread, joined by a pair of BIOs; the peer is our own client. Every function
 * fails the running test when it cannot. */
#ifndef MRL_TESTS_NET_TLS_FIXTURE_H
#define MRL_TESTS_NET_TLS_FIXTURE_H

#include "net/tls.h"
#include "tests/unit/net/pki.h"
#include "tests/unit/unit.h"

#define DAY INT64_C(86400)
enum { ALERT_BAD_CERTIFICATE = 42, ALERT_REVOKED = 44, ALERT_EXPIRED = 45 };
enum { ALERT_UNKNOWN = 46, ALERT_UNKNOWN_CA = 48, ALERT_UNSUPPORTED = 43, ALERT_REQUIRED = 116 };
enum { ALERT_ILLEGAL_PARAMETER = 47 };

extern struct pki pki;
extern struct pki_identity device, second;

/* The registry of the test: what is known (device, second), and what the judge says of it. */
extern struct known {
    struct mrl_fingerprint fp;
    enum mrl_tls_refusal verdict;
} known[2];
extern unsigned asked;    /* how often, since the pair was opened */
extern bool keep_library; /* of servers that are made */
extern const uint16_t both_versions[2];

struct pair {
    struct mrl_tls_tickets *tickets;
    struct mrl_tls_context *server_context;
    struct mrl_tls_context *client_context;
    struct mrl_tls *server;
    struct mrl_tls *client;
};

struct outcome {
    mrl_err server;
    mrl_err client;
};

/* Of a group of tests. */
int set_up(void **state);
int tear_down(void **state);

enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp);
struct mrl_tls_context *server_context(struct mrl_tls_tickets *tickets,
                                       enum mrl_tls_client_certificate want);
/* who may be NULL: no certificate. */
struct mrl_tls_context *client_context(const struct pki_identity *who, uint16_t newest);
/* All that is known is accepted. */
void open_pair(struct pair *p, const struct pki_identity *who, uint16_t newest);
void close_pair(struct pair *p);
void hang_up(struct pair *p);
/* A new connection, hands not shaken. */
void dial_as(struct pair *p, mrl_bytes name);
/* Until both are open or one has failed. */
struct outcome shake_only(struct pair *p);
/* A new connection, shaken; then the client reads, so that alerts and tickets arrive. */
struct outcome shake(struct pair *p);
void say(struct mrl_tls *from, struct mrl_tls *to, mrl_bytes text);
void expect_open(struct pair *p, uint16_t version, bool resumed);
void expect_refused(struct pair *p, enum mrl_tls_refusal why, uint8_t alert);

#endif
