/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/note.h"

#include <inttypes.h>
#include <string.h>

#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "tlog/text.h"

#define DASH "\xe2\x80\x94 "

enum { ED25519_SIGNATURE = 64, TIME = 8, KEY_ID = 4, LINE_MAX_BYTES = 16384 };

/* The text ends before the last empty line. false: there is none, or no text before it. */
static bool split(mrl_bytes note, mrl_bytes *text, mrl_bytes *signatures)
{
    for (size_t end = note.len; end >= 2; end--) {
        if (note.data[end - 1] == '\n' && note.data[end - 2] == '\n') {
            *text = mrl_bytes_sub(note, 0, end - 1);
            *signatures = mrl_bytes_sub(note, end, SIZE_MAX);
            return text->len > 1;
        }
    }
    return false;
}

static mrl_err read_signature(mrl_bytes line, struct mrl_note_signature *out)
{
    MRL_SCOPED(mrl_buf) bytes = {.limit = LINE_MAX_BYTES};
    mrl_bytes base64;
    struct mrl_reader r;

    MRL_ENSURE(mrl_bytes_starts(line, MRL_LIT(DASH)), MRL_ERR_MALFORMED);
    line = mrl_bytes_sub(line, sizeof(DASH) - 1, SIZE_MAX);
    MRL_ENSURE(mrl_bytes_split(line, ' ', &out->name, &base64), MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_tlog_name_valid(out->name), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_tlog_base64(base64, &bytes));
    r = (struct mrl_reader){mrl_buf_bytes(&bytes)};
    MRL_TRY(mrl_read_u32(&r, &out->id));
    MRL_ENSURE(mrl_reader_left(&r) > 0, MRL_ERR_MALFORMED);
    out->len = (uint16_t)mrl_reader_left(&r);
    return out->len > MRL_NOTE_SIGNATURE_MAX ? MRL_OK : mrl_read_into(&r, out->bytes, out->len);
}

static mrl_err read_signatures(mrl_bytes rest, struct mrl_note *out, struct mrl_why *why)
{
    mrl_bytes line;

    if (rest.len == 0)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the note has no signature");
    while (rest.len > 0) {
        if (out->count == MRL_NOTE_SIGNATURES_MAX)
            return mrl_fail(why, MRL_ERR_LIMIT, "the note has more than %d signatures",
                            MRL_NOTE_SIGNATURES_MAX);
        if (mrl_tlog_line(&rest, &line) != MRL_OK ||
            read_signature(line, &out->signatures[out->count]) != MRL_OK)
            return mrl_fail(why, MRL_ERR_MALFORMED, "signature %zu of the note is malformed",
                            out->count + 1);
        out->count++;
    }
    return MRL_OK;
}

mrl_err mrl_note_read(mrl_bytes note, struct mrl_note *out, struct mrl_why *why)
{
    mrl_bytes signatures;

    if (note.len > MRL_NOTE_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "the note has more than %d bytes", MRL_NOTE_MAX);
    if (!mrl_tlog_text_valid(note))
        return mrl_fail(why, MRL_ERR_MALFORMED, "the note is not UTF-8 without control characters");
    if (!split(note, &out->text, &signatures))
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "the note has no empty line between text and signatures");
    out->count = 0;
    return read_signatures(signatures, out, why);
}

mrl_err mrl_cosignature_message(mrl_bytes text, uint64_t time, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_printf(out, "cosignature/v1\ntime %" PRIu64 "\n", time));
    return mrl_buf_append(out, text);
}

static mrl_err check_ed25519(mrl_bytes text, const struct mrl_note_key *k, mrl_bytes signature)
{
    MRL_ENSURE(signature.len == ED25519_SIGNATURE, MRL_ERR_CRYPTO);
    return mrl_key_verify(k->key, MRL_SIGN_ED25519, text, signature);
}

static mrl_err check_cosignature(mrl_bytes text, const struct mrl_note_key *k, mrl_bytes signature,
                                 uint64_t *time)
{
    MRL_SCOPED(mrl_buf) message = {0};
    struct mrl_reader r = {signature};

    MRL_ENSURE(signature.len == TIME + ED25519_SIGNATURE, MRL_ERR_CRYPTO);
    MRL_TRY(mrl_read_u64(&r, time));
    MRL_ENSURE(*time <= INT64_MAX, MRL_ERR_CRYPTO); /* tlog-cosignature, Format */
    MRL_TRY(mrl_cosignature_message(text, *time, &message));
    return check_ed25519(mrl_buf_bytes(&message), k, mrl_read_rest(&r));
}

static mrl_err check_one(mrl_bytes text, const struct mrl_note_key *k,
                         const struct mrl_note_signature *s, uint64_t *time)
{
    mrl_bytes signature = mrl_bytes_of(s->bytes, s->len);

    MRL_ENSURE(s->len <= MRL_NOTE_SIGNATURE_MAX, MRL_ERR_CRYPTO); /* its bytes were not kept */
    *time = 0;
    return k->kind == MRL_NOTE_COSIGNATURE ? check_cosignature(text, k, signature, time)
                                           : check_ed25519(text, k, signature);
}

mrl_err mrl_note_check(const struct mrl_note *n, const struct mrl_note_key *k, uint64_t *time)
{
    uint64_t newest = 0, its_time;
    bool found = false;

    for (size_t i = 0; i < n->count; i++) {
        const struct mrl_note_signature *s = &n->signatures[i];

        if (s->id != k->id || !mrl_bytes_eq(s->name, mrl_str(k->name)))
            continue;
        MRL_TRY(check_one(n->text, k, s, &its_time));
        found = true;
        newest = its_time > newest ? its_time : newest;
    }
    MRL_ENSURE(found, MRL_ERR_NOT_FOUND);
    if (time != NULL)
        *time = newest;
    return MRL_OK;
}

mrl_err mrl_note_put_signature(struct mrl_buf *note, mrl_bytes name, uint32_t id,
                               mrl_bytes signature)
{
    uint8_t bytes[KEY_ID + MRL_NOTE_SIGNATURE_MAX];
    struct mrl_writer w = mrl_writer_on(bytes, sizeof(bytes));
    MRL_SCOPED(mrl_buf) line = {0};
    mrl_bytes written;

    MRL_ENSURE(mrl_tlog_name_valid(name) && signature.len > 0, MRL_ERR_INVALID);
    mrl_put_u32(&w, id);
    mrl_put_bytes(&w, signature);
    MRL_TRY(mrl_writer_end(&w, &written));
    MRL_TRY(mrl_buf_printf(&line, DASH "%.*s ", MRL_FMT(name)));
    MRL_TRY(mrl_base64_write(written, 0, &line));
    MRL_TRY(mrl_buf_append(&line, MRL_LIT("\n")));
    return mrl_buf_append(note, mrl_buf_bytes(&line));
}
