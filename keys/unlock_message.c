/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock_message.h"

#include <string.h>

enum { VERSION = 2 };

static const char operations[] = {MRL_UNLOCK_MAKE, MRL_UNLOCK_OPEN, MRL_UNLOCK_HOLD,
                                  MRL_UNLOCK_MAKE_KEY, MRL_UNLOCK_SIGN};

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
    MRL_ENSURE(memchr(operations, operation, sizeof(operations)) != NULL, MRL_ERR_MALFORMED);
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

static mrl_err check_data(const struct mrl_unlock_request *q)
{
    if (q->operation == MRL_UNLOCK_SIGN)
        return q->data.len >= 1 && q->data.len <= MRL_UNLOCK_BLOB_MAX ? MRL_OK : MRL_ERR_MALFORMED;
    if (q->operation != MRL_UNLOCK_MAKE_KEY)
        return q->data.len == 0 ? MRL_OK : MRL_ERR_MALFORMED;
    MRL_ENSURE(q->data.len == 1, MRL_ERR_MALFORMED);
    return q->data.data[0] >= MRL_UNLOCK_P256 && q->data.data[0] < MRL_UNLOCK_KEY_END_
               ? MRL_OK
               : MRL_ERR_MALFORMED;
}

mrl_err mrl_unlock_read_request(mrl_bytes message, struct mrl_unlock_request *out)
{
    struct mrl_reader r = {message};
    struct mrl_unlock_request q = {0};

    MRL_TRY(read_what(&r, &q));
    MRL_TRY(read_texts(&r, &q));
    MRL_TRY(mrl_read_blob16(&r, &q.blob));
    MRL_ENSURE(q.blob.len <= MRL_UNLOCK_BLOB_MAX, MRL_ERR_MALFORMED);
    MRL_ENSURE(q.operation == MRL_UNLOCK_OPEN || q.operation == MRL_UNLOCK_SIGN || q.blob.len == 0,
               MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_blob16(&r, &q.data));
    MRL_TRY(check_data(&q));
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
    mrl_put_blob16(w, q->data);
    return mrl_writer_end(w, &written);
}

mrl_err mrl_unlock_read_made(mrl_bytes content, struct mrl_unlock_made *out)
{
    struct mrl_reader r = {content};
    struct mrl_unlock_made m;

    MRL_TRY(mrl_read_blob16(&r, &m.reference));
    MRL_TRY(mrl_read_blob16(&r, &m.spki));
    MRL_TRY(mrl_reader_end(&r));
    *out = m;
    return MRL_OK;
}

mrl_err mrl_unlock_write_made(const struct mrl_unlock_made *m, struct mrl_writer *w)
{
    mrl_bytes written;

    mrl_put_blob16(w, m->reference);
    mrl_put_blob16(w, m->spki);
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
