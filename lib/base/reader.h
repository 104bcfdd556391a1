/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to read bytes that came from outside: every read is checked. Layer: base. Thread:
 * any. A read that fails moves nothing and writes nothing; it returns MRL_ERR_MALFORMED (too few
 * bytes). */
#ifndef MRL_BASE_READER_H
#define MRL_BASE_READER_H

#include "base/bytes.h"
#include "base/err.h"

struct mrl_reader {
    mrl_bytes in; /* borrowed */
    size_t at;
};

size_t mrl_reader_left(const struct mrl_reader *r);
/* Integers are big-endian. */
mrl_err mrl_read_u8(struct mrl_reader *r, uint8_t *out);
mrl_err mrl_read_u16(struct mrl_reader *r, uint16_t *out);
mrl_err mrl_read_u32(struct mrl_reader *r, uint32_t *out);
mrl_err mrl_read_u64(struct mrl_reader *r, uint64_t *out);
/* Views into the input, nothing is copied. */
mrl_err mrl_read_bytes(struct mrl_reader *r, size_t len, mrl_bytes *out);
mrl_err mrl_read_into(struct mrl_reader *r, void *to, size_t len); /* fixed-size copy */
mrl_err mrl_read_blob16(struct mrl_reader *r, mrl_bytes *out);     /* u16 length, then bytes */
mrl_err mrl_read_blob32(struct mrl_reader *r, mrl_bytes *out);     /* u32 length, then bytes */
mrl_bytes mrl_read_rest(struct mrl_reader *r);
/* MRL_ERR_MALFORMED unless everything was read: a message must end exactly. */
mrl_err mrl_reader_end(const struct mrl_reader *r);

#endif
