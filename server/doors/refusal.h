/* SPDX-License-Identifier: Apache-2.0 */
/* What all doors say when they do not let somebody in: one table from judgement to TLS answer to
 * counter, and one audit entry. Layer: doors. Thread: the worker. */
#ifndef MRL_DOORS_REFUSAL_H
#define MRL_DOORS_REFUSAL_H

#include "audit/audit.h"
#include "devices/psk.h"
#include "net/conn.h"
#include "watch/metrics.h"

enum mrl_tls_refusal mrl_refusal_of(enum mrl_judgement judged);
enum mrl_counter mrl_refusal_counter(enum mrl_tls_refusal refusal);
/* A handshake of somebody who is none of ours, for the guard. One with a certificate of ours that
 * may not come in (any more) is not meant: a device that was revoked must not keep out the others
 * behind its address. */
bool mrl_refusal_is_of_stranger(const struct mrl_conn_closed *closed);

/* How a peer showed who it is, as entries say it: "certificate:<fingerprint>", "psk:<identity>"
 * (also one that it only claims); empty: not at all. In memory. */
enum { MRL_AUTH_TEXT = sizeof("psk:") + MRL_PSK_IDENTITY_MAX };
mrl_bytes mrl_auth_text(struct mrl_registry *r, const struct mrl_tls_facts *facts,
                        char memory[static MRL_AUTH_TEXT]);

/* Counts and notes a connection of an HTTP door that never became a request: refused in the
 * handshake (status 0) or for its bytes. door names it in the entry. r may be NULL: then it is not
 * said by how much a certificate is out of its time. */
void mrl_refusal_note(struct mrl_registry *r, struct mrl_audit *audit, struct mrl_metrics *metrics,
                      unsigned shard, mrl_bytes door, const struct mrl_peer *peer,
                      const struct mrl_conn_closed *closed, unsigned status, const char *why);

#endif
