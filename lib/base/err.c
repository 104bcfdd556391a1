/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/utf8.h"

static const char *const names[MRL_ERR_COUNT_] = {
    [MRL_OK] = "ok",
    [MRL_ERR_MALFORMED] = "malformed",
    [MRL_ERR_LIMIT] = "limit",
    [MRL_ERR_DENIED] = "denied",
    [MRL_ERR_AUTH] = "auth",
    [MRL_ERR_NOT_FOUND] = "not-found",
    [MRL_ERR_EXISTS] = "exists",
    [MRL_ERR_STATE] = "state",
    [MRL_ERR_INVALID] = "invalid",
    [MRL_ERR_AGAIN] = "again",
    [MRL_ERR_BUSY] = "busy",
    [MRL_ERR_TIMEOUT] = "timeout",
    [MRL_ERR_CLOSED] = "closed",
    [MRL_ERR_NO_SPACE] = "no-space",
    [MRL_ERR_IO] = "io",
    [MRL_ERR_CRYPTO] = "crypto",
    [MRL_ERR_CORRUPT] = "corrupt",
    [MRL_ERR_UNSUPPORTED] = "unsupported",
};

const char *mrl_err_name(mrl_err err)
{
    return (unsigned)err < MRL_ERR_COUNT_ ? names[err] : "unknown";
}

/* Names out of a request may be cut inside a character, and some were never text. */
static void make_text(char *text)
{
    mrl_bytes all = mrl_str(text);

    for (size_t at = 0, len; at < all.len; at += len) {
        for (len = 1; len <= 4 && !mrl_utf8_valid(mrl_bytes_sub(all, at, len)); len++)
            continue;
        if (len > 4) {
            text[at] = '?';
            len = 1;
        }
    }
}

void mrl_why_set(struct mrl_why *why, const char *format, ...)
{
    va_list args;

    if (why == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof(why->text), format,
                    args); /* truncation is fine: fixed size */
    va_end(args);
    make_text(why->text);
}
