/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers' bytes for a person's terminal. Layer: cli.
 * A device chooses its topics, payloads and reasons: none of that may move the cursor, change a
 * colour or a title, or turn the direction of writing. */
#ifndef MRL_CLI_TEXT_H
#define MRL_CLI_TEXT_H

#include "base/buf.h"

/* Appends text as visible characters: control bytes and what is not UTF-8 as \x1b, control,
 * direction and invisible characters beyond ASCII as \u{202e}; LF, CR and TAB as \n, \r, \t. Uses
 * the widths of LC_CTYPE: without a UTF-8 locale everything beyond ASCII is escaped. Never fails
 * but by the limit of out. */
mrl_err mrl_text_escape(mrl_bytes text, struct mrl_buf *out);
/* Columns that escaped text takes. */
size_t mrl_text_width(mrl_bytes escaped);
/* As much of escaped text as fits into so many columns. */
mrl_bytes mrl_text_cut(mrl_bytes escaped, size_t columns);

/* Removes the white space between the tokens of a JSON text; strings stay as they are. Appends. */
mrl_err mrl_text_compact_json(mrl_bytes json, struct mrl_buf *out);
/* One word of a POSIX shell, quoted only when needed. Appends. text has no NUL. */
mrl_err mrl_text_shell_word(mrl_bytes text, struct mrl_buf *out);

#endif
