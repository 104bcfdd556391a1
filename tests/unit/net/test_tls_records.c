/* SPDX-License-Identifier: Apache-2.0 */
/* Our records after the handshake, judged by OpenSSL's client. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/secret.h"
#include "net/tls_internal.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/unit.h"

enum { LARGE = 100000, ALERT_BAD_RECORD_MAC = 20, ALERT_UNEXPECTED = 10 };

static struct pki pki;
static uint8_t large[LARGE];

static void open_pair(struct tls_pair *p, const struct tls_pair_options *o)
{
    tls_pair_init(p, &pki, o);
    tls_pair_dial(p, NULL);
    assert_true(tls_pair_shake(p));
}

static void client_writes(struct tls_pair *p, mrl_bytes text)
{
    assert_int_equal(SSL_write(p->client, text.data, (int)text.len), (int)text.len);
}

/* All that comes until there is nothing now. */
static mrl_err server_reads(struct tls_pair *p, struct mrl_buf *in)
{
    mrl_err err;

    do
        err = mrl_tls_read(p->server, in, MRL_TLS_READ);
    while (err == MRL_OK);
    return err;
}

static void expect_at_server(struct tls_pair *p, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) in = {0};

    (void)tls_pair_move_up(p, SIZE_MAX);
    assert_int_equal(server_reads(p, &in), MRL_ERR_AGAIN);
    assert_bytes_equal(mrl_buf_bytes(&in), text);
}

static void server_writes(struct tls_pair *p, mrl_bytes text)
{
    size_t written;

    assert_ok(mrl_tls_write(p->server, text, &written));
    assert_int_equal(written, text.len);
}

static void expect_at_client(struct tls_pair *p, mrl_bytes text)
{
    static uint8_t got[LARGE];
    size_t at = 0;
    int n = 1;

    (void)tls_pair_move_down(p, SIZE_MAX);
    while (at < text.len && n > 0) {
        n = SSL_read(p->client, &got[at], (int)(sizeof(got) - at));
        at += n > 0 ? (size_t)n : 0;
    }
    assert_bytes_equal(mrl_bytes_of(got, at), text);
}

static void talk(struct tls_pair *p)
{
    client_writes(p, MRL_LIT("up"));
    expect_at_server(p, MRL_LIT("up"));
    server_writes(p, MRL_LIT("down"));
    expect_at_client(p, MRL_LIT("down"));
    client_writes(p, mrl_bytes_of(large, LARGE));
    expect_at_server(p, mrl_bytes_of(large, LARGE));
    server_writes(p, mrl_bytes_of(large, LARGE));
    expect_at_client(p, mrl_bytes_of(large, LARGE));
}

/* ---- the hand-over ---- */

static void run_tickets(bool tickets)
{
    const struct tls_pair_options o = {.tickets = tickets};
    struct tls_pair p;

    open_pair(&p, &o);
    assert_null(p.server->ssl);
    assert_int_equal(p.server->written, tickets ? 1 : 0);
    talk(&p);
    tls_pair_done(&p);
}

static void the_first_number_is_that_after_the_tickets(void **state)
{
    (void)state;
    run_tickets(false);
    run_tickets(true);
}

static void resumed_connections_go_over_too(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &o);
    for (int i = 0; i < 3; i++) {
        SSL_SESSION *session;

        talk(&p); /* the ticket comes with it */
        session = SSL_get1_session(p.client);
        tls_pair_dial(&p, session);
        SSL_SESSION_free(session);
        assert_true(tls_pair_shake(&p));
        assert_true(mrl_tls_facts(p.server)->resumed);
        assert_null(p.server->ssl);
        assert_int_equal(p.server->written, 1);
    }
    talk(&p);
    tls_pair_done(&p);
}

static void every_suite_goes_over(void **state)
{
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(suites); i++) {
        const struct tls_pair_options o = {.tickets = true, .suites = suites[i]};
        struct tls_pair p;

        open_pair(&p, &o);
        assert_string_equal(mrl_tls_facts(p.server)->cipher, suites[i]);
        assert_null(p.server->ssl);
        talk(&p);
        tls_pair_done(&p);
    }
}

