/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends in one thread, joined by a pair of BIOs; the peer is our own client. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "net/tls_internal.h"
#include "tests/unit/net/pki.h"
#include "tests/unit/unit.h"

#define DAY INT64_C(86400)
enum { ALERT_BAD_CERTIFICATE = 42, ALERT_REVOKED = 44, ALERT_EXPIRED = 45 };
enum { ALERT_UNKNOWN = 46, ALERT_UNKNOWN_CA = 48, ALERT_UNSUPPORTED = 43, ALERT_REQUIRED = 116 };
enum { ALERT_HANDSHAKE_FAILURE = 40, ALERT_ILLEGAL_PARAMETER = 47, ALERT_NO_ALPN = 120 };
enum { CHAIN_MAX = 16 << 10 }; /* bytes of a Certificate message */

static struct pki pki;
static struct pki_identity device, second;

/* The registry of the test: what is known, and what the judge says of it. */
static struct {
    struct mrl_fingerprint fp;
    enum mrl_tls_refusal verdict;
} known[2];
static unsigned asked;
static bool keep_library; /* of servers that are made */

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    asked++;
    for (size_t i = 0; i < MRL_COUNT(known); i++)
        if (memcmp(&known[i].fp, fp, sizeof(*fp)) == 0)
            return known[i].verdict;
    return MRL_TLS_UNREGISTERED;
}

static enum mrl_tls_refusal strict_verdict;

static enum mrl_tls_refusal strict_judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    (void)fp;
    return strict_verdict;
}

struct pair {
    struct mrl_tls_tickets *tickets;
    struct mrl_tls_context *server_context;
    struct mrl_tls_context *client_context;
    struct mrl_tls *server;
    struct mrl_tls *client;
};

static struct mrl_tls_context *server_context(struct mrl_tls_tickets *tickets,
                                              enum mrl_tls_client_certificate want)
{
    static const mrl_bytes alpn[] = {MRL_LIT_INIT("mqtt"), MRL_LIT_INIT("x-test")};
    const struct mrl_tls_server_config config = {
        .client_certificate = want,
        .judge = judge,
        .roots = &pki.roots,
        .alpn = alpn,
        .alpn_count = MRL_COUNT(alpn),
        .tickets = tickets,
        .scope = 7,
        .channel_binding = true,
        .keep_library = keep_library,
    };
    struct mrl_tls_context *c = NULL;

    assert_ok(mrl_tls_server_new(&config, &c, NULL));
    assert_ok(mrl_tls_context_set_identity(c, &pki.server.chain, pki.server.key, NULL));
    return c;
}

static struct mrl_tls_context *client_context(const struct pki_identity *who, uint16_t newest)
{
    static const mrl_bytes alpn[] = {MRL_LIT_INIT("x-test")};
    const struct mrl_tls_client_config config = {.roots = &pki.roots,
                                                 .alpn = alpn,
                                                 .alpn_count = 1,
                                                 .keep_ticket = true,
                                                 .max_version = newest};
    struct mrl_tls_context *c = NULL;

    assert_ok(mrl_tls_client_new(&config, &c, NULL));
    if (who != NULL)
        assert_ok(mrl_tls_context_set_identity(c, &who->chain, who->key, NULL));
    return c;
}

static void open_pair(struct pair *p, const struct pki_identity *who, uint16_t newest)
{
    known[0].fp = device.fingerprint;
    known[1].fp = second.fingerprint;
    known[0].verdict = known[1].verdict = MRL_TLS_ACCEPTED;
    asked = 0;
    *p = (struct pair){0};
    assert_ok(mrl_tls_tickets_new(0, 0, &p->tickets));
    p->server_context = server_context(p->tickets, MRL_CLIENT_CERT_REQUIRED);
    p->client_context = client_context(who, newest);
}

static void hang_up(struct pair *p)
{
    mrl_tls_free(MRL_TAKE(p->server));
    mrl_tls_free(MRL_TAKE(p->client));
}

static void close_pair(struct pair *p)
{
    hang_up(p);
    mrl_tls_context_free(p->server_context);
    mrl_tls_context_free(p->client_context);
    mrl_tls_tickets_free(p->tickets);
}

