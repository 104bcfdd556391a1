/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the Authorization header. Layer: wire. Thread: any. */
#ifndef MRL_WIRE_HTTP1_AUTH_H
#define MRL_WIRE_HTTP1_AUTH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

/* Whether value has that scheme (without case); then *credentials is the part behind the blanks,
 * borrowed. RFC 9110 11.4 */
bool mrl_http_auth_is(mrl_bytes value, const char *scheme, mrl_bytes *credentials);

struct mrl_http_basic {
    mrl_bytes user; /* both are views into text */
    mrl_bytes password;
    struct mrl_secret *text; /* owned */
};

/* "Basic <base64 of user:password>". MRL_ERR_UNSUPPORTED: another scheme; MRL_ERR_MALFORMED: no
 * base64, no colon, control characters or not UTF-8; MRL_ERR_LIMIT: over 1 KiB. why never holds the
 * content. Give *out back with mrl_http_basic_done, best as MRL_SCOPED(mrl_http_basic). RFC 7617 2
 */
mrl_err mrl_http_basic_read(mrl_bytes value, struct mrl_http_basic *out, struct mrl_why *why);
/* "Bearer <token>": *token is borrowed from value. MRL_ERR_UNSUPPORTED: another scheme;
 * MRL_ERR_MALFORMED: no token of RFC 6750 2.1; MRL_ERR_LIMIT: over 1 KiB. */
mrl_err mrl_http_bearer_read(mrl_bytes value, mrl_bytes *token, struct mrl_why *why);
/* Writes such a value; the caller wipes out. MRL_ERR_INVALID: colon in user, control characters. */
mrl_err mrl_http_basic_write(mrl_bytes user, mrl_bytes password, struct mrl_buf *out);
void mrl_http_basic_done(struct mrl_http_basic *b); /* wipes; an empty struct is fine */

#endif
