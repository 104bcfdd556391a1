/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/hex.h"
#include "tlog/checkpoint.h"
#include "tlog/text.h"

static const mrl_bytes proof_header = MRL_LIT_INIT("c2sp.org/tlog-proof@v1");

mrl_err mrl_add_checkpoint_read(mrl_bytes body, struct mrl_add_checkpoint *out)
{
    mrl_bytes old;

    MRL_TRY(mrl_tlog_line_after(&body, MRL_LIT("old "), &old));
    MRL_TRY(mrl_tlog_decimal(old, &out->old));
    MRL_TRY(mrl_tlog_path_read(&body, &out->proof));
    MRL_ENSURE(body.len > 0, MRL_ERR_MALFORMED);
    out->note = body;
    return MRL_OK;
}

mrl_err mrl_add_checkpoint_write(const struct mrl_add_checkpoint *a, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_printf(out, "old %" PRIu64 "\n", a->old));
    MRL_TRY(mrl_tlog_path_write(&a->proof, out));
    return mrl_buf_append(out, a->note);
}

mrl_err mrl_proof_file_write(const struct mrl_proof_file *p, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_append(out, proof_header));
    if (p->extra.len > 0) {
        MRL_TRY(mrl_buf_append(out, MRL_LIT("\nextra ")));
        MRL_TRY(mrl_base64_write(p->extra, 0, out));
    }
    MRL_TRY(mrl_buf_printf(out, "\nindex %" PRIu64 "\n", p->index));
    MRL_TRY(mrl_tlog_path_write(&p->proof, out));
    return mrl_buf_append(out, p->note);
}

static mrl_err read_extra(mrl_bytes *rest, struct mrl_buf *extra)
{
    mrl_bytes base64;

    mrl_buf_clear(extra);
    if (!mrl_bytes_starts(*rest, MRL_LIT("extra ")))
        return MRL_OK;
    MRL_TRY(mrl_tlog_line_after(rest, MRL_LIT("extra "), &base64));
    MRL_ENSURE(base64.len > 0, MRL_ERR_MALFORMED); /* without extra data there is no such line */
    return mrl_tlog_base64(base64, extra);
}

mrl_err mrl_proof_file_read(mrl_bytes text, struct mrl_buf *extra, struct mrl_proof_file *out)
{
    mrl_bytes line;

    MRL_TRY(mrl_tlog_line(&text, &line));
    MRL_ENSURE(mrl_bytes_eq(line, proof_header), MRL_ERR_MALFORMED);
    MRL_TRY(read_extra(&text, extra));
    MRL_TRY(mrl_tlog_line_after(&text, MRL_LIT("index "), &line));
    MRL_TRY(mrl_tlog_decimal(line, &out->index));
    MRL_TRY(mrl_tlog_path_read(&text, &out->proof));
    MRL_ENSURE(text.len > 0, MRL_ERR_MALFORMED);
    out->extra = mrl_buf_bytes(extra);
    out->note = text;
    return MRL_OK;
}
