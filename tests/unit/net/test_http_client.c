/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/net/http_fixture.h"
#include "tests/unit/net/http_script.h"
#include "tests/unit/unit.h"

static struct fixture fixture;

static struct fixture *start_with(struct fixture_config config)
{
    fixture_start(&fixture, &config);
    return &fixture;
}

#define START(...) start_with((struct fixture_config){__VA_ARGS__})

static struct mrl_tls_context *trust(const struct mrl_cert_list *roots, enum mrl_tls_version most)
{
    const struct mrl_tls_client_config config = {.roots = roots, .max_version = most};
    struct mrl_tls_context *tls = NULL;

    assert_ok(mrl_tls_client_new(&config, &tls, NULL));
    return tls;
}

static struct mrl_http_client *client_to(const char *server, struct mrl_tls_context *tls,
                                         const char *name, uint64_t timeout_ms)
{
    const struct mrl_http_client_config config = {
        .server = mrl_str(server),
        .tls = tls,
        .server_name = mrl_str(name),
        .timeout_ms = timeout_ms,
        .body_limit = 1000,
    };
    struct mrl_http_client *c = NULL;

    assert_ok(mrl_http_client_new(&config, &c, NULL));
    return c;
}

static struct mrl_http_call get(const char *target)
{
    return (struct mrl_http_call){.method = "GET", .target = mrl_str(target)};
}

static struct mrl_http_call post(const char *target, mrl_bytes body)
{
    return (struct mrl_http_call){
        .method = "POST", .target = mrl_str(target), .body = body, .content_type = "text/plain"};
}

static void expect(struct mrl_http_client *c, struct mrl_http_call call, unsigned status,
                   const char *body)
{
    MRL_SCOPED(mrl_http_result) result = {0};
    struct mrl_why why = {0};
    mrl_err err = mrl_http_client_request(c, &call, &result, &why);

    if (err != MRL_OK)
        fail_msg("%s: %s", mrl_err_name(err), why.text);
    assert_int_equal(result.status, status);
    if (body != NULL)
        assert_bytes_equal(mrl_buf_bytes(&result.body), mrl_str(body));
}

static void expect_failure(struct mrl_http_client *c, struct mrl_http_call call, mrl_err wanted,
                           const char *text)
{
    MRL_SCOPED(mrl_http_result) result = {0};
    struct mrl_why why = {0};

    assert_int_equal(mrl_http_client_request(c, &call, &result, &why), wanted);
    if (text != NULL && strstr(why.text, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, why.text);
    assert_null(mrl_http_client_facts(c)); /* nothing is kept after a failure */
}

static void requests_over_a_unix_socket(void **state)
{
    struct fixture *f = START(0);
    struct mrl_http_client *c = client_to(f->local, NULL, "", 0);
    const struct mrl_http_field field = {"X-Any", MRL_LIT("value")};
    struct mrl_http_call call = post("/echo", MRL_LIT("hello"));
    MRL_SCOPED(mrl_http_result) result = {0};
    mrl_bytes value;

    (void)state;
    call.fields = &field;
    call.field_count = 1;
    for (int i = 0; i < 2; i++) { /* result is used again */
        assert_ok(mrl_http_client_request(c, &call, &result, NULL));
        assert_int_equal(result.status, 200);
        assert_bytes_equal(mrl_buf_bytes(&result.body), MRL_LIT("hello"));
        assert_true(mrl_http_result_header(&result, "x-METHOD", &value));
        assert_bytes_equal(value, MRL_LIT("POST"));
        assert_false(mrl_http_result_header(&result, "X-None", &value));
    }
    expect(c, get("/query?name=a%20b"), 200, "a b");
    expect(c, get("/none"), 404, "nothing at /none\n");
    expect(c, get("/empty"), 204, "");
    expect(c, (struct mrl_http_call){.method = "HEAD", .target = MRL_LIT("/big?size=5000")}, 200,
           "");
    assert_true(fixture_connections(f, 1)); /* all on one connection */
    mrl_http_client_free(c);
    fixture_stop(f);
}

static void both_sides_of_tls_see_the_same_binding(void **state)
{
    static const enum mrl_tls_version versions[] = {MRL_TLS_1_2, MRL_TLS_1_3};
    struct fixture *f = START(0);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(versions); i++) {
        struct mrl_tls_context *tls = trust(&f->pki.roots, versions[i]);
        struct mrl_http_client *c = client_to(f->remote, tls, "localhost", 0);
        struct mrl_http_call call = get("/binding");
        MRL_SCOPED(mrl_http_result) result = {0};
        MRL_SCOPED(mrl_buf) binding = {0};
        enum mrl_tls_binding kind;

        assert_int_equal(mrl_http_client_binding(c, &binding, &kind), MRL_ERR_STATE);
        assert_null(mrl_http_client_facts(c));
        assert_ok(mrl_http_client_connect(c, NULL));
        assert_int_equal(mrl_http_client_facts(c)->version, versions[i]);
        assert_ok(mrl_http_client_binding(c, &binding, &kind));
        assert_true(binding.len > 0);
        for (int again = 0; again < 2; again++) {
            call.bound = true;
            assert_ok(mrl_http_client_request(c, &call, &result, NULL));
            assert_bytes_equal(mrl_buf_bytes(&result.body), mrl_buf_bytes(&binding));
        }
        mrl_http_client_free(c);
        mrl_tls_context_free(tls);
    }
    fixture_stop(f);
}

