/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "net/tls_internal.h"

enum {
    ALERT_REASON = 1000, /* OpenSSL: reason code of an alert received is 1000 + the alert */
    ALERT_MAX = 255,
    FINISHED_MAX = 64,
};

mrl_err mrl_tls_new_on(struct mrl_tls_context *c, BIO *in, BIO *to, struct mrl_tls **out)
{
    struct mrl_tls *t;
    SSL *ssl = in == NULL || to == NULL ? NULL : SSL_new(c->ssl);

    if (ssl == NULL) {
        BIO_free(in);
        if (to != in)
            BIO_free(to);
        ERR_clear_error();
        return MRL_ERR_CRYPTO;
    }
    SSL_set_bio(ssl, in, to);
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    t->ssl = ssl;
    t->fd = -1;
    t->context = mrl_tls_context_ref(c);
    (void)SSL_set_app_data(ssl, t); /* index 0 always exists */
    *out = t;
    return MRL_OK;
}

mrl_err mrl_tls_accept_bio(struct mrl_tls_context *c, struct bio_st *in, struct bio_st *to,
                           struct mrl_tls **out)
{
    MRL_TRY(mrl_tls_new_on(c, in, to, out));
    SSL_set_accept_state((*out)->ssl);
    return MRL_OK;
}

mrl_err mrl_tls_accept(struct mrl_tls_context *c, int fd, struct mrl_tls **out)
{
    BIO *socket = mrl_tls_socket_bio(fd);

    MRL_TRY(mrl_tls_accept_bio(c, socket, socket, out));
    (*out)->fd = fd;
    mrl_tls_socket_read_ahead(socket, /*ahead=*/true);
    return MRL_OK;
}

mrl_err mrl_tls_peek(struct mrl_tls *t, mrl_bytes *out)
{
    MRL_ENSURE(t->fd >= 0 && t->ssl != NULL, MRL_ERR_STATE);
    return mrl_tls_socket_peek(SSL_get_rbio(t->ssl), out);
}

void mrl_tls_free(struct mrl_tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    mrl_tls_records_free(t->records);
    mrl_secret_pool_give(t->context->secrets, t->secrets);
    mrl_tls_resume_done(t);
    free(t->psk_identity);
    mrl_tls_context_free(t->context);
    mrl_buf_done(&t->introduced);
    free(t->name);
    free(t->binding);
    free(t);
}

/* Of a failed handshake that the judge did not refuse. */
static enum mrl_tls_refusal refusal_of(const struct mrl_tls *t, unsigned long error)
{
    int reason = ERR_GET_REASON(error);

    if (t->refusal != MRL_TLS_ACCEPTED)
        return t->refusal;
    if (mrl_tls_psk_is_wrong(t, reason))
        return MRL_TLS_WRONG_PSK;
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return MRL_TLS_NO_CERTIFICATE;
    if (reason == SSL_R_BAD_SIGNATURE)
        return MRL_TLS_BAD_SIGNATURE;
    if (t->context->is_client && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return mrl_tls_refusal_from_x509(SSL_get_verify_result(t->ssl));
    return MRL_TLS_PROTOCOL;
}

static void note_alert(struct mrl_tls *t, unsigned long error)
{
    int reason = ERR_GET_REASON(error);

    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= ALERT_REASON &&
        reason <= ALERT_REASON + ALERT_MAX)
        t->peer_alert = (uint8_t)(reason - ALERT_REASON);
}

/* Of an SSL call that did not succeed. The error queue is empty afterwards. */
static mrl_err failed(struct mrl_tls *t, int result, bool shaking_hands)
{
    unsigned long error = ERR_peek_error();
    int what = SSL_get_error(t->ssl, result);

    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
        t->want = what == SSL_ERROR_WANT_READ ? MRL_WANT_READ : MRL_WANT_WRITE;
        return MRL_ERR_AGAIN;
    }
    if (what == SSL_ERROR_ZERO_RETURN)
        return MRL_ERR_CLOSED;
    t->failed = true;
    note_alert(t, error);
    ERR_clear_error();
    /* An end without close_notify: RFC 8446 6.1. */
    if (what == SSL_ERROR_SYSCALL || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return shaking_hands ? MRL_ERR_CLOSED : MRL_ERR_IO;
    if (!shaking_hands)
        return MRL_ERR_MALFORMED;
    t->refusal = refusal_of(t, error);
    return MRL_ERR_AUTH;
}

/* A certificate counts when it was verified in this handshake, a pre-shared key when it was used in
 * it, and either when the handshake resumed a session whose ticket holds it. */
