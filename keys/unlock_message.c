/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock_message.h"

#include <string.h>

enum { VERSION = 1 };

static mrl_err read_text(struct mrl_reader *r, mrl_bytes *out)
{
    mrl_bytes text;

    MRL_TRY(mrl_read_blob16(r, &text));
    MRL_ENSURE(text.len <= MRL_UNLOCK_TEXT_MAX, MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_find(text, '\0', 0) == text.len, MRL_ERR_MALFORMED);
    *out = text;
    return MRL_OK;
}

static mrl_err read_what(struct mrl_reader *r, struct mrl_unlock_request *q)
{
    uint8_t version, operation, kind;

    MRL_TRY(mrl_read_u8(r, &version));
    MRL_TRY(mrl_read_u8(r, &operation));
    MRL_TRY(mrl_read_u8(r, &kind));
    MRL_ENSURE(version == VERSION, MRL_ERR_MALFORMED);
    MRL_ENSURE(operation == MRL_UNLOCK_MAKE || operation == MRL_UNLOCK_OPEN, MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_unlock_is_hardware((enum mrl_unlock_kind)kind), MRL_ERR_MALFORMED);
    q->operation = (enum mrl_unlock_operation)operation;
    q->kind = (enum mrl_unlock_kind)kind;
    return MRL_OK;
}

static mrl_err read_texts(struct mrl_reader *r, struct mrl_unlock_request *q)
{
    MRL_TRY(read_text(r, &q->tcti));
    MRL_TRY(read_text(r, &q->pcrs));
    MRL_TRY(read_text(r, &q->module));
    MRL_TRY(read_text(r, &q->token));
    MRL_TRY(read_text(r, &q->key));
    return read_text(r, &q->pin);
}

mrl_err mrl_unlock_read_request(mrl_bytes message, struct mrl_unlock_request *out)
{
    struct mrl_reader r = {message};
    struct mrl_unlock_request q = {0};

    MRL_TRY(read_what(&r, &q));
    MRL_TRY(read_texts(&r, &q));
    MRL_TRY(mrl_read_blob16(&r, &q.blob));
    MRL_ENSURE(q.blob.len <= MRL_UNLOCK_BLOB_MAX, MRL_ERR_MALFORMED);
    MRL_ENSURE(q.operation == MRL_UNLOCK_OPEN || q.blob.len == 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_reader_end(&r));
    *out = q;
    return MRL_OK;
}

mrl_err mrl_unlock_write_request(const struct mrl_unlock_request *q, struct mrl_writer *w)
{
    mrl_bytes written;

    mrl_put_u8(w, VERSION);
    mrl_put_u8(w, (uint8_t)q->operation);
    mrl_put_u8(w, (uint8_t)q->kind);
    mrl_put_blob16(w, q->tcti);
    mrl_put_blob16(w, q->pcrs);
    mrl_put_blob16(w, q->module);
    mrl_put_blob16(w, q->token);
    mrl_put_blob16(w, q->key);
    mrl_put_blob16(w, q->pin);
    mrl_put_blob16(w, q->blob);
    return mrl_writer_end(w, &written);
}

mrl_err mrl_unlock_read_answer(mrl_bytes message, struct mrl_unlock_answer *out)
{
    struct mrl_reader r = {message};
    mrl_bytes content;
    uint8_t err;

    MRL_TRY(mrl_read_u8(&r, &err));
    MRL_ENSURE(err < MRL_ERR_COUNT_, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_blob16(&r, &content));
    MRL_ENSURE(content.len <= MRL_UNLOCK_BLOB_MAX, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_reader_end(&r));
    *out = (struct mrl_unlock_answer){(mrl_err)err, content};
    return MRL_OK;
}

mrl_err mrl_unlock_write_answer(const struct mrl_unlock_answer *a, struct mrl_writer *w)
{
    mrl_bytes written;

    mrl_put_u8(w, (uint8_t)a->err);
    mrl_put_blob16(w, a->content);
    return mrl_writer_end(w, &written);
}
