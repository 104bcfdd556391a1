/* SPDX-License-Identifier: Apache-2.0 */
/* From OpenSSL's handshake to records of our own. What is told of it leads to memory of the
 * connection and nowhere else: the two traffic secrets, by the key derivation where that is ours
 * (net/tls_kdf.c) or else by OpenSSL's key log, which spells five secrets in hexadecimal and costs
 * a tenth of a resumption; and each record header, by which the records under the write secret are
 * counted. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/hex.h"
#include "net/tls_internal.h"

static struct mrl_record_secrets *secrets_of(struct mrl_tls *t)
{
    if (t->secrets == NULL)
        t->secrets = mrl_secret_pool_take(t->context->secrets);
    return t->secrets;
}

/* RFC 8446 7.1 */
static void on_derived(void *context, mrl_bytes label, mrl_bytes secret)
{
    struct mrl_tls *t = context;

    if (secret.len > MRL_LABEL_HASH_MAX)
        return;
    if (mrl_bytes_eq(label, MRL_LIT("c ap traffic"))) {
        memcpy(secrets_of(t)->read.secret, secret.data, secret.len);
        t->has_read_secret = true;
    } else if (mrl_bytes_eq(label, MRL_LIT("s ap traffic"))) {
        memcpy(secrets_of(t)->write.secret, secret.data, secret.len);
        t->has_write_secret = true;
    }
}

static bool take_hex(mrl_bytes hex, uint8_t to[static MRL_LABEL_HASH_MAX])
{
    return hex.len <= 2 * (size_t)MRL_LABEL_HASH_MAX && mrl_unhex(hex, to, hex.len / 2) == MRL_OK;
}

/* "LABEL client-random secret"; the line is OpenSSL's, and it wipes it. */
static void on_key(const SSL *ssl, const char *line)
{
    struct mrl_tls *t = mrl_tls_of(ssl);
    mrl_bytes label, rest, random, secret;

    if (!mrl_bytes_split(mrl_str(line), ' ', &label, &rest) ||
        !mrl_bytes_split(rest, ' ', &random, &secret))
        return;
    if (mrl_bytes_eq(label, MRL_LIT("CLIENT_TRAFFIC_SECRET_0")))
        t->has_read_secret = take_hex(secret, secrets_of(t)->read.secret);
    else if (mrl_bytes_eq(label, MRL_LIT("SERVER_TRAFFIC_SECRET_0")))
        t->has_write_secret = take_hex(secret, secrets_of(t)->write.secret);
}

/* The header of a record is told before the message in it: what follows our Finished is protected
 * with the write secret, one number each. */
static void on_message(int written, int version, int type, const void *data, size_t len, SSL *ssl,
                       void *context)
{
    struct mrl_tls *t = mrl_tls_of(ssl);
    const uint8_t *bytes = data;

    (void)version;
    (void)context;
    if (written != 1)
        return;
    if (type == SSL3_RT_HEADER && t->finished)
        t->written++;
    else if (type == SSL3_RT_HANDSHAKE && len > 0 && bytes[0] == SSL3_MT_FINISHED)
        t->finished = true;
}

static bool derives_by_ours(const struct mrl_tls_context *c)
{
    return c->library.thin != NULL;
}

void mrl_tls_handover_settings(const struct mrl_tls_context *c, SSL_CTX *ssl)
{
    if (!derives_by_ours(c))
        SSL_CTX_set_keylog_callback(ssl, on_key);
    SSL_CTX_set_msg_callback(ssl, on_message);
}

void mrl_tls_handover_begin(struct mrl_tls *t)
{
    const struct mrl_tls_context *c = t->context;

    if (!c->is_client && !c->keep_library && derives_by_ours(c))
        mrl_tls_kdf_listen(on_derived, t);
}

void mrl_tls_handover_end(void)
{
    mrl_tls_kdf_listen(NULL, NULL);
}

/* OpenSSL reads record by record and has sent all it wrote when the handshake is over; if ever not,
 * the connection stays with it. */
static bool is_possible(const struct mrl_tls *t)
{
    return t->facts.version == MRL_TLS_1_3 && t->has_read_secret && t->has_write_secret &&
           t->finished && SSL_has_pending(t->ssl) == 0;
}

static bool keep_binding(struct mrl_tls *t)
{
    if (!t->context->channel_binding)
        return true;
    t->binding = malloc(MRL_TLS_EXPORTER_SIZE);
    if (t->binding == NULL)
        abort();
    return mrl_tls_export(t, t->binding) == MRL_OK;
}

static bool wire_of(const struct mrl_tls *t, struct mrl_tls_wire *out)
{
    *out = (struct mrl_tls_wire){.fd = t->fd};
    if (t->fd >= 0)
        return true;
    if (BIO_up_ref(SSL_get_rbio(t->ssl)) != 1)
        return false;
    out->in = SSL_get_rbio(t->ssl);
    if (BIO_up_ref(SSL_get_wbio(t->ssl)) != 1) {
        BIO_free(out->in);
        return false;
    }
    out->to = SSL_get_wbio(t->ssl);
    return true;
}

static void let_library_go(struct mrl_tls *t)
{
    /* Not cut off, as SSL_free would have it: the session may be resumed. */
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(MRL_TAKE(t->ssl));
}

void mrl_tls_hand_over(struct mrl_tls *t)
{
    const struct mrl_record_suite *suite;
    MRL_AUTO(mrl_tls_records) records = NULL;
    struct mrl_tls_wire wire;

    if (t->context->keep_library || !is_possible(t))
        return;
    suite =
        mrl_record_suite_find((uint16_t)SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(t->ssl)));
    if (suite == NULL || !keep_binding(t) || !wire_of(t, &wire))
        return;
    if (mrl_tls_records_new(suite, MRL_TAKE(t->secrets), t->context->secrets, t->written, &wire,
                            &records) != MRL_OK)
        return;
    if (t->fd >= 0)
        mrl_tls_records_begin_with(records, mrl_tls_socket_rest(SSL_get_rbio(t->ssl)),
                                   mrl_tls_socket_drained(SSL_get_rbio(t->ssl)),
                                   mrl_tls_socket_held(SSL_get_rbio(t->ssl)));
    t->records = MRL_TAKE(records);
    let_library_go(t);
}
