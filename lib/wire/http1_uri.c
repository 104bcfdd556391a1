/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_uri.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"

/* RFC 3986 2.3 */
static bool is_unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("-._~", c) != NULL);
}

/* RFC 3986 3.3; "/" and "?" beside it are for the caller to allow */
static bool is_pchar(uint8_t c)
{
    return is_unreserved(c) || (c != 0 && strchr("!$&'()*+,;=:@", c) != NULL);
}

/* Which decoding: a path, or a name or value of a query. */
struct coding {
    const char *also;    /* characters that may stand for themselves beside pchar */
    const char *refused; /* characters that may not stand encoded either */
    bool plus_is_blank;
};
static const struct coding path_coding = {"/", "/\\", false};
static const struct coding query_coding = {"/?", "", true};

static bool listed(const char *list, uint8_t c)
{
    return c != 0 && strchr(list, c) != NULL;
}

/* RFC 3986 2.1. No control characters, so also no NUL, in any spelling. */
static mrl_err decode_escape(mrl_bytes digits, const struct coding *coding, uint8_t *to)
{
    MRL_TRY(mrl_unhex(digits, to, 1));
    MRL_ENSURE(*to >= ' ' && *to != 0x7f && !listed(coding->refused, *to), MRL_ERR_MALFORMED);
    return MRL_OK;
}

static mrl_err decode(mrl_bytes text, const struct coding *coding, struct mrl_arena *arena,
                      mrl_bytes *out)
{
    uint8_t *to = mrl_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '%') {
            MRL_TRY(decode_escape(mrl_bytes_sub(text, i + 1, 2), coding, &to[len++]));
            i += 2;
            continue;
        }
        MRL_ENSURE(is_pchar(c) || listed(coding->also, c), MRL_ERR_MALFORMED);
        to[len++] = c == '+' && coding->plus_is_blank ? ' ' : c;
    }
    MRL_ENSURE(mrl_utf8_valid(mrl_bytes_of(to, len)), MRL_ERR_MALFORMED);
    *out = mrl_bytes_of(to, len);
    return MRL_OK;
}

/* RFC 3986 5.2.4 would remove them; who needs that is mistaken or looks for a way around a rule. */
static mrl_err check_segments(mrl_bytes path, struct mrl_why *why)
{
    mrl_bytes rest = mrl_bytes_sub(path, 1, SIZE_MAX), segment;

    while (mrl_bytes_split(rest, '/', &segment, &rest)) {
        if (segment.len == 0)
            return mrl_fail(why, MRL_ERR_MALFORMED, "empty segment in path");
        if (mrl_bytes_eq(segment, MRL_LIT(".")) || mrl_bytes_eq(segment, MRL_LIT("..")))
            return mrl_fail(why, MRL_ERR_MALFORMED, "dot segment in path");
    }
    if (mrl_bytes_eq(segment, MRL_LIT(".")) || mrl_bytes_eq(segment, MRL_LIT("..")))
        return mrl_fail(why, MRL_ERR_MALFORMED, "dot segment in path");
    return MRL_OK;
}

mrl_err mrl_http_target_read(mrl_bytes target, struct mrl_arena *arena, struct mrl_http_target *out,
                             struct mrl_why *why)
{
    struct mrl_http_target t = {0};
    mrl_bytes path;

    if (mrl_bytes_eq(target, MRL_LIT("*"))) {
        *out = (struct mrl_http_target){.path = target};
        return MRL_OK;
    }
    (void)mrl_bytes_split(target, '?', &path, &t.query);
    if (!mrl_bytes_starts(path, MRL_LIT("/")))
        return mrl_fail(why, MRL_ERR_MALFORMED, "path does not start with /");
    if (mrl_bytes_find(target, '#', 0) < target.len)
        return mrl_fail(why, MRL_ERR_MALFORMED, "fragment in target"); /* RFC 9112 3.2 */
    if (decode(path, &path_coding, arena, &t.path) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "path is not well encoded");
    MRL_TRY(check_segments(t.path, why));
    *out = t;
    return MRL_OK;
}

mrl_err mrl_http_query_next(mrl_bytes *left, struct mrl_arena *arena, mrl_bytes *name,
                            mrl_bytes *value)
{
    mrl_bytes pair = {0}, rest = *left, n, v, name_text, value_text;

    while (pair.len == 0 && rest.len > 0) /* "a=1&&b=2": nothing between is nothing */
        (void)mrl_bytes_split(rest, '&', &pair, &rest);
    if (pair.len == 0) {
        *left = rest;
        return MRL_ERR_NOT_FOUND;
    }
    (void)mrl_bytes_split(pair, '=', &name_text, &value_text);
    MRL_TRY(decode(name_text, &query_coding, arena, &n));
    MRL_TRY(decode(value_text, &query_coding, arena, &v));
    *left = rest;
    *name = n;
    *value = v;
    return MRL_OK;
}

mrl_err mrl_http_query_get(mrl_bytes query, const char *name, struct mrl_arena *arena,
                           mrl_bytes *value, struct mrl_why *why)
{
    mrl_bytes n, v, found = {0};
    bool seen = false;
    mrl_err err;

    while ((err = mrl_http_query_next(&query, arena, &n, &v)) == MRL_OK) {
        if (!mrl_bytes_eq(n, mrl_str(name)))
            continue;
        if (seen)
            return mrl_fail(why, MRL_ERR_MALFORMED, "query parameter %s is given twice", name);
        seen = true;
        found = v;
    }
    if (err != MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "query is not well encoded");
    if (!seen)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "query parameter %s is missing", name);
    *value = found;
    return MRL_OK;
}

mrl_err mrl_http_percent_write(mrl_bytes text, struct mrl_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t before = out->len;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        uint8_t escape[3] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
        mrl_bytes one = is_unreserved(c) ? mrl_bytes_of(&c, 1) : mrl_bytes_of(escape, 3);

        if (mrl_buf_append(out, one) != MRL_OK) {
            out->len = before;
            return MRL_ERR_LIMIT;
        }
    }
    return MRL_OK;
}
