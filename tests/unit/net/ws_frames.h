/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as a WebSocket client sends them. For tests. */
#ifndef MRL_TESTS_WS_FRAMES_H
#define MRL_TESTS_WS_FRAMES_H

#include "base/buf.h"
#include "tests/unit/unit.h"
#include "wire/ws.h"

static inline void ws_add(struct mrl_buf *to, uint8_t opcode, bool fin, mrl_bytes payload)
{
    const struct mrl_ws_frame f = {.fin = fin,
                                   .opcode = opcode,
                                   .masked = true,
                                   .mask = {0x11, 0xfe, 0x00, 0x5a},
                                   .length = payload.len};
    uint8_t memory[MRL_WS_HEADER_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    size_t at;

    mrl_ws_put_header(&w, &f);
    assert_ok(mrl_buf_append(to, mrl_bytes_of(memory, w.len)));
    at = to->len;
    assert_ok(mrl_buf_append(to, payload));
    if (payload.len > 0)
        mrl_ws_mask(&to->data[at], payload.len, f.mask, 0);
}

#endif