static void dial_as(struct pair *p, mrl_bytes name)
{
    BIO *a = NULL, *b = NULL;

    hang_up(p);
    assert_int_equal(BIO_new_bio_pair(&a, 1 << 18, &b, 1 << 18), 1);
    assert_ok(mrl_tls_accept_bio(p->server_context, a, a, &p->server));
    assert_ok(mrl_tls_connect_bio(p->client_context, b, b, name, &p->client));
}

struct outcome {
    mrl_err server;
    mrl_err client;
};

/* Until both are open or one has failed; then the client reads, so that alerts and tickets arrive.
 */
static struct outcome shake(struct pair *p)
{
    struct outcome o = {MRL_ERR_AGAIN, MRL_ERR_AGAIN};
    MRL_SCOPED(mrl_buf) in = {0};

    dial_as(p, MRL_LIT("localhost"));
    for (int i = 0; i < 10 && (o.server == MRL_ERR_AGAIN || o.client == MRL_ERR_AGAIN); i++) {
        if (o.client == MRL_ERR_AGAIN)
            o.client = mrl_tls_handshake(p->client);
        if (o.server == MRL_ERR_AGAIN)
            o.server = mrl_tls_handshake(p->server);
    }
    if (o.client == MRL_OK)
        o.client = mrl_tls_read(p->client, &in, MRL_TLS_RECORD);
    return o;
}

static void say(struct mrl_tls *from, struct mrl_tls *to, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) in = {0};
    size_t written;

    assert_ok(mrl_tls_write(from, text, &written));
    assert_int_equal(written, text.len);
    while (in.len < text.len)
        assert_ok(mrl_tls_read(to, &in, MRL_TLS_RECORD));
    assert_bytes_equal(mrl_buf_bytes(&in), text);
}

static void expect_open(struct pair *p, uint16_t version, bool resumed)
{
    static uint8_t large[40000];
    struct outcome o = shake(p);
    const struct mrl_tls_facts *f = mrl_tls_facts(p->server);

    assert_int_equal(o.server, MRL_OK);
    assert_int_equal(o.client, MRL_ERR_AGAIN); /* open, nothing to read */
    assert_int_equal(f->version, version);
    assert_int_equal(f->resumed, resumed);
    assert_int_equal(mrl_tls_facts(p->client)->resumed, resumed);
    assert_true(f->has_certificate);
    assert_true(f->extended_master_secret);
    assert_string_equal(f->alpn, "x-test");
    memset(large, 'x', sizeof(large));
    for (int i = 0; i < 3; i++) {
        say(p->client, p->server, MRL_LIT("up"));
        say(p->server, p->client, mrl_bytes_of(large, sizeof(large)));
    }
}

static void expect_same_binding(struct pair *p, enum mrl_tls_binding kind)
{
    MRL_SCOPED(mrl_buf) a = {0};
    MRL_SCOPED(mrl_buf) b = {0};
    enum mrl_tls_binding kind_a, kind_b;

    assert_ok(mrl_tls_channel_binding(p->server, &a, &kind_a));
    assert_ok(mrl_tls_channel_binding(p->client, &b, &kind_b));
    assert_int_equal(kind_a, kind);
    assert_int_equal(kind_b, kind);
    assert_true(a.len >= 12);
    assert_bytes_equal(mrl_buf_bytes(&a), mrl_buf_bytes(&b));
}

static void run_full_then_resumed(uint16_t version, enum mrl_tls_binding binding)
{
    struct pair p;

    open_pair(&p, &device, version);
    expect_open(&p, version, /*resumed=*/false);
    assert_memory_equal(&mrl_tls_facts(p.server)->fingerprint, &device.fingerprint, 32);
    expect_same_binding(&p, binding);
    assert_int_equal(asked, 1);
    for (unsigned i = 2; i < 5; i++) {
        expect_open(&p, version, /*resumed=*/true);
        assert_int_equal(asked, i);
        assert_memory_equal(&mrl_tls_facts(p.server)->fingerprint, &device.fingerprint, 32);
        expect_same_binding(&p, binding);
        assert_int_equal(mrl_tls_tickets_count(p.tickets), 1);
    }
    close_pair(&p);
}

static void tls_1_3_opens_and_resumes_and_the_judge_is_asked_each_time(void **state)
{
    (void)state;
    run_full_then_resumed(MRL_TLS_1_3, MRL_BINDING_TLS_EXPORTER);
}

