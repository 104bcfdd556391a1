/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what export/syslog.h writes, the way a strict receiver does: frames of RFC 5425, messages
 * of RFC 5424 with one element of structured data. For tests. */
#ifndef MRL_TESTS_FRAMES_H
#define MRL_TESTS_FRAMES_H

#include "base/bytes.h"

struct frame {
    mrl_bytes fields[7]; /* PRI and VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID, SD-ID */
    mrl_bytes params;    /* with the blank before the first, without the ] */
    mrl_bytes msg;
};

/* Takes len bytes of *at. */
static inline mrl_bytes frame_take(mrl_bytes *at, size_t len)
{
    mrl_bytes taken = mrl_bytes_sub(*at, 0, len);

    *at = mrl_bytes_sub(*at, len, at->len);
    return taken;
}

/* Offset of the ] that ends the element: not escaped, not inside a value. */
static inline size_t frame_element_end(mrl_bytes text)
{
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\\' && quoted)
            i++;
        else if (text.data[i] == '"')
            quoted = !quoted;
        else if (text.data[i] == ']' && !quoted)
            return i;
    }
    return text.len;
}

/* The first frame of *stream, which is then behind it. false: it is none. */
static inline bool frame_read(mrl_bytes *stream, struct frame *out)
{
    mrl_bytes count, rest, message;
    uint64_t len;
    size_t end;

    if (!mrl_bytes_split(*stream, ' ', &count, &rest) || !mrl_bytes_to_u64(count, rest.len, &len))
        return false;
    message = frame_take(&rest, len);
    *stream = rest;
    for (size_t i = 0; i < 6; i++)
        if (!mrl_bytes_split(message, ' ', &out->fields[i], &message) || out->fields[i].len == 0)
            return false;
    if (!mrl_bytes_starts(message, MRL_LIT("[")))
        return false;
    (void)frame_take(&message, 1);
    end = mrl_bytes_find(message, ' ', 0);
    out->fields[6] = frame_take(&message, end);
    end = frame_element_end(message);
    out->params = frame_take(&message, end);
    if (!mrl_bytes_starts(message, MRL_LIT("] ")))
        return false;
    out->msg = mrl_bytes_sub(message, 2, message.len);
    return true;
}

#endif
