/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/opening.h"

#include <string.h>

#include "base/hex.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/writer.h"
#include "crypto/hash.h"

enum { VERSION = 1, MESSAGE_MAX = MRL_AUDIT_SALT + MRL_AUDIT_FIELD_MAX + 1 + MRL_AUDIT_VALUE_MAX };

static const char prefix[] = "sha256:";

mrl_err mrl_audit_commit(const struct mrl_audit_opening *o,
                         char to[static MRL_AUDIT_COMMITMENT + 1])
{
    uint8_t message[MESSAGE_MAX], hash[MRL_SHA256_SIZE];
    struct mrl_writer w = mrl_writer_on(message, sizeof(message));
    mrl_bytes whole;

    MRL_ENSURE(o->field.len <= MRL_AUDIT_FIELD_MAX && o->value.len <= MRL_AUDIT_VALUE_MAX,
               MRL_ERR_LIMIT);
    mrl_put_bytes(&w, mrl_bytes_of(o->salt, sizeof(o->salt)));
    mrl_put_bytes(&w, o->field);
    mrl_put_u8(&w, 0);
    mrl_put_bytes(&w, o->value);
    MRL_TRY(mrl_writer_end(&w, &whole));
    MRL_TRY(mrl_sha256(whole, hash));
    memcpy(to, prefix, sizeof(prefix) - 1);
    mrl_hex(mrl_bytes_of(hash, sizeof(hash)), &to[sizeof(prefix) - 1]);
    return MRL_OK;
}

mrl_err mrl_audit_opening_check(const struct mrl_audit_opening *o, mrl_bytes commitment)
{
    char text[MRL_AUDIT_COMMITMENT + 1];

    MRL_TRY(mrl_audit_commit(o, text));
    return mrl_secret_eq(mrl_str(text), commitment) ? MRL_OK : MRL_ERR_CORRUPT;
}

const struct mrl_audit_opening *mrl_audit_opening_of(const struct mrl_audit_openings *o,
                                                     mrl_bytes field)
{
    for (size_t i = 0; i < o->count; i++) {
        if (mrl_bytes_eq(o->at[i].field, field))
            return &o->at[i];
    }
    return NULL;
}

mrl_err mrl_audit_openings_write(const struct mrl_audit_openings *o, struct mrl_buf *out)
{
    uint8_t *space = NULL;
    struct mrl_writer w;
    mrl_bytes done;

    MRL_TRY(mrl_buf_reserve(out, MRL_AUDIT_OPENINGS_BYTES_MAX, &space));
    w = mrl_writer_on(space, MRL_AUDIT_OPENINGS_BYTES_MAX);
    mrl_put_u8(&w, VERSION);
    mrl_put_u8(&w, (uint8_t)o->count);
    for (size_t i = 0; i < o->count; i++) {
        mrl_put_blob16(&w, o->at[i].field);
        mrl_put_bytes(&w, mrl_bytes_of(o->at[i].salt, MRL_AUDIT_SALT));
        mrl_put_blob16(&w, o->at[i].value);
    }
    MRL_TRY(mrl_writer_end(&w, &done));
    mrl_buf_added(out, done.len);
    return MRL_OK;
}

static mrl_err read_one(struct mrl_reader *r, struct mrl_audit_opening *out)
{
    mrl_bytes salt;

    MRL_TRY(mrl_read_blob16(r, &out->field));
    MRL_TRY(mrl_read_bytes(r, MRL_AUDIT_SALT, &salt));
    MRL_TRY(mrl_read_blob16(r, &out->value));
    MRL_ENSURE(out->field.len <= MRL_AUDIT_FIELD_MAX && out->value.len <= MRL_AUDIT_VALUE_MAX,
               MRL_ERR_MALFORMED);
    memcpy(out->salt, salt.data, salt.len);
    return MRL_OK;
}

mrl_err mrl_audit_openings_read(mrl_bytes bytes, struct mrl_audit_openings *out)
{
    struct mrl_reader r = {bytes};
    struct mrl_audit_openings o = {0};
    uint8_t version, count;

    MRL_TRY(mrl_read_u8(&r, &version));
    MRL_TRY(mrl_read_u8(&r, &count));
    MRL_ENSURE(version == VERSION && count <= MRL_AUDIT_OPENINGS_MAX, MRL_ERR_MALFORMED);
    for (; o.count < count; o.count++)
        MRL_TRY(read_one(&r, &o.at[o.count]));
    MRL_TRY(mrl_reader_end(&r));
    *out = o;
    return MRL_OK;
}
