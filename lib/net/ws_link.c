/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ws_link.h"

#include <stdlib.h>
#include <string.h>

enum {
    OUT_HEADER = 4,       /* of a frame that is being written: shrinks to 2 when it stays small */
    OUT_MOST = UINT16_MAX /* payload of one frame: its length fits that header */
};

struct mrl_ws_link {
    struct mrl_ws_frame frame;       /* being read, while in_frame */
    uint64_t left;                   /* of its payload */
    uint8_t held[MRL_WS_HEADER_MAX]; /* a header that is not whole */
    uint8_t held_len;
    uint8_t control[MRL_WS_CONTROL_MAX]; /* payload of a control frame */
    uint8_t control_len;
    bool in_frame;
    bool in_message; /* its last frame has not come */
    bool over;
    bool closed; /* Close was written */
    struct mrl_ws_idle idle;
    struct mrl_ws_fault fault;
    uint16_t code;   /* for our Close */
    bool writing;    /* a frame is open at the end of out */
    size_t frame_at; /* where in out */
};

struct mrl_ws_link *mrl_ws_link_new(void)
{
    struct mrl_ws_link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    l->code = MRL_WS_NORMAL;
    return l;
}

void mrl_ws_link_free(struct mrl_ws_link *l)
{
    free(l);
}

bool mrl_ws_link_is_over(const struct mrl_ws_link *l)
{
    return l->over;
}

const char *mrl_ws_link_fault(const struct mrl_ws_link *l)
{
    return l->fault.text;
}

struct mrl_ws_idle mrl_ws_link_take_idle(struct mrl_ws_link *l)
{
    struct mrl_ws_idle idle = l->idle;

    l->idle = (struct mrl_ws_idle){0};
    return idle;
}

/* ---- reading ---- */

static void at_fault(struct mrl_ws_link *l)
{
    l->over = true;
    l->code = l->fault.code;
}

static void blame(struct mrl_ws_link *l, uint16_t code, const char *text)
{
    l->fault = (struct mrl_ws_fault){code, text};
    at_fault(l);
}

/* Which frame may come now. RFC 6455 5.4; control frames may come between those of a message. */
static void check_order(struct mrl_ws_link *l)
{
    uint8_t opcode = l->frame.opcode;

    if (mrl_ws_is_control(opcode))
        return;
    if (opcode == MRL_WS_CONTINUATION && !l->in_message)
        blame(l, MRL_WS_PROTOCOL_ERROR, "nothing is there to continue");
    else if (opcode != MRL_WS_CONTINUATION && l->in_message)
        blame(l, MRL_WS_PROTOCOL_ERROR, "a message begins inside another");
    else if (opcode == MRL_WS_TEXT) /* [MQTT-6.0.0-1] */
        blame(l, MRL_WS_UNSUPPORTED_DATA, "text message: MQTT is binary");
    else
        l->in_message = !l->frame.fin;
}

