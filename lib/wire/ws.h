/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames (RFC 6455 5): headers, masks, Close. Without extensions. Pure: no I/O, no heap.
 * Layer: wire. Thread: any. */
#ifndef MRL_WIRE_WS_H
#define MRL_WIRE_WS_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/writer.h"

enum mrl_ws_opcode {
    MRL_WS_CONTINUATION = 0x0,
    MRL_WS_TEXT = 0x1,
    MRL_WS_BINARY = 0x2,
    MRL_WS_CLOSE = 0x8,
    MRL_WS_PING = 0x9,
    MRL_WS_PONG = 0xa,
};
enum mrl_ws_from { MRL_WS_FROM_CLIENT, MRL_WS_FROM_SERVER };

/* RFC 6455 7.4.1; 1013 from IANA's registry */
enum mrl_ws_close_code {
    MRL_WS_NORMAL = 1000,
    MRL_WS_GOING_AWAY = 1001,
    MRL_WS_PROTOCOL_ERROR = 1002,
    MRL_WS_UNSUPPORTED_DATA = 1003,
    MRL_WS_NO_STATUS = 1005, /* never on the wire: a Close without a code */
    MRL_WS_INVALID_DATA = 1007,
    MRL_WS_POLICY = 1008, /* also what has no code of its own */
    MRL_WS_TOO_BIG = 1009,
    MRL_WS_INTERNAL_ERROR = 1011,
    MRL_WS_TRY_AGAIN_LATER = 1013,
};

enum {
    MRL_WS_HEADER_MAX = 14,
    MRL_WS_MASK_SIZE = 4,
    MRL_WS_CONTROL_MAX = 125,     /* RFC 6455 5.5 */
    MRL_WS_FRAME_MAX = 268435460, /* payload of one frame: the largest MQTT packet */
};

struct mrl_ws_frame {
    uint64_t length; /* of the payload, which is still masked */
    uint8_t opcode;  /* enum mrl_ws_opcode */
    bool fin;
    bool masked;
    uint8_t mask[MRL_WS_MASK_SIZE];
    uint8_t header_len; /* read: bytes of input it took */
};

/* Why a peer is at fault: for its Close, and for the log. */
struct mrl_ws_fault {
    uint16_t code;    /* enum mrl_ws_close_code */
    const char *text; /* static */
};

static inline bool mrl_ws_is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

/* The header at the start of in. MRL_ERR_AGAIN: not whole; MRL_ERR_MALFORMED, MRL_ERR_LIMIT: *fault
 * says why, the same however the bytes are cut. out is written only on success. */
mrl_err mrl_ws_read_header(mrl_bytes in, enum mrl_ws_from from, struct mrl_ws_frame *out,
                           struct mrl_ws_fault *fault);
/* The shortest form, as RFC 6455 5.2 demands. header_len is not looked at. */
void mrl_ws_put_header(struct mrl_writer *w, const struct mrl_ws_frame *f);
/* Masks, or takes the mask off, in place. at: how many bytes of the payload lie before data. */
void mrl_ws_mask(uint8_t *data, size_t len, const uint8_t mask[static MRL_WS_MASK_SIZE],
                 uint64_t at);

/* The unmasked payload of a Close. Without a code *code is MRL_WS_NO_STATUS. MRL_ERR_MALFORMED:
 * *fault. RFC 6455 5.5.1, 7.4 */
mrl_err mrl_ws_read_close(mrl_bytes payload, uint16_t *code, struct mrl_ws_fault *fault);
/* A whole Close frame of a server. MRL_WS_NO_STATUS: without a code. */
void mrl_ws_put_close(struct mrl_writer *w, uint16_t code);

#endif
