/* SPDX-License-Identifier: Apache-2.0 */
/* Stateful resumption: OpenSSL asks for a session by the id in the ticket (or TLS 1.2 session id)
 * and gets one made from our record. The record has no certificate in it: the fingerprint is judged
 * again before OpenSSL sees the session, so what was revoked since does not resume. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/der.h"
#include "net/tls_internal.h"

enum {
    SESSION_ASN1_VERSION = 1,
    SESSION_FLAG_EXTENDED_MASTER_SECRET = 1, /* as SSL_SESSION is written; OpenSSL has no setter */
    SESSION_DER_MAX = 512,
};

static void put_number(struct mrl_der *d, uint64_t value)
{
    uint8_t big[sizeof(value)];

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(value >> (8 * (sizeof(big) - 1 - i)));
    mrl_der_unsigned(d, mrl_bytes_of(big, sizeof(big)));
}

static void put_tagged_number(struct mrl_der *d, unsigned tag, uint64_t value)
{
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(tag));
    put_number(d, value);
    mrl_der_end(d);
}

/* SSL_SESSION as i2d_SSL_SESSION writes it (OpenSSL ssl/ssl_asn1.c), without a peer: the only
 * public way to a session of TLS 1.2 that is marked as having the extended master secret. */
static mrl_err session_der(const struct mrl_tls_ticket *k, uint64_t lifetime, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);
    const uint8_t cipher[] = {(uint8_t)(k->cipher >> 8), (uint8_t)k->cipher};

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    put_number(&d, SESSION_ASN1_VERSION);
    put_number(&d, k->version);
    mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(cipher, sizeof(cipher)));
    mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(k->id, k->id_len));
    mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(k->secret, k->secret_len));
    put_tagged_number(&d, 1, (uint64_t)k->created);
    put_tagged_number(&d, 2, lifetime);
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(4));
    mrl_der_put(&d, MRL_DER_OCTET_STRING, mrl_bytes_of(&k->scope, sizeof(k->scope)));
    mrl_der_end(&d);
    if (k->version == TLS1_2_VERSION) /* the only ones kept: mrl_tls_resume_store */
        put_tagged_number(&d, 13, SESSION_FLAG_EXTENDED_MASTER_SECRET);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static SSL_SESSION *to_session(const struct mrl_tls_context *c, const struct mrl_tls_ticket *k)
{
    struct mrl_buf der = {.limit = SESSION_DER_MAX};
    SSL_SESSION *session = NULL;
    const unsigned char *at;
    uint8_t *room;

    /* Reserved at once, so that no copy of the secret is left behind by growing. */
    if (mrl_buf_reserve(&der, SESSION_DER_MAX, &room) == MRL_OK &&
        session_der(k, mrl_tls_tickets_lifetime(c->tickets), &der) == MRL_OK) {
        at = der.data;
        session = d2i_SSL_SESSION(NULL, &at, (long)der.len);
    }
    if (der.data != NULL)
        mrl_wipe(der.data, der.cap);
    mrl_buf_done(&der);
    return session;
}

static bool may_resume(const struct mrl_tls_context *c, const SSL *ssl,
                       const struct mrl_tls_ticket *k)
{
    if (k->scope != c->scope || k->version != SSL_version(ssl))
        return false;
    if (k->has_psk)
        return c->psk != NULL &&
               mrl_tls_judged(c, /*strict=*/false, &k->fingerprint) == MRL_TLS_ACCEPTED;
    if (!k->has_certificate)
        return c->client_certificate != MRL_CLIENT_CERT_REQUIRED;
    return c->client_certificate != MRL_CLIENT_CERT_NONE &&
           mrl_tls_judged(c, /*strict=*/false, &k->fingerprint) == MRL_TLS_ACCEPTED;
}

/* For the handshake only: an idle connection does without. */
static void keep_offered(struct mrl_tls *t, const struct mrl_tls_ticket *ticket)
{
    t->offered = malloc(sizeof(*t->offered));
    if (t->offered == NULL)
        abort();
    *t->offered = *ticket;
}

void mrl_tls_resume_done(struct mrl_tls *t)
{
    free(t->offered);
    t->offered = NULL;
}

