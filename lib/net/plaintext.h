/* SPDX-License-Identifier: Apache-2.0 */
/* What to tell a peer that speaks plainly to a port for TLS. Layer: net. Thread: any. */
#ifndef MRL_NET_PLAINTEXT_H
#define MRL_NET_PLAINTEXT_H

#include "base/bytes.h"

/* first: the first bytes of a connection, at least one. RFC 8446 5.1: a handshake record. */
bool mrl_plaintext_is_tls(mrl_bytes first);
/* The refusal in the peer's own protocol, from the first (up to 16) bytes it sent: HTTP 400; MQTT
 * CONNACK "not authorized" (MQTT 3.1.1 3.2.2.3 code 5, MQTT 5 3.2.2.2 code 0x87). Static; empty
 * when the protocol is not known. */
mrl_bytes mrl_plaintext_answer(mrl_bytes first);

#endif