/* RFC 8446 4.1.4: the client's first key share is for a group the server does not take. */
static void a_second_hello_changes_nothing(void **state)
{
    const struct tls_pair_options o = {.tickets = true, .groups = "P-521:P-256"};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &o);
    assert_null(p.server->ssl);
    talk(&p);
    tls_pair_done(&p);
}

static void tls_1_2_and_who_wants_it_stay_with_the_library(void **state)
{
    const struct tls_pair_options old = {.tickets = true, .newest = TLS1_2_VERSION};
    const struct tls_pair_options kept = {.tickets = true, .keep_library = true};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &old);
    assert_non_null(p.server->ssl);
    talk(&p);
    tls_pair_done(&p);
    open_pair(&p, &kept);
    assert_non_null(p.server->ssl);
    assert_null(p.server->secrets);
    talk(&p);
    tls_pair_done(&p);
}

/* All of it is there before the server reads the client's Finished. */
static void what_the_client_sends_with_its_finished_is_not_lost(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    struct tls_pair p;

    (void)state;
    tls_pair_init(&p, &pki, &o);
    tls_pair_dial(&p, NULL);
    assert_int_equal(SSL_do_handshake(p.client), -1);
    (void)tls_pair_move_up(&p, SIZE_MAX);
    assert_int_equal(mrl_tls_handshake(p.server), MRL_ERR_AGAIN);
    (void)tls_pair_move_down(&p, SIZE_MAX);
    assert_int_equal(SSL_do_handshake(p.client), 1);
    client_writes(&p, MRL_LIT("first words"));
    client_writes(&p, MRL_LIT(" and more"));
    (void)tls_pair_move_up(&p, SIZE_MAX);
    assert_ok(mrl_tls_handshake(p.server));
    expect_at_server(&p, MRL_LIT("first words and more"));
    talk(&p);
    tls_pair_done(&p);
}

static void the_channel_binding_is_kept_where_it_is_wanted(void **state)
{
    const struct tls_pair_options wanted = {.channel_binding = true}, not_wanted = {0};
    static const char label[] = "EXPORTER-Channel-Binding";
    MRL_SCOPED(mrl_buf) out = {0};
    enum mrl_tls_binding kind;
    uint8_t theirs[MRL_TLS_EXPORTER_SIZE];
    struct tls_pair p;

    (void)state;
    open_pair(&p, &wanted);
    assert_ok(mrl_tls_channel_binding(p.server, &out, &kind));
    assert_int_equal(kind, MRL_BINDING_TLS_EXPORTER);
    assert_int_equal(SSL_export_keying_material(p.client, theirs, sizeof(theirs), label,
                                                sizeof(label) - 1, NULL, 0, 1),
                     1);
    assert_bytes_equal(mrl_buf_bytes(&out), mrl_bytes_of(theirs, sizeof(theirs)));
    tls_pair_done(&p);
    open_pair(&p, &not_wanted);
    assert_int_equal(mrl_tls_channel_binding(p.server, &out, &kind), MRL_ERR_UNSUPPORTED);
    tls_pair_done(&p);
}

/* ---- KeyUpdate ---- */

static void run_updates(const char *suite)
{
    const struct tls_pair_options o = {.tickets = true, .suites = suite};
    struct tls_pair p;

    open_pair(&p, &o);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(p.client, i % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED
                                                             : SSL_KEY_UPDATE_NOT_REQUESTED),
                         1);
        assert_int_equal(SSL_do_handshake(p.client), 1); /* sends it */
        talk(&p);
    }
    assert_null(p.server->ssl);
    tls_pair_done(&p);
}

static void keys_change_in_both_directions(void **state)
{
    (void)state;
    run_updates("TLS_AES_128_GCM_SHA256");
    run_updates("TLS_AES_256_GCM_SHA384");
    run_updates("TLS_CHACHA20_POLY1305_SHA256");
}