static mrl_err send_control(struct mrl_ws_link *l, enum mrl_ws_opcode opcode, mrl_bytes payload,
                            struct mrl_buf *out)
{
    const struct mrl_ws_frame f = {.fin = true, .opcode = (uint8_t)opcode, .length = payload.len};
    uint8_t memory[MRL_WS_HEADER_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes header;

    mrl_ws_link_end_frame(l, out);
    mrl_ws_put_header(&w, &f);
    MRL_TRY(mrl_writer_end(&w, &header));
    MRL_TRY(mrl_buf_append(out, header));
    return mrl_buf_append(out, payload);
}

/* RFC 6455 5.5.1: the answer says what the peer said. */
static void on_close(struct mrl_ws_link *l, mrl_bytes payload)
{
    l->over = true;
    if (mrl_ws_read_close(payload, &l->code, &l->fault) != MRL_OK)
        at_fault(l);
}

static mrl_err end_of_frame(struct mrl_ws_link *l, struct mrl_buf *out)
{
    mrl_bytes payload = mrl_bytes_of(l->control, l->control_len);

    l->in_frame = false;
    l->control_len = 0;
    if (l->frame.opcode != MRL_WS_CLOSE &&
        (mrl_ws_is_control(l->frame.opcode) || l->frame.length == 0)) {
        l->idle.frames++;
        l->idle.bytes += l->frame.header_len + (size_t)l->frame.length;
    }
    if (l->frame.opcode == MRL_WS_CLOSE)
        on_close(l, payload);
    else if (l->frame.opcode == MRL_WS_PING) /* RFC 6455 5.5.2 */
        return send_control(l, MRL_WS_PONG, payload, out);
    return MRL_OK; /* RFC 6455 5.5.3: a Pong nobody asked for is fine */
}

/* The number of bytes that belong to the header; all of rest while it is not whole. */
static size_t take_header(struct mrl_ws_link *l, mrl_bytes rest)
{
    size_t before = l->held_len;
    mrl_bytes more = mrl_bytes_sub(rest, 0, sizeof(l->held) - before);
    mrl_err err;

    memcpy(&l->held[before], more.data, more.len);
    l->held_len = (uint8_t)(before + more.len);
    err = mrl_ws_read_header(mrl_bytes_of(l->held, l->held_len), MRL_WS_FROM_CLIENT, &l->frame,
                             &l->fault);
    if (err == MRL_ERR_AGAIN)
        return more.len;
    l->held_len = 0;
    if (err != MRL_OK) {
        at_fault(l);
        return more.len;
    }
    check_order(l);
    l->in_frame = true;
    l->left = l->frame.length;
    return l->frame.header_len - before;
}

/* Moves payload to where the one before it ended. */
static size_t take_payload(struct mrl_ws_link *l, struct mrl_buf *in, size_t at, size_t *kept)
{
    size_t n = l->left < in->len - at ? (size_t)l->left : in->len - at;
    uint64_t offset = l->frame.length - l->left;

    mrl_ws_mask(&in->data[at], n, l->frame.mask, offset);
    if (mrl_ws_is_control(l->frame.opcode)) {
        memcpy(&l->control[l->control_len], &in->data[at], n);
        l->control_len = (uint8_t)(l->control_len + n);
    } else {
        memmove(&in->data[*kept], &in->data[at], n);
        *kept += n;
    }
    l->left -= n;
    return n;
}

mrl_err mrl_ws_link_read(struct mrl_ws_link *l, struct mrl_buf *in, size_t from,
                         struct mrl_buf *out)
{
    size_t at = from, kept = from;
    mrl_err err = MRL_OK;

    while (at < in->len && !l->over && err == MRL_OK) {
        if (l->in_frame)
            at += take_payload(l, in, at, &kept);
        else
            at += take_header(l, mrl_bytes_sub(mrl_buf_bytes(in), at, in->len));
        if (l->in_frame && l->left == 0 && !l->over)
            err = end_of_frame(l, out);
    }
    in->len = kept;
    return err;
}

/* ---- writing ---- */

static mrl_err begin_frame(struct mrl_ws_link *l, struct mrl_buf *out)
{
    uint8_t *header;

    MRL_TRY(mrl_buf_reserve(out, OUT_HEADER, &header));
    l->frame_at = out->len;
    l->writing = true;
    mrl_buf_added(out, OUT_HEADER);
    return MRL_OK;
}

mrl_err mrl_ws_link_write(struct mrl_ws_link *l, mrl_bytes data, struct mrl_buf *out)
{
    while (data.len > 0) {
        mrl_bytes part;

        if (!l->writing)
            MRL_TRY(begin_frame(l, out));
        part = mrl_bytes_sub(data, 0, OUT_MOST - (out->len - l->frame_at - OUT_HEADER));
        MRL_TRY(mrl_buf_append(out, part));
        data = mrl_bytes_sub(data, part.len, data.len);
        if (out->len - l->frame_at - OUT_HEADER == OUT_MOST)
            mrl_ws_link_end_frame(l, out);
    }
    return MRL_OK;
}

void mrl_ws_link_end_frame(struct mrl_ws_link *l, struct mrl_buf *out)
{
    size_t payload_at = l->frame_at + OUT_HEADER;
    struct mrl_ws_frame f = {.fin = true, .opcode = MRL_WS_BINARY};
    struct mrl_writer w;

    if (!l->writing)
        return;
    f.length = out->len - payload_at;
    w = mrl_writer_on(&out->data[l->frame_at], OUT_HEADER);
    mrl_ws_put_header(&w, &f);
    if (w.len < OUT_HEADER) {
        memmove(&out->data[l->frame_at + w.len], &out->data[payload_at], f.length);
        out->len -= OUT_HEADER - w.len;
    }
    l->writing = false;
}

void mrl_ws_link_say(struct mrl_ws_link *l, enum mrl_ws_close_code code)
{
    if (!l->over)
        l->code = (uint16_t)code;
}

mrl_err mrl_ws_link_close(struct mrl_ws_link *l, struct mrl_buf *out)
{
    uint8_t memory[MRL_WS_HEADER_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes close;

    if (l->closed)
        return MRL_OK;
    l->closed = true;
    mrl_ws_link_end_frame(l, out);
    mrl_ws_put_close(&w, l->code);
    MRL_TRY(mrl_writer_end(&w, &close));
    return mrl_buf_append(out, close);
}
