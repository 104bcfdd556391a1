/* SPDX-License-Identifier: Apache-2.0 */
/* Writes into memory of the caller, remembers overflow, reports it once at the end. Layer: base.
 * Thread: any. */
#ifndef MRL_BASE_WRITER_H
#define MRL_BASE_WRITER_H

#include "base/bytes.h"
#include "base/err.h"

struct mrl_writer {
    uint8_t *data; /* borrowed; NULL: only counts */
    size_t cap;
    size_t len;    /* never above cap */
    bool overflow; /* once set, nothing more is written */
};

static inline struct mrl_writer mrl_writer_on(void *data, size_t cap)
{
    return (struct mrl_writer){data, cap, 0, false};
}

/* Writes nowhere and only counts: len is what the same calls will need. mrl_put_space gives NULL.
 */
static inline struct mrl_writer mrl_writer_counting(void)
{
    return (struct mrl_writer){NULL, SIZE_MAX, 0, false};
}

/* Integers are big-endian. */
void mrl_put_u8(struct mrl_writer *w, uint8_t v);
void mrl_put_u16(struct mrl_writer *w, uint16_t v);
void mrl_put_u32(struct mrl_writer *w, uint32_t v);
void mrl_put_u64(struct mrl_writer *w, uint64_t v);
void mrl_put_bytes(struct mrl_writer *w, mrl_bytes b);
void mrl_put_blob16(struct mrl_writer *w, mrl_bytes b); /* u16 length first; overflow above 65535 */
void mrl_put_blob32(struct mrl_writer *w, mrl_bytes b);
void mrl_put_text(struct mrl_writer *w, const char *format, ...) MRL_PRINTF(2, 3); /* no NUL */
/* n zero bytes to be filled later; NULL on overflow and when counting. */
uint8_t *mrl_put_space(struct mrl_writer *w, size_t n);
/* What was written, or MRL_ERR_NO_SPACE when anything did not fit. */
mrl_err mrl_writer_end(const struct mrl_writer *w, mrl_bytes *out);

#endif