static void tls_1_3_does_the_same_when_it_stays_with_the_library(void **state)
{
    (void)state;
    keep_library = true;
    run_full_then_resumed(MRL_TLS_1_3, MRL_BINDING_TLS_EXPORTER);
    keep_library = false;
}

static void tls_1_2_opens_and_resumes_and_the_judge_is_asked_each_time(void **state)
{
    (void)state;
    run_full_then_resumed(MRL_TLS_1_2, MRL_BINDING_TLS_UNIQUE);
}

static void expect_refused(struct pair *p, enum mrl_tls_refusal why, uint8_t alert)
{
    struct outcome o = shake(p);

    assert_int_equal(o.server, MRL_ERR_AUTH);
    assert_string_equal(mrl_tls_refusal_name(mrl_tls_refused(p->server)),
                        mrl_tls_refusal_name(why));
    assert_true(o.client == MRL_ERR_AUTH || o.client == MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tls_peer_alert(p->client), alert);
}

static void each_verdict_has_its_refusal_and_alert(void **state)
{
    static const struct {
        enum mrl_tls_refusal verdict;
        uint8_t alert;
    } rows[] = {
        {MRL_TLS_REVOKED, ALERT_REVOKED},      {MRL_TLS_RETIRED, ALERT_REVOKED},
        {MRL_TLS_EXPIRED, ALERT_EXPIRED},      {MRL_TLS_SUSPENDED, ALERT_BAD_CERTIFICATE},
        {MRL_TLS_UNREGISTERED, ALERT_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < 2 * MRL_COUNT(rows); i++) {
        struct pair p;

        open_pair(&p, &device, i < MRL_COUNT(rows) ? MRL_TLS_1_3 : MRL_TLS_1_2);
        known[0].verdict = rows[i % MRL_COUNT(rows)].verdict;
        expect_refused(&p, rows[i % MRL_COUNT(rows)].verdict, rows[i % MRL_COUNT(rows)].alert);
        assert_int_equal(mrl_tls_tickets_count(p.tickets), 0);
        close_pair(&p);
    }
}

static void expect_stranger(const struct pki_identity *who, enum mrl_tls_refusal why, uint8_t alert)
{
    struct pair p;

    open_pair(&p, who, MRL_TLS_1_3);
    expect_refused(&p, why, alert);
    close_pair(&p);
}

static void unknown_certificates_are_refused_by_what_is_wrong_with_them(void **state)
{
    struct pki_identity foreign, expired, early, unregistered;

    (void)state;
    pki_issue(&pki.foreign_ca, MRL_CERT_DEVICE, "d", -DAY, DAY, &foreign);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "d", -2 * DAY, -DAY, &expired);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "d", DAY, 2 * DAY, &early);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "d", -DAY, DAY, &unregistered);
    expect_stranger(&foreign, MRL_TLS_UNKNOWN_CA, ALERT_UNKNOWN_CA);
    expect_stranger(&expired, MRL_TLS_EXPIRED, ALERT_EXPIRED);
    expect_stranger(&early, MRL_TLS_NOT_YET_VALID, ALERT_BAD_CERTIFICATE);
    expect_stranger(&unregistered, MRL_TLS_UNREGISTERED, ALERT_UNKNOWN);
    expect_stranger(&pki.server, MRL_TLS_WRONG_EKU, ALERT_UNSUPPORTED);
    expect_stranger(&pki.ca, MRL_TLS_WRONG_EKU, ALERT_UNSUPPORTED); /* a CA is nobody */
    expect_stranger(NULL, MRL_TLS_NO_CERTIFICATE, ALERT_REQUIRED);
    pki_identity_done(&foreign);
    pki_identity_done(&expired);
    pki_identity_done(&early);
    pki_identity_done(&unregistered);
}

static void run_revoked_does_not_resume(uint16_t version)
{
    struct pair p, other;

    open_pair(&p, &device, version);
    open_pair(&other, &second, version);
    mrl_tls_context_free(other.server_context); /* both against one server */
    other.server_context = p.server_context;
    expect_open(&p, version, /*resumed=*/false);
    expect_open(&other, version, /*resumed=*/false);
    known[0].verdict = MRL_TLS_REVOKED;
    expect_refused(&p, MRL_TLS_REVOKED, ALERT_REVOKED);
    expect_open(&other, version, /*resumed=*/true);
    assert_memory_equal(&mrl_tls_facts(other.server)->fingerprint, &second.fingerprint, 32);
    other.server_context = NULL;
    hang_up(&other);
    close_pair(&p);
    close_pair(&other);
}

