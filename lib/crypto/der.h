/* SPDX-License-Identifier: Apache-2.0 */
/* DER (X.690): reading element by element from a struct mrl_reader, writing by begin and end.
 * Layer: crypto. Thread: any. Reading accepts one spelling only: definite, shortest lengths
 * (X.690 10.1) and one-byte tags; anything else is MRL_ERR_MALFORMED and moves nothing. */
#ifndef MRL_CRYPTO_DER_H
#define MRL_CRYPTO_DER_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"

enum {
    MRL_DER_BOOLEAN = 0x01,
    MRL_DER_INTEGER = 0x02,
    MRL_DER_BIT_STRING = 0x03,
    MRL_DER_OCTET_STRING = 0x04,
    MRL_DER_NULL = 0x05,
    MRL_DER_OID = 0x06,
    MRL_DER_ENUMERATED = 0x0a,
    MRL_DER_UTF8 = 0x0c,
    MRL_DER_PRINTABLE = 0x13,
    MRL_DER_T61 = 0x14,
    MRL_DER_IA5 = 0x16,
    MRL_DER_UTC_TIME = 0x17,
    MRL_DER_GENERALIZED_TIME = 0x18,
    MRL_DER_UNIVERSAL = 0x1c,
    MRL_DER_BMP = 0x1e,
    MRL_DER_SEQUENCE = 0x30,
    MRL_DER_SET = 0x31,
};
#define MRL_DER_CONTEXT(n) (uint8_t)(0x80 | (n)) /* [n] IMPLICIT of a primitive */
#define MRL_DER_CONTEXT_CONSTRUCTED(n)                         \
    (uint8_t)(0xa0 | (n)) /* [n] EXPLICIT, or of a constructed \
                           */

/* Any element: its tag, its content and the whole of it. Each out may be NULL. */
mrl_err mrl_der_read_any(struct mrl_reader *r, uint8_t *tag, mrl_bytes *content, mrl_bytes *whole);
/* The content of an element that must have this tag. */
mrl_err mrl_der_read(struct mrl_reader *r, uint8_t tag, mrl_bytes *content);
/* The same as a reader over the content. */
mrl_err mrl_der_enter(struct mrl_reader *r, uint8_t tag, struct mrl_reader *content);
bool mrl_der_next_is(const struct mrl_reader *r, uint8_t tag);
/* A non-negative INTEGER as its magnitude, big-endian without leading zeros (empty for 0). */
mrl_err mrl_der_read_unsigned(struct mrl_reader *r, mrl_bytes *magnitude);
/* A BIT STRING of whole bytes. */
mrl_err mrl_der_read_bits(struct mrl_reader *r, mrl_bytes *bits);

/* Writing: appends to out; errors are remembered and reported by mrl_der_finish. */
enum { MRL_DER_DEEPEST = 16 };
struct mrl_der {
    struct mrl_buf *out; /* borrowed */
    mrl_err err;
    unsigned depth;
    size_t open[MRL_DER_DEEPEST]; /* where the content of each open element starts */
};
static inline struct mrl_der mrl_der_on(struct mrl_buf *out)
{
    return (struct mrl_der){.out = out};
}
void mrl_der_begin(struct mrl_der *d, uint8_t tag);
void mrl_der_end(struct mrl_der *d);
void mrl_der_put(struct mrl_der *d, uint8_t tag, mrl_bytes content);
void mrl_der_raw(struct mrl_der *d, mrl_bytes encoded);        /* complete elements, or content */
void mrl_der_unsigned(struct mrl_der *d, mrl_bytes magnitude); /* INTEGER >= 0, big-endian */
void mrl_der_small(struct mrl_der *d, uint8_t value);          /* INTEGER 0..255 */
void mrl_der_true(struct mrl_der *d);                          /* BOOLEAN TRUE */
void mrl_der_bits(struct mrl_der *d, mrl_bytes bits);          /* BIT STRING of whole bytes */
/* RFC 5280 4.1.2.5: UTCTime from 1950 to 2049, GeneralizedTime otherwise. MRL_ERR_INVALID outside
 * of the years 1..9999. */
void mrl_der_time(struct mrl_der *d, int64_t seconds);
/* GeneralizedTime whatever the year, without fractions (RFC 6960 4.2.2.1). */
void mrl_der_generalized_time(struct mrl_der *d, int64_t seconds);
/* Tag and length only: len bytes of content follow, here or somewhere else. */
void mrl_der_header(struct mrl_der *d, uint8_t tag, size_t len);
/* MRL_OK when everything was written and closed; out is otherwise unusable. */
mrl_err mrl_der_finish(const struct mrl_der *d);

#endif
