/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals that are a matter of time say by how much. Layer: doors. Thread: any that may read what
 * is published by RCU. */
#ifndef MRL_DOORS_SKEW_H
#define MRL_DOORS_SKEW_H

#include "devices/registry.h"
#include "net/conn.h"

enum { MRL_SKEW_NAMED_S = 60, MRL_SKEW_TEXT = 80, MRL_SKEW_DETAILS_MAX = 2 };

/* For the entry of a connection that was refused in its handshake: "expired_for" or "valid_in",
 * when its certificate is one of ours that is not valid now; "alert", the TLS alert (RFC 8446 6.2)
 * by which the client refused our certificate: 45 when it has expired by the client's clock.
 * Coarse, so that equal entries stay equal. Gives how many; r may be NULL. */
struct mrl_audit_detail;
size_t mrl_skew_details(struct mrl_registry *r, const struct mrl_conn_closed *closed,
                        struct mrl_audit_detail details[static MRL_SKEW_DETAILS_MAX]);

/* "; by its Date your clock is 3 days ahead", or "" for less than MRL_SKEW_NAMED_S. skew_s: how
 * much later than ours. */
void mrl_skew_text(int64_t skew_s, char to[static MRL_SKEW_TEXT]);

#endif
