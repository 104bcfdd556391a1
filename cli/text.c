/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <wchar.h>

#include "base/utf8.h"

/* Characters without a place of their own that wcwidth does not report as controls: soft hyphen,
 * Arabic letter mark, zero-width and direction marks, separators, embeddings, isolates, invisible
 * operators, variation selectors, byte order mark, interlinear marks, tags. Unicode: Cf, Zl, Zp */
static const struct {
    uint32_t first, last;
} invisible[] = {
    {0xad, 0xad},     {0x61c, 0x61c},   {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},
    {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* The first character of text (not empty); len 1 and no character when it is not UTF-8. */
static bool first_character(mrl_bytes text, uint32_t *c, size_t *len)
{
    uint8_t first = text.data[0];

    *len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.len < *len || !mrl_utf8_valid(mrl_bytes_sub(text, 0, *len))) {
        *len = 1;
        return false;
    }
    *c = *len == 1 ? first : first & (0x7fU >> *len);
    for (size_t i = 1; i < *len; i++)
        *c = *c << 6 | (text.data[i] & 0x3f);
    return true;
}

static bool is_visible(uint32_t c)
{
    for (size_t i = 0; i < MRL_COUNT(invisible); i++)
        if (c >= invisible[i].first && c <= invisible[i].last)
            return false;
    return c < 0x80 ? c >= 0x20 && c < 0x7f : wcwidth((wchar_t)c) >= 0;
}

static mrl_err escape_byte(uint8_t byte, struct mrl_buf *out)
{
    switch (byte) {
    case '\n':
        return mrl_buf_append(out, MRL_LIT("\\n"));
    case '\r':
        return mrl_buf_append(out, MRL_LIT("\\r"));
    case '\t':
        return mrl_buf_append(out, MRL_LIT("\\t"));
    default:
        return mrl_buf_printf(out, "\\x%02x", byte);
    }
}

mrl_err mrl_text_escape(mrl_bytes text, struct mrl_buf *out)
{
    uint32_t c;
    size_t len;

    for (size_t at = 0; at < text.len; at += len) {
        bool valid = first_character(mrl_bytes_sub(text, at, text.len), &c, &len);

        if (valid && is_visible(c))
            MRL_TRY(mrl_buf_append(out, mrl_bytes_sub(text, at, len)));
        else if (valid && c >= 0x80)
            MRL_TRY(mrl_buf_printf(out, "\\u{%x}", c));
        else
            MRL_TRY(escape_byte(text.data[at], out));
    }
    return MRL_OK;
}

/* Columns of the first character, and its bytes. */
static size_t step(mrl_bytes text, size_t *len)
{
    uint32_t c;
    int width = first_character(text, &c, len) ? wcwidth((wchar_t)c) : 1;

    return width < 0 ? 1 : (size_t)width;
}

size_t mrl_text_width(mrl_bytes escaped)
{
    size_t width = 0, len;

    for (size_t at = 0; at < escaped.len; at += len)
        width += step(mrl_bytes_sub(escaped, at, escaped.len), &len);
    return width;
}

mrl_bytes mrl_text_cut(mrl_bytes escaped, size_t columns)
{
    size_t width = 0, at = 0, len;

    while (at < escaped.len) {
        width += step(mrl_bytes_sub(escaped, at, escaped.len), &len);
        if (width > columns)
            break;
        at += len;
    }
    return mrl_bytes_sub(escaped, 0, at);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

mrl_err mrl_text_compact_json(mrl_bytes json, struct mrl_buf *out)
{
    bool in_string = false, escaped = false;

    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.data[i];

        if (in_string || !is_blank(c))
            MRL_TRY(mrl_buf_append(out, mrl_bytes_sub(json, i, 1)));
        if (c == '"' && !escaped)
            in_string = !in_string;
        escaped = in_string && c == '\\' && !escaped;
    }
    return MRL_OK;
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           mrl_bytes_find(MRL_LIT("_-./:@%+=,"), c, 0) < sizeof("_-./:@%+=,") - 1;
}

mrl_err mrl_text_shell_word(mrl_bytes text, struct mrl_buf *out)
{
    size_t plain = 0;

    while (plain < text.len && is_plain(text.data[plain]))
        plain++;
    if (plain == text.len && text.len > 0)
        return mrl_buf_append(out, text);
    MRL_TRY(mrl_buf_append(out, MRL_LIT("'")));
    for (size_t i = 0; i < text.len; i++)
        MRL_TRY(mrl_buf_append(out, text.data[i] == '\'' ? MRL_LIT("'\\''")
                                                         : mrl_bytes_sub(text, i, 1)));
    return mrl_buf_append(out, MRL_LIT("'"));
}