static void a_server_with_the_wrong_certificate_is_refused(void **state)
{
    struct fixture *f = START(0);
    struct mrl_cert_list foreign = {f->pki.foreign_ca.chain.certs, f->pki.foreign_ca.chain.count};
    struct mrl_tls_context *good = trust(&f->pki.roots, 0), *other = trust(&foreign, 0);
    struct mrl_http_client *c = client_to(f->remote, good, "merlon.example", 0);

    (void)state;
    expect_failure(c, get("/"), MRL_ERR_AUTH,
                   "certificate of the server is not for name merlon.example");
    mrl_http_client_free(c);
    c = client_to(f->remote, other, "localhost", 0);
    expect_failure(c, get("/"), MRL_ERR_AUTH,
                   "certificate of the server is not from a CA we trust");
    mrl_http_client_free(c);
    c = client_to(f->remote, good, "", 0); /* the address itself is in the certificate */
    expect(c, get("/query?name=n"), 200, "n");
    mrl_http_client_free(c);
    mrl_tls_context_free(good);
    mrl_tls_context_free(other);
    fixture_stop(f);
}

static void a_client_hears_why_it_is_refused(void **state)
{
    static const struct {
        enum mrl_tls_refusal verdict;
        const char *text;
    } cases[] = {
        {MRL_TLS_REVOKED, "server refused our certificate: certificate revoked"},
        {MRL_TLS_UNREGISTERED, "server refused our certificate: certificate unknown"},
        {MRL_TLS_SUSPENDED, "server refused our certificate: bad certificate"},
    };
    static const enum mrl_tls_version versions[] = {MRL_TLS_1_2, MRL_TLS_1_3};
    struct fixture *f = START(0);
    struct pki_identity id;

    (void)state;
    pki_issue(&f->pki.ca, MRL_CERT_DEVICE, "device", -60, 3600, &id);
    for (size_t i = 0; i < MRL_COUNT(cases) * MRL_COUNT(versions); i++) {
        struct mrl_tls_context *tls = trust(&f->pki.roots, versions[i % MRL_COUNT(versions)]);
        struct mrl_http_client *c = client_to(f->remote, tls, "localhost", 0);

        assert_ok(mrl_tls_context_set_identity(tls, &id.chain, id.key, NULL));
        atomic_store(&f->verdict, cases[i / 2].verdict);
        expect_failure(c, get("/peer"), MRL_ERR_AUTH, cases[i / 2].text);
        assert_true(fixture_wait(&f->refused_count, (int)i + 1));
        assert_int_equal(atomic_load(&f->refused_status), 0);
        atomic_store(&f->verdict, MRL_TLS_ACCEPTED);
        expect(c, post("/echo", MRL_LIT("in")), 200, "in");
        mrl_http_client_free(c);
        mrl_tls_context_free(tls);
    }
    pki_identity_done(&id);
    fixture_stop(f);
}

