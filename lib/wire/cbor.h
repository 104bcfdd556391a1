/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR (RFC 8949), the part that small messages need: items of definite length, without tags.
 * Layer: wire. Thread: any. Nothing is allocated; what is read are views into the input. */
#ifndef MRL_WIRE_CBOR_H
#define MRL_WIRE_CBOR_H

#include "base/reader.h"
#include "base/writer.h"

enum { MRL_CBOR_DEPTH_MAX = 8 }; /* arrays and maps inside each other */

enum mrl_cbor_type {
    MRL_CBOR_UNSIGNED,
    MRL_CBOR_NEGATIVE, /* -1 - number */
    MRL_CBOR_BYTES,
    MRL_CBOR_TEXT,
    MRL_CBOR_ARRAY,  /* number items follow */
    MRL_CBOR_MAP,    /* number pairs of items follow */
    MRL_CBOR_SIMPLE, /* number: 20 false, 21 true, 22 null, 23 undefined, others unassigned */
    MRL_CBOR_FLOAT,  /* number: its bits, in the width they came in */
};

struct mrl_cbor_item {
    enum mrl_cbor_type type;
    uint64_t number;
    mrl_bytes bytes; /* of BYTES and TEXT */
};

/* One item; of an array or a map the head alone. MRL_ERR_MALFORMED, and nothing is moved: not well
 * formed, more than there is, text that is not UTF-8. MRL_ERR_UNSUPPORTED: a tag, or a length that
 * is told later. */
mrl_err mrl_cbor_read(struct mrl_reader *r, struct mrl_cbor_item *out);
/* A text string; another item is MRL_ERR_INVALID. */
mrl_err mrl_cbor_read_text(struct mrl_reader *r, mrl_bytes *out);
/* The head of a map; another item is MRL_ERR_INVALID. */
mrl_err mrl_cbor_read_map(struct mrl_reader *r, size_t *pairs);
/* One item with all that is in it. MRL_ERR_LIMIT: deeper than MRL_CBOR_DEPTH_MAX. */
mrl_err mrl_cbor_skip(struct mrl_reader *r);

/* The shortest form, RFC 8949 4.1. */
void mrl_cbor_put_map(struct mrl_writer *w, size_t pairs);
void mrl_cbor_put_text(struct mrl_writer *w, mrl_bytes text);
void mrl_cbor_put_unsigned(struct mrl_writer *w, uint64_t number);

#endif