static void updates_without_data_end_the_connection(void **state)
{
    const struct tls_pair_options o = {0};
    MRL_SCOPED(mrl_buf) in = {0};
    struct tls_pair p;
    char got[8];

    (void)state;
    open_pair(&p, &o);
    for (int i = 0; i < MRL_RECORD_IDLE_MAX + 1; i++) {
        assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(p.client), 1);
    }
    (void)tls_pair_move_up(&p, SIZE_MAX);
    assert_int_equal(server_reads(&p, &in), MRL_ERR_MALFORMED);
    (void)tls_pair_move_down(&p, SIZE_MAX);
    assert_true(SSL_read(p.client, got, sizeof(got)) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 1000 + ALERT_UNEXPECTED);
    tls_pair_done(&p);
}

/* ---- ends ---- */

static void a_close_comes_after_the_data_before_it(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    MRL_SCOPED(mrl_buf) in = {0};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &o);
    client_writes(&p, MRL_LIT("bye"));
    assert_int_equal(SSL_shutdown(p.client), 0);
    (void)tls_pair_move_up(&p, SIZE_MAX);
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
    assert_bytes_equal(mrl_buf_bytes(&in), MRL_LIT("bye"));
    assert_true(mrl_tls_waiting(p.server));
    assert_false(mrl_tls_drained(p.server));
    assert_int_equal(mrl_tls_read(p.server, &in, MRL_TLS_READ), MRL_ERR_CLOSED);
    server_writes(&p, MRL_LIT("still writing")); /* RFC 8446 6.1: only their direction is closed */
    mrl_tls_shutdown(p.server);
    expect_at_client(&p, MRL_LIT("still writing"));
    assert_int_equal(SSL_shutdown(p.client), 1);
    tls_pair_done(&p);
}

static void bytes_changed_on_the_way_up_are_told_to_the_client(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    MRL_SCOPED(mrl_buf) in = {0};
    char record[64], got[8];
    struct tls_pair p;
    int len;

    (void)state;
    open_pair(&p, &o);
    client_writes(&p, MRL_LIT("good"));
    (void)tls_pair_move_up(&p, SIZE_MAX);
    client_writes(&p, MRL_LIT("bad"));
    len = BIO_read(p.up, record, sizeof(record));
    record[10] ^= 1;
    assert_int_equal(BIO_write(p.server_in, record, len), len);
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
    assert_bytes_equal(mrl_buf_bytes(&in), MRL_LIT("good"));
    assert_int_equal(mrl_tls_read(p.server, &in, MRL_TLS_READ), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tls_peer_alert(p.server), 0);
    assert_int_equal(mrl_tls_read(p.server, &in, MRL_TLS_READ), MRL_ERR_STATE);
    assert_int_equal(mrl_tls_write(p.server, MRL_LIT("x"), &(size_t){0}), MRL_ERR_STATE);
    (void)tls_pair_move_down(&p, SIZE_MAX);
    assert_true(SSL_read(p.client, got, sizeof(got)) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 1000 + ALERT_BAD_RECORD_MAC);
    tls_pair_done(&p);
}

static void an_alert_of_the_client_is_told(void **state)
{
    const struct tls_pair_options o = {0};
    MRL_SCOPED(mrl_buf) in = {0};
    char record[64], got[8];
    struct tls_pair p;
    int len;

    (void)state;
    open_pair(&p, &o);
    server_writes(&p, MRL_LIT("text"));
    len = BIO_read(p.down, record, sizeof(record));
    record[8] ^= 1;
    assert_int_equal(BIO_write(p.client_in, record, len), len);
    assert_true(SSL_read(p.client, got, sizeof(got)) <= 0);
    ERR_clear_error();
    (void)tls_pair_move_up(&p, SIZE_MAX);
    assert_int_equal(server_reads(&p, &in), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tls_peer_alert(p.server), ALERT_BAD_RECORD_MAC);
    assert_int_equal(BIO_pending(p.down), 0); /* an alert is not answered */
    tls_pair_done(&p);
}

