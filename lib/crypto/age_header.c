/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/hex.h"
#include "crypto/age_internal.h"

enum { TEXT_OF_32 = 43, BODY_LINE = 64 };

static const uint8_t zero_nonce[12];

mrl_err mrl_age_wrap_key(const struct mrl_secret *shared, const uint8_t share[static MRL_AGE_KEY],
                         const struct mrl_age_recipient *r, struct mrl_secret **out)
{
    uint8_t salt[2 * MRL_AGE_KEY];

    memcpy(salt, share, MRL_AGE_KEY);
    memcpy(&salt[MRL_AGE_KEY], r->bytes, MRL_AGE_KEY);
    return mrl_hkdf_sha256(mrl_secret_bytes(shared), mrl_bytes_of(salt, sizeof(salt)),
                           MRL_LIT(AGE_VERSION "/X25519"), 32, out);
}

/* --- 32 bytes as 43 characters: base64 without padding --- */

static mrl_err put_32(const uint8_t *bytes, struct mrl_buf *out)
{
    MRL_TRY(mrl_base64_write(mrl_bytes_of(bytes, 32), /*columns=*/0, out));
    out->len -= 1; /* the padding */
    return MRL_OK;
}

static bool is_base64(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '/')
            return false;
    }
    return true;
}

static mrl_err read_32(mrl_bytes text, uint8_t *to)
{
    MRL_SCOPED(mrl_buf) padded = {0};
    MRL_SCOPED(mrl_buf) bytes = {0};

    MRL_ENSURE(text.len == TEXT_OF_32 && is_base64(text), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_buf_append(&padded, text));
    MRL_TRY(mrl_buf_append(&padded, MRL_LIT("=")));
    MRL_TRY(mrl_base64_read(mrl_buf_bytes(&padded), &bytes));
    MRL_ENSURE(bytes.len == 32, MRL_ERR_MALFORMED);
    memcpy(to, bytes.data, 32);
    return MRL_OK;
}

/* --- writing --- */

static mrl_err wrap(const struct mrl_secret *file_key, const struct mrl_age_recipient *r,
                    uint8_t *share, uint8_t *wrapped)
{
    MRL_AUTO(mrl_secret) once = NULL;
    MRL_AUTO(mrl_secret) shared = NULL;
    MRL_AUTO(mrl_secret) key = NULL;
    struct mrl_age_recipient point;

    MRL_TRY(mrl_age_identity_new(&once));
    MRL_TRY(mrl_age_identity_recipient(once, &point));
    memcpy(share, point.bytes, MRL_AGE_KEY);
    MRL_TRY(mrl_age_x25519(once, r->bytes, &shared));
    MRL_TRY(mrl_age_wrap_key(shared, share, r, &key));
    return mrl_age_seal(key, zero_nonce, mrl_secret_bytes(file_key), wrapped);
}

static mrl_err put_stanza(const struct mrl_secret *file_key, const struct mrl_age_recipient *r,
                          struct mrl_buf *out)
{
    uint8_t share[MRL_AGE_KEY];
    uint8_t wrapped[AGE_WRAPPED];

    MRL_TRY(wrap(file_key, r, share, wrapped));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("-> X25519 ")));
    MRL_TRY(put_32(share, out));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("\n")));
    MRL_TRY(put_32(wrapped, out));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

static mrl_err header_mac(const struct mrl_secret *file_key, mrl_bytes covered, uint8_t *mac)
{
    MRL_AUTO(mrl_secret) key = NULL;

    MRL_TRY(
        mrl_hkdf_sha256(mrl_secret_bytes(file_key), MRL_BYTES_NONE, MRL_LIT("header"), 32, &key));
    return mrl_hmac_sha256(mrl_secret_bytes(key), covered, mac);
}

mrl_err mrl_age_header_write(const struct mrl_secret *file_key,
                             const struct mrl_age_recipient *recipients, size_t count,
                             struct mrl_buf *out)
{
    uint8_t mac[MRL_SHA256_SIZE];

    MRL_TRY(mrl_buf_append(out, MRL_LIT(AGE_VERSION "\n")));
    for (size_t i = 0; i < count; i++)
        MRL_TRY(put_stanza(file_key, &recipients[i], out));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("---")));
    MRL_TRY(header_mac(file_key, mrl_buf_bytes(out), mac));
    MRL_TRY(mrl_buf_append(out, MRL_LIT(" ")));
    MRL_TRY(put_32(mac, out));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

/* --- reading --- */

/* Up to its LF; MRL_ERR_AGAIN without one. */
static mrl_err next_line(mrl_bytes data, size_t *at, mrl_bytes *line)
{
    size_t end = mrl_bytes_find(data, '\n', *at);

    MRL_ENSURE(end < data.len, MRL_ERR_AGAIN);
    *line = mrl_bytes_sub(data, *at, end - *at);
    *at = end + 1;
    return MRL_OK;
}

/* What one stanza gave: its arguments, and its body when it is of one line. */
struct stanza {
    mrl_bytes arguments;
    mrl_bytes body;
};