static void note_peer(struct mrl_tls *t)
{
    bool verified = t->verified, psk = !t->context->is_client && mrl_tls_psk_used(t);

    t->facts.resumed = SSL_session_reused(t->ssl) == 1 && !psk;
    if (t->context->is_client) {
        t->facts.has_certificate = true; /* OpenSSL verified it, or resumed what it verified */
        t->facts.showed_certificate = true;
        return;
    }
    if (t->facts.resumed && t->offered != NULL) { /* nothing resumes but what was offered */
        verified = t->offered->has_certificate;
        psk = t->offered->has_psk;
        t->facts.fingerprint = t->offered->fingerprint;
    }
    t->facts.has_psk = psk;
    t->facts.has_certificate = t->facts.showed_certificate = verified;
    if (!verified && !psk)
        t->facts.fingerprint = (struct mrl_fingerprint){0};
    if (verified && !t->facts.resumed)
        t->facts.introduced = mrl_buf_bytes(&t->introduced);
}

static void note_facts(struct mrl_tls *t)
{
    const unsigned char *alpn;
    unsigned alpn_len;

    note_peer(t);
    t->facts.version = (uint16_t)SSL_version(t->ssl);
    t->facts.cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(t->ssl));
    t->facts.extended_master_secret =
        t->facts.version == MRL_TLS_1_3 || SSL_get_extms_support(t->ssl) == 1;
    SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_len);
    if (alpn_len <= MRL_ALPN_NAME_MAX && alpn_len > 0)
        memcpy(t->facts.alpn, alpn, alpn_len);
}

/* The certificate and the session make up a third of what OpenSSL keeps for an idle connection, and
 * nothing needs them any more. OpenSSL lets a session go only with the method the SSL_CTX was made
 * with, and by now the connection has that of its version: so it moves to an SSL_CTX of that one.
 * From 3.2 on it is the method the connection was made with, and there is no way. */
static void drop_session(struct mrl_tls *t)
{
    struct mrl_tls_context *c = t->context;
    SSL_CTX **idle = &c->idle[t->facts.version == MRL_TLS_1_3];

    if (!mrl_tls_library_is_before_3_2())
        return;
    if (*idle == NULL)
        *idle = SSL_CTX_new_ex(c->library.context, NULL, SSL_get_ssl_method(t->ssl));
    if (c->nothing == NULL)
        c->nothing = SSL_SESSION_new();
    if (*idle != NULL && c->nothing != NULL && SSL_set_SSL_CTX(t->ssl, *idle) != NULL)
        (void)SSL_set_session(t->ssl, c->nothing); /* cannot fail without a change of method */
}

static void end_handshake(struct mrl_tls *t)
{
    mrl_tls_resume_store(t);
    mrl_tls_resume_done(t);
    mrl_tls_psk_forget(t);
    mrl_tls_hand_over(t);
    if (t->ssl == NULL)
        return;
    drop_session(t);
    if (t->fd < 0)
        return;
    mrl_tls_socket_read_ahead(SSL_get_rbio(t->ssl), /*ahead=*/false);
    t->failed = !mrl_tls_socket_send_held(SSL_get_rbio(t->ssl));
}

mrl_err mrl_tls_handshake(struct mrl_tls *t)
{
    int result;

    MRL_ENSURE(!t->failed, MRL_ERR_STATE);
    ERR_clear_error();
    if (t->fd >= 0)
        mrl_tls_socket_ready(SSL_get_rbio(t->ssl));
    mrl_tls_handover_begin(t);
    result = SSL_do_handshake(t->ssl);
    mrl_tls_handover_end();
    if (result != 1)
        return failed(t, result, /*shaking_hands=*/true);
    if (mrl_tls_psk_is_refused(t)) {
        t->failed = true;
        return MRL_ERR_AUTH;
    }
    note_facts(t);
    if (!t->context->is_client)
        end_handshake(t);
    ERR_clear_error();
    return t->failed ? MRL_ERR_CLOSED : MRL_OK;
}

enum mrl_tls_want mrl_tls_want(const struct mrl_tls *t)
{
    return t->want;
}

enum mrl_tls_refusal mrl_tls_refused(const struct mrl_tls *t)
{
    return t->refusal;
}

uint8_t mrl_tls_peer_alert(const struct mrl_tls *t)
{
    return t->records != NULL ? mrl_tls_records_peer_alert(t->records) : t->peer_alert;
}

const struct mrl_tls_facts *mrl_tls_facts(const struct mrl_tls *t)
{
    return &t->facts;
}

static mrl_err library_read(struct mrl_tls *t, struct mrl_buf *in, size_t max)
{
    size_t got = 0;
    uint8_t *to;
    int result;

    MRL_TRY(mrl_buf_reserve(in, max, &to));
    ERR_clear_error();
    result = SSL_read_ex(t->ssl, to, max, &got);
    if (result != 1)
        return failed(t, result, /*shaking_hands=*/false);
    mrl_buf_added(in, got);
    return MRL_OK;
}

static mrl_err library_write(struct mrl_tls *t, mrl_bytes data, size_t *written)
{
    ERR_clear_error();
    while (*written < data.len) {
        mrl_bytes part = mrl_bytes_sub(data, *written, MRL_TLS_RECORD);
        size_t sent = 0;
        int result = SSL_write_ex(t->ssl, part.data, part.len, &sent);

        if (result != 1)
            return failed(t, result, /*shaking_hands=*/false);
        *written += sent;
    }
    return MRL_OK;
}