/* NULL leads to a full handshake, in which the judge gives the reason to the peer. */
static SSL_SESSION *get_session(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct mrl_tls *t = mrl_tls_of(ssl);
    const struct mrl_tls_context *c = t->context;
    struct mrl_tls_ticket ticket;
    SSL_SESSION *session = NULL;

    *copy = 0; /* OpenSSL takes our reference */
    mrl_tls_resume_done(t);
    mrl_tls_psk_forget(t);
    if (len <= 0 || mrl_tls_tickets_get(c->tickets, mrl_bytes_of(id, (size_t)len), mrl_wall_s(),
                                        &ticket) != MRL_OK)
        return NULL;
    if (may_resume(c, ssl, &ticket))
        session = to_session(c, &ticket);
    mrl_wipe(ticket.secret, sizeof(ticket.secret));
    if (session != NULL)
        keep_offered(t, &ticket);
    return session;
}

static void store(struct mrl_tls *t, const SSL_SESSION *session)
{
    const struct mrl_tls_context *c = t->context;
    bool resumed = SSL_session_reused(t->ssl) == 1 && t->offered != NULL;
    const SSL_CIPHER *cipher = SSL_SESSION_get0_cipher(session);
    unsigned id_len = 0;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_len);
    struct mrl_tls_ticket k = {
        .version = (uint16_t)SSL_SESSION_get_protocol_version(session),
        .scope = c->scope,
        .created = resumed ? t->offered->created : mrl_wall_s(),
        .has_certificate = resumed ? t->offered->has_certificate : t->verified,
        .has_psk = resumed ? t->offered->has_psk : mrl_tls_psk_used(t),
        .fingerprint = resumed ? t->offered->fingerprint : t->facts.fingerprint,
    };

    if (cipher == NULL || id_len == 0 || id_len > sizeof(k.id))
        return;
    k.cipher = SSL_CIPHER_get_protocol_id(cipher);
    memcpy(k.id, id, id_len);
    k.id_len = (uint8_t)id_len;
    k.secret_len = (uint8_t)SSL_SESSION_get_master_key(session, k.secret, sizeof(k.secret));
    if (resumed) /* one ticket a device: the new one takes the place of the one used */
        mrl_tls_tickets_remove(c->tickets, mrl_bytes_of(t->offered->id, t->offered->id_len));
    (void)mrl_tls_tickets_put(c->tickets, &k); /* fails: it will not resume, that is all */
    mrl_wipe(k.secret, sizeof(k.secret));
}

/* TLS 1.3: a ticket is about to be sent. */
static int new_session(SSL *ssl, SSL_SESSION *session)
{
    struct mrl_tls *t = mrl_tls_of(ssl);

    if (SSL_version(ssl) != TLS1_3_VERSION)
        return 0;
    store(t, session);
    if (t->fd >= 0 && !t->context->keep_library)
        mrl_tls_socket_hold(SSL_get_rbio(ssl)); /* it writes to the same */
    return 0;                                   /* no reference kept */
}

void mrl_tls_resume_store(struct mrl_tls *t)
{
    /* RFC 7627 5.4: without the extended master secret a session is not resumed. */
    if (t->context->tickets != NULL && SSL_version(t->ssl) == TLS1_2_VERSION &&
        SSL_session_reused(t->ssl) == 0 && SSL_get_extms_support(t->ssl) == 1)
        store(t, SSL_get0_session(t->ssl));
}

void mrl_tls_resume_settings(struct mrl_tls_context *c, SSL_CTX *ssl)
{
    if (c->tickets == NULL) {
        (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* cannot fail */
        (void)SSL_CTX_set_num_tickets(ssl, 0);                         /* cannot fail */
        return;
    }
    /* Returns the former mode. */
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
                                                  SSL_SESS_CACHE_NO_AUTO_CLEAR);
    (void)SSL_CTX_set_num_tickets(ssl, 1);                                      /* cannot fail */
    (void)SSL_CTX_set_timeout(ssl, (long)mrl_tls_tickets_lifetime(c->tickets)); /* former value */
    SSL_CTX_sess_set_get_cb(ssl, get_session);
    SSL_CTX_sess_set_new_cb(ssl, new_session);
}
