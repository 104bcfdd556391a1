/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of net/tls share; nobody else includes it. Layer: net. */
#ifndef MRL_NET_TLS_INTERNAL_H
#define MRL_NET_TLS_INTERNAL_H

#include <stdatomic.h>

#include <openssl/ssl.h>

#include "net/tls.h"
#include "net/tls_client.h"
#include "net/tls_records.h"

/* Where OpenSSL finds its algorithms: a library context of our own, so that workers do not contend
 * for one, with a shorter list of decoders where that pays (net/tls_library.c). */
struct mrl_tls_library {
    OSSL_LIB_CTX *context;
    OSSL_LIB_CTX *inner; /* with the thin provider: where the real provider lives */
    OSSL_PROVIDER *thin;
    OSSL_PROVIDER *real;
};
mrl_err mrl_tls_library_init(struct mrl_tls_library *l);
void mrl_tls_library_done(struct mrl_tls_library *l);
bool mrl_tls_library_is_before_3_2(void); /* what runs, not what was compiled against */

/* net/tls_kdf.c: the key derivations of the default provider with TLS13-KDF made short. */
bool mrl_tls_kdf_take(const OSSL_ALGORITHM *all); /* false: not the table we know */
const OSSL_ALGORITHM *mrl_tls_kdf_table(void);
/* Told of every secret that a handshake of this thread expands, until NULL. */
typedef void (*mrl_tls_kdf_listener)(void *context, mrl_bytes label, mrl_bytes secret);
void mrl_tls_kdf_listen(mrl_tls_kdf_listener listener, void *context);

/* net/tls_spki.c: its decoder takes the place of that for EC in decoders (SubjectPublicKeyInfo
 * only) and makes keys with the functions in keys. false: not the tables we know. */
bool mrl_tls_spki_take(OSSL_ALGORITHM *decoders, OSSL_ALGORITHM *keys, void *provider_context);
void mrl_tls_spki_core(const OSSL_DISPATCH *core); /* what a provider is given to read with */

enum { MRL_ALPN_WIRE_MAX = MRL_ALPN_MAX * (MRL_ALPN_NAME_MAX + 1) };

struct mrl_tls_context {
    atomic_uint refs; /* the owner and every connection */
    bool is_client;
    struct mrl_tls_library library;
    SSL_CTX *ssl;     /* without certificate until an identity is set */
    SSL_CTX *idle[2]; /* server: what connections hang on after the handshake, TLS 1.2 and 1.3 */
    SSL_SESSION *nothing; /* empty: what they have instead of a session */
    enum mrl_tls_version min_version;
    enum mrl_tls_version max_version;
    uint8_t alpn[MRL_ALPN_WIRE_MAX]; /* as on the wire: length, name, ... */
    unsigned alpn_len;
    /* server */
    enum mrl_tls_client_certificate client_certificate;
    mrl_tls_judge judge;
    mrl_tls_judge strict_judge; /* NULL: there is no strict protocol */
    char strict_alpn[MRL_ALPN_MAX][MRL_ALPN_NAME_MAX + 1];
    size_t strict_alpn_count;
    void *judge_context;
    mrl_tls_voucher voucher, strict_voucher; /* may be NULL */
    void *voucher_context;
    const struct mrl_cert_list *roots;
    struct mrl_tls_tickets *tickets;
    uint32_t scope;
    bool channel_binding;
    bool keep_library;
    struct mrl_buf staple;           /* OCSP response; empty: none */
    mrl_tls_psk_find psk;            /* NULL: certificates only */
    struct mrl_secret_pool *secrets; /* of connections with records of their own */
    /* client */
    struct mrl_cert_list client_roots; /* references of our own */
    struct mrl_fingerprint pin;
    bool has_pin;
    bool keep_ticket;
    struct mrl_tls_clock clock;
    int64_t off_by;                  /* mrl_tls_client_off_by */
    int64_t valid_from, valid_until; /* of the chain verified last; valid_until 0: none was */
    SSL_SESSION *ticket;
    char *ticket_name;
};

struct mrl_tls {
    SSL *ssl;                        /* NULL: handed over */
    struct mrl_tls_records *records; /* what came after it */
    enum mrl_tls_want want;
    bool failed; /* fatal error: nothing may be sent any more */
    uint8_t peer_alert;
    enum mrl_tls_refusal refusal;
    struct mrl_tls_context *context;
    struct mrl_tls_facts facts;
    /* During the handshake of a server: what the certificate shown now says, and what the ticket
     * offered says. Only one of them counts: which, OpenSSL tells at the end. */
    bool verified;
    struct mrl_buf introduced;      /* what facts.introduced shows */
    bool strict;                    /* the protocol agreed on has its own judge */
    struct mrl_tls_ticket *offered; /* owned; NULL: none, or over; its secret is not kept */
    bool psk_offered;               /* the same of the last pre-shared key; not both are set */
    char *psk_identity;             /* of it; owned, NULL: none, or over */
    char *name;                     /* client: of the server */
    /* During the handshake of a server: what is needed to hand over. */
    int fd;                             /* -1: on BIOs */
    struct mrl_record_secrets *secrets; /* from the context's pool; NULL: not told yet */
    bool has_read_secret, has_write_secret;
    bool finished;    /* our Finished is written: the next record is under the write secret */
    unsigned written; /* records since then */
    uint8_t *binding; /* MRL_TLS_EXPORTER_SIZE bytes, handed over */
};
enum { MRL_TLS_EXPORTER_SIZE = 32 /* RFC 9266 2 */ };

