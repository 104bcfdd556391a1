/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "export/syslog.h"
#include "tests/fuzz/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct frame *f, size_t limit)
{
    if (f->msg.len > limit || !mrl_bytes_eq(f->fields[6], MRL_LIT("merlon@32473")) ||
        !mrl_bytes_starts(f->params, MRL_LIT(" seq=\"7\"")))
        abort();
    for (size_t i = 0; i < f->params.len; i++)
        if (f->params.data[i] < ' ')
            abort();
}

/* Whatever the text of an entry is: whole frames, and their MSGs joined are the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mrl_syslog_style style = {MRL_LIT("host"), MRL_LIT("merlon@32473"),
                                           MRL_SYSLOG_MESSAGE_MIN};
    mrl_bytes json = mrl_bytes_sub(mrl_bytes_of(data, size), 0, MRL_SYSLOG_TEXT_MAX), stream;
    MRL_SCOPED(mrl_buf) out = {0};
    MRL_SCOPED(mrl_buf) joined = {0};

    if (mrl_syslog_write(&style, 7, json, &out) != MRL_OK)
        abort();
    for (stream = mrl_buf_bytes(&out); stream.len > 0;) {
        struct frame f;

        if (!frame_read(&stream, &f) || mrl_buf_append(&joined, f.msg) != MRL_OK)
            abort();
        check_frame(&f, style.message_bytes);
    }
    if (!mrl_bytes_eq(mrl_buf_bytes(&joined), json))
        abort();
    return 0;
}
