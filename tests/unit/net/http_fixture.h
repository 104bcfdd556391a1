/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server on a thread of its own, on a UNIX socket and with TLS on a free port of loopback,
 * and a raw client beside it that may break every rule. */
#ifndef MRL_TESTS_NET_HTTP_FIXTURE_H
#define MRL_TESTS_NET_HTTP_FIXTURE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "net/http_server.h"
#include "net/listener.h"
#include "tests/unit/net/pki.h"
#include "wire/http1.h"

struct fixture_config { /* zero: the defaults of the server */
    size_t head_bytes;
    size_t body_bytes;
    uint64_t request_timeout_ms;
    uint64_t idle_timeout_ms;
    bool opaque_path;
    size_t queue_limit; /* of the service, which has one thread; 0: 16 */
};

struct fixture {
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_service *service;
    struct mrl_http_server *server;
    struct mrl_listener *local_listener;
    struct mrl_listener *tls_listener;
    struct mrl_tls_context *tls;
    struct pki pki;
    pthread_t thread;
    char folder[64];
    char local[96]; /* "unix:/..." */
    char remote[MRL_ADDRESS_TEXT];
    atomic_int verdict; /* enum mrl_tls_refusal the judge answers with */
    /* "/slow" waits for go, and says it began */
    sem_t began, go;
    atomic_int worked;
    /* "/stream" */
    struct mrl_http_stream *stream; /* worker only */
    atomic_int started, gone;
    atomic_int released; /* bodies of "/lend?size=N" */
    /* what the refused hook saw last */
    atomic_int refused_status, refused_count;
};

void fixture_start(struct fixture *f, const struct fixture_config *config);
void fixture_stop(struct fixture *f); /* halt and free */
void fixture_halt(struct fixture *f); /* the loop runs no more */
void fixture_free(struct fixture *f);
/* Runs on the worker, and returns when it has run. */
void fixture_run(struct fixture *f, void (*run)(struct fixture *f));
/* Waits until *value is at least wanted; false after ten seconds. */
bool fixture_wait(atomic_int *value, int wanted);
/* Waits until the server has that many connections. */
bool fixture_connections(struct fixture *f, size_t wanted);

/* The raw client; every read gives up after ten seconds. */
int raw_connect(const struct fixture *f);
void raw_send(int fd, const char *text);
void raw_send_bytes(int fd, mrl_bytes bytes);
struct raw_answer {
    struct mrl_buf bytes; /* head and body; views of head go into it */
    struct mrl_http_response head;
    mrl_bytes body;
};
/* The next answer on fd; pending keeps what is behind it. false: none came. */
bool raw_read(int fd, struct mrl_buf *pending, bool to_head, struct raw_answer *out);
void raw_answer_done(struct raw_answer *a);
bool raw_is_closed(int fd); /* within ten seconds, and nothing more comes */

/* The same for tests that take an answer for granted: what is not there fails the test. */
struct raw_client {
    int fd;
    struct mrl_buf pending;
};
struct raw_client raw_open(const struct fixture *f);
void raw_leave(struct raw_client *c);
struct raw_answer raw_next(struct raw_client *c);
struct raw_answer raw_ask(struct raw_client *c, const char *request);
void raw_expect_answer(struct raw_client *c, unsigned status, const char *body);
void raw_expect(struct raw_client *c, const char *request, unsigned status, const char *body);
mrl_bytes raw_header(const struct raw_answer *a, const char *name);

#endif
