/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that have a key in common with us instead of a certificate: TLS 1.3 with external keys
 * and a fresh key exchange (RFC 8446 2.2, psk_dhe_ke), TLS 1.2 with ECDHE_PSK (RFC 5489, RFC 7905).
 *
 * Nobody learns here which identities exist: an unknown one gets a key that nobody knows, so that
 * it fails like a wrong key, by the same alert (RFC 8446 E.6, RFC 4279 2). */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "net/tls_internal.h"

static const unsigned char suite_1_3[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256: RFC 8446 B.4 */

/* What a ticket or an identity for other servers may be is left to them. */
static bool is_identity(mrl_bytes text)
{
    if (text.len < 1 || text.len > MRL_TLS_PSK_IDENTITY_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

void mrl_tls_psk_forget(struct mrl_tls *t)
{
    if (t->psk_offered)
        t->refusal = MRL_TLS_ACCEPTED; /* it was about the key */
    t->psk_offered = false;
    free(MRL_TAKE(t->psk_identity));
    t->facts.psk_identity = NULL;
}

static void note_identity(struct mrl_tls *t, mrl_bytes identity)
{
    mrl_tls_psk_forget(t);
    mrl_tls_resume_done(t); /* a ticket that came before was not taken */
    t->psk_identity = malloc(identity.len + 1);
    if (t->psk_identity == NULL)
        abort();
    memcpy(t->psk_identity, identity.data, identity.len);
    t->psk_identity[identity.len] = '\0';
    t->facts.psk_identity = t->psk_identity;
    t->psk_offered = true;
}

/* NULL: none of ours. Else there is always a key. */
static struct mrl_secret *find_key(struct mrl_tls *t, mrl_bytes identity)
{
    const struct mrl_tls_context *c = t->context;
    struct mrl_secret *key = NULL;

    if (!is_identity(identity))
        return NULL;
    note_identity(t, identity);
    t->refusal = c->psk(c->judge_context, identity, &t->facts.fingerprint, &key);
    return key;
}

static SSL_SESSION *session_of(SSL *ssl, const struct mrl_secret *key)
{
    SSL_SESSION *session = SSL_SESSION_new();
    const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, suite_1_3);
    mrl_bytes bytes = mrl_secret_bytes(key);

    if (session != NULL && suite != NULL &&
        SSL_SESSION_set1_master_key(session, bytes.data, bytes.len) == 1 &&
        SSL_SESSION_set_cipher(session, suite) == 1 &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
        return session;
    SSL_SESSION_free(session);
    return NULL;
}

/* TLS 1.3: asked for every identity in the ClientHello, ids of tickets included, until one is
 * taken. */
static int find_session(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **out)
{
    MRL_AUTO(mrl_secret) key = find_key(mrl_tls_of(ssl), mrl_bytes_of(identity, len));

    *out = key != NULL ? session_of(ssl, key) : NULL;
    return key == NULL || *out != NULL;
}

/* TLS 1.2; OpenSSL asks here for TLS 1.3 too, when the other found nothing. 0: no such key. */
static unsigned find_1_2(SSL *ssl, const char *identity, unsigned char *to, unsigned max)
{
    MRL_AUTO(mrl_secret) key = NULL;
    mrl_bytes bytes;

    if (SSL_version(ssl) != TLS1_2_VERSION || identity == NULL)
        return 0;
    key = find_key(mrl_tls_of(ssl), mrl_str(identity));
    bytes = mrl_secret_bytes(key);
    if (bytes.len > max)
        return 0;
    if (bytes.len > 0)
        memcpy(to, bytes.data, bytes.len); /* OpenSSL's buffer, which it wipes */
    return (unsigned)bytes.len;
}

void mrl_tls_psk_settings(const struct mrl_tls_context *c, SSL_CTX *ssl)
{
    if (c->psk == NULL)
        return;
    SSL_CTX_set_psk_find_session_callback(ssl, find_session);
    SSL_CTX_set_psk_server_callback(ssl, find_1_2);
}

bool mrl_tls_psk_used(const struct mrl_tls *t)
{
    const SSL_CIPHER *suite = SSL_get_current_cipher(t->ssl);

    if (!t->psk_offered)
        return false;
    if (SSL_version(t->ssl) == TLS1_3_VERSION) /* to OpenSSL it is a resumption */
        return SSL_session_reused(t->ssl) == 1;
    return SSL_session_reused(t->ssl) == 0 && suite != NULL &&
           SSL_CIPHER_get_auth_nid(suite) == NID_auth_psk;
}

bool mrl_tls_psk_is_refused(const struct mrl_tls *t)
{
    return mrl_tls_psk_used(t) && t->refusal != MRL_TLS_ACCEPTED;
}

bool mrl_tls_psk_is_wrong(const struct mrl_tls *t, int reason)
{
    return t->psk_offered && (reason == SSL_R_BINDER_DOES_NOT_VERIFY ||
                              reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ||
                              reason == SSL_R_DIGEST_CHECK_FAILED);
}
