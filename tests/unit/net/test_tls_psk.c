/* SPDX-License-Identifier: Apache-2.0 */
/* Our server, and OpenSSL as a client that has a pre-shared key or claims to. */
#include <string.h>

#include <openssl/err.h>

#include "base/secret.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/unit.h"

enum { ALERT_HANDSHAKE_FAILURE = 40, ALERT_REQUIRED = 116 };

static const char known_identity[] = "pump-7#0001";
static const struct mrl_fingerprint known_fingerprint = {{7}}, other_fingerprint = {{9}};
static const uint8_t right_key[MRL_TLS_PSK_MAX] =
    "the key of pump-7, which is as long as keys may be, to the byte";
static const uint8_t decoy[] = "nobody knows this one";

static struct pki pki;
static enum mrl_tls_refusal verdict; /* of who is known */
static bool careless;                /* gives the right key for it in any case */
static unsigned looked_up, judged;

static enum mrl_tls_refusal find(void *context, mrl_bytes identity, struct mrl_fingerprint *fp,
                                 struct mrl_secret **key)
{
    bool known = mrl_bytes_eq(identity, mrl_str(known_identity));
    bool good = known && (careless || verdict == MRL_TLS_ACCEPTED);

    (void)context;
    looked_up++;
    *fp = known ? known_fingerprint : other_fingerprint;
    *key = mrl_secret_copy(good ? mrl_bytes_of(right_key, sizeof(right_key))
                                : mrl_bytes_of(decoy, sizeof(decoy)));
    return known ? verdict : MRL_TLS_UNKNOWN_PSK;
}

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    judged++;
    return memcmp(fp, &known_fingerprint, sizeof(*fp)) == 0 ? verdict : MRL_TLS_UNREGISTERED;
}

/* What the client says. */
static const char *identity;
static mrl_bytes key;

static unsigned give_key(SSL *ssl, const char *hint, char *to_identity, unsigned identity_max,
                         unsigned char *to_key, unsigned key_max)
{
    (void)ssl;
    (void)hint;
    assert_true(strlen(identity) < identity_max && key.len <= key_max);
    memcpy(to_identity, identity, strlen(identity) + 1);
    memcpy(to_key, key.data, key.len);
    return (unsigned)key.len;
}

static int alert; /* the last the client got */

static void note_alert(const SSL *ssl, int where, int value)
{
    (void)ssl;
    if (where == SSL_CB_READ_ALERT)
        alert = value & 0xff;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

struct pair {
    struct tls_pair it;
    SSL_SESSION *session; /* the newest the client got */
};

static void open_pair(struct pair *p, const struct tls_pair_options *o)
{
    struct tls_pair_options options = *o;

    identity = known_identity;
    key = mrl_bytes_of(right_key, sizeof(right_key));
    verdict = MRL_TLS_ACCEPTED;
    careless = false;
    looked_up = judged = 0;
    options.psk = find;
    options.judge = judge;
    options.tickets = true;
    p->session = NULL;
    tls_pair_init(&p->it, &pki, &options);
    (void)SSL_CTX_set_app_data(p->it.client_context, &p->session);
    SSL_CTX_set_session_cache_mode(p->it.client_context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(p->it.client_context, keep_session);
    assert_int_equal(SSL_CTX_set_cipher_list(p->it.client_context, "PSK"), 1);
    SSL_CTX_set_psk_client_callback(p->it.client_context, give_key);
    SSL_CTX_set_info_callback(p->it.client_context, note_alert);
}

static void close_pair(struct pair *p)
{
    SSL_SESSION_free(p->session);
    tls_pair_done(&p->it);
}

static void read_nothing(struct tls_pair *p)
{
    char byte;

    (void)tls_pair_move_down(p, SIZE_MAX);
    assert_true(SSL_read(p->client, &byte, 1) <= 0);
}

static void say_both_ways(struct tls_pair *p)
{
    MRL_SCOPED(mrl_buf) in = {0};
    size_t written;
    char text[8];

    assert_int_equal(SSL_write(p->client, "up", 2), 2);
    (void)tls_pair_move_up(p, SIZE_MAX);
    assert_ok(mrl_tls_read(p->server, &in, MRL_TLS_RECORD));
    assert_bytes_equal(mrl_buf_bytes(&in), MRL_LIT("up"));
    assert_ok(mrl_tls_write(p->server, MRL_LIT("down"), &written));
    (void)tls_pair_move_down(p, SIZE_MAX);
    assert_int_equal(SSL_read(p->client, text, sizeof(text)), 4);
}

static void expect_open(struct pair *p, bool resumed)
{
    const struct mrl_tls_facts *f;

    tls_pair_dial(&p->it, resumed ? p->session : NULL);
    assert_true(tls_pair_shake(&p->it));
    f = mrl_tls_facts(p->it.server);
    assert_true(f->has_psk);
    assert_int_equal(f->resumed, resumed);
    assert_false(f->has_certificate || f->showed_certificate);
    assert_null(f->psk_identity);
    assert_memory_equal(&f->fingerprint, &known_fingerprint, sizeof(known_fingerprint));
    read_nothing(&p->it); /* tickets */
    say_both_ways(&p->it);
}

/* The alert the client got. */
static int refused_as(struct pair *p, SSL_SESSION *session, enum mrl_tls_refusal why)
{
    alert = 0;
    tls_pair_dial(&p->it, session);
    if (tls_pair_shake(&p->it)) /* open at the client only */
        fail_msg("open at both ends");
    if (SSL_is_init_finished(p->it.client))
        read_nothing(&p->it);
    assert_string_equal(mrl_tls_refusal_name(mrl_tls_refused(p->it.server)),
                        mrl_tls_refusal_name(why));
    return alert;
}

static void a_key_opens(int newest, const char *suite)
{
    struct pair p;

    open_pair(&p, &(struct tls_pair_options){.newest = newest});
    expect_open(&p, /*resumed=*/false);
    assert_string_equal(mrl_tls_facts(p.it.server)->cipher, suite);
    assert_int_equal(looked_up, 1);
    assert_null(SSL_get0_peer_certificate(p.it.client)); /* nobody shows a certificate */
    close_pair(&p);
}

static void a_key_opens_without_any_certificate(void **state)
{
    (void)state;
    a_key_opens(0, "TLS_AES_128_GCM_SHA256");
    a_key_opens(TLS1_2_VERSION, "ECDHE-PSK-CHACHA20-POLY1305");
}

/* RFC 8446 4.1.4: the second ClientHello has the identity again. */
static void it_opens_after_a_hello_retry(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &(struct tls_pair_options){.groups = "P-521:X25519"});
    expect_open(&p, /*resumed=*/false);
    assert_int_equal(looked_up, 2);
    expect_open(&p, /*resumed=*/true);
    assert_int_equal(looked_up, 2);
    close_pair(&p);
}

static void it_resumes_and_the_judge_is_asked_each_time(void **state)
{
    static const int versions[] = {0, TLS1_2_VERSION};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(versions); i++) {
        struct pair p;

        open_pair(&p, &(struct tls_pair_options){.newest = versions[i]});
        expect_open(&p, /*resumed=*/false);
        for (unsigned n = 1; n < 4; n++) {
            expect_open(&p, /*resumed=*/true);
            assert_int_equal(judged, n);
        }
        assert_int_equal(looked_up, 1);
        verdict = MRL_TLS_REVOKED; /* and the key is gone with it */
        (void)refused_as(&p, p.session, MRL_TLS_REVOKED);
        close_pair(&p);
    }
}