/* Of a call on our own records: what is to be waited for, and whether it is over. */
static mrl_err note(struct mrl_tls *t, mrl_err err, enum mrl_tls_want want)
{
    if (err == MRL_ERR_AGAIN)
        t->want = want;
    else if (err != MRL_OK && err != MRL_ERR_CLOSED)
        t->failed = true;
    return err;
}

mrl_err mrl_tls_read(struct mrl_tls *t, struct mrl_buf *in, size_t max)
{
    MRL_ENSURE(!t->failed, MRL_ERR_STATE);
    MRL_ENSURE(max >= MRL_TLS_RECORD, MRL_ERR_INVALID);
    if (t->records != NULL)
        return note(t, mrl_tls_records_read(t->records, in, max), MRL_WANT_READ);
    return library_read(t, in, max);
}

bool mrl_tls_drained(const struct mrl_tls *t)
{
    return t->records != NULL && mrl_tls_records_drained(t->records);
}

bool mrl_tls_waiting(const struct mrl_tls *t)
{
    if (t->records != NULL)
        return mrl_tls_records_waiting(t->records);
    return SSL_pending(t->ssl) > 0 ||
           (t->fd >= 0 && mrl_tls_socket_rest(SSL_get_rbio(t->ssl)).len > 0);
}

mrl_err mrl_tls_write(struct mrl_tls *t, mrl_bytes data, size_t *written)
{
    *written = 0;
    MRL_ENSURE(!t->failed, MRL_ERR_STATE);
    if (t->records != NULL)
        return note(t, mrl_tls_records_write(t->records, data, written), MRL_WANT_WRITE);
    return library_write(t, data, written);
}

mrl_err mrl_tls_seal(struct mrl_tls *t, mrl_bytes text, uint8_t *to, size_t *len)
{
    MRL_ENSURE(!t->failed && t->records != NULL, MRL_ERR_STATE);
    return mrl_tls_records_seal(t->records, text, to, len);
}

mrl_err mrl_tls_send_sealed(struct mrl_tls *t, mrl_bytes sealed, size_t text_len)
{
    return note(t, mrl_tls_records_send(t->records, sealed, text_len), MRL_WANT_WRITE);
}

void mrl_tls_shutdown(struct mrl_tls *t)
{
    if (t->failed || (t->ssl != NULL && SSL_in_init(t->ssl)))
        return;
    if (t->records != NULL) {
        mrl_tls_records_shutdown(t->records);
        return;
    }
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl); /* best effort; the peer's own close_notify is not waited for */
    ERR_clear_error();
}

void mrl_tls_leave(const struct mrl_tls *t)
{
    if (t->records != NULL)
        mrl_tls_records_leave(t->records);
}

static mrl_err tls_unique(const struct mrl_tls *t, struct mrl_buf *out)
{
    uint8_t finished[FINISHED_MAX];
    bool ours = t->facts.resumed != t->context->is_client; /* who sent the first Finished */
    size_t len = ours ? SSL_get_finished(t->ssl, finished, sizeof(finished))
                      : SSL_get_peer_finished(t->ssl, finished, sizeof(finished));

    MRL_ENSURE(t->facts.extended_master_secret, MRL_ERR_UNSUPPORTED);
    MRL_ENSURE(len > 0 && len <= sizeof(finished), MRL_ERR_STATE);
    return mrl_buf_append(out, mrl_bytes_of(finished, len));
}

mrl_err mrl_tls_export(const struct mrl_tls *t, uint8_t to[static MRL_TLS_EXPORTER_SIZE])
{
    static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 2 */
    int made = SSL_export_keying_material(t->ssl, to, MRL_TLS_EXPORTER_SIZE, label,
                                          sizeof(label) - 1, (const unsigned char *)"", 0,
                                          /*use_context=*/1);

    return made == 1 ? MRL_OK : MRL_ERR_CRYPTO;
}

mrl_err mrl_tls_channel_binding(const struct mrl_tls *t, struct mrl_buf *out,
                                enum mrl_tls_binding *kind)
{
    uint8_t value[MRL_TLS_EXPORTER_SIZE];

    if (t->facts.version == MRL_TLS_1_2) {
        *kind = MRL_BINDING_TLS_UNIQUE;
        return tls_unique(t, out);
    }
    MRL_ENSURE(t->facts.version == MRL_TLS_1_3, MRL_ERR_STATE);
    MRL_ENSURE(t->context->is_client || t->context->channel_binding, MRL_ERR_UNSUPPORTED);
    *kind = MRL_BINDING_TLS_EXPORTER;
    if (t->binding != NULL)
        return mrl_buf_append(out, mrl_bytes_of(t->binding, MRL_TLS_EXPORTER_SIZE));
    MRL_TRY(mrl_tls_export(t, value));
    return mrl_buf_append(out, mrl_bytes_of(value, sizeof(value)));
}
