/* SPDX-License-Identifier: Apache-2.0 */
/* What resumes: one table of tickets for all workers of the process. Layer: net. Thread: any.
 * A ticket on the wire is a random id and nothing else; what it stands for lies here, in memory
 * that is not dumped and is wiped when the ticket goes. 16 shards, each with its own short lock. */
#ifndef MRL_NET_TLS_TICKETS_H
#define MRL_NET_TLS_TICKETS_H

#include "crypto/hash.h"

enum {
    MRL_TICKET_ID = 32,     /* bytes at most, TLS session id */
    MRL_TICKET_SECRET = 48, /* bytes at most: TLS 1.2 master secret, TLS 1.3 resumption secret */
    MRL_TICKET_SHARDS = 16,
};

struct mrl_tls_ticket {
    uint8_t id[MRL_TICKET_ID];
    uint8_t secret[MRL_TICKET_SECRET];
    uint8_t id_len;
    uint8_t secret_len;
    bool has_certificate;
    bool has_psk;
    uint16_t version;                   /* 0x0303, 0x0304 */
    uint16_t cipher;                    /* as on the wire */
    uint32_t scope;                     /* only contexts of the same scope resume it */
    int64_t created;                    /* wall clock seconds of the full handshake */
    struct mrl_fingerprint fingerprint; /* of the client's certificate or pre-shared key */
};

struct mrl_tls_tickets;

enum { MRL_TICKETS_DEFAULT_COUNT = 65536, MRL_TICKETS_DEFAULT_LIFETIME_S = 86400 };
/* count: most tickets kept, the oldest goes first (rounded up to a multiple of MRL_TICKET_SHARDS);
 * lifetime_s in 1..604800 (RFC 8446 4.6.1) counts from the full handshake, however often it was
 * resumed since. 0 for either: the default. Above: MRL_ERR_INVALID. Memory grows with use, about
 * 270 bytes a ticket. */
mrl_err mrl_tls_tickets_new(size_t count, uint64_t lifetime_s, struct mrl_tls_tickets **out);
void mrl_tls_tickets_free(struct mrl_tls_tickets *t); /* after every context; NULL is fine */
MRL_AUTO_DEFINE(mrl_tls_tickets);

uint64_t mrl_tls_tickets_lifetime(const struct mrl_tls_tickets *t); /* seconds */
/* Copies. A ticket with the same id is replaced. MRL_ERR_INVALID: id or secret length impossible.
 */
mrl_err mrl_tls_tickets_put(struct mrl_tls_tickets *t, const struct mrl_tls_ticket *ticket);
/* MRL_ERR_NOT_FOUND: unknown or older than its lifetime at now_s. The caller wipes *out. */
mrl_err mrl_tls_tickets_get(struct mrl_tls_tickets *t, mrl_bytes id, int64_t now_s,
                            struct mrl_tls_ticket *out);
void mrl_tls_tickets_remove(struct mrl_tls_tickets *t, mrl_bytes id); /* unknown: no-op */
/* Removes all that keep does not answer true for. It is called with a lock held that handshakes
 * wait for: it is quick, and calls nothing here. */
typedef bool mrl_tls_tickets_keep(void *context, const struct mrl_tls_ticket *ticket);
void mrl_tls_tickets_sweep(struct mrl_tls_tickets *t, mrl_tls_tickets_keep *keep, void *context);
size_t mrl_tls_tickets_count(struct mrl_tls_tickets *t);

#endif
