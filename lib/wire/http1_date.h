/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of HTTP. Layer: wire. RFC 9110 5.6.7. */
#ifndef MRL_WIRE_HTTP1_DATE_H
#define MRL_WIRE_HTTP1_DATE_H

#include "base/bytes.h"
#include "base/err.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, the one form that is sent) to seconds since 1970.
 * MRL_ERR_MALFORMED: anything else, the two obsolete forms included. */
mrl_err mrl_http_date_read(mrl_bytes text, int64_t *seconds);
enum { MRL_HTTP_DATE_TEXT = 32 };
/* The same back, whatever the locale; the year 2^31 and later are not. */
void mrl_http_date_format(int64_t at, char to[static MRL_HTTP_DATE_TEXT]);

#endif
