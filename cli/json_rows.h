/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the objects of a JSON array, or of objects one behind the other (NDJSON), without ever
 * holding more than one. Layer: cli. Thread: one. */
#ifndef MRL_CLI_JSON_ROWS_H
#define MRL_CLI_JSON_ROWS_H

#include <stdio.h>

#include "base/json.h"

enum { MRL_JSON_ROW_MAX = 16 << 10 }; /* bytes of one object */

struct mrl_json_rows {
    FILE *in;           /* borrowed */
    unsigned long line; /* where the present object begins, from 1 on */
    /* The reader's own. */
    unsigned long next_line;
    enum { MRL_ROWS_START, MRL_ROWS_PLAIN, MRL_ROWS_ARRAY, MRL_ROWS_END } state;
    bool first; /* no object of the array was read yet */
    struct mrl_buf text;
};

void mrl_json_rows_init(struct mrl_json_rows *r, FILE *in);
void mrl_json_rows_done(struct mrl_json_rows *r);
/* The next object. MRL_ERR_NOT_FOUND: there is none. MRL_ERR_INVALID: this one is none, the next
 * can be read. MRL_ERR_MALFORMED, MRL_ERR_LIMIT, MRL_ERR_IO: nothing behind it can be read. why
 * names the line for all but MRL_ERR_INVALID. Gives *out. */
mrl_err mrl_json_rows_next(struct mrl_json_rows *r, json_t **out, struct mrl_why *why);

#endif