/* net/tls_context.c */
struct mrl_tls_context *mrl_tls_context_alloc(void);
struct mrl_tls_context *mrl_tls_context_ref(struct mrl_tls_context *c);
mrl_err mrl_tls_context_set_alpn(struct mrl_tls_context *c, const mrl_bytes *alpn, size_t count,
                                 struct mrl_why *why);
/* A new SSL_CTX with every setting but the certificate. NULL: OpenSSL refuses. */
SSL_CTX *mrl_tls_context_build(struct mrl_tls_context *c);
bool mrl_tls_client_settings(struct mrl_tls_context *c, SSL_CTX *ssl); /* net/tls_client.c */

/* net/tls.c */
mrl_err mrl_tls_new_on(struct mrl_tls_context *c, BIO *in, BIO *to, struct mrl_tls **out);

/* net/tls_bio.c */
BIO *mrl_tls_socket_bio(int fd); /* NULL: out of memory */
/* Whether it takes from the socket what is there, not only what it is asked for. */
void mrl_tls_socket_read_ahead(BIO *b, bool ahead);
void mrl_tls_socket_ready(BIO *b); /* the loop says so: before that an emptied one is not asked */
/* What will be read next, at least a byte. MRL_ERR_AGAIN; MRL_ERR_CLOSED; MRL_ERR_IO. */
mrl_err mrl_tls_socket_peek(BIO *b, mrl_bytes *out);
mrl_bytes mrl_tls_socket_rest(BIO *b); /* was read ahead */
bool mrl_tls_socket_drained(BIO *b);   /* the socket had no more then */
/* From now on what is written, a few tickets at most, waits for who takes it from held to send it,
 * or for send_held; false: the connection is over. */
void mrl_tls_socket_hold(BIO *b);
mrl_bytes mrl_tls_socket_held(BIO *b);
bool mrl_tls_socket_send_held(BIO *b);
static inline struct mrl_tls *mrl_tls_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

mrl_err mrl_tls_export(const struct mrl_tls *t, uint8_t to[static MRL_TLS_EXPORTER_SIZE]);

/* net/tls_handover.c */
void mrl_tls_handover_settings(const struct mrl_tls_context *c, SSL_CTX *ssl);
/* Around SSL_do_handshake. */
void mrl_tls_handover_begin(struct mrl_tls *t);
void mrl_tls_handover_end(void);
/* The handshake of a server is over, facts are set: from now on records of our own, where that is
 * possible; otherwise nothing changes. */
void mrl_tls_hand_over(struct mrl_tls *t);

/* net/tls_verify.c */
int mrl_tls_verify_client(X509_STORE_CTX *store, void *context); /* as OpenSSL wants it */
int mrl_tls_x509_error(enum mrl_tls_refusal r);                  /* gives the right alert */
enum mrl_tls_refusal mrl_tls_refusal_from_x509(long error);
enum mrl_tls_refusal mrl_tls_judged(const struct mrl_tls_context *c, bool strict,
                                    const struct mrl_fingerprint *fp);

/* net/tls_psk.c */
void mrl_tls_psk_settings(const struct mrl_tls_context *c, SSL_CTX *ssl);
/* The handshake is so far that this is decided: is it by a pre-shared key? */
bool mrl_tls_psk_used(const struct mrl_tls *t);
/* The handshake is over by OpenSSL, with a key of somebody who may not come in. */
bool mrl_tls_psk_is_refused(const struct mrl_tls *t);
/* An error of OpenSSL's: the peer does not hold the key it named. */
bool mrl_tls_psk_is_wrong(const struct mrl_tls *t, int reason);
/* What was offered does not count (any more). */
void mrl_tls_psk_forget(struct mrl_tls *t);

/* net/tls_resume.c */
void mrl_tls_resume_settings(struct mrl_tls_context *c, SSL_CTX *ssl);
/* TLS 1.2: after a full handshake. */
void mrl_tls_resume_store(struct mrl_tls *t);
/* The handshake is over: frees what was offered. */
void mrl_tls_resume_done(struct mrl_tls *t);

#endif
