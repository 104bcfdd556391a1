/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

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

void mrl_why_set(struct mrl_why *why, const char *format, ...)
{
    va_list args;

    if (why == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof(why->text), format,
                    args); /* truncation is fine: fixed size */
    va_end(args);
}