/* RFC 8446 E.6, RFC 4279 2 */
static void an_unknown_identity_looks_like_a_wrong_key(void **state)
{
    static const int versions[] = {0, TLS1_2_VERSION};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(versions); i++) {
        struct pair p;
        int wrong;

        open_pair(&p, &(struct tls_pair_options){.newest = versions[i]});
        key = MRL_LIT("a wrong key");
        wrong = refused_as(&p, NULL, MRL_TLS_WRONG_PSK);
        assert_int_not_equal(wrong, 0);
        assert_string_equal(mrl_tls_facts(p.it.server)->psk_identity, known_identity);
        identity = "pump-8#0001";
        assert_int_equal(refused_as(&p, NULL, MRL_TLS_UNKNOWN_PSK), wrong);
        assert_string_equal(mrl_tls_facts(p.it.server)->psk_identity, identity);
        assert_false(mrl_tls_facts(p.it.server)->has_psk);
        identity = known_identity;
        key = mrl_bytes_of(right_key, sizeof(right_key));
        verdict = MRL_TLS_SUSPENDED;
        assert_int_equal(refused_as(&p, NULL, MRL_TLS_SUSPENDED), wrong);
        assert_int_equal(mrl_tls_tickets_count(p.it.tickets), 0);
        close_pair(&p);
    }
}

static void who_is_refused_stays_out_even_with_the_right_key(void **state)
{
    static const int versions[] = {0, TLS1_2_VERSION};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(versions); i++) {
        struct pair p;

        open_pair(&p, &(struct tls_pair_options){.newest = versions[i]});
        careless = true;
        verdict = MRL_TLS_REVOKED;
        tls_pair_dial(&p.it, NULL);
        (void)tls_pair_shake(&p.it);
        assert_int_equal(mrl_tls_refused(p.it.server), MRL_TLS_REVOKED);
        assert_int_equal(mrl_tls_handshake(p.it.server), MRL_ERR_STATE);
        close_pair(&p);
    }
}