/* Arguments are one or more words of visible characters, one space between. */
static bool arguments_are_fine(mrl_bytes words)
{
    bool in_word = false;

    for (size_t i = 0; i < words.len; i++) {
        if (words.data[i] == ' ' && !in_word)
            return false;
        if (words.data[i] != ' ' && (words.data[i] < 33 || words.data[i] > 126))
            return false;
        in_word = words.data[i] != ' ';
    }
    return in_word;
}

/* Full lines of 64 characters, then one that is shorter, possibly empty. */
static mrl_err read_body(mrl_bytes header, size_t *at, mrl_bytes *first)
{
    mrl_bytes line;
    bool more = true;

    for (bool started = false; more; started = true) {
        MRL_ENSURE(next_line(header, at, &line) == MRL_OK, MRL_ERR_MALFORMED);
        MRL_ENSURE(line.len <= BODY_LINE && is_base64(line), MRL_ERR_MALFORMED);
        if (!started)
            *first = line;
        more = line.len == BODY_LINE;
    }
    return MRL_OK;
}

static mrl_err read_stanza(mrl_bytes line, mrl_bytes header, size_t *at, struct stanza *out)
{
    MRL_ENSURE(mrl_bytes_starts(line, MRL_LIT("-> ")), MRL_ERR_MALFORMED);
    out->arguments = mrl_bytes_sub(line, 3, line.len);
    MRL_ENSURE(arguments_are_fine(out->arguments), MRL_ERR_MALFORMED);
    return read_body(header, at, &out->body);
}

/* MRL_ERR_AUTH: for somebody else, or of a kind we do not know. */
static mrl_err unwrap(const struct stanza *s, const struct mrl_secret *identity,
                      struct mrl_secret **file_key)
{
    MRL_AUTO(mrl_secret) shared = NULL;
    MRL_AUTO(mrl_secret) key = NULL;
    MRL_AUTO(mrl_secret) opened = mrl_secret_new(AGE_FILE_KEY);
    struct mrl_age_recipient own;
    uint8_t share[MRL_AGE_KEY];
    uint8_t wrapped[AGE_WRAPPED];
    mrl_bytes kind, argument;

    (void)mrl_bytes_split(s->arguments, ' ', &kind, &argument); /* no argument: refused below */
    MRL_ENSURE(mrl_bytes_eq(kind, MRL_LIT("X25519")), MRL_ERR_AUTH);
    MRL_TRY(read_32(argument, share));
    MRL_TRY(read_32(s->body, wrapped));
    MRL_TRY(mrl_age_identity_recipient(identity, &own));
    MRL_TRY(mrl_age_x25519(identity, share, &shared));
    MRL_TRY(mrl_age_wrap_key(shared, share, &own, &key));
    MRL_ENSURE(mrl_age_open(key, zero_nonce, mrl_bytes_of(wrapped, sizeof(wrapped)),
                            mrl_secret_data(opened)) == MRL_OK,
               MRL_ERR_AUTH);
    *file_key = MRL_TAKE(opened);
    return MRL_OK;
}

static mrl_err check_mac(mrl_bytes header, mrl_bytes line, const struct mrl_secret *file_key)
{
    mrl_bytes covered = mrl_bytes_sub(header, 0, header.len - 1 - line.len + 3);
    uint8_t expected[MRL_SHA256_SIZE];
    uint8_t found[MRL_SHA256_SIZE];

    MRL_ENSURE(mrl_bytes_starts(line, MRL_LIT("--- ")), MRL_ERR_MALFORMED);
    MRL_TRY(read_32(mrl_bytes_sub(line, 4, line.len), found));
    MRL_ENSURE(file_key != NULL, MRL_ERR_AUTH);
    MRL_TRY(header_mac(file_key, covered, expected));
    MRL_ENSURE(
        mrl_secret_eq(mrl_bytes_of(expected, sizeof(expected)), mrl_bytes_of(found, sizeof(found))),
        MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err try_stanza(mrl_bytes line, mrl_bytes header, size_t *at,
                          const struct mrl_secret *identity, struct mrl_secret **file_key)
{
    struct stanza s;
    mrl_err err;

    MRL_TRY(read_stanza(line, header, at, &s));
    if (*file_key != NULL)
        return MRL_OK;
    err = unwrap(&s, identity, file_key);
    return err == MRL_ERR_AUTH ? MRL_OK : err;
}

mrl_err mrl_age_header_open(mrl_bytes header, const struct mrl_secret *identity,
                            struct mrl_secret **file_key)
{
    MRL_AUTO(mrl_secret) found = NULL;
    mrl_bytes line;
    size_t at = 0;

    MRL_ENSURE(next_line(header, &at, &line) == MRL_OK, MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_eq(line, MRL_LIT(AGE_VERSION)), MRL_ERR_MALFORMED);
    for (unsigned stanzas = 0;; stanzas++) {
        MRL_ENSURE(next_line(header, &at, &line) == MRL_OK, MRL_ERR_MALFORMED);
        if (mrl_bytes_starts(line, MRL_LIT("---")))
            break;
        MRL_ENSURE(stanzas < MRL_AGE_STANZAS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(try_stanza(line, header, &at, identity, &found));
    }
    MRL_ENSURE(at == header.len, MRL_ERR_MALFORMED);
    MRL_TRY(check_mac(header, line, found));
    *file_key = MRL_TAKE(found);
    return MRL_OK;
}