/* ---- in pieces ---- */

static void records_that_come_byte_by_byte_are_put_together(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    MRL_SCOPED(mrl_buf) in = {0};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &o);
    client_writes(&p, mrl_bytes_of(large, 500));
    client_writes(&p, mrl_bytes_of(large, 7));
    while (tls_pair_move_up(&p, 1) == 1) {
        mrl_err err = mrl_tls_read(p.server, &in, MRL_TLS_READ);

        assert_true(err == MRL_ERR_AGAIN || err == MRL_OK);
        assert_false(mrl_tls_waiting(p.server));
    }
    assert_int_equal(in.len, 507);
    assert_memory_equal(in.data, large, 500);
    talk(&p);
    tls_pair_done(&p);
}

/* With the smallest max there is, more than one record may come with one reading of the socket. */
static void a_read_gives_at_most_what_was_asked_for(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    MRL_SCOPED(mrl_buf) in = {0};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &o);
    client_writes(&p, mrl_bytes_of(large, 16300));
    client_writes(&p, mrl_bytes_of(large, 200)); /* together they are one reading of ours */
    (void)tls_pair_move_up(&p, SIZE_MAX);
    assert_int_equal(mrl_tls_read(p.server, &in, MRL_TLS_RECORD - 1), MRL_ERR_INVALID);
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_RECORD));
    assert_int_equal(in.len, 16300);
    assert_true(mrl_tls_waiting(p.server));
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_RECORD));
    assert_int_equal(in.len, 16500);
    assert_false(mrl_tls_waiting(p.server));
    assert_int_equal(mrl_tls_read(p.server, &in, MRL_TLS_RECORD), MRL_ERR_AGAIN);
    tls_pair_done(&p);
}