static void what_was_revoked_does_not_resume_and_others_still_do(void **state)
{
    (void)state;
    run_revoked_does_not_resume(MRL_TLS_1_3);
    run_revoked_does_not_resume(MRL_TLS_1_2);
}

static const uint16_t both_versions[] = {MRL_TLS_1_2, MRL_TLS_1_3};

/* So many bytes: it only travels along, nobody looks at its signature. */
static struct mrl_cert *padded_cert(size_t size)
{
    const mrl_bytes der = mrl_cert_facts(pki.ca.chain.certs[0])->der;
    const unsigned char *from = der.data;
    X509 *x = d2i_X509(NULL, &from, (long)der.len);
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    unsigned char *to = NULL;
    struct mrl_cert *out = NULL;
    static char filler[CHAIN_MAX];
    size_t len = 0;

    assert_true(x != NULL && text != NULL);
    memset(filler, 'x', sizeof(filler));
    for (size_t fill = size - der.len; len != size; fill += size - len) {
        assert_int_equal(ASN1_STRING_set(text, filler, (int)fill), 1);
        assert_int_equal(X509_add1_ext_i2d(x, NID_netscape_comment, text, 0, X509V3_ADD_REPLACE),
                         1);
        assert_true(i2d_re_X509_tbs(x, NULL) > 0);
        len = (size_t)i2d_X509(x, NULL);
    }
    assert_int_equal(i2d_X509(x, &to), size);
    assert_ok(mrl_cert_from_der(mrl_bytes_of(to, size), &out));
    OPENSSL_free(to);
    ASN1_IA5STRING_free(text);
    X509_free(x);
    return out;
}

/* The device with a second certificate, so that the message holds so many bytes. RFC 8446 4.4.2,
 * RFC 5246 7.4.2 */
static void open_pair_with_chain(struct pair *p, uint16_t version, size_t message)
{
    const size_t of_list = version == MRL_TLS_1_3 ? 4 : 3, of_each = version == MRL_TLS_1_3 ? 5 : 3;
    const size_t leaf = mrl_cert_facts(device.chain.certs[0])->der.len;
    struct mrl_cert *certs[] = {device.chain.certs[0],
                                padded_cert(message - of_list - 2 * of_each - leaf)};
    const struct pki_identity who = {.key = device.key, .chain = {.certs = certs, .count = 2}};

    open_pair(p, &who, version);
    mrl_cert_free(certs[1]);
}

static void a_chain_holds_16_kib_and_not_one_byte_more(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        open_pair_with_chain(&p, both_versions[i], CHAIN_MAX);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        close_pair(&p);
        open_pair_with_chain(&p, both_versions[i], CHAIN_MAX + 1);
        expect_refused(&p, MRL_TLS_PROTOCOL, ALERT_ILLEGAL_PARAMETER);
        close_pair(&p);
    }
}

static void who_is_let_in_once_shakes_hands_each_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        struct pair p;

        open_pair(&p, &device, both_versions[i]);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        expect_open(&p, both_versions[i], /*resumed=*/true);
        known[0].verdict = MRL_TLS_ACCEPTED_ONCE;
        for (int again = 0; again < 2; again++) {
            expect_open(&p, both_versions[i], /*resumed=*/false);
            assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_ACCEPTED);
        }
        known[0].verdict = MRL_TLS_ACCEPTED;
        close_pair(&p);
    }
}

/* For what lives in this program; the library itself asks the clock of the machine. */
static void move_wall(int64_t ahead_s)
{
    mrl_clock_trust(mrl_machine_wall_ms() + ahead_s * 1000, mrl_machine_passed_ms(), ahead_s != 0);
}

static void a_ticket_taken_for_another_one_lives_no_longer(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        struct pair p;

        open_pair(&p, &device, both_versions[i]);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        for (int again = 0; again < 2; again++) {
            move_wall(MRL_TICKETS_DEFAULT_LIFETIME_S - 60);
            expect_open(&p, both_versions[i], /*resumed=*/true);
        }
        move_wall(MRL_TICKETS_DEFAULT_LIFETIME_S + 1);
        expect_open(&p, both_versions[i], /*resumed=*/false);
        move_wall(0);
        close_pair(&p);
    }
}

