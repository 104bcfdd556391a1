/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: contexts (settings, own certificate, judge of clients) and the state of one connection.
 * Layer: net. Thread: contexts and connections belong to one worker; a connection may be handed to
 * another worker as a whole (net/conn.h). A context may be freed before its connections; the
 * tickets may not. Clients: net/tls_client.h. Most callers use net/conn.h and see only contexts and
 * facts.
 *
 * TLS 1.2 and 1.3; ECDHE with AEAD only; X25519 first; no renegotiation, no compression, no 0-RTT.
 * The settings are those that were measured: docs/develop/measurements.md. */
#ifndef MRL_NET_TLS_H
#define MRL_NET_TLS_H

#include "base/buf.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "net/tls_tickets.h"

/* Why a peer was not let in. Stable names for logs, audit and metrics. */
enum mrl_tls_refusal {
    MRL_TLS_ACCEPTED,
    MRL_TLS_ACCEPTED_ONCE, /* only ever said by a judge: let in, and not resumed */
    MRL_TLS_NO_CERTIFICATE,
    MRL_TLS_UNKNOWN_CA,
    MRL_TLS_EXPIRED,
    MRL_TLS_NOT_YET_VALID,
    MRL_TLS_WRONG_EKU,
    MRL_TLS_BAD_SIGNATURE, /* of the certificate, or the peer does not hold its key */
    MRL_TLS_REVOKED,
    MRL_TLS_RETIRED,
    MRL_TLS_SUSPENDED,
    MRL_TLS_UNREGISTERED, /* issued by one of our roots, yet nobody knows it */
    MRL_TLS_UNKNOWN_PSK,  /* nobody has this identity of a pre-shared key */
    MRL_TLS_WRONG_PSK,    /* the peer does not hold its key */
    MRL_TLS_WRONG_NAME,   /* seen by clients: the server's certificate is for another name */
    MRL_TLS_PLAINTEXT,    /* first bytes are not TLS */
    MRL_TLS_PROTOCOL,     /* no version or suite in common, broken messages, peer's own alert */
    MRL_TLS_TIMEOUT,      /* of the handshake */
    MRL_TLS_REFUSAL_COUNT_
};
const char *mrl_tls_refusal_name(enum mrl_tls_refusal r); /* "unknown-ca" */

/* Asked at every full handshake and every resumption, inside of it, with the SHA-256 of the
 * client's certificate. MRL_TLS_UNREGISTERED means "not known to me": the certificate is then
 * refused, and checked against the roots only to name the reason. Any other value is the answer.
 * Called on the worker; must not block and must not touch the connection. */
typedef enum mrl_tls_refusal (*mrl_tls_judge)(void *context, const struct mrl_fingerprint *fp);

/* Asked after the judge, when that does not know the certificate: does somebody else answer for it?
 * MRL_TLS_ACCEPTED: let in, and mrl_tls_facts.introduced says with what; MRL_TLS_UNREGISTERED:
 * nobody does; any other value is the answer. sent: what came with it. Thread and duties as the
 * judge's. Such a connection is not resumed while the judge does not know it. */
typedef enum mrl_tls_refusal (*mrl_tls_voucher)(void *context, const struct mrl_cert *leaf,
                                                const struct mrl_cert_list *sent);
/* Asked inside a handshake that offers a pre-shared key, for each identity: 1 to
 * MRL_TLS_PSK_IDENTITY_MAX printable ASCII characters without space. Sets *fp, which stands for the
 * identity wherever that of a certificate would, and gives *key, 1 to MRL_TLS_PSK_MAX bytes:
 * whoever is refused gets one that nobody knows, so that the peer cannot tell why it failed. */
typedef enum mrl_tls_refusal (*mrl_tls_psk_find)(void *context, mrl_bytes identity,
                                                 struct mrl_fingerprint *fp,
                                                 struct mrl_secret **key);
enum { MRL_TLS_PSK_IDENTITY_MAX = 128, MRL_TLS_PSK_MAX = 64 };

enum mrl_tls_client_certificate {
    MRL_CLIENT_CERT_NONE,     /* not asked for */
    MRL_CLIENT_CERT_OPTIONAL, /* judged when given */
    MRL_CLIENT_CERT_REQUIRED,
};
enum mrl_tls_version { MRL_TLS_1_2 = 0x0303, MRL_TLS_1_3 = 0x0304 };
enum { MRL_ALPN_NAME_MAX = 15, MRL_ALPN_MAX = 8 };

