/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

mrl_bytes mrl_str(const char *text)
{
    return text == NULL ? MRL_BYTES_NONE : mrl_bytes_of(text, strlen(text));
}

bool mrl_bytes_eq(mrl_bytes a, mrl_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool mrl_bytes_eq_nocase(mrl_bytes a, mrl_bytes b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

int mrl_bytes_cmp(mrl_bytes a, mrl_bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool mrl_bytes_starts(mrl_bytes b, mrl_bytes prefix)
{
    return b.len >= prefix.len && mrl_bytes_eq(mrl_bytes_sub(b, 0, prefix.len), prefix);
}

bool mrl_bytes_ends(mrl_bytes b, mrl_bytes suffix)
{
    return b.len >= suffix.len &&
           mrl_bytes_eq(mrl_bytes_sub(b, b.len - suffix.len, suffix.len), suffix);
}

size_t mrl_bytes_find(mrl_bytes b, uint8_t c, size_t from)
{
    const uint8_t *hit;

    if (from >= b.len)
        return b.len;
    hit = memchr(b.data + from, c, b.len - from);
    return hit == NULL ? b.len : (size_t)(hit - b.data);
}

mrl_bytes mrl_bytes_sub(mrl_bytes b, size_t from, size_t len)
{
    if (from >= b.len)
        return MRL_BYTES_NONE;
    return mrl_bytes_of(b.data + from, len < b.len - from ? len : b.len - from);
}

bool mrl_bytes_split(mrl_bytes b, uint8_t c, mrl_bytes *head, mrl_bytes *tail)
{
    size_t at = mrl_bytes_find(b, c, 0);
    bool found = at < b.len;

    *head = mrl_bytes_sub(b, 0, at);
    *tail = found ? mrl_bytes_sub(b, at + 1, SIZE_MAX) : MRL_BYTES_NONE;
    return found;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

mrl_bytes mrl_bytes_trim(mrl_bytes b)
{
    while (b.len > 0 && is_blank(b.data[0]))
        b = mrl_bytes_sub(b, 1, SIZE_MAX);
    while (b.len > 0 && is_blank(b.data[b.len - 1]))
        b.len--;
    return b;
}

bool mrl_bytes_to_u64(mrl_bytes b, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (b.len == 0)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        uint8_t digit = (uint8_t)(b.data[i] - '0');

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

bool mrl_bytes_to_cstr(mrl_bytes b, char *to, size_t cap)
{
    bool fits = b.len < cap && mrl_bytes_find(b, 0, 0) == b.len;

    if (fits && b.len > 0)
        memcpy(to, b.data, b.len);
    if (cap > 0)
        to[fits ? b.len : 0] = '\0';
    return fits;
}

char *mrl_bytes_dup_cstr(mrl_bytes b)
{
    char *copy = malloc(b.len + 1);

    if (copy == NULL)
        abort();
    if (b.len > 0)
        memcpy(copy, b.data, b.len);
    copy[b.len] = '\0';
    return copy;
}