static void a_ticket_resumes_on_another_worker_but_not_in_another_scope(void **state)
{
    struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_REQUIRED, .judge = judge, .scope = 8};
    struct mrl_tls_context *elsewhere = NULL;
    struct pair p;
    struct outcome o;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/false);
    hang_up(&p);
    mrl_tls_context_free(p.server_context);
    p.server_context = server_context(p.tickets, MRL_CLIENT_CERT_REQUIRED);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/true);
    config.tickets = p.tickets;
    assert_ok(mrl_tls_server_new(&config, &elsewhere, NULL));
    assert_ok(mrl_tls_context_set_identity(elsewhere, &pki.server.chain, pki.server.key, NULL));
    hang_up(&p);
    mrl_tls_context_free(p.server_context);
    p.server_context = elsewhere;
    o = shake(&p);
    assert_int_equal(o.server, MRL_OK);
    assert_false(mrl_tls_facts(p.server)->resumed);
    close_pair(&p);
}

static void an_anonymous_session_does_not_resume_where_a_certificate_is_needed(void **state)
{
    struct pair p;
    struct outcome o;

    (void)state;
    open_pair(&p, NULL, MRL_TLS_1_3);
    mrl_tls_context_free(p.server_context);
    p.server_context = server_context(p.tickets, MRL_CLIENT_CERT_OPTIONAL);
    o = shake(&p);
    assert_int_equal(o.server, MRL_OK);
    assert_false(mrl_tls_facts(p.server)->has_certificate);
    hang_up(&p);
    mrl_tls_context_free(p.server_context);
    p.server_context = server_context(p.tickets, MRL_CLIENT_CERT_REQUIRED);
    expect_refused(&p, MRL_TLS_NO_CERTIFICATE, ALERT_REQUIRED);
    close_pair(&p);
}

static void a_new_identity_is_shown_at_once_and_open_connections_stay(void **state)
{
    struct pair p;
    struct mrl_tls *old_server, *old_client;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/false);
    old_server = MRL_TAKE(p.server);
    old_client = MRL_TAKE(p.client);
    assert_int_equal(mrl_tls_context_set_identity(p.server_context, &pki.server.chain,
                                                  pki.other_server.key, NULL),
                     MRL_ERR_INVALID);
    assert_ok(mrl_tls_context_set_identity(p.server_context, &pki.other_server.chain,
                                           pki.other_server.key, NULL));
    mrl_tls_context_free(p.client_context);
    p.client_context = client_context(&device, MRL_TLS_1_3);
    expect_open(&p, MRL_TLS_1_3, /*resumed=*/false);
    say(old_client, old_server, MRL_LIT("still here"));
    say(old_server, old_client, MRL_LIT("so am I"));
    mrl_tls_free(old_server);
    mrl_tls_free(old_client);
    close_pair(&p);
}

/* What the server stapled, empty: nothing; for a client that asks, or does not. */
static mrl_bytes stapled(struct pair *p, bool ask)
{
    struct outcome o = {MRL_ERR_AGAIN, MRL_ERR_AGAIN};
    uint8_t *response = NULL;
    long len;

    dial_as(p, MRL_LIT("localhost"));
    if (ask)
        (void)SSL_set_tlsext_status_type(p->client->ssl, TLSEXT_STATUSTYPE_ocsp);
    for (int i = 0; i < 10 && (o.server == MRL_ERR_AGAIN || o.client == MRL_ERR_AGAIN); i++) {
        if (o.client == MRL_ERR_AGAIN)
            o.client = mrl_tls_handshake(p->client);
        if (o.server == MRL_ERR_AGAIN)
            o.server = mrl_tls_handshake(p->server);
    }
    assert_int_equal(o.server, MRL_OK);
    len = SSL_get_tlsext_status_ocsp_resp(p->client->ssl, &response);
    return len > 0 ? mrl_bytes_of(response, (size_t)len) : MRL_BYTES_NONE;
}

