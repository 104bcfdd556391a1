/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a client: who the server must be, what we show. Layer: net. Thread: as net/tls.h. */
#ifndef MRL_NET_TLS_CLIENT_H
#define MRL_NET_TLS_CLIENT_H

#include "net/tls.h"

struct mrl_tls_client_config {
    const struct mrl_cert_list *roots; /* copied */
    /* Instead of roots, for the first contact: SHA-256 of one CA certificate (or the leaf) which
     * the server must send in its chain and which the chain must lead to. Copied. */
    const struct mrl_fingerprint *pin;
    enum mrl_tls_version min_version; /* 0: TLS 1.2 */
    enum mrl_tls_version max_version; /* 0: TLS 1.3; for diagnosis only */
    const mrl_bytes *alpn;            /* copied */
    size_t alpn_count;
    bool keep_ticket; /* one, the newest; for the same server name; TLS 1.3: used once */
};
/* Exactly one of roots and pin (MRL_ERR_INVALID otherwise). Show a certificate with
 * mrl_tls_context_set_identity. */
mrl_err mrl_tls_client_new(const struct mrl_tls_client_config *config, struct mrl_tls_context **out,
                           struct mrl_why *why);
/* What time it is, for the certificates of servers, from the next connection on. */
struct mrl_tls_clock {
    int64_t ahead_s; /* this much later than the clock of the machine says */
    /* Nobody knows: when the chain is valid is not looked at. Whoever learns the time over such a
     * connection checks it against mrl_tls_client_validity. */
    bool unknown;
};
void mrl_tls_client_set_clock(struct mrl_tls_context *c, const struct mrl_tls_clock *clock);
/* The seconds in which every certificate of the chain is valid that the server showed in the last
 * full handshake. MRL_ERR_STATE: there was none. */
mrl_err mrl_tls_client_validity(const struct mrl_tls_context *c, int64_t *from, int64_t *until);
/* A handshake that failed because of the time: seconds since the server's certificate (or one above
 * it) expired, or, negative, until it becomes valid. 0: that was not why. */
int64_t mrl_tls_client_off_by(const struct mrl_tls_context *c);
/* Client side on a connected (or connecting) non-blocking socket, which stays the caller's. name:
 * DNS name or IP address the server's certificate must hold; sent as SNI when it is a DNS name.
 * mrl_tls_refused tells what was wrong with the server's certificate. */
mrl_err mrl_tls_connect(struct mrl_tls_context *c, int fd, mrl_bytes name, struct mrl_tls **out);
mrl_err mrl_tls_connect_bio(struct mrl_tls_context *c, struct bio_st *in, struct bio_st *to,
                            mrl_bytes name, struct mrl_tls **out);

#endif
