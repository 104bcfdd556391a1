/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/http1_uri.h"

/* A target that is not whole must never be sent. */
static void must(mrl_err err)
{
    if (err != MRL_OK)
        abort();
}

void mrl_cli_target(struct mrl_buf *out, const char *base, ...)
{
    const char *segment;
    va_list args;

    must(mrl_buf_append(out, mrl_str(base)));
    va_start(args, base);
    while ((segment = va_arg(args, const char *)) != NULL) {
        must(mrl_buf_append(out, MRL_LIT("/")));
        must(mrl_http_percent_write(mrl_str(segment), out));
    }
    va_end(args);
}

void mrl_cli_target_query(struct mrl_buf *out, const char *name, mrl_bytes value)
{
    bool first = mrl_bytes_find(mrl_buf_bytes(out), '?', 0) == out->len;

    if (value.data == NULL)
        return;
    must(mrl_buf_printf(out, "%c%s=", first ? '?' : '&', name));
    must(mrl_http_percent_write(value, out));
}

void mrl_cli_target_query_number(struct mrl_buf *out, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    mrl_cli_target_query(out, name, mrl_str(text));
}