static void who_asks_gets_the_response_that_is_set(void **state)
{
    static const uint16_t versions[] = {MRL_TLS_1_2, MRL_TLS_1_3};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(versions); i++) {
        struct pair p;

        open_pair(&p, &device, versions[i]);
        assert_bytes_equal(stapled(&p, /*ask=*/true), MRL_BYTES_NONE);
        mrl_tls_context_set_staple(p.server_context, MRL_LIT("first"));
        mrl_tls_context_set_staple(p.server_context, MRL_LIT("the response"));
        mrl_tls_context_free(p.client_context); /* with its ticket */
        p.client_context = client_context(&device, versions[i]);
        assert_bytes_equal(stapled(&p, /*ask=*/true), MRL_LIT("the response"));
        mrl_tls_context_free(p.client_context);
        p.client_context = client_context(&device, versions[i]);
        assert_bytes_equal(stapled(&p, /*ask=*/false), MRL_BYTES_NONE);
        close_pair(&p);
    }
}

static void a_new_identity_has_no_response_yet(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    mrl_tls_context_set_staple(p.server_context, MRL_LIT("the response"));
    assert_ok(mrl_tls_context_set_identity(p.server_context, &pki.other_server.chain,
                                           pki.other_server.key, NULL));
    assert_bytes_equal(stapled(&p, /*ask=*/true), MRL_BYTES_NONE);
    close_pair(&p);
}

static void a_client_refuses_the_wrong_name_and_the_wrong_root(void **state)
{
    struct mrl_tls_client_config config = {0};
    struct mrl_cert_list foreign = {pki.foreign_ca.chain.certs, 1};
    struct pair p;
    mrl_err err = MRL_ERR_AGAIN;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    dial_as(&p, MRL_LIT("elsewhere.example"));
    for (int i = 0; i < 4 && err == MRL_ERR_AGAIN; i++) {
        err = mrl_tls_handshake(p.client);
        (void)mrl_tls_handshake(p.server); /* how the client ends is what counts */
    }
    assert_int_equal(err, MRL_ERR_AUTH);
    assert_int_equal(mrl_tls_refused(p.client), MRL_TLS_WRONG_NAME);
    hang_up(&p);
    mrl_tls_context_free(p.client_context);
    config.roots = &foreign;
    assert_ok(mrl_tls_client_new(&config, &p.client_context, NULL));
    assert_int_equal(shake(&p).client, MRL_ERR_AUTH);
    assert_int_equal(mrl_tls_refused(p.client), MRL_TLS_UNKNOWN_CA);
    assert_int_equal(mrl_tls_peer_alert(p.server), ALERT_UNKNOWN_CA);
    close_pair(&p);
}

static void a_pinned_root_is_enough_and_another_pin_is_not(void **state)
{
    struct mrl_cert_list with_root = {0};
    struct mrl_cert *certs[] = {pki.server.chain.certs[0], pki.ca.chain.certs[0]};
    struct mrl_tls_client_config config = {.pin = &pki.ca.fingerprint};
    struct pair p;

    (void)state;
    with_root.certs = certs;
    with_root.count = 2;
    open_pair(&p, &device, MRL_TLS_1_3);
    assert_ok(mrl_tls_context_set_identity(p.server_context, &with_root, pki.server.key, NULL));
    mrl_tls_context_free(p.client_context);
    assert_ok(mrl_tls_client_new(&config, &p.client_context, NULL));
    assert_ok(mrl_tls_context_set_identity(p.client_context, &device.chain, device.key, NULL));
    assert_int_equal(shake(&p).server, MRL_OK);
    hang_up(&p);
    mrl_tls_context_free(p.client_context);
    config.pin = &pki.foreign_ca.fingerprint;
    assert_ok(mrl_tls_client_new(&config, &p.client_context, NULL));
    assert_int_equal(shake(&p).client, MRL_ERR_AUTH);
    assert_int_equal(mrl_tls_refused(p.client), MRL_TLS_UNKNOWN_CA);
    close_pair(&p);
}

static int set_up(void **state)
{
    (void)state;
    pki_init(&pki);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "device-1", -DAY, DAY, &device);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "device-2", -DAY, DAY, &second);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pki_identity_done(&device);
    pki_identity_done(&second);
    pki_done(&pki);
    return 0;
}

