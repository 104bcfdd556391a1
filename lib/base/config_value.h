/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the configuration file, and the cursor that reads them. Private to base/config*.c.
 * Layer: base. */
#ifndef MRL_BASE_CONFIG_VALUE_H
#define MRL_BASE_CONFIG_VALUE_H

#include "base/config.h"

struct mrl_config_cursor {
    mrl_bytes text;
    size_t at;
    unsigned line;
    struct mrl_arena *arena;
    struct mrl_why *why;
};

enum mrl_config_kind {
    MRL_CONFIG_IS_STRING,
    MRL_CONFIG_IS_INTEGER,
    MRL_CONFIG_IS_BOOL,
    MRL_CONFIG_IS_LIST
};

struct mrl_config_value {
    enum mrl_config_kind kind;
    mrl_bytes text;
    int64_t number;
    bool truth;
    struct mrl_config_strings list;
};

int mrl_config_peek(const struct mrl_config_cursor *c); /* -1 at the end */
bool mrl_config_accept(struct mrl_config_cursor *c, uint8_t wanted);
void mrl_config_skip_blanks(struct mrl_config_cursor *c); /* SP and TAB */
/* A value as it stands in the file; strings in the arena with a NUL behind. MRL_ERR_MALFORMED */
mrl_err mrl_config_read_value(struct mrl_config_cursor *c, struct mrl_config_value *out);
/* A comment, if any, and the end of line or file. */
mrl_err mrl_config_end_line(struct mrl_config_cursor *c);
/* Checks value against key and stores it in field, of the type that key->type says. */
mrl_err mrl_config_store(const struct mrl_config_key *key, const struct mrl_config_value *value,
                         unsigned line, void *field, struct mrl_why *why);
/* What key accepts, as a phrase: "an integer from 1 to 65535". */
mrl_err mrl_config_accepts(const struct mrl_config_key *key, struct mrl_buf *out);

#endif
