/* SPDX-License-Identifier: Apache-2.0 */
/* Reads comma-separated values one record after the other, as RFC 4180 says and no other way: what
 * is quoted badly is an error, never a guess. Besides CR LF a line may end with LF alone, and a
 * byte order mark of UTF-8 may stand before all. Layer: cli. Thread: one. */
#ifndef MRL_CLI_CSV_H
#define MRL_CLI_CSV_H

#include <stdio.h>

#include "base/buf.h"

enum {
    MRL_CSV_FIELDS_MAX = 64,
    MRL_CSV_RECORD_MAX = 16 << 10, /* bytes of the fields of one record */
};

struct mrl_csv {
    FILE *in;           /* borrowed */
    unsigned long line; /* where the present record begins, from 1 on */
    /* The reader's own. */
    unsigned long next_line;
    struct mrl_buf text; /* the fields, one behind the other */
    size_t ends[MRL_CSV_FIELDS_MAX];
    size_t count;
};

void mrl_csv_init(struct mrl_csv *c, FILE *in);
void mrl_csv_done(struct mrl_csv *c);
/* The next record. MRL_ERR_NOT_FOUND: there is none; MRL_ERR_MALFORMED, MRL_ERR_LIMIT, MRL_ERR_IO
 * with a sentence that names the line: nothing behind it can be read. */
mrl_err mrl_csv_next(struct mrl_csv *c, struct mrl_why *why);
/* A field of the present record, i < c->count; until the next. */
mrl_bytes mrl_csv_field(const struct mrl_csv *c, size_t i);

#endif