/* The server asks nobody for a certificate but who speaks one of its protocols. */
static void strict_pair(struct pair *p, const struct pki_identity *who, uint16_t newest,
                        const char *strict)
{
    static const mrl_bytes alpn[] = {MRL_LIT_INIT("http/1.1"), MRL_LIT_INIT("x-test")};
    const mrl_bytes names[] = {MRL_LIT_INIT("x-other"), mrl_str(strict)};
    struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_OPTIONAL,
        .judge = judge,
        .roots = &pki.roots,
        .alpn = alpn,
        .alpn_count = MRL_COUNT(alpn),
        .strict_alpn = names,
        .strict_alpn_count = MRL_COUNT(names),
        .strict_judge = strict_judge,
        .scope = 8,
    };

    open_pair(p, who, newest);
    config.tickets = p->tickets;
    mrl_tls_context_free(MRL_TAKE(p->server_context));
    assert_ok(mrl_tls_server_new(&config, &p->server_context, NULL));
    assert_ok(
        mrl_tls_context_set_identity(p->server_context, &pki.server.chain, pki.server.key, NULL));
}

static void a_strict_protocol_has_its_own_judge(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        strict_verdict = MRL_TLS_ACCEPTED;
        strict_pair(&p, &device, both_versions[i], "x-test");
        known[0].verdict = MRL_TLS_REVOKED; /* nobody asks */
        assert_int_equal(shake(&p).server, MRL_OK);
        assert_string_equal(mrl_tls_facts(p.server)->alpn, "x-test");
        assert_true(mrl_tls_facts(p.server)->has_certificate);
        assert_int_equal(asked, 0);
        strict_verdict = MRL_TLS_SUSPENDED;
        assert_int_equal(shake(&p).server, MRL_ERR_AUTH);
        assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_SUSPENDED);
        assert_int_equal(mrl_tls_peer_alert(p.client), ALERT_BAD_CERTIFICATE);
        close_pair(&p);
    }
}

static void a_strict_protocol_needs_a_certificate_and_the_others_do_not(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        strict_verdict = MRL_TLS_ACCEPTED;
        strict_pair(&p, NULL, both_versions[i], "x-test");
        assert_int_equal(shake(&p).server, MRL_ERR_AUTH);
        assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_NO_CERTIFICATE);
        close_pair(&p);
        strict_pair(&p, NULL, both_versions[i], "http/1.1");
        assert_int_equal(shake(&p).server, MRL_OK);
        assert_false(mrl_tls_facts(p.server)->has_certificate);
        close_pair(&p);
    }
}

static enum mrl_tls_refusal vouched;
static struct mrl_fingerprint vouched_for;

static enum mrl_tls_refusal vouch(void *context, const struct mrl_cert *leaf,
                                  const struct mrl_cert_list *sent)
{
    assert_ptr_equal(context, &pki);
    assert_int_equal(sent->count, 0);
    vouched_for = mrl_cert_facts(leaf)->fingerprint;
    return vouched;
}

static void voucher_pair(struct pair *p, uint16_t newest)
{
    const struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_REQUIRED,
        .judge = judge,
        .voucher = vouch,
        .voucher_context = &pki,
        .scope = 9,
        .tickets = p->tickets,
    };

    mrl_tls_context_free(MRL_TAKE(p->server_context));
    assert_ok(mrl_tls_server_new(&config, &p->server_context, NULL));
    assert_ok(
        mrl_tls_context_set_identity(p->server_context, &pki.server.chain, pki.server.key, NULL));
    mrl_tls_context_free(p->client_context);
    p->client_context = client_context(&device, newest);
    known[0].verdict = MRL_TLS_UNREGISTERED;
    vouched = MRL_TLS_ACCEPTED;
}

static void who_is_not_known_may_be_vouched_for_and_does_not_resume(void **state)
{
    struct pair p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(both_versions); i++) {
        open_pair(&p, &device, both_versions[i]);
        voucher_pair(&p, both_versions[i]);
        for (int again = 0; again < 2; again++) {
            const struct mrl_tls_facts *f;

            assert_int_equal(shake(&p).server, MRL_OK);
            f = mrl_tls_facts(p.server);
            assert_false(f->resumed);
            assert_true(f->has_certificate);
            assert_memory_equal(&vouched_for, &device.fingerprint, sizeof(vouched_for));
            assert_bytes_equal(f->introduced, mrl_cert_facts(device.chain.certs[0])->der);
        }
        known[0].verdict = MRL_TLS_ACCEPTED; /* known by now */
        assert_int_equal(shake(&p).server, MRL_OK);
        assert_int_equal(mrl_tls_facts(p.server)->introduced.len, 0);
        known[0].verdict = MRL_TLS_REVOKED; /* the judge's word is the last */
        assert_int_equal(shake(&p).server, MRL_ERR_AUTH);
        assert_int_equal(mrl_tls_refused(p.server), MRL_TLS_REVOKED);
        close_pair(&p);
    }
}