static void a_connection_the_server_closed_is_opened_again(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 1000);
    struct mrl_tls_context *tls = trust(&f->pki.roots, 0);
    struct mrl_http_client *clients[] = {client_to(f->local, NULL, "", 0),
                                         client_to(f->remote, tls, "localhost", 0)};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(clients); i++) {
        struct mrl_http_call bound = get("/query?name=n");

        expect(clients[i], get("/query?name=n"), 200, "n");
        assert_true(fixture_connections(f, 0));
        expect(clients[i], post("/echo", MRL_LIT("again")), 200, "again");
        assert_true(fixture_connections(f, 0));
        bound.bound = true;
        expect_failure(clients[i], bound, MRL_ERR_CLOSED, "bound");
        mrl_http_client_free(clients[i]);
    }
    mrl_tls_context_free(tls);
    fixture_stop(f);
}

static void a_large_request_is_refused_with_an_answer(void **state)
{
    enum { SIZE = 4 << 20 };
    struct fixture *f = START(0);
    struct mrl_tls_context *tls = trust(&f->pki.roots, 0);
    struct mrl_http_client *clients[] = {client_to(f->local, NULL, "", 0),
                                         client_to(f->remote, tls, "localhost", 0)};
    uint8_t *body = calloc(1, SIZE);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(clients); i++) {
        expect(clients[i], post("/echo", mrl_bytes_of(body, SIZE)), 413, NULL);
        expect(clients[i], post("/echo", MRL_LIT("small")), 200, "small");
        mrl_http_client_free(clients[i]);
    }
    free(body);
    mrl_tls_context_free(tls);
    fixture_stop(f);
}

static void answers_are_limited(void **state)
{
    struct fixture *f = START(0);
    struct mrl_http_client *c = client_to(f->local, NULL, "", 0);

    (void)state;
    expect(c, get("/big?size=1000"), 200, NULL);
    expect_failure(c, get("/big?size=1001"), MRL_ERR_LIMIT, "body is over 1000 bytes");
    expect(c, get("/big?size=1000"), 200, NULL);
    mrl_http_client_free(c);
    fixture_stop(f);
}

static void what_cannot_be_sent_is_invalid(void **state)
{
    const struct mrl_http_field split = {"X-Any", MRL_LIT("a\r\nX-Other: b")};
    struct fixture *f = START(0);
    struct mrl_http_client *c = client_to(f->local, NULL, "", 0);
    struct mrl_http_call call = get("/echo");

    (void)state;
    expect_failure(c, get("/a b"), MRL_ERR_INVALID, NULL);
    expect_failure(c, get("relative"), MRL_ERR_INVALID, NULL);
    call.fields = &split;
    call.field_count = 1;
    expect_failure(c, call, MRL_ERR_INVALID, NULL);
    expect(c, get("/echo"), 200, "");
    mrl_http_client_free(c);
    fixture_stop(f);
}

static void a_configuration_without_tls_is_invalid(void **state)
{
    static const char *const servers[] = {"127.0.0.1:80", "nonsense", "host:0x50", "unix:", ""};
    struct mrl_http_client *c = NULL;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(servers); i++) {
        const struct mrl_http_client_config config = {.server = mrl_str(servers[i])};
        struct mrl_why why = {0};

        assert_int_equal(mrl_http_client_new(&config, &c, &why), MRL_ERR_INVALID);
        assert_true(why.text[0] != 0);
        assert_null(c);
    }
}

static void nobody_there_is_said_in_words(void **state)
{
    struct fixture *f = START(0);
    struct mrl_tls_context *tls = trust(&f->pki.roots, 0);
    struct mrl_http_client *remote = client_to(f->remote, tls, "localhost", 0);
    struct mrl_http_client *local = client_to(f->local, NULL, "", 0);
    char wanted[256 + MRL_ADDRESS_TEXT];

    (void)state;
    (void)snprintf(wanted, sizeof(wanted), "connection refused: nothing listens on %s", f->remote);
    fixture_stop(f);
    expect_failure(remote, get("/"), MRL_ERR_IO, wanted);
    expect_failure(local, get("/"), MRL_ERR_IO, "no socket at unix:");
    mrl_http_client_free(remote);
    mrl_http_client_free(local);
    mrl_tls_context_free(tls);
}

/* ---- against a server that follows a script ---- */

#define OK_A "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
#define OK_B "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"

