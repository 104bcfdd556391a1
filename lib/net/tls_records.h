/* SPDX-License-Identifier: Apache-2.0 */
/* An open TLS 1.3 connection of a server without its SSL: own records (net/record.h) on a socket.
 * Between the sources of net/tls only. Layer: net. */
#ifndef MRL_NET_TLS_RECORDS_H
#define MRL_NET_TLS_RECORDS_H

#include <openssl/bio.h>

#include "base/buf.h"
#include "base/secret_pool.h"
#include "net/record.h"

/* Where records go: a socket of somebody else, or BIOs of our own. */
struct mrl_tls_wire {
    int fd; /* -1: BIOs */
    BIO *in;
    BIO *to;
};

struct mrl_tls_records;
/* Takes the references in wire and secrets (from pool, which is borrowed and stays), on failure
 * too. written: as for mrl_record_init. */
mrl_err mrl_tls_records_new(const struct mrl_record_suite *suite,
                            struct mrl_record_secrets *secrets, struct mrl_secret_pool *pool,
                            uint64_t written, const struct mrl_tls_wire *wire,
                            struct mrl_tls_records **out);
/* Before the first read and write. rest: what was taken from the wire before, at most
 * MRL_RECORD_LARGEST bytes; drained: all there was. owed: what is to be sent still; it goes with
 * the first write where the peer has said something that will be answered, else now. */
void mrl_tls_records_begin_with(struct mrl_tls_records *r, mrl_bytes rest, bool drained,
                                mrl_bytes owed);
void mrl_tls_records_free(struct mrl_tls_records *r); /* sends nothing; NULL is fine */
MRL_AUTO_DEFINE(mrl_tls_records);

/* These are mrl_tls_read and so on of net/tls.h. */
mrl_err mrl_tls_records_read(struct mrl_tls_records *r, struct mrl_buf *in, size_t max);
mrl_err mrl_tls_records_write(struct mrl_tls_records *r, mrl_bytes data, size_t *written);
mrl_err mrl_tls_records_seal(struct mrl_tls_records *r, mrl_bytes text, uint8_t *to, size_t *len);
mrl_err mrl_tls_records_send(struct mrl_tls_records *r, mrl_bytes sealed, size_t text_len);
void mrl_tls_records_shutdown(struct mrl_tls_records *r);
bool mrl_tls_records_drained(const struct mrl_tls_records *r);
bool mrl_tls_records_waiting(const struct mrl_tls_records *r);
uint8_t mrl_tls_records_peer_alert(const struct mrl_tls_records *r);
void mrl_tls_records_leave(const struct mrl_tls_records *r);

#endif
