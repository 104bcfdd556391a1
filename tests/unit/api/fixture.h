/* SPDX-License-Identifier: Apache-2.0 */
/* The management API as the daemon wires it: store, registry and key process are real, one worker
 * runs on a thread of its own, and requests come over UNIX sockets and TLS. */
#ifndef MRL_TESTS_API_FIXTURE_H
#define MRL_TESTS_API_FIXTURE_H

#include <pthread.h>

#include "api/api.h"
#include "base/json.h"
#include "crypto/csr.h"
#include "keys/client.h"
#include "net/listener.h"
#include "tests/unit/access/fixture.h"
#include "tests/unit/store/seal_fixture.h"

struct fixture {
    struct place place;
    char keys_folder[512];
    struct mrl_keys_client *keys;
    struct log_on_store log;
    struct test_root root;
    struct mrl_sealer *sealer;
    unsigned begun; /* rotations the API said have begun */
    struct mrl_api api;
    struct mrl_api_worker worker;
    struct mrl_onboarding onboarding;
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_service *service;
    struct mrl_http_server *server;
    struct mrl_tls_context *tls;
    struct mrl_listener *listener;
    struct mrl_hub *hubs[1];
    struct mrl_routes *routes;
    pthread_t thread;
};

int set_up(void **state);
int tear_down(void **state);
#define WITH_API(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Runs on the worker; returns when it has run. */
void on_worker(struct fixture *f, void (*run)(struct fixture *f, void *context), void *context);

/* Who asks. Without certificate: a UNIX socket of that peer, or of root when peer is NULL. */
struct caller {
    const struct mrl_peer *peer;
    const struct identity *identity;
    const char *headers; /* more header lines, each with CR LF; NULL: none */
};
struct identity { /* of an operator or a device */
    struct mrl_key *key;
    struct mrl_cert *cert;
};
void identity_done(struct identity *i);

struct reply {
    unsigned status; /* 0: the connection ended without an answer */
    char *head;
    char *body;
    json_t *json; /* of the body; NULL: it is none */
};
struct reply ask(struct fixture *f, const struct caller *caller, const char *method,
                 const char *target, const char *body);
void reply_done(struct reply *r);

/* As root on the UNIX socket; the status must be as wanted. */
struct reply expect(struct fixture *f, unsigned status, const char *method, const char *target,
                    const char *body);
void expect_only(struct fixture *f, unsigned status, const char *method, const char *target,
                 const char *body);
/* A problem of that status and slug, and in the form of RFC 9457. */
void assert_problem(const struct reply *r, unsigned status, const char *slug);
const char *member(const struct reply *r, const char *name); /* a text member; fails without */

/* An open connection as root that has sent a GET, for streams. */
int open_stream(struct fixture *f, const char *target);
/* Reads until text stands in what came; false after ten seconds or at the end. */
bool read_until(int fd, char *to, size_t cap, const char *text);

/* A TLS connection to the management port; identity may be empty. */
struct remote {
    struct ssl_ctx_st *context;
    struct ssl_st *ssl;
    int fd;
};
bool remote_open(struct fixture *f, const struct identity *identity, struct remote *out);
bool remote_send(struct remote *c, const char *text);
size_t remote_read(struct remote *c, void *to, size_t cap); /* 0: the end */
void remote_close(struct remote *c);                        /* also when open failed */

/* A certificate by POST /v1/<kind>s/<id>/certificates. */
void certify(struct fixture *f, const char *kind, const char *id, struct identity *out);
void operator_with(struct fixture *f, const char *id, const char *role, struct identity *out);
/* A request for CN=id with a fresh key, as PEM inside a JSON body. Free both. */
char *csr_body(const char *id, struct mrl_key **key);

#endif
