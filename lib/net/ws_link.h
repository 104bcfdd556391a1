/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of one WebSocket (RFC 6455 5 to 7) as a stream of bytes: takes frames off what
 * came, puts frames around what leaves, answers Ping and Close. Only binary messages pass, and
 * where one ends means nothing ([MQTT-6.0.0-1], [MQTT-6.0.0-2]). Layer: net. Thread: one owner.
 *
 * Nothing is gathered: a message of any length, in however many frames, goes through in pieces. */
#ifndef MRL_NET_WS_LINK_H
#define MRL_NET_WS_LINK_H

#include "base/buf.h"
#include "wire/ws.h"

struct mrl_ws_link;
struct mrl_ws_link *mrl_ws_link_new(void);
void mrl_ws_link_free(struct mrl_ws_link *l); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_ws_link);

/* What in holds from `from` on came from the peer; afterwards only what the frames carried is left
 * of it. A Pong is appended to out. After a fault or a Close the rest is thrown away, and
 * mrl_ws_link_is_over. MRL_ERR_LIMIT: of out. */
mrl_err mrl_ws_link_read(struct mrl_ws_link *l, struct mrl_buf *in, size_t from,
                         struct mrl_buf *out);
/* Frames without data that came since it was asked last, with their headers. */
struct mrl_ws_idle {
    unsigned frames;
    size_t bytes;
};
struct mrl_ws_idle mrl_ws_link_take_idle(struct mrl_ws_link *l);
/* The peer sent Close, or broke the protocol: answer with mrl_ws_link_close. */
bool mrl_ws_link_is_over(const struct mrl_ws_link *l);
/* What the peer did wrong; NULL: nothing. Static. */
const char *mrl_ws_link_fault(const struct mrl_ws_link *l);

/* Appends data to the frame that is last in out, and begins one where there is none. It must be
 * ended before any of out is sent. MRL_ERR_LIMIT: of out. */
mrl_err mrl_ws_link_write(struct mrl_ws_link *l, mrl_bytes data, struct mrl_buf *out);
void mrl_ws_link_end_frame(struct mrl_ws_link *l, struct mrl_buf *out);
/* What Close will say; not when the peer closed or is at fault. */
void mrl_ws_link_say(struct mrl_ws_link *l, enum mrl_ws_close_code code);
/* Appends Close, once, behind what was written: the code of the peer's fault, the one it closed
 * with, what was to be said, or 1000. RFC 6455 5.5.1 */
mrl_err mrl_ws_link_close(struct mrl_ws_link *l, struct mrl_buf *out);

#endif