static void get_is_repeated_when_a_kept_connection_dies(void **state)
{
    static const char *const connections[][SCRIPT_ANSWERS] = {{OK_A, NULL}, {OK_B, NULL}, {OK_A}};
    struct script s = {.connections = connections, .count = 3};
    struct mrl_http_client *c;

    (void)state;
    script_start(&s);
    c = client_to(s.server, NULL, "", 0);
    expect(c, get("/"), 200, "a");
    expect(c, get("/"), 200, "b"); /* on the second connection */
    /* What may have had an effect is not repeated. */
    expect_failure(c, (struct mrl_http_call){.method = "DELETE", .target = MRL_LIT("/device")},
                   MRL_ERR_IO, "closed the connection without an answer");
    expect(c, get("/"), 200, "a");
    mrl_http_client_free(c);
    script_stop(&s);
}

static void get_is_repeated_once_only(void **state)
{
    static const char *const connections[][SCRIPT_ANSWERS] = {{OK_A, NULL}, {NULL}, {OK_B}};
    struct script s = {.connections = connections, .count = 3};
    struct mrl_http_client *c;

    (void)state;
    script_start(&s);
    c = client_to(s.server, NULL, "", 0);
    expect(c, get("/"), 200, "a");
    expect_failure(c, get("/"), MRL_ERR_IO, "without an answer");
    expect(c, get("/"), 200, "b");
    mrl_http_client_free(c);
    script_stop(&s);
}

static void an_answer_may_come_before_the_whole_request(void **state)
{
    enum { SIZE = 4 << 20 };
    static const char *const connections[][SCRIPT_ANSWERS] = {{OK_A, ""}, {OK_B, ""}};
    struct script s = {.connections = connections, .count = 2, .forward = true, .silent = true};
    struct mrl_http_client *c;
    uint8_t *body = calloc(1, SIZE);

    (void)state;
    script_start(&s);
    c = client_to(s.server, NULL, "", 0);
    expect(c, post("/", mrl_bytes_of(body, SIZE)), 200, "a"); /* never read by the server */
    expect(c, post("/", mrl_bytes_of(body, SIZE)), 200, "b"); /* on a connection of its own */
    free(body);
    mrl_http_client_free(c);
    script_stop(&s);
}

static void answers_in_every_framing(void **state)
{
    static const char *const connections[][SCRIPT_ANSWERS] = {
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         "HTTP/1.1 200 OK\r\n\r\nuntil the end", ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", ""},
        {OK_A "HTTP/1.1 200 unasked\r\nContent-Length: 1\r\n\r\nz", NULL},
        {OK_B},
    };
    struct script s = {.connections = connections, .count = 4};
    struct mrl_http_client *c;

    (void)state;
    script_start(&s);
    c = client_to(s.server, NULL, "", 0);
    expect(c, get("/"), 200, "abc");
    expect(c, get("/"), 200, "until the end");
    expect(c, get("/"), 304, "");
    expect(c, get("/"), 200, "x");
    expect(c, get("/"), 200, "a");
    expect(c, get("/"), 200, "b"); /* never an answer that came before its question */
    mrl_http_client_free(c);
    script_stop(&s);
}

