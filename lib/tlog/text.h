/* SPDX-License-Identifier: Apache-2.0 */
/* What the texts of this layer are made of. Private to lib/tlog. Layer: tlog. Thread: any. All
 * readers fail with MRL_ERR_MALFORMED. */
#ifndef MRL_TLOG_TEXT_H
#define MRL_TLOG_TEXT_H

#include "base/buf.h"
#include "tlog/proof.h"

enum {
    MRL_TLOG_HASH_TEXT = 44,   /* characters of a hash in base64 */
    MRL_TLOG_PROOF_LINES = 63, /* of c2sp.org/tlog-witness; a log below 2^62 needs no more */
};

/* The next line of *rest, without its LF, which must be there. */
mrl_err mrl_tlog_line(mrl_bytes *rest, mrl_bytes *line);
/* What stands on the line behind prefix. */
mrl_err mrl_tlog_line_after(mrl_bytes *rest, mrl_bytes prefix, mrl_bytes *value);
/* Decimal digits without leading zeroes, at most MRL_TLOG_SIZE_MAX. */
mrl_err mrl_tlog_decimal(mrl_bytes text, uint64_t *out);
/* RFC 4648 4, without the white space that mrl_base64_read skips. Appends to out. */
mrl_err mrl_tlog_base64(mrl_bytes text, struct mrl_buf *out);
mrl_err mrl_tlog_hash_read(mrl_bytes text, struct mrl_tlog_hash *out);
mrl_err mrl_tlog_hash_write(const struct mrl_tlog_hash *hash, struct mrl_buf *out);
/* A line per hash, and the empty line behind them. More than MRL_TLOG_PROOF_LINES: MRL_ERR_LIMIT.
 */
mrl_err mrl_tlog_path_read(mrl_bytes *rest, struct mrl_tlog_proof *out);
mrl_err mrl_tlog_path_write(const struct mrl_tlog_proof *p, struct mrl_buf *out);
/* UTF-8, and below U+0020 nothing but LF. */
bool mrl_tlog_text_valid(mrl_bytes text);
/* Of a key: 1 to MRL_NOTE_NAME_MAX bytes, no Unicode space, no plus, no control character. */
bool mrl_tlog_name_valid(mrl_bytes name);

#endif