struct mrl_tls_context;
void mrl_tls_context_free(struct mrl_tls_context *c); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_tls_context);

struct mrl_tls_server_config {
    enum mrl_tls_client_certificate client_certificate;
    enum mrl_tls_version min_version; /* 0: TLS 1.2 */
    mrl_tls_judge judge;              /* NULL only with MRL_CLIENT_CERT_NONE */
    mrl_tls_psk_find psk;             /* NULL: no pre-shared keys. Who comes with one is not asked
                                         for a certificate; judge answers for its resumptions */
    void *judge_context;              /* borrowed, outlives the context */
    mrl_tls_voucher voucher;          /* NULL: nobody else answers for anybody */
    void *voucher_context;            /* borrowed, outlives the context */
    const struct mrl_cert_list
        *roots;            /* borrowed, outlives the context (and mrl_..._set_roots); may be NULL */
    const mrl_bytes *alpn; /* copied; by preference. Empty: ALPN is ignored. A client that offers
                              only others is refused (RFC 7301 3.2), one without ALPN is not */
    size_t alpn_count;
    /* Names of alpn whose clients must show a certificate, for which this judge answers. Copied. A
     * resumption is before ALPN and asks the other judge: ask again once it is open. */
    const mrl_bytes *strict_alpn;
    size_t strict_alpn_count;
    mrl_tls_judge strict_judge;
    mrl_tls_voucher strict_voucher;  /* may be NULL */
    struct mrl_tls_tickets *tickets; /* borrowed, shared; NULL: nothing is resumed */
    uint32_t scope; /* tickets of one scope only: a number per door (with its kind of client) */
    bool channel_binding; /* mrl_tls_channel_binding will be asked for: 32 bytes a connection */
    bool keep_library;    /* TLS 1.3 stays with OpenSSL after the handshake, for comparison: see
                             docs/decisions/0009-own-record-layer.md */
};
/* A context of one worker. Without an identity every handshake fails: set one next. MRL_ERR_INVALID
 * with why: an impossible configuration. */
mrl_err mrl_tls_server_new(const struct mrl_tls_server_config *config, struct mrl_tls_context **out,
                           struct mrl_why *why);
/* The certificate this side shows: leaf first, then intermediates as they are to be sent; nothing
 * is added. Also at run time: connections that are open or shaking hands keep the old one.
 * Everything is borrowed for the call. MRL_ERR_INVALID: empty chain, or key and leaf do not belong
 * together; the old identity then stays. */
mrl_err mrl_tls_context_set_identity(struct mrl_tls_context *c, const struct mrl_cert_list *chain,
                                     const struct mrl_key *key, struct mrl_why *why);
/* The OCSP response about the leaf that this side shows, for clients that ask for it (RFC 6066 8,
 * RFC 8446 4.4.2.1); copied; empty: none. A new identity has none until it is set. */
void mrl_tls_context_set_staple(struct mrl_tls_context *c, mrl_bytes response);
/* The refusal that a reason of crypto/cert.h stands for; MRL_CHAIN_OK: MRL_TLS_UNREGISTERED. */
enum mrl_tls_refusal mrl_tls_refusal_of_chain(enum mrl_chain_reason reason);
/* Roots for naming the reason of refusals from now on; as in the configuration. */
void mrl_tls_context_set_roots(struct mrl_tls_context *c, const struct mrl_cert_list *roots);

/* What is known of the peer of an open connection. */
struct mrl_tls_facts {
    struct mrl_fingerprint fingerprint; /* of the leaf the peer showed, or for its pre-shared key;
                                           zero without either */
    bool has_psk;                       /* it came with a pre-shared key */
    const char *psk_identity;           /* of a refused handshake that offered one; else NULL */
    bool has_certificate;               /* and it was good */
    bool showed_certificate;            /* good or not: for the record of a refusal */
    mrl_bytes introduced; /* certificates that the voucher let in, in DER, leaf first, one after the
                             other; empty: the judge knew it. Lives as long as the connection */
    bool resumed;
    bool extended_master_secret;      /* RFC 7627; always so for TLS 1.3 */
    uint16_t version;                 /* enum mrl_tls_version */
    const char *cipher;               /* "TLS_AES_128_GCM_SHA256"; static */
    char alpn[MRL_ALPN_NAME_MAX + 1]; /* "" when none was agreed on */
};

