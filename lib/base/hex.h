/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal and base64 text. Layer: base. Thread: any. */
#ifndef MRL_BASE_HEX_H
#define MRL_BASE_HEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

/* Lower case with a terminating NUL; to has 2 * b.len + 1 bytes. */
void mrl_hex(mrl_bytes b, char *to);
int mrl_hex_digit(uint8_t c); /* 0 to 15, either case; -1: it is none */
/* Exactly len bytes from 2 * len hex digits, either case. */
mrl_err mrl_unhex(mrl_bytes text, uint8_t *to, size_t len);

/* RFC 4648 4, padded; a LF after every `columns` characters and at the end (0: no LF at all). */
mrl_err mrl_base64_write(mrl_bytes b, size_t columns, struct mrl_buf *out);
/* RFC 4648 5, not padded. */
mrl_err mrl_base64url_write(mrl_bytes b, struct mrl_buf *out);
/* Standard alphabet with padding; CR, LF, SP and TAB anywhere are skipped (RFC 8951 3.1). Anything
 * else, bits left over that are not zero, or bytes after the padding: MRL_ERR_MALFORMED. Appends to
 * out. */
mrl_err mrl_base64_read(mrl_bytes text, struct mrl_buf *out);
/* URL alphabet, no padding, no white space. */
mrl_err mrl_base64url_read(mrl_bytes text, struct mrl_buf *out);

#endif
