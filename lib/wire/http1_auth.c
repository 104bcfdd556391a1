/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_auth.h"

#include "base/hex.h"
#include "base/utf8.h"

enum { CREDENTIALS_MAX = 1024 };

bool mrl_http_auth_is(mrl_bytes value, const char *scheme, mrl_bytes *credentials)
{
    mrl_bytes name, rest;

    if (!mrl_bytes_split(value, ' ', &name, &rest) || !mrl_bytes_eq_nocase(name, mrl_str(scheme)))
        return false;
    *credentials = mrl_bytes_trim(rest);
    return true;
}

static bool is_token68(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || c == '+' || c == '/';
}

static bool has_control(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    return false;
}

void mrl_http_basic_done(struct mrl_http_basic *b)
{
    mrl_secret_free(b->text);
    *b = (struct mrl_http_basic){0};
}

/* RFC 7617 2: the first colon ends the user; neither part holds control characters. */
static mrl_err split(struct mrl_http_basic *b, struct mrl_why *why)
{
    mrl_bytes text = mrl_secret_bytes(b->text);

    if (!mrl_bytes_split(text, ':', &b->user, &b->password))
        return mrl_fail(why, MRL_ERR_MALFORMED, "Basic credentials without colon");
    if (has_control(text) || !mrl_utf8_valid(text))
        return mrl_fail(why, MRL_ERR_MALFORMED, "Basic credentials are not text");
    return MRL_OK;
}

static bool has_blank(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ' ' || text.data[i] == '\t')
            return true;
    return false;
}

static mrl_err decode(mrl_bytes text, struct mrl_secret **out)
{
    uint8_t *room;
    mrl_err err;
    MRL_SCOPED(mrl_buf) plain = {.limit = CREDENTIALS_MAX};

    MRL_TRY(mrl_buf_reserve(&plain, plain.limit, &room)); /* at once: growth would leave copies */
    err = mrl_base64_read(text, &plain);
    if (err == MRL_OK)
        *out = mrl_secret_copy(mrl_buf_bytes(&plain));
    mrl_wipe(room, plain.limit);
    return err;
}

mrl_err mrl_http_basic_read(mrl_bytes value, struct mrl_http_basic *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_http_basic) b = {0};
    mrl_bytes text;

    if (!mrl_http_auth_is(value, "Basic", &text))
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "authorization is not Basic");
    if (text.len > CREDENTIALS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "Basic credentials over %d bytes", CREDENTIALS_MAX);
    /* the base64 reader skips blanks for EST; a token68 has none. RFC 9110 11.2 */
    if (text.len == 0 || has_blank(text) || decode(text, &b.text) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "Basic credentials are not base64");
    MRL_TRY(split(&b, why));
    *out = b;
    b = (struct mrl_http_basic){0};
    return MRL_OK;
}

/* RFC 6750 2.1: b64token, which is the token68 of RFC 9110 11.2. */
static bool is_b64token(mrl_bytes token)
{
    size_t i = 0;

    while (i < token.len && is_token68(token.data[i]))
        i++;
    if (i == 0)
        return false;
    while (i < token.len && token.data[i] == '=')
        i++;
    return i == token.len;
}

mrl_err mrl_http_bearer_read(mrl_bytes value, mrl_bytes *token, struct mrl_why *why)
{
    mrl_bytes text;

    if (!mrl_http_auth_is(value, "Bearer", &text))
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "authorization is not Bearer");
    if (text.len > CREDENTIALS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "Bearer token over %d bytes", CREDENTIALS_MAX);
    if (!is_b64token(text))
        return mrl_fail(why, MRL_ERR_MALFORMED, "Bearer token with characters that it cannot have");
    *token = text;
    return MRL_OK;
}

mrl_err mrl_http_basic_write(mrl_bytes user, mrl_bytes password, struct mrl_buf *out)
{
    uint8_t *room;
    mrl_err err;
    size_t before = out->len;
    MRL_SCOPED(mrl_buf) plain = {.limit = CREDENTIALS_MAX / 4 * 3};

    MRL_ENSURE(!has_control(user) && !has_control(password), MRL_ERR_INVALID);
    MRL_ENSURE(mrl_bytes_find(user, ':', 0) == user.len, MRL_ERR_INVALID);
    MRL_ENSURE(user.len < plain.limit && password.len < plain.limit - user.len, MRL_ERR_LIMIT);
    MRL_TRY(mrl_buf_reserve(&plain, plain.limit, &room));
    err = mrl_buf_printf(&plain, "%.*s:", MRL_FMT(user));
    if (err == MRL_OK)
        err = mrl_buf_append(&plain, password);
    if (err == MRL_OK)
        err = mrl_buf_append(out, MRL_LIT("Basic "));
    if (err == MRL_OK)
        err = mrl_base64_write(mrl_buf_bytes(&plain), 0, out);
    mrl_wipe(room, plain.limit);
    if (err != MRL_OK)
        out->len = before;
    return err;
}
