/* SPDX-License-Identifier: Apache-2.0 */
#include "main/witness_url.h"

#include <stdio.h>

static const char add_checkpoint[] = "/add-checkpoint";

/* What stands in a request line and a Host field as it is; no query, no fragment, no user. */
static bool is_plain(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' ||
            mrl_bytes_find(MRL_LIT("?#@\\\"<>"), text.data[i], 0) < sizeof("?#@\\\"<>") - 1)
            return false;
    return true;
}

static bool put(char *to, size_t cap, mrl_bytes head, const char *tail)
{
    int len = snprintf(to, cap, "%.*s%s", MRL_FMT(head), tail);

    return len > 0 && (size_t)len < cap;
}

/* The last colon is the port's, unless it is one of an IPv6 address. */
static bool has_port(mrl_bytes authority)
{
    size_t bracket = mrl_bytes_find(authority, ']', 0);

    return mrl_bytes_find(authority, ':', bracket < authority.len ? bracket : 0) < authority.len;
}

static mrl_err parse_https(mrl_bytes rest, struct mrl_witness_url *out, struct mrl_why *why)
{
    size_t slash = mrl_bytes_find(rest, '/', 0);
    mrl_bytes authority = mrl_bytes_sub(rest, 0, slash),
              prefix = mrl_bytes_sub(rest, slash, rest.len);

    while (mrl_bytes_ends(prefix, MRL_LIT("/")))
        prefix.len--;
    if (authority.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "the url of a witness names no host");
    out->tls = true;
    if (!put(out->server, sizeof(out->server), authority, has_port(authority) ? "" : ":443") ||
        !put(out->target, sizeof(out->target), prefix, add_checkpoint))
        return mrl_fail(why, MRL_ERR_INVALID, "the url of a witness is too long");
    return MRL_OK;
}

mrl_err mrl_witness_url_parse(mrl_bytes url, struct mrl_witness_url *out, struct mrl_why *why)
{
    const mrl_bytes https = MRL_LIT("https://");

    *out = (struct mrl_witness_url){0};
    if (!is_plain(url))
        return mrl_fail(why, MRL_ERR_INVALID, "the url of a witness has characters that none has");
    if (mrl_bytes_starts(url, https))
        return parse_https(mrl_bytes_sub(url, https.len, url.len), out, why);
    if (!mrl_bytes_starts(url, MRL_LIT("unix:/")))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the url of a witness is https://host:port/prefix or unix:/path");
    if (!put(out->server, sizeof(out->server), url, "") ||
        !put(out->target, sizeof(out->target), MRL_BYTES_NONE, add_checkpoint))
        return mrl_fail(why, MRL_ERR_INVALID, "the url of a witness is too long");
    return MRL_OK;
}
