/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of a device: small name/value pairs that a rule may name as ${attr.NAME}. Layer:
 * access. Thread: any.
 *
 * A set is one text, "floor=2\nsite=berlin": sorted by name, each name once, no line break at the
 * end; empty when there are none. That is the form in the store, in the snapshot and in the audit
 * log. A value can stand as one topic level as it is, so filling it in never widens a filter. */
#ifndef MRL_ACCESS_ATTRIBUTES_H
#define MRL_ACCESS_ATTRIBUTES_H

#include "base/buf.h"
#include "base/err.h"

enum {
    MRL_ATTRIBUTES_MAX = 16,      /* of one device */
    MRL_ATTRIBUTE_NAME_MAX = 32,  /* characters */
    MRL_ATTRIBUTE_VALUE_MAX = 64, /* bytes */
    MRL_ATTRIBUTES_TEXT_MAX =
        MRL_ATTRIBUTES_MAX * (MRL_ATTRIBUTE_NAME_MAX + MRL_ATTRIBUTE_VALUE_MAX + 2) - 1,
};

/* 1 to 32 of A-Z a-z 0-9 . _ - and not '.' or '-' first. */
bool mrl_attribute_name_valid(mrl_bytes name);
/* 1 to 64 bytes of UTF-8 without '/', '+', '#' and control characters, U+0000 included. */
bool mrl_attribute_value_valid(mrl_bytes value);
/* The value of an attribute; empty: the set has none of this name. A view into set. */
mrl_bytes mrl_attributes_get(mrl_bytes set, mrl_bytes name);

/* From the first on: *rest = set, false after the last. The set is valid. */
bool mrl_attributes_next(mrl_bytes *rest, mrl_bytes *name, mrl_bytes *value);
/* A text from the store, or from anywhere: is it a set in the form above? */
bool mrl_attributes_valid(mrl_bytes set);
/* set with name given value (empty: without name), appended to out, which is then a set.
 * MRL_ERR_INVALID with a sentence: name or value not acceptable; MRL_ERR_LIMIT: one too many. */
mrl_err mrl_attributes_with(mrl_bytes set, mrl_bytes name, mrl_bytes value, struct mrl_buf *out,
                            struct mrl_why *why);

#endif