/* An identity of none of our form is no matter of ours: the certificate is asked for as ever. */
static void what_cannot_be_an_identity_is_not_looked_up(void **state)
{
    static char longest[MRL_TLS_PSK_IDENTITY_MAX + 2];
    static const char *const strange[] = {"with space", "\xc3\xa4", longest};
    struct pair p;

    (void)state;
    memset(longest, 'x', MRL_TLS_PSK_IDENTITY_MAX + 1);
    open_pair(&p, &(struct tls_pair_options){0});
    for (size_t i = 0; i < MRL_COUNT(strange); i++) {
        identity = strange[i];
        assert_int_equal(refused_as(&p, NULL, MRL_TLS_NO_CERTIFICATE), ALERT_REQUIRED);
    }
    assert_int_equal(looked_up, 0);
    longest[MRL_TLS_PSK_IDENTITY_MAX] = '\0';
    assert_int_not_equal(refused_as(&p, NULL, MRL_TLS_UNKNOWN_PSK), ALERT_REQUIRED);
    assert_int_equal(looked_up, 1);
    close_pair(&p);
}

static void without_a_key_the_certificate_is_required_as_ever(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &(struct tls_pair_options){0});
    SSL_CTX_set_psk_client_callback(p.it.client_context, NULL);
    assert_int_equal(refused_as(&p, NULL, MRL_TLS_NO_CERTIFICATE), ALERT_REQUIRED);
    close_pair(&p);
    open_pair(&p, &(struct tls_pair_options){.newest = TLS1_2_VERSION});
    SSL_CTX_set_psk_client_callback(p.it.client_context, NULL);
    assert_int_equal(SSL_CTX_set_cipher_list(p.it.client_context, "DEFAULT"), 1);
    assert_int_equal(refused_as(&p, NULL, MRL_TLS_NO_CERTIFICATE), ALERT_HANDSHAKE_FAILURE);
    close_pair(&p);
}

/* RFC 8446 4.2.11: the key goes with one hash. With another suite it is as if there were none. */
static void a_suite_with_another_hash_does_without_the_key(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p, &(struct tls_pair_options){.suites = "TLS_AES_256_GCM_SHA384"});
    assert_int_equal(refused_as(&p, NULL, MRL_TLS_NO_CERTIFICATE), ALERT_REQUIRED);
    close_pair(&p);
}

static void a_key_exchange_of_its_own_is_demanded(void **state)
{
    static const char *const without[] = {"PSK-CHACHA20-POLY1305", "PSK-AES128-GCM-SHA256",
                                          "DHE-PSK-CHACHA20-POLY1305",
                                          "ECDHE-PSK-AES128-CBC-SHA256"};
    struct pair p;

    (void)state;
    open_pair(&p, &(struct tls_pair_options){.groups = "P-521"}); /* psk_ke needs no group */
    (void)SSL_CTX_set_options(p.it.client_context, SSL_OP_ALLOW_NO_DHE_KEX);
    assert_int_equal(refused_as(&p, NULL, MRL_TLS_PROTOCOL), ALERT_HANDSHAKE_FAILURE);
    close_pair(&p);
    for (size_t i = 0; i < MRL_COUNT(without); i++) {
        open_pair(&p, &(struct tls_pair_options){.newest = TLS1_2_VERSION});
        assert_int_equal(SSL_CTX_set_cipher_list(p.it.client_context, without[i]), 1);
        assert_int_equal(refused_as(&p, NULL, MRL_TLS_PROTOCOL), ALERT_HANDSHAKE_FAILURE);
        assert_int_equal(looked_up, 0);
        close_pair(&p);
    }
}

static void without_the_setting_a_key_means_nothing(void **state)
{
    struct pair p;
    struct mrl_tls_server_config config = {.client_certificate = MRL_CLIENT_CERT_REQUIRED,
                                           .judge = judge};

    (void)state;
    open_pair(&p, &(struct tls_pair_options){0});
    expect_open(&p, /*resumed=*/false);
    mrl_tls_context_free(p.it.server_context);
    config.tickets = p.it.tickets;
    assert_ok(mrl_tls_server_new(&config, &p.it.server_context, NULL));
    assert_ok(
        mrl_tls_context_set_identity(p.it.server_context, &pki.server.chain, pki.server.key, NULL));
    (void)refused_as(&p, NULL, MRL_TLS_NO_CERTIFICATE);
    (void)refused_as(&p, p.session, MRL_TLS_NO_CERTIFICATE); /* nor does its ticket */
    close_pair(&p);
    config = (struct mrl_tls_server_config){.psk = find};
    p.it.server_context = NULL;
    assert_int_equal(mrl_tls_server_new(&config, &p.it.server_context, NULL), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_opens_without_any_certificate),
        cmocka_unit_test(it_opens_after_a_hello_retry),
        cmocka_unit_test(it_resumes_and_the_judge_is_asked_each_time),
        cmocka_unit_test(an_unknown_identity_looks_like_a_wrong_key),
        cmocka_unit_test(who_is_refused_stays_out_even_with_the_right_key),
        cmocka_unit_test(what_cannot_be_an_identity_is_not_looked_up),
        cmocka_unit_test(without_a_key_the_certificate_is_required_as_ever),
        cmocka_unit_test(a_suite_with_another_hash_does_without_the_key),
        cmocka_unit_test(a_key_exchange_of_its_own_is_demanded),
        cmocka_unit_test(without_the_setting_a_key_means_nothing),
    };

    pki_init(&pki);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
