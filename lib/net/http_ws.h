/* SPDX-License-Identifier: Apache-2.0 */
/* From an HTTP exchange to a WebSocket: the opening handshake, RFC 6455 4.2. Layer: net. Thread:
 * the worker, inside the handler. */
#ifndef MRL_NET_HTTP_WS_H
#define MRL_NET_HTTP_WS_H

#include "net/http_server.h"

/* Whether the client asks for a WebSocket with this subprotocol in a way it can have. Else *status
 * is what to answer (400, 426) and why the reason; headers that go with it are set. */
mrl_err mrl_http_ws_check(struct mrl_exchange *x, mrl_bytes protocol, unsigned *status,
                          struct mrl_why *why);
/* After that: 101 leaves and the connection speaks WebSocket (mrl_conn_start_ws); it is the
 * caller's, who sets its kind and user before returning. Takes the exchange when it succeeds, else
 * that is still to be answered. MRL_ERR_CLOSED: the client left; MRL_ERR_STATE: the server stops.
 */
mrl_err mrl_http_ws_accept(struct mrl_exchange *x, mrl_bytes protocol, struct mrl_conn **out);

#endif
