/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/eventlog.h"

static mrl_err read_one(const char *dir, const char *name, struct mrl_buf *out,
                        struct mrl_eventlog_walk *w, struct mrl_why *why)
{
    struct mrl_why part = {""};
    size_t before = out->len, good;
    mrl_bytes text;

    MRL_TRY(mrl_disk_read(dir, name, out, why));
    text = mrl_bytes_sub(mrl_buf_bytes(out), before, out->len - before);
    if (mrl_eventlog_walk_text(w, text, &good, &part) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s: %.200s", name, part.text);
    if (good < text.len)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s ends in half a line after entry %llu", name,
                        (unsigned long long)w->seq);
    return MRL_OK;
}

mrl_err mrl_eventlog_read(const char *dir, struct mrl_buf *out, struct mrl_eventlog_walk *w,
                          struct mrl_why *why)
{
    mrl_err err = read_one(dir, MRL_EVENTLOG_OLD, out, w, why);

    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return err;
    return read_one(dir, MRL_EVENTLOG_FILE, out, w, why);
}
