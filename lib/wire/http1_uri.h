/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: path, query and percent-encoding, strictly (RFC 3986). Layer: wire. Thread: any.
 */
#ifndef MRL_WIRE_HTTP1_URI_H
#define MRL_WIRE_HTTP1_URI_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct mrl_http_target {
    mrl_bytes path;  /* decoded, starts with "/"; in the arena, or "*" */
    mrl_bytes query; /* after "?", not decoded; borrowed from the target */
};

/* Splits an origin-form target (or "*") and decodes its path. Refused (MRL_ERR_MALFORMED): bad
 * percent-encoding, control characters, encoded slash or backslash, empty segments but the last,
 * "." and ".." segments in any spelling, text that is not UTF-8, a fragment. RFC 3986 2.1, 3.3 */
mrl_err mrl_http_target_read(mrl_bytes target, struct mrl_arena *arena, struct mrl_http_target *out,
                             struct mrl_why *why);

/* One after the other: start with left = target.query. MRL_ERR_NOT_FOUND at the end,
 * MRL_ERR_MALFORMED for bad encoding, control characters or bytes that are not UTF-8. name and
 * value are decoded ("+" is a blank) into the arena; a name without "=" has an empty value. */
mrl_err mrl_http_query_next(mrl_bytes *left, struct mrl_arena *arena, mrl_bytes *name,
                            mrl_bytes *value);
/* The parameter of that name. MRL_ERR_NOT_FOUND: not there; MRL_ERR_MALFORMED: bad query anywhere,
 * or the name given twice. */
mrl_err mrl_http_query_get(mrl_bytes query, const char *name, struct mrl_arena *arena,
                           mrl_bytes *value, struct mrl_why *why);

/* All but unreserved characters as %XX: for one path segment or query value. RFC 3986 2.3 */
mrl_err mrl_http_percent_write(mrl_bytes text, struct mrl_buf *out);

#endif
