/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "net/tls_internal.h"

enum { NAME_MAX_LEN = 253 };

/* The certificate of the chain with the pinned fingerprint is the only root there is. */
static X509 *pinned(const struct mrl_tls_context *c, X509_STORE_CTX *store)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    struct mrl_fingerprint fp;

    for (int i = 0; i < sk_X509_num(sent); i++) {
        X509 *cert = sk_X509_value(sent, i);

        if (mrl_cert_native_fingerprint(cert, &fp) == MRL_OK &&
            mrl_secret_eq(mrl_fingerprint_bytes(&fp), mrl_fingerprint_bytes(&c->pin)))
            return cert;
    }
    return NULL;
}

static int verify_pinned(X509_STORE_CTX *store, void *context)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    X509 *root = pinned(context, store);
    int good = 0;

    if (root == NULL || roots == NULL || sk_X509_push(roots, root) <= 0) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    } else {
        X509_STORE_CTX_set0_trusted_stack(store, roots);
        X509_STORE_CTX_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        good = X509_verify_cert(store) == 1;
    }
    /* The verified chain holds its own references; the stack must live until here. */
    sk_X509_free(roots);
    return good;
}

static void note_off_by(struct mrl_tls_context *c, const struct mrl_cert_facts *f, int error)
{
    int64_t now_s = mrl_wall_s() + c->clock.ahead_s;

    if (error == X509_V_ERR_CERT_HAS_EXPIRED)
        c->off_by = now_s - f->not_after;
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        c->off_by = now_s - f->not_before;
}

int64_t mrl_tls_client_off_by(const struct mrl_tls_context *c)
{
    return c->off_by;
}

/* For each certificate of the chain: narrows the time in which all are valid. */
static int note_validity(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct mrl_tls_context *c = mrl_tls_of(ssl)->context;
    MRL_AUTO(mrl_cert) cert = NULL;
    const struct mrl_cert_facts *f;

    if (mrl_cert_from_native(X509_STORE_CTX_get_current_cert(store), &cert) != MRL_OK)
        return good;
    f = mrl_cert_facts(cert);
    if (good != 1) {
        note_off_by(c, f, X509_STORE_CTX_get_error(store));
        return good;
    }
    if (f->not_before > c->valid_from)
        c->valid_from = f->not_before;
    if (c->valid_until == 0 || f->not_after < c->valid_until)
        c->valid_until = f->not_after;
    return good;
}

void mrl_tls_client_set_clock(struct mrl_tls_context *c, const struct mrl_tls_clock *clock)
{
    c->clock = *clock;
}

mrl_err mrl_tls_client_validity(const struct mrl_tls_context *c, int64_t *from, int64_t *until)
{
    MRL_ENSURE(c->valid_until != 0, MRL_ERR_STATE);
    *from = c->valid_from;
    *until = c->valid_until;
    return MRL_OK;
}

static void set_time(struct mrl_tls_context *c, SSL *ssl)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    c->valid_from = c->valid_until = c->off_by = 0;
    if (c->clock.unknown)
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME); /* cannot fail */
    else if (c->clock.ahead_s != 0)
        X509_VERIFY_PARAM_set_time(param, (time_t)(mrl_wall_s() + c->clock.ahead_s));
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct mrl_tls *t = mrl_tls_of(ssl);
    struct mrl_tls_context *c = t->context;

    /* A copy: OpenSSL marks the session of a connection that ends without close_notify as not to be
     * resumed, and devices lose their connections that way all the time. */
    SSL_SESSION_free(c->ticket);
    free(c->ticket_name);
    c->ticket = SSL_SESSION_dup(session);
    c->ticket_name = mrl_bytes_dup_cstr(mrl_str(t->name));
    return 0; /* no reference kept */
}

bool mrl_tls_client_settings(struct mrl_tls_context *c, SSL_CTX *ssl)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);

    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, note_validity);
    if (c->has_pin)
        SSL_CTX_set_cert_verify_callback(ssl, verify_pinned, c);
    for (size_t i = 0; i < c->client_roots.count; i++)
        if (X509_STORE_add_cert(store, mrl_cert_native(c->client_roots.certs[i])) != 1)
            return false;
    if (c->keep_ticket) {
        /* Returns the former mode. */
        (void)SSL_CTX_set_session_cache_mode(ssl,
                                             SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ssl, keep_ticket);
    }
    /* 0: success, of all functions */
    return c->alpn_len == 0 || SSL_CTX_set_alpn_protos(ssl, c->alpn, c->alpn_len) == 0;
}

