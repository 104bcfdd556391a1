/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#include "tlog/text.h"

mrl_err mrl_checkpoint_text(const struct mrl_checkpoint *c, char to[static MRL_CHECKPOINT_TEXT_MAX],
                            mrl_bytes *out)
{
    MRL_SCOPED(mrl_buf) text = {.limit = MRL_CHECKPOINT_TEXT_MAX};

    MRL_ENSURE(mrl_tlog_name_valid(c->origin) && c->size <= MRL_TLOG_SIZE_MAX, MRL_ERR_INVALID);
    MRL_TRY(mrl_buf_printf(&text, "%.*s\n%" PRIu64 "\n", MRL_FMT(c->origin), c->size));
    MRL_TRY(mrl_tlog_hash_write(&c->root, &text));
    MRL_TRY(mrl_buf_append(&text, MRL_LIT("\n")));
    memcpy(to, text.data, text.len); /* 255 + 19 + 44 bytes and three LF at most */
    *out = mrl_bytes_of(to, text.len);
    return MRL_OK;
}

mrl_err mrl_checkpoint_read(mrl_bytes text, struct mrl_checkpoint *out)
{
    struct mrl_checkpoint c;
    mrl_bytes line;

    MRL_TRY(mrl_tlog_line(&text, &c.origin));
    MRL_ENSURE(c.origin.len > 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_tlog_line(&text, &line));
    MRL_TRY(mrl_tlog_decimal(line, &c.size));
    MRL_TRY(mrl_tlog_line(&text, &line));
    MRL_TRY(mrl_tlog_hash_read(line, &c.root));
    while (text.len > 0) {
        MRL_TRY(mrl_tlog_line(&text, &line));
        MRL_ENSURE(line.len > 0, MRL_ERR_MALFORMED);
    }
    *out = c;
    return MRL_OK;
}

mrl_err mrl_checkpoint_open(mrl_bytes note, const struct mrl_note_key *k, struct mrl_note *parsed,
                            struct mrl_checkpoint *out, struct mrl_why *why)
{
    struct mrl_checkpoint c;
    mrl_err err;

    MRL_TRY(mrl_note_read(note, parsed, why));
    err = mrl_note_check(parsed, k, /*time=*/NULL);
    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "the note is not signed by %s", k->name);
    if (err != MRL_OK)
        return mrl_fail(why, err, "the signature of %s does not hold", k->name);
    if (mrl_checkpoint_read(parsed->text, &c) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the note is signed, but it is no checkpoint");
    if (!mrl_bytes_eq(c.origin, mrl_str(k->name)))
        return mrl_fail(why, MRL_ERR_INVALID, "the checkpoint is of another log than %s", k->name);
    *out = c;
    return MRL_OK;
}