static void broken_answers_are_refused(void **state)
{
    static const struct {
        const char *answer;
        mrl_err err;
    } cases[] = {
        {"HTTP/1.1 2000 OK\r\n\r\n", MRL_ERR_MALFORMED},
        {"220 smtp.example ESMTP\r\n\r\n", MRL_ERR_MALFORMED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", MRL_ERR_MALFORMED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", MRL_ERR_MALFORMED},
        {"HTTP/1.1 101 Switching\r\n\r\n", MRL_ERR_MALFORMED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", MRL_ERR_LIMIT},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", MRL_ERR_IO},
        {"HTTP/1.1 200 OK\r\nContent-Le", MRL_ERR_IO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", MRL_ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        const char *const connections[][SCRIPT_ANSWERS] = {{cases[i].answer, ""}};
        struct script s = {.connections = connections, .count = 1};
        MRL_SCOPED(mrl_http_result) result = {0};
        struct mrl_http_call call = get("/");
        struct mrl_http_client *c;
        struct mrl_why why = {0};
        mrl_err err;

        script_start(&s);
        c = client_to(s.server, NULL, "", 0);
        err = mrl_http_client_request(c, &call, &result, &why);
        if (err != cases[i].err &&
            !(cases[i].err == MRL_ERR_MALFORMED && err == MRL_ERR_UNSUPPORTED))
            fail_msg("case %zu: %s, %s", i, mrl_err_name(err), why.text);
        assert_true(why.text[0] != 0);
        mrl_http_client_free(c);
        script_stop(&s);
    }
}

static void a_silent_server_is_a_timeout(void **state)
{
    static const char *const connections[][SCRIPT_ANSWERS] = {
        {NULL}, {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal", NULL}};
    struct script s = {.connections = connections, .count = 2, .silent = true};
    struct mrl_http_client *c;
    uint64_t before = mrl_monotonic_ms();

    (void)state;
    script_start(&s);
    c = client_to(s.server, NULL, "", 100);
    expect_failure(c, get("/"), MRL_ERR_TIMEOUT, "no answer in time");
    expect_failure(c, get("/"), MRL_ERR_TIMEOUT, "no answer in time");
    assert_true(mrl_monotonic_ms() - before >= 200);
    mrl_http_client_free(c);
    script_stop(&s);
}

static void a_server_that_speaks_no_tls_is_named(void **state)
{
    static const char *const plain[][SCRIPT_ANSWERS] = {
        {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", ""}};
    static const char *const nothing[][SCRIPT_ANSWERS] = {{NULL}};
    struct script scripts[] = {
        {.connections = plain, .count = 1, .tcp = true, .forward = true, .silent = true},
        {.connections = nothing, .count = 1, .tcp = true, .silent = true},
    };
    struct pki pki;
    struct mrl_tls_context *tls;

    (void)state;
    pki_init(&pki);
    tls = trust(&pki.roots, 0);
    for (size_t i = 0; i < MRL_COUNT(scripts); i++) {
        struct mrl_http_client *c;

        script_start(&scripts[i]);
        c = client_to(scripts[i].server, tls, "localhost", i == 0 ? 10000 : 200);
        expect_failure(c, get("/"), i == 0 ? MRL_ERR_AUTH : MRL_ERR_TIMEOUT,
                       i == 0 ? "it speaks another protocol" : "no TLS handshake in time");
        mrl_http_client_free(c);
        script_stop(&scripts[i]);
    }
    mrl_tls_context_free(tls);
    pki_done(&pki);
}

/* ---- streams ---- */

struct seen {
    struct mrl_buf text;
    size_t enough; /* stop after that many bytes; 0: never */
    int interrupt; /* written to after the first piece; -1: not */
};

static bool see(void *context, mrl_bytes piece)
{
    struct seen *s = context;

    assert_ok(mrl_buf_append(&s->text, piece));
    if (s->interrupt >= 0)
        assert_int_equal(write(s->interrupt, "x", 1), 1);
    return s->enough == 0 || s->text.len < s->enough;
}

static void end_stream(struct fixture *f)
{
    mrl_http_stream_end(f->stream);
}

static void *end_stream_soon(void *context)
{
    struct fixture *f = context;

    (void)fixture_wait(&f->started, 1);
    fixture_run(f, end_stream);
    return NULL;
}

static void a_stream_is_read_until_the_server_ends_it(void **state)
{
    struct fixture *f = START(0);
    struct mrl_tls_context *tls = trust(&f->pki.roots, 0);
    struct mrl_http_client *c = client_to(f->remote, tls, "localhost", 0);
    struct mrl_http_call call = get("/stream");
    MRL_SCOPED(mrl_http_result) result = {0};
    struct seen s = {.interrupt = -1};
    struct mrl_why why = {0};
    pthread_t ender;

    (void)state;
    assert_int_equal(pthread_create(&ender, NULL, end_stream_soon, f), 0);
    assert_int_equal(mrl_http_client_stream(c, &call, see, &s, 0, -1, &result, &why),
                     MRL_ERR_CLOSED);
    assert_int_equal(pthread_join(ender, NULL), 0);
    assert_int_equal(result.status, 200);
    assert_bytes_equal(mrl_buf_bytes(&s.text), MRL_LIT("data: hello\n\n"));
    assert_non_null(strstr(why.text, "ended the stream"));
    assert_true(fixture_wait(&f->gone, 1));
    mrl_buf_done(&s.text);
    expect(c, get("/query?name=n"), 200, "n");
    mrl_http_client_free(c);
    mrl_tls_context_free(tls);
    fixture_stop(f);
}

static void a_stream_is_left_by_choice_by_time_and_by_interruption(void **state)
{
    struct fixture *f = START(0);
    struct mrl_http_client *c = client_to(f->local, NULL, "", 0);
    struct mrl_http_call call = get("/stream");
    MRL_SCOPED(mrl_http_result) result = {0};
    struct seen chosen = {.enough = 1, .interrupt = -1}, timed = {.interrupt = -1}, cut = {0};
    int ends[2];

    (void)state;
    assert_ok(mrl_http_client_stream(c, &call, see, &chosen, 0, -1, &result, NULL));
    assert_true(fixture_wait(&f->gone, 1));
    assert_int_equal(mrl_http_client_stream(c, &call, see, &timed, 100, -1, &result, NULL),
                     MRL_ERR_TIMEOUT);
    assert_true(fixture_wait(&f->gone, 2));
    assert_int_equal(pipe(ends), 0);
    cut.interrupt = ends[1];
    assert_int_equal(mrl_http_client_stream(c, &call, see, &cut, 0, ends[0], &result, NULL),
                     MRL_ERR_AGAIN);
    assert_true(fixture_wait(&f->gone, 3));
    assert_bytes_equal(mrl_buf_bytes(&timed.text), MRL_LIT("data: hello\n\n"));
    assert_bytes_equal(mrl_buf_bytes(&cut.text), MRL_LIT("data: hello\n\n"));
    /* Still readable: nothing is waited for any more, and a plain request does not look at it. */
    assert_int_equal(mrl_http_client_stream(c, &call, see, &cut, 0, ends[0], &result, NULL),
                     MRL_ERR_AGAIN);
    expect(c, get("/query?name=n"), 200, "n");
    mrl_buf_done(&chosen.text);
    mrl_buf_done(&timed.text);
    mrl_buf_done(&cut.text);
    (void)close(ends[0]);
    (void)close(ends[1]);
    mrl_http_client_free(c);
    fixture_stop(f);
}

static void a_stream_that_is_refused_is_an_answer(void **state)
{
    struct fixture *f = START(0);
    struct mrl_http_client *c = client_to(f->local, NULL, "", 0);
    struct mrl_http_call call = get("/nowhere");
    MRL_SCOPED(mrl_http_result) result = {0};
    struct seen s = {.interrupt = -1};

    (void)state;
    assert_ok(mrl_http_client_stream(c, &call, see, &s, 0, -1, &result, NULL));
    assert_int_equal(result.status, 404);
    assert_bytes_equal(mrl_buf_bytes(&result.body), MRL_LIT("nothing at /nowhere\n"));
    assert_int_equal(s.text.len, 0);
    mrl_http_client_free(c);
    fixture_stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_over_a_unix_socket),
        cmocka_unit_test(both_sides_of_tls_see_the_same_binding),
        cmocka_unit_test(a_server_with_the_wrong_certificate_is_refused),
        cmocka_unit_test(a_client_hears_why_it_is_refused),
        cmocka_unit_test(a_connection_the_server_closed_is_opened_again),
        cmocka_unit_test(a_large_request_is_refused_with_an_answer),
        cmocka_unit_test(answers_are_limited),
        cmocka_unit_test(what_cannot_be_sent_is_invalid),
        cmocka_unit_test(a_configuration_without_tls_is_invalid),
        cmocka_unit_test(nobody_there_is_said_in_words),
        cmocka_unit_test(get_is_repeated_when_a_kept_connection_dies),
        cmocka_unit_test(get_is_repeated_once_only),
        cmocka_unit_test(an_answer_may_come_before_the_whole_request),
        cmocka_unit_test(answers_in_every_framing),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(a_silent_server_is_a_timeout),
        cmocka_unit_test(a_server_that_speaks_no_tls_is_named),
        cmocka_unit_test(a_stream_is_read_until_the_server_ends_it),
        cmocka_unit_test(a_stream_is_left_by_choice_by_time_and_by_interruption),
        cmocka_unit_test(a_stream_that_is_refused_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
