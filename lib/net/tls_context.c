/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "net/tls_internal.h"

enum { PEER_CHAIN_MAX = 16 << 10, SECURITY_LEVEL = 2 /* 112 bits */ };

#define SUITES_1_2                                                                             \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/* The only one of ECDHE_PSK with an AEAD that OpenSSL has. */
#define SUITES_1_2_WITH_PSK SUITES_1_2 ":ECDHE-PSK-CHACHA20-POLY1305"
static const char suites_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";
static const char signatures[] = "ECDSA+SHA256:ECDSA+SHA384:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:"
                                 "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

struct mrl_tls_context *mrl_tls_context_alloc(void)
{
    struct mrl_tls_context *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    atomic_init(&c->refs, 1);
    return c;
}

struct mrl_tls_context *mrl_tls_context_ref(struct mrl_tls_context *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void mrl_tls_context_free(struct mrl_tls_context *c)
{
    if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    SSL_SESSION_free(c->ticket);
    SSL_CTX_free(c->ssl);
    SSL_SESSION_free(c->nothing);
    SSL_CTX_free(c->idle[0]);
    SSL_CTX_free(c->idle[1]);
    mrl_secret_pool_free(c->secrets);
    mrl_cert_list_done(&c->client_roots);
    free(c->ticket_name);
    mrl_buf_done(&c->staple);
    mrl_tls_library_done(&c->library); /* last: everything above came from it */
    free(c);
}

mrl_err mrl_tls_context_set_alpn(struct mrl_tls_context *c, const mrl_bytes *alpn, size_t count,
                                 struct mrl_why *why)
{
    if (count > MRL_ALPN_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "more than %d ALPN names", MRL_ALPN_MAX);
    for (size_t i = 0; i < count; i++) {
        if (alpn[i].len == 0 || alpn[i].len > MRL_ALPN_NAME_MAX)
            return mrl_fail(why, MRL_ERR_INVALID, "an ALPN name must have 1 to %d bytes",
                            MRL_ALPN_NAME_MAX);
        c->alpn[c->alpn_len++] = (uint8_t)alpn[i].len;
        memcpy(&c->alpn[c->alpn_len], alpn[i].data, alpn[i].len);
        c->alpn_len += (unsigned)alpn[i].len;
    }
    return MRL_OK;
}

static mrl_err set_strict_alpn(struct mrl_tls_context *c, const mrl_bytes *alpn, size_t count)
{
    MRL_ENSURE(count <= MRL_ALPN_MAX, MRL_ERR_INVALID);
    for (size_t i = 0; i < count; i++)
        MRL_ENSURE(mrl_bytes_to_cstr(alpn[i], c->strict_alpn[i], sizeof(c->strict_alpn[i])),
                   MRL_ERR_INVALID);
    c->strict_alpn_count = count;
    return MRL_OK;
}

static bool is_strict(const struct mrl_tls_context *c, mrl_bytes name)
{
    for (size_t i = 0; i < c->strict_alpn_count; i++)
        if (mrl_bytes_eq(name, mrl_str(c->strict_alpn[i])))
            return true;
    return false;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *context)
{
    const struct mrl_tls_context *c = context;
    unsigned char *picked = NULL;

    if (SSL_select_next_proto(&picked, out_len, c->alpn, c->alpn_len, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
    if (is_strict(c, mrl_bytes_of(picked, *out_len))) {
        mrl_tls_of(ssl)->strict = true;
        SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    *out = picked;
    return SSL_TLSEXT_ERR_OK;
}

static bool common_settings(const struct mrl_tls_context *c, SSL_CTX *ssl)
{
    SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                       SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS |
                                    SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 0);
    SSL_CTX_set_max_cert_list(ssl, PEER_CHAIN_MAX);
    return SSL_CTX_set_min_proto_version(ssl, (int)c->min_version) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, (int)c->max_version) == 1 &&
           SSL_CTX_set_cipher_list(ssl, c->psk != NULL ? SUITES_1_2_WITH_PSK : SUITES_1_2) == 1 &&
           SSL_CTX_set_ciphersuites(ssl, suites_1_3) == 1 &&
           SSL_CTX_set1_groups_list(ssl, groups) == 1 &&
           SSL_CTX_set1_sigalgs_list(ssl, signatures) == 1;
}

/* A handshake that began with another certificate gets no answer about this one. */
static int give_staple(SSL *ssl, void *context)
{
    const struct mrl_tls_context *c = context;
    unsigned char *copy;

    if (c->staple.len == 0 || SSL_get_SSL_CTX(ssl) != c->ssl)
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(c->staple.data, c->staple.len);
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->staple.len); /* takes the copy */
    return SSL_TLSEXT_ERR_OK;
}

void mrl_tls_context_set_staple(struct mrl_tls_context *c, mrl_bytes response)
{
    mrl_buf_clear(&c->staple);
    if (mrl_buf_append(&c->staple, response) != MRL_OK)
        mrl_buf_clear(&c->staple);
}

static bool server_settings(struct mrl_tls_context *c, SSL_CTX *ssl)
{
    static const int modes[] = {
        [MRL_CLIENT_CERT_NONE] = SSL_VERIFY_NONE,
        [MRL_CLIENT_CERT_OPTIONAL] = SSL_VERIFY_PEER,
        [MRL_CLIENT_CERT_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };

    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET); /* tickets are ids: net/tls_resume.c */
    SSL_CTX_set_verify(ssl, modes[c->client_certificate], NULL);
    SSL_CTX_set_cert_verify_callback(ssl, mrl_tls_verify_client, c);
    if (c->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(ssl, select_alpn, c);
    (void)SSL_CTX_set_tlsext_status_cb(ssl, give_staple); /* these two cannot fail */
    (void)SSL_CTX_set_tlsext_status_arg(ssl, c);
    mrl_tls_resume_settings(c, ssl);
    mrl_tls_psk_settings(c, ssl);
    if (!c->keep_library)
        mrl_tls_handover_settings(c, ssl);
    return SSL_CTX_set_session_id_context(ssl, (const unsigned char *)&c->scope,
                                          sizeof(c->scope)) == 1;
}

SSL_CTX *mrl_tls_context_build(struct mrl_tls_context *c)
{
    SSL_CTX *ssl = SSL_CTX_new_ex(c->library.context, NULL,
                                  c->is_client ? TLS_client_method() : TLS_server_method());

    if (ssl != NULL && common_settings(c, ssl) &&
        (c->is_client ? mrl_tls_client_settings(c, ssl) : server_settings(c, ssl)))
        return ssl;
    SSL_CTX_free(ssl);
    ERR_clear_error();
    return NULL;
}

static mrl_err check_server_config(const struct mrl_tls_server_config *config, struct mrl_why *why)
{
    if ((unsigned)config->client_certificate > MRL_CLIENT_CERT_REQUIRED)
        return mrl_fail(why, MRL_ERR_INVALID, "client_certificate: no such choice");
    if (config->judge == NULL && config->client_certificate != MRL_CLIENT_CERT_NONE)
        return mrl_fail(why, MRL_ERR_INVALID, "client certificates need a judge");
    if (config->judge == NULL && config->psk != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "pre-shared keys need a judge");
    if ((config->strict_alpn_count > 0) != (config->strict_judge != NULL))
        return mrl_fail(why, MRL_ERR_INVALID, "a strict protocol needs a judge of its own");
    if (config->min_version != 0 && config->min_version != MRL_TLS_1_2 &&
        config->min_version != MRL_TLS_1_3)
        return mrl_fail(why, MRL_ERR_INVALID, "oldest version must be TLS 1.2 or 1.3");
    return MRL_OK;
}

mrl_err mrl_tls_server_new(const struct mrl_tls_server_config *config, struct mrl_tls_context **out,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_tls_context) c = mrl_tls_context_alloc();

    MRL_TRY(check_server_config(config, why));
    MRL_TRY(mrl_tls_context_set_alpn(c, config->alpn, config->alpn_count, why));
    MRL_TRY(set_strict_alpn(c, config->strict_alpn, config->strict_alpn_count));
    c->client_certificate = config->client_certificate;
    c->min_version = config->min_version != 0 ? config->min_version : MRL_TLS_1_2;
    c->max_version = MRL_TLS_1_3;
    c->judge = config->judge;
    c->judge_context = config->judge_context;
    c->psk = config->psk;
    c->strict_judge = config->strict_judge;
    c->voucher = config->voucher;
    c->strict_voucher = config->strict_voucher;
    c->voucher_context = config->voucher_context;
    c->roots = config->roots;
    c->tickets = config->tickets;
    c->scope = config->scope;
    c->channel_binding = config->channel_binding;
    c->keep_library = config->keep_library;
    c->secrets = mrl_secret_pool_new(sizeof(struct mrl_record_secrets));
    MRL_TRY(mrl_tls_library_init(&c->library));
    c->ssl = mrl_tls_context_build(c);
    if (c->ssl == NULL)
        return mrl_fail(why, MRL_ERR_CRYPTO, "OpenSSL refuses the TLS settings");
    *out = MRL_TAKE(c);
    return MRL_OK;
}

static bool use_identity(SSL_CTX *ssl, const struct mrl_cert_list *chain, const struct mrl_key *key)
{
    STACK_OF(X509) *rest = sk_X509_new_null();
    bool good = rest != NULL;

    for (size_t i = 1; good && i < chain->count; i++)
        good = sk_X509_push(rest, mrl_cert_native(chain->certs[i])) > 0;
    good = good && SSL_CTX_use_cert_and_key(ssl, mrl_cert_native(chain->certs[0]),
                                            mrl_key_native(key), rest, /*override=*/1) == 1;
    sk_X509_free(rest); /* the references stay with their owners */
    return good;
}

mrl_err mrl_tls_context_set_identity(struct mrl_tls_context *c, const struct mrl_cert_list *chain,
                                     const struct mrl_key *key, struct mrl_why *why)
{
    SSL_CTX *fresh;

    if (chain->count == 0 || !mrl_key_is_private(key))
        return mrl_fail(why, MRL_ERR_INVALID, "needs a certificate chain and a private key");
    /* A new one: in a used SSL_CTX a certificate of another key type would stay beside the new. */
    fresh = mrl_tls_context_build(c);
    if (fresh == NULL)
        return mrl_fail(why, MRL_ERR_CRYPTO, "OpenSSL refuses the TLS settings");
    if (!use_identity(fresh, chain, key)) {
        SSL_CTX_free(fresh);
        ERR_clear_error();
        return mrl_fail(why, MRL_ERR_INVALID, "certificate and key do not belong together");
    }
    mrl_buf_clear(&c->staple);
    SSL_CTX_free(c->ssl); /* connections hold their own reference */
    c->ssl = fresh;
    return MRL_OK;
}

void mrl_tls_context_set_roots(struct mrl_tls_context *c, const struct mrl_cert_list *roots)
{
    c->roots = roots;
}
