/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/text.h"

#include "base/utf8.h"

static const uint8_t replacement_utf8[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */

/* The next character of text at *at: a view of it, or of U+FFFD for a byte that is none. */
static mrl_bytes next_character(mrl_bytes text, size_t *at)
{
    for (size_t len = 1; len <= 4 && *at + len <= text.len; len++) {
        mrl_bytes character = mrl_bytes_sub(text, *at, len);

        if (character.data[0] != 0 && mrl_utf8_valid(character)) {
            *at += len;
            return character;
        }
    }
    (*at)++;
    return mrl_bytes_of(replacement_utf8, sizeof(replacement_utf8));
}

/* No character is cut in two. */
static mrl_bytes cut(mrl_bytes text, size_t max)
{
    mrl_bytes head = mrl_bytes_sub(text, 0, max);

    if (text.len <= max)
        return text;
    for (size_t back = 0; back < 3 && head.len > 0 && (text.data[head.len] & 0xc0) == 0x80; back++)
        head.len--;
    return head;
}

/* How much of text from at on stands for itself in JSON: printable ASCII but quote and backslash.
 */
static size_t plain_run(mrl_bytes text, size_t at)
{
    size_t end = at;

    while (end < text.len && text.data[end] >= 0x20 && text.data[end] < 0x7f &&
           text.data[end] != '"' && text.data[end] != '\\')
        end++;
    return end - at;
}

static void put_escaped(struct mrl_writer *w, uint8_t c)
{
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    if (c == '"' || c == '\\')
        mrl_put_text(w, "\\%c", c);
    else if (c < 0x20 && shorts[c] != 0)
        mrl_put_text(w, "\\%c", shorts[c]);
    else if (c < 0x20)
        mrl_put_text(w, "\\u%04x", c);
    else
        mrl_put_u8(w, c);
}

bool mrl_audit_put_json_text(struct mrl_writer *w, mrl_bytes text, size_t max)
{
    mrl_bytes head = cut(text, max);

    mrl_put_u8(w, '"');
    for (size_t at = 0; at < head.len;) {
        size_t run = plain_run(head, at);
        mrl_bytes character;

        mrl_put_bytes(w, mrl_bytes_sub(head, at, run));
        at += run;
        if (at == head.len)
            break;
        character = next_character(head, &at);
        if (character.len == 1)
            put_escaped(w, character.data[0]);
        else
            mrl_put_bytes(w, character);
    }
    mrl_put_u8(w, '"');
    return head.len < text.len;
}

bool mrl_audit_put_plain_text(struct mrl_writer *w, mrl_bytes text, size_t max)
{
    mrl_bytes head = cut(text, max);

    for (size_t at = 0; at < head.len;) {
        size_t run = plain_run(head, at);

        mrl_put_bytes(w, mrl_bytes_sub(head, at, run));
        at += run;
        if (at < head.len)
            mrl_put_bytes(w, next_character(head, &at));
    }
    return head.len < text.len;
}
