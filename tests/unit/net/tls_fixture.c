/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/tls_fixture.h"

#include <string.h>

#include <openssl/bio.h>

#include "net/tls_client.h"
#include "net/tls_internal.h"

struct pki pki;
struct pki_identity device, second;
struct known known[2];
unsigned asked;
bool keep_library;
const uint16_t both_versions[2] = {MRL_TLS_1_2, MRL_TLS_1_3};

int set_up(void **state)
{
    (void)state;
    pki_init(&pki);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "device-1", -DAY, DAY, &device);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "device-2", -DAY, DAY, &second);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    pki_identity_done(&device);
    pki_identity_done(&second);
    pki_done(&pki);
    return 0;
}

enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    asked++;
    for (size_t i = 0; i < MRL_COUNT(known); i++)
        if (memcmp(&known[i].fp, fp, sizeof(*fp)) == 0)
            return known[i].verdict;
    return MRL_TLS_UNREGISTERED;
}

struct mrl_tls_context *server_context(struct mrl_tls_tickets *tickets,
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

struct mrl_tls_context *client_context(const struct pki_identity *who, uint16_t newest)
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

void open_pair(struct pair *p, const struct pki_identity *who, uint16_t newest)
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

void hang_up(struct pair *p)
{
    mrl_tls_free(MRL_TAKE(p->server));
    mrl_tls_free(MRL_TAKE(p->client));
}

void close_pair(struct pair *p)
{
    hang_up(p);
    mrl_tls_context_free(p->server_context);
    mrl_tls_context_free(p->client_context);
    mrl_tls_tickets_free(p->tickets);
}

void dial_as(struct pair *p, mrl_bytes name)
{
    BIO *a = NULL, *b = NULL;

    hang_up(p);
    assert_int_equal(BIO_new_bio_pair(&a, 1 << 18, &b, 1 << 18), 1);
    assert_ok(mrl_tls_accept_bio(p->server_context, a, a, &p->server));
    assert_ok(mrl_tls_connect_bio(p->client_context, b, b, name, &p->client));
}

struct outcome shake_only(struct pair *p)
{
    struct outcome o = {MRL_ERR_AGAIN, MRL_ERR_AGAIN};

    for (int i = 0; i < 10 && (o.server == MRL_ERR_AGAIN || o.client == MRL_ERR_AGAIN); i++) {
        if (o.client == MRL_ERR_AGAIN)
            o.client = mrl_tls_handshake(p->client);
        if (o.server == MRL_ERR_AGAIN)
            o.server = mrl_tls_handshake(p->server);
    }
    return o;
}

struct outcome shake(struct pair *p)
{
    MRL_SCOPED(mrl_buf) in = {0};
    struct outcome o;

    dial_as(p, MRL_LIT("localhost"));
    o = shake_only(p);
    if (o.client == MRL_OK)
        o.client = mrl_tls_read(p->client, &in, MRL_TLS_RECORD);
    return o;
}

void say(struct mrl_tls *from, struct mrl_tls *to, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) in = {0};
    size_t written;

    assert_ok(mrl_tls_write(from, text, &written));
    assert_int_equal(written, text.len);
    while (in.len < text.len)
        assert_ok(mrl_tls_read(to, &in, MRL_TLS_RECORD));
    assert_bytes_equal(mrl_buf_bytes(&in), text);
}

void expect_open(struct pair *p, uint16_t version, bool resumed)
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

void expect_refused(struct pair *p, enum mrl_tls_refusal why, uint8_t alert)
{
    struct outcome o = shake(p);

    assert_int_equal(o.server, MRL_ERR_AUTH);
    assert_string_equal(mrl_tls_refusal_name(mrl_tls_refused(p->server)),
                        mrl_tls_refusal_name(why));
    assert_true(o.client == MRL_ERR_AUTH || o.client == MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tls_peer_alert(p->client), alert);
}