/* ---- one connection ---- */
struct mrl_tls;
struct bio_st;
/* Server side on a connected non-blocking socket, which stays the caller's. */
mrl_err mrl_tls_accept(struct mrl_tls_context *c, int fd, struct mrl_tls **out);
/* Server side on any pair of BIOs (both taken): measurements, tests. */
mrl_err mrl_tls_accept_bio(struct mrl_tls_context *c, struct bio_st *in, struct bio_st *to,
                           struct mrl_tls **out);
void mrl_tls_free(struct mrl_tls *t); /* sends nothing; NULL is fine */
MRL_AUTO_DEFINE(mrl_tls);

/* What the peer of mrl_tls_accept sent first, before the first mrl_tls_handshake; at least a byte.
 * Nothing is consumed, so far as the handshake sees. MRL_ERR_AGAIN: nothing yet; MRL_ERR_CLOSED;
 * MRL_ERR_IO. */
mrl_err mrl_tls_peek(struct mrl_tls *t, mrl_bytes *out);

enum mrl_tls_want { MRL_WANT_READ, MRL_WANT_WRITE };
/* MRL_OK: open; facts are set, a server lets go of all it needed for the handshake. MRL_ERR_AGAIN:
 * wait for *want. MRL_ERR_AUTH: over; mrl_tls_refused says why, the alert is sent. MRL_ERR_CLOSED:
 * the peer left. */
mrl_err mrl_tls_handshake(struct mrl_tls *t);
enum mrl_tls_want
mrl_tls_want(const struct mrl_tls *t); /* of the last call that said MRL_ERR_AGAIN */
enum mrl_tls_refusal mrl_tls_refused(const struct mrl_tls *t);
/* The TLS alert (RFC 8446 6) the peer sent, 0: none. */
uint8_t mrl_tls_peer_alert(const struct mrl_tls *t);
const struct mrl_tls_facts *mrl_tls_facts(const struct mrl_tls *t);
/* At most max bytes to the end of in, max being at least MRL_TLS_RECORD (MRL_ERR_INVALID).
 * MRL_ERR_AGAIN: nothing now; MRL_ERR_CLOSED: close_notify; MRL_ERR_IO: cut off without one;
 * MRL_ERR_MALFORMED: broken record, or the peer's fatal alert. MRL_ERR_LIMIT: of in. */
enum { MRL_TLS_RECORD = 16384, MRL_TLS_READ = MRL_TLS_RECORD + 261 /* all that is ever read */ };
mrl_err mrl_tls_read(struct mrl_tls *t, struct mrl_buf *in, size_t max);
/* After a read: the socket has no more now, another read is for nothing before it is ready. */
bool mrl_tls_drained(const struct mrl_tls *t);
/* After a read or the handshake: something is inside, and no readiness will tell of it. Another
 * read gives it; never with max of at least MRL_TLS_READ, except for what ends the connection. */
bool mrl_tls_waiting(const struct mrl_tls *t);
/* *written is set in any case; less than all only with MRL_ERR_AGAIN. After MRL_ERR_AGAIN call
 * again with the same bytes (more may follow them). */
mrl_err mrl_tls_write(struct mrl_tls *t, mrl_bytes data, size_t *written);
/* The two halves of mrl_tls_write, for text of one record at most: between them nothing else is
 * done to t. MRL_ERR_STATE: it cannot be sealed ahead, nothing has happened. to: room for
 * MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + text.len bytes. */
mrl_err mrl_tls_seal(struct mrl_tls *t, mrl_bytes text, uint8_t *to, size_t *len);
/* text_len: what mrl_tls_seal was given. MRL_ERR_AGAIN: as mrl_tls_write, with nothing written. */
mrl_err mrl_tls_send_sealed(struct mrl_tls *t, mrl_bytes sealed, size_t text_len);
/* Sends close_notify, best effort. */
void mrl_tls_shutdown(struct mrl_tls *t);
/* The connection goes to another thread: nothing of its keys stays with this one. */
void mrl_tls_leave(const struct mrl_tls *t);

/* What ties an application message to this connection (RFC 7030 3.5 and others): TLS 1.2 tls-unique
 * (RFC 5929 3: first Finished; MRL_ERR_UNSUPPORTED without extended master secret, where it does
 * not bind), TLS 1.3 the exporter of RFC 9266 (MRL_ERR_UNSUPPORTED when the configuration of the
 * server did not ask for it). Appended to out, raw. */
enum mrl_tls_binding { MRL_BINDING_TLS_UNIQUE, MRL_BINDING_TLS_EXPORTER };
mrl_err mrl_tls_channel_binding(const struct mrl_tls *t, struct mrl_buf *out,
                                enum mrl_tls_binding *kind);

#endif