static void a_voucher_may_say_what_is_wrong(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &device, MRL_TLS_1_3);
    voucher_pair(&p, MRL_TLS_1_3);
    vouched = MRL_TLS_EXPIRED;
    expect_refused(&p, MRL_TLS_EXPIRED, ALERT_EXPIRED);
    vouched = MRL_TLS_UNREGISTERED;
    expect_refused(&p, MRL_TLS_UNREGISTERED, ALERT_UNKNOWN);
    close_pair(&p);
}

static void a_strict_protocol_without_a_judge_is_no_configuration(void **state)
{
    const mrl_bytes name = MRL_LIT_INIT("mqtt");
    const struct mrl_tls_server_config half = {.strict_alpn = &name, .strict_alpn_count = 1};
    const struct mrl_tls_server_config other = {.strict_judge = strict_judge};
    struct mrl_tls_context *c = NULL;

    (void)state;
    assert_int_equal(mrl_tls_server_new(&half, &c, NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_tls_server_new(&other, &c, NULL), MRL_ERR_INVALID);
}

static void as_many_protocols_may_be_strict_as_there_may_be(void **state)
{
    const mrl_bytes names[MRL_ALPN_MAX + 1] = {MRL_LIT_INIT("mqtt")};
    struct mrl_tls_server_config config = {
        .strict_alpn = names, .strict_alpn_count = MRL_ALPN_MAX, .strict_judge = strict_judge};
    MRL_AUTO(mrl_tls_context) c = NULL;

    (void)state;
    assert_ok(mrl_tls_server_new(&config, &c, NULL));
    mrl_tls_context_free(MRL_TAKE(c));
    config.strict_alpn_count++;
    assert_int_equal(mrl_tls_server_new(&config, &c, NULL), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_strict_protocol_has_its_own_judge),
        cmocka_unit_test(a_strict_protocol_needs_a_certificate_and_the_others_do_not),
        cmocka_unit_test(a_strict_protocol_without_a_judge_is_no_configuration),
        cmocka_unit_test(as_many_protocols_may_be_strict_as_there_may_be),
        cmocka_unit_test(who_is_not_known_may_be_vouched_for_and_does_not_resume),
        cmocka_unit_test(a_voucher_may_say_what_is_wrong),
        cmocka_unit_test(tls_1_3_opens_and_resumes_and_the_judge_is_asked_each_time),
        cmocka_unit_test(tls_1_3_does_the_same_when_it_stays_with_the_library),
        cmocka_unit_test(tls_1_2_opens_and_resumes_and_the_judge_is_asked_each_time),
        cmocka_unit_test(each_verdict_has_its_refusal_and_alert),
        cmocka_unit_test(unknown_certificates_are_refused_by_what_is_wrong_with_them),
        cmocka_unit_test(a_chain_holds_16_kib_and_not_one_byte_more),
        cmocka_unit_test(who_is_let_in_once_shakes_hands_each_time),
        cmocka_unit_test(what_was_revoked_does_not_resume_and_others_still_do),
        cmocka_unit_test(a_ticket_taken_for_another_one_lives_no_longer),
        cmocka_unit_test(a_ticket_resumes_on_another_worker_but_not_in_another_scope),
        cmocka_unit_test(an_anonymous_session_does_not_resume_where_a_certificate_is_needed),
        cmocka_unit_test(a_new_identity_is_shown_at_once_and_open_connections_stay),
        cmocka_unit_test(who_asks_gets_the_response_that_is_set),
        cmocka_unit_test(a_new_identity_has_no_response_yet),
        cmocka_unit_test(a_client_refuses_the_wrong_name_and_the_wrong_root),
        cmocka_unit_test(a_pinned_root_is_enough_and_another_pin_is_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
