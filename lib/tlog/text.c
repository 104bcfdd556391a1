/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/text.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "tlog/note.h"

mrl_err mrl_tlog_line(mrl_bytes *rest, mrl_bytes *line)
{
    mrl_bytes head, tail;

    MRL_ENSURE(mrl_bytes_split(*rest, '\n', &head, &tail), MRL_ERR_MALFORMED);
    *line = head;
    *rest = tail;
    return MRL_OK;
}

mrl_err mrl_tlog_line_after(mrl_bytes *rest, mrl_bytes prefix, mrl_bytes *value)
{
    mrl_bytes line;

    MRL_ENSURE(mrl_bytes_starts(*rest, prefix), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_tlog_line(rest, &line));
    MRL_ENSURE(line.len >= prefix.len, MRL_ERR_MALFORMED); /* a prefix that ends in LF */
    *value = mrl_bytes_sub(line, prefix.len, SIZE_MAX);
    return MRL_OK;
}

mrl_err mrl_tlog_decimal(mrl_bytes text, uint64_t *out)
{
    MRL_ENSURE(text.len == 1 || !mrl_bytes_starts(text, MRL_LIT("0")), MRL_ERR_MALFORMED);
    return mrl_bytes_to_u64(text, MRL_TLOG_SIZE_MAX, out) ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_tlog_base64(mrl_bytes text, struct mrl_buf *out)
{
    for (size_t i = 0; i < text.len; i++)
        MRL_ENSURE(text.data[i] > ' ', MRL_ERR_MALFORMED);
    return mrl_base64_read(text, out);
}

mrl_err mrl_tlog_hash_read(mrl_bytes text, struct mrl_tlog_hash *out)
{
    MRL_SCOPED(mrl_buf) bytes = {.limit = MRL_TLOG_HASH + 1};

    MRL_ENSURE(text.len == MRL_TLOG_HASH_TEXT, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_tlog_base64(text, &bytes));
    MRL_ENSURE(bytes.len == MRL_TLOG_HASH, MRL_ERR_MALFORMED);
    memcpy(out->bytes, bytes.data, MRL_TLOG_HASH);
    return MRL_OK;
}

mrl_err mrl_tlog_hash_write(const struct mrl_tlog_hash *hash, struct mrl_buf *out)
{
    return mrl_base64_write(mrl_bytes_of(hash->bytes, MRL_TLOG_HASH), 0, out);
}

mrl_err mrl_tlog_path_read(mrl_bytes *rest, struct mrl_tlog_proof *out)
{
    mrl_bytes line;

    out->count = 0;
    for (;;) {
        MRL_TRY(mrl_tlog_line(rest, &line));
        if (line.len == 0)
            return MRL_OK;
        MRL_ENSURE(out->count < MRL_TLOG_PROOF_LINES, MRL_ERR_LIMIT);
        MRL_TRY(mrl_tlog_hash_read(line, &out->path[out->count]));
        out->count++;
    }
}

mrl_err mrl_tlog_path_write(const struct mrl_tlog_proof *p, struct mrl_buf *out)
{
    MRL_ENSURE(p->count <= MRL_TLOG_PROOF_LINES, MRL_ERR_LIMIT);
    for (size_t i = 0; i < p->count; i++) {
        MRL_TRY(mrl_tlog_hash_write(&p->path[i], out));
        MRL_TRY(mrl_buf_append(out, MRL_LIT("\n")));
    }
    return mrl_buf_append(out, MRL_LIT("\n"));
}

bool mrl_tlog_text_valid(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' && text.data[i] != '\n')
            return false;
    return mrl_utf8_valid(text);
}

/* Unicode's White_Space, as UTF-8. Those of U+2000 to U+200A differ in the last byte only. */
static bool starts_with_space(mrl_bytes b)
{
    static const char *const spaces[] = {" ",
                                         "\xc2\x85",
                                         "\xc2\xa0",
                                         "\xe1\x9a\x80",
                                         "\xe2\x80\xa8",
                                         "\xe2\x80\xa9",
                                         "\xe2\x80\xaf",
                                         "\xe2\x81\x9f",
                                         "\xe3\x80\x80"};

    for (size_t i = 0; i < MRL_COUNT(spaces); i++)
        if (mrl_bytes_starts(b, mrl_str(spaces[i])))
            return true;
    return mrl_bytes_starts(b, MRL_LIT("\xe2\x80")) && b.len > 2 && b.data[2] >= 0x80 &&
           b.data[2] <= 0x8a;
}

bool mrl_tlog_name_valid(mrl_bytes name)
{
    if (name.len == 0 || name.len > MRL_NOTE_NAME_MAX || !mrl_tlog_text_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '+' || name.data[i] == '\n' ||
            starts_with_space(mrl_bytes_sub(name, i, SIZE_MAX)))
            return false;
    return true;
}