static void a_socket_that_takes_little_gets_it_all_in_order(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    static uint8_t got[LARGE];
    int small = 4096, server_fd, client_fd, blocked = 0;
    size_t sent = 0, came = 0;
    struct tls_pair p;

    (void)state;
    tls_pair_init(&p, &pki, &o);
    client_fd = tls_pair_dial_sockets(&p, &server_fd);
    assert_int_equal(setsockopt(server_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    assert_true(tls_pair_shake(&p));
    assert_null(p.server->ssl);
    while (came < LARGE) {
        size_t written;
        mrl_err err = mrl_tls_write(p.server, mrl_bytes_of(&large[sent], LARGE - sent), &written);
        int n;

        assert_true(err == MRL_OK || err == MRL_ERR_AGAIN);
        assert_int_equal(err == MRL_OK, sent + written == LARGE);
        assert_true(err == MRL_OK || mrl_tls_want(p.server) == MRL_WANT_WRITE);
        blocked += err == MRL_ERR_AGAIN;
        sent += written;
        n = SSL_read(p.client, &got[came], 3000);
        came += n > 0 ? (size_t)n : 0;
    }
    assert_true(blocked > 3);
    assert_memory_equal(got, large, LARGE);
    tls_pair_done(&p);
    (void)close(client_fd);
    (void)close(server_fd);
}

static mrl_err seal(struct tls_pair *p, mrl_bytes text, uint8_t *to, size_t *len)
{
    return mrl_tls_seal(p->server, text, to, len);
}

static void a_record_may_be_sealed_ahead_and_keeps_its_place(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    uint8_t record[MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + 16];
    struct tls_pair p;
    size_t len;

    (void)state;
    open_pair(&p, &o);
    server_writes(&p, MRL_LIT("before, "));
    assert_ok(seal(&p, MRL_LIT("sealed, "), record, &len));
    assert_ok(mrl_tls_send_sealed(p.server, mrl_bytes_of(record, len), 8));
    server_writes(&p, MRL_LIT("after"));
    expect_at_client(&p, MRL_LIT("before, sealed, after"));
    tls_pair_done(&p);
}

static void with_the_library_nothing_is_sealed_ahead(void **state)
{
    const struct tls_pair_options kept = {.tickets = true, .keep_library = true};
    uint8_t record[MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + 16];
    struct tls_pair p;
    size_t len;

    (void)state;
    open_pair(&p, &kept);
    assert_int_equal(seal(&p, MRL_LIT("text"), record, &len), MRL_ERR_STATE);
    talk(&p);
    tls_pair_done(&p);
}

/* Nor is what would overtake bytes that wait for the socket; the same text is written again. */
static void nothing_is_sealed_before_the_socket_took_what_was(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    static uint8_t record[MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + 1000], got[LARGE];
    int small = 4096, server_fd, client_fd, n = 1;
    size_t sealed = 0, came = 0, len, written = 0;
    struct tls_pair p;

    (void)state;
    tls_pair_init(&p, &pki, &o);
    client_fd = tls_pair_dial_sockets(&p, &server_fd);
    assert_int_equal(setsockopt(server_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    assert_true(tls_pair_shake(&p));
    do {
        assert_in_range(sealed, 0, LARGE - 1000);
        assert_ok(seal(&p, mrl_bytes_of(&large[sealed], 1000), record, &len));
        sealed += 1000;
    } while (mrl_tls_send_sealed(p.server, mrl_bytes_of(record, len), 1000) == MRL_OK);
    assert_int_equal(mrl_tls_want(p.server), MRL_WANT_WRITE);
    assert_int_equal(seal(&p, mrl_bytes_of(large, 1), record, &len), MRL_ERR_STATE);
    while (came < sealed && n > 0) {
        if (written == 0)
            (void)mrl_tls_write(p.server, mrl_bytes_of(&large[sealed - 1000], 1000), &written);
        n = SSL_read(p.client, &got[came], 3000);
        came += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(came, sealed);
    assert_memory_equal(got, large, sealed);
    tls_pair_done(&p);
    (void)close(client_fd);
    (void)close(server_fd);
}

static void an_emptied_socket_is_known_to_be_empty(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    MRL_SCOPED(mrl_buf) in = {0};
    int server_fd, client_fd;
    struct tls_pair p;

    (void)state;
    tls_pair_init(&p, &pki, &o);
    client_fd = tls_pair_dial_sockets(&p, &server_fd);
    assert_true(tls_pair_shake(&p));
    client_writes(&p, MRL_LIT("a"));
    client_writes(&p, MRL_LIT("b"));
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
    assert_bytes_equal(mrl_buf_bytes(&in), MRL_LIT("ab"));
    assert_true(mrl_tls_drained(p.server));
    client_writes(&p, mrl_bytes_of(large, 40000));
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
    assert_false(mrl_tls_drained(p.server));
    (void)close(client_fd);
    assert_int_equal(server_reads(&p, &in), MRL_ERR_IO); /* cut off without close_notify */
    tls_pair_done(&p);
    (void)close(server_fd);
}

/* The client speaks before the server has read the end of its handshake: cut: bytes of that which
 * come only later. */
static void finish_with_data(struct tls_pair *p, const int *pair, size_t cut)
{
    uint8_t flight[4096];
    ssize_t got;

    assert_int_equal(SSL_do_handshake(p->client), -1); /* ClientHello */
    assert_int_equal(mrl_tls_handshake(p->server), MRL_ERR_AGAIN);
    assert_int_equal(SSL_do_handshake(p->client), 1); /* its Finished */
    client_writes(p, MRL_LIT("one"));
    client_writes(p, MRL_LIT("two"));
    got = recv(pair[1], flight, sizeof(flight), 0);
    assert_true(got > (ssize_t)cut && got < (ssize_t)sizeof(flight));
    assert_int_equal(send(pair[0], flight, (size_t)got - cut, 0), got - (ssize_t)cut);
    assert_ok(mrl_tls_handshake(p->server));
    if (cut > 0)
        assert_int_equal(send(pair[0], &flight[(size_t)got - cut], cut, 0), cut);
}

static void what_comes_with_the_end_of_the_handshake_is_not_lost(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    enum { RECORD = 5 + 3 + 1 + 16 };
    static const size_t cuts[] = {0, 1, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD - 1, 2 * RECORD};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cuts); i++) {
        MRL_SCOPED(mrl_buf) in = {0};
        int server_fd, client_fd, pair[2];
        struct tls_pair p;

        tls_pair_init(&p, &pki, &o);
        client_fd = tls_pair_dial_sockets(&p, &server_fd);
        /* Between the two: what the client sends is taken, and sent on in two parts. */
        pair[0] = client_fd;
        pair[1] = server_fd;
        finish_with_data(&p, pair, cuts[i]);
        assert_null(p.server->ssl);
        assert_int_equal(mrl_tls_waiting(p.server), cuts[i] < 2 * (size_t)RECORD);
        while (in.len < 6)
            assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
        assert_bytes_equal(mrl_buf_bytes(&in), MRL_LIT("onetwo"));
        assert_false(mrl_tls_waiting(p.server));
        assert_int_equal(mrl_tls_read(p.server, &in, MRL_TLS_READ), MRL_ERR_AGAIN);
        tls_pair_done(&p);
        (void)close(client_fd);
        (void)close(server_fd);
    }
}

static ssize_t arrived(int fd)
{
    uint8_t ignored[2048];

    return recv(fd, ignored, sizeof(ignored), MSG_PEEK | MSG_DONTWAIT);
}

/* One call of send for both: whoever asks for something gets the ticket with the answer. */
static void a_ticket_goes_with_the_answer_where_there_will_be_one(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    MRL_SCOPED(mrl_buf) in = {0};
    int fds[2]; /* client, server */
    size_t written;
    char got[8];
    struct tls_pair p;

    (void)state;
    tls_pair_init(&p, &pki, &o);
    fds[0] = tls_pair_dial_sockets(&p, &fds[1]);
    finish_with_data(&p, fds, 0);
    assert_int_equal(arrived(fds[0]), -1);
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
    assert_ok(mrl_tls_write(p.server, MRL_LIT("yes"), &written));
    assert_int_equal(written, 3);
    assert_true(arrived(fds[0]) > 5 + 3 + 1 + 16);
    assert_int_equal(SSL_read(p.client, got, sizeof(got)), 3);
    assert_memory_equal(got, "yes", 3);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(p.client)), 1);
    assert_ok(mrl_tls_write(p.server, MRL_LIT("on"), &written)); /* in order after it */
    assert_int_equal(SSL_read(p.client, got, sizeof(got)), 2);
    tls_pair_done(&p);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_ticket_does_not_wait_for_a_peer_that_has_not_said_all(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    static const size_t cuts[] = {5 + 2 * (5 + 3 + 1 + 16) - 10, 2 * (5 + 3 + 1 + 16)};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cuts); i++) {
        struct tls_pair p;
        int fds[2];

        tls_pair_init(&p, &pki, &o);
        fds[0] = tls_pair_dial_sockets(&p, &fds[1]);
        finish_with_data(&p, fds, cuts[i]);
        assert_true(arrived(fds[0]) > 0);
        tls_pair_done(&p);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
}

static void a_ticket_that_waits_comes_before_the_end(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    struct tls_pair p;
    int fds[2];
    char got[8];

    (void)state;
    tls_pair_init(&p, &pki, &o);
    fds[0] = tls_pair_dial_sockets(&p, &fds[1]);
    finish_with_data(&p, fds, 0);
    mrl_tls_shutdown(p.server);
    assert_int_equal(SSL_read(p.client, got, sizeof(got)), 0);
    assert_int_equal(SSL_get_shutdown(p.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(p.client)), 1);
    tls_pair_done(&p);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A resumption of TLS 1.2 is one where the client's Finished is the last. */
static void with_the_library_it_is_not_lost_either(void **state)
{
    const struct tls_pair_options o = {.tickets = true, .newest = TLS1_2_VERSION};
    MRL_SCOPED(mrl_buf) in = {0};
    SSL_SESSION *session;
    int server_fd, client_fd;
    struct tls_pair p;

    (void)state;
    tls_pair_init(&p, &pki, &o);
    tls_pair_dial(&p, NULL);
    assert_true(tls_pair_shake(&p));
    session = SSL_get1_session(p.client);
    client_fd = tls_pair_dial_sockets(&p, &server_fd);
    assert_int_equal(SSL_set_session(p.client, session), 1);
    assert_int_equal(SSL_do_handshake(p.client), -1);
    assert_int_equal(mrl_tls_handshake(p.server), MRL_ERR_AGAIN);
    assert_int_equal(SSL_do_handshake(p.client), 1);
    client_writes(&p, MRL_LIT("one"));
    assert_ok(mrl_tls_handshake(p.server));
    assert_true(mrl_tls_facts(p.server)->resumed);
    assert_non_null(p.server->ssl);
    assert_true(mrl_tls_waiting(p.server));
    assert_ok(mrl_tls_read(p.server, &in, MRL_TLS_READ));
    assert_bytes_equal(mrl_buf_bytes(&in), MRL_LIT("one"));
    assert_false(mrl_tls_waiting(p.server));
    SSL_SESSION_free(session);
    tls_pair_done(&p);
    (void)close(client_fd);
    (void)close(server_fd);
}

/* Keys in this thread's contexts go, and are made again where the connection is used next. */
static void a_connection_goes_on_after_it_left_its_thread(void **state)
{
    const struct tls_pair_options o = {.tickets = true};
    struct tls_pair p;

    (void)state;
    open_pair(&p, &o);
    talk(&p);
    mrl_tls_leave(p.server);
    talk(&p);
    tls_pair_done(&p);
}

static int set_up(void **state)
{
    (void)state;
    pki_init(&pki);
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * 31 + i / 251);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pki_done(&pki);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_number_is_that_after_the_tickets),
        cmocka_unit_test(resumed_connections_go_over_too),
        cmocka_unit_test(every_suite_goes_over),
        cmocka_unit_test(a_second_hello_changes_nothing),
        cmocka_unit_test(tls_1_2_and_who_wants_it_stay_with_the_library),
        cmocka_unit_test(what_the_client_sends_with_its_finished_is_not_lost),
        cmocka_unit_test(the_channel_binding_is_kept_where_it_is_wanted),
        cmocka_unit_test(keys_change_in_both_directions),
        cmocka_unit_test(updates_without_data_end_the_connection),
        cmocka_unit_test(a_close_comes_after_the_data_before_it),
        cmocka_unit_test(bytes_changed_on_the_way_up_are_told_to_the_client),
        cmocka_unit_test(an_alert_of_the_client_is_told),
        cmocka_unit_test(records_that_come_byte_by_byte_are_put_together),
        cmocka_unit_test(a_read_gives_at_most_what_was_asked_for),
        cmocka_unit_test(a_socket_that_takes_little_gets_it_all_in_order),
        cmocka_unit_test(a_record_may_be_sealed_ahead_and_keeps_its_place),
        cmocka_unit_test(with_the_library_nothing_is_sealed_ahead),
        cmocka_unit_test(nothing_is_sealed_before_the_socket_took_what_was),
        cmocka_unit_test(an_emptied_socket_is_known_to_be_empty),
        cmocka_unit_test(what_comes_with_the_end_of_the_handshake_is_not_lost),
        cmocka_unit_test(a_ticket_goes_with_the_answer_where_there_will_be_one),
        cmocka_unit_test(a_ticket_does_not_wait_for_a_peer_that_has_not_said_all),
        cmocka_unit_test(a_ticket_that_waits_comes_before_the_end),
        cmocka_unit_test(with_the_library_it_is_not_lost_either),
        cmocka_unit_test(a_connection_goes_on_after_it_left_its_thread),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