static mrl_err copy_roots(struct mrl_tls_context *c, const struct mrl_cert_list *roots)
{
    for (size_t i = 0; roots != NULL && i < roots->count; i++) {
        struct mrl_cert *copy = NULL;

        MRL_TRY(mrl_cert_from_native(mrl_cert_native(roots->certs[i]), &copy));
        MRL_TRY(mrl_cert_list_add(&c->client_roots, copy));
    }
    return MRL_OK;
}

mrl_err mrl_tls_client_new(const struct mrl_tls_client_config *config, struct mrl_tls_context **out,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_tls_context) c = mrl_tls_context_alloc();
    bool has_roots = config->roots != NULL && config->roots->count > 0;

    if (has_roots == (config->pin != NULL))
        return mrl_fail(why, MRL_ERR_INVALID, "exactly one of roots and pin");
    MRL_TRY(mrl_tls_context_set_alpn(c, config->alpn, config->alpn_count, why));
    c->is_client = true;
    c->min_version = config->min_version != 0 ? config->min_version : MRL_TLS_1_2;
    c->max_version = config->max_version != 0 ? config->max_version : MRL_TLS_1_3;
    c->keep_ticket = config->keep_ticket;
    c->has_pin = config->pin != NULL;
    if (c->has_pin)
        c->pin = *config->pin;
    MRL_TRY(copy_roots(c, config->roots));
    MRL_TRY(mrl_tls_library_init(&c->library));
    c->ssl = mrl_tls_context_build(c);
    if (c->ssl == NULL)
        return mrl_fail(why, MRL_ERR_CRYPTO, "OpenSSL refuses the TLS settings");
    *out = MRL_TAKE(c);
    return MRL_OK;
}

static bool is_ip(const char *name)
{
    struct in6_addr ip;

    return inet_pton(AF_INET, name, &ip) == 1 || inet_pton(AF_INET6, name, &ip) == 1;
}

static bool expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (is_ip(name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    /* RFC 9525 6.3: a wildcard stands for a whole label; 4.1: names in the subject do not count. */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

static void offer_ticket(struct mrl_tls *t)
{
    struct mrl_tls_context *c = t->context;
    SSL_SESSION *offered;

    if (c->ticket == NULL || strcmp(c->ticket_name, t->name) != 0)
        return;
    offered = SSL_SESSION_dup(c->ticket);
    if (offered != NULL)
        (void)SSL_set_session(t->ssl, offered); /* fails: a full handshake */
    SSL_SESSION_free(offered);
    /* RFC 8446 C.4: used once, a new one comes. TLS 1.2 sends no new one. */
    if (SSL_SESSION_get_protocol_version(c->ticket) == TLS1_3_VERSION) {
        SSL_SESSION_free(c->ticket);
        c->ticket = NULL;
    }
}

mrl_err mrl_tls_connect_bio(struct mrl_tls_context *c, struct bio_st *in, struct bio_st *to,
                            mrl_bytes name, struct mrl_tls **out)
{
    MRL_AUTO(mrl_tls) t = NULL;
    char text[NAME_MAX_LEN + 1];
    bool named = name.len > 0 && mrl_bytes_to_cstr(name, text, sizeof(text));

    MRL_TRY(mrl_tls_new_on(c, in, to, &t));
    MRL_ENSURE(named, MRL_ERR_INVALID);
    t->name = mrl_bytes_dup_cstr(name);
    if (!expect_name(t->ssl, t->name)) {
        ERR_clear_error();
        return MRL_ERR_INVALID;
    }
    set_time(c, t->ssl);
    SSL_set_connect_state(t->ssl);
    offer_ticket(t);
    *out = MRL_TAKE(t);
    return MRL_OK;
}

mrl_err mrl_tls_connect(struct mrl_tls_context *c, int fd, mrl_bytes name, struct mrl_tls **out)
{
    BIO *socket = mrl_tls_socket_bio(fd);

    return mrl_tls_connect_bio(c, socket, socket, name, out);
}
