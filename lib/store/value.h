/* SPDX-License-Identifier: Apache-2.0 */
/* Values bound to the $1, $2 ... of a statement, and its limits. Layer: store. Thread: any.
 *
 * The SQL dialect is what SQLite and PostgreSQL both speak: types INTEGER (64 bits in both), TEXT
 * (valid UTF-8) and BLOB, of which an engine makes its own names; parameters $1..$n; ON CONFLICT,
 * RETURNING, CHECK and REFERENCES. No AUTOINCREMENT, no PRAGMA, no ATTACH, no BEGIN or COMMIT. */
#ifndef MRL_STORE_VALUE_H
#define MRL_STORE_VALUE_H

#include "base/bytes.h"

enum {
    MRL_STORE_ARGS_MAX = 32,        /* parameters of one statement */
    MRL_STORE_VALUE_MAX = 16 << 20, /* bytes of one text or blob, bound or stored */
    MRL_STORE_SQL_MAX = 256 << 10,  /* bytes of one statement or migration */
};

enum mrl_value_type { MRL_VALUE_NULL, MRL_VALUE_INT, MRL_VALUE_TEXT, MRL_VALUE_BLOB };

/* Bytes are borrowed until the statement is done: for mrl_tx_query until the rows are freed. */
struct mrl_value {
    enum mrl_value_type type;
    int64_t number;
    mrl_bytes bytes;
};

#define MRL_NULL ((struct mrl_value){.type = MRL_VALUE_NULL})
#define MRL_INT(x) ((struct mrl_value){.type = MRL_VALUE_INT, .number = (int64_t)(x)})
#define MRL_TEXT(b) ((struct mrl_value){.type = MRL_VALUE_TEXT, .bytes = (b)})
#define MRL_BLOB(b) ((struct mrl_value){.type = MRL_VALUE_BLOB, .bytes = (b)})

/* The arguments of a statement and their count, for calls with at least one:
 *     mrl_tx_exec(tx, "DELETE FROM tokens WHERE id = $1", MRL_ARGS(MRL_TEXT(id)), NULL) */
#define MRL_ARGS(...)                  \
    (struct mrl_value[]){__VA_ARGS__}, \
        sizeof((struct mrl_value[]){__VA_ARGS__}) / sizeof(struct mrl_value)
#define MRL_NO_ARGS NULL, 0

#endif
