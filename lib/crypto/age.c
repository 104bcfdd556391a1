/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/age.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "crypto/age_internal.h"
#include "crypto/openssl.h"

static mrl_err cipher_new(const struct mrl_secret *key, const uint8_t *nonce, bool seal,
                          EVP_CIPHER_CTX **out)
{
    OWNED(EVP_CIPHER_CTX) ctx = EVP_CIPHER_CTX_new();

    MRL_ENSURE(ctx != NULL && mrl_secret_bytes(key).len == 32, MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_CipherInit_ex(ctx, EVP_chacha20_poly1305(), NULL, mrl_secret_bytes(key).data,
                                 nonce, seal ? 1 : 0) == 1,
               MRL_ERR_CRYPTO);
    *out = MRL_TAKE(ctx);
    return MRL_OK;
}

static bool run_cipher(EVP_CIPHER_CTX *ctx, mrl_bytes in, uint8_t *to)
{
    uint8_t unused[16];
    int n = 0;

    if (in.len > 0 && EVP_CipherUpdate(ctx, to, &n, in.data, (int)in.len) != 1)
        return false;
    return (size_t)n == in.len && EVP_CipherFinal_ex(ctx, unused, &n) == 1;
}

mrl_err mrl_age_seal(const struct mrl_secret *key, const uint8_t nonce[static 12], mrl_bytes in,
                     uint8_t *to)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(cipher_new(key, nonce, /*seal=*/true, &ctx));
    MRL_ENSURE(run_cipher(ctx, in, to), MRL_ERR_CRYPTO);
    MRL_ENSURE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AGE_TAG, &to[in.len]) == 1,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_age_open(const struct mrl_secret *key, const uint8_t nonce[static 12], mrl_bytes in,
                     uint8_t *to)
{
    OWNED(EVP_CIPHER_CTX) ctx = NULL;
    mrl_bytes cipher, tag;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(in.len >= AGE_TAG, MRL_ERR_CRYPTO);
    cipher = mrl_bytes_sub(in, 0, in.len - AGE_TAG);
    tag = mrl_bytes_sub(in, cipher.len, AGE_TAG);
    MRL_TRY(cipher_new(key, nonce, /*seal=*/false, &ctx));
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AGE_TAG, (void *)(uintptr_t)tag.data) !=
            1 ||
        !run_cipher(ctx, cipher, to)) {
        mrl_wipe(to, cipher.len);
        return MRL_ERR_CRYPTO;
    }
    return MRL_OK;
}

mrl_err mrl_age_payload_key(const struct mrl_secret *file_key, mrl_bytes nonce,
                            struct mrl_secret **out)
{
    return mrl_hkdf_sha256(mrl_secret_bytes(file_key), nonce, MRL_LIT("payload"), 32, out);
}

void mrl_age_chunk_nonce(uint64_t n, bool last, uint8_t out[static 12])
{
    memset(out, 0, 12);
    for (unsigned i = 0; i < 8; i++)
        out[10 - i] = (uint8_t)(n >> (8 * i));
    out[11] = last ? 1 : 0;
}

/* --- encryption --- */

struct mrl_age_writer {
    struct mrl_age_sink to;
    struct mrl_secret *key;
    uint64_t chunk;
    size_t held;
    mrl_err failed;
    uint8_t plain[MRL_AGE_CHUNK];
    uint8_t sealed[AGE_SEALED_CHUNK];
};

static mrl_err write_start(struct mrl_age_writer *w, const struct mrl_age_recipient *recipients,
                           size_t count)
{
    MRL_AUTO(mrl_secret) file_key = mrl_secret_new(AGE_FILE_KEY);
    MRL_SCOPED(mrl_buf) header = {0};
    uint8_t nonce[AGE_NONCE];

    mrl_random(mrl_secret_data(file_key), AGE_FILE_KEY);
    mrl_random(nonce, sizeof(nonce));
    MRL_TRY(mrl_age_header_write(file_key, recipients, count, &header));
    MRL_TRY(mrl_buf_append(&header, mrl_bytes_of(nonce, sizeof(nonce))));
    MRL_TRY(mrl_age_payload_key(file_key, mrl_bytes_of(nonce, sizeof(nonce)), &w->key));
    return w->to.write(w->to.context, mrl_buf_bytes(&header));
}

mrl_err mrl_age_writer_new(const struct mrl_age_recipient *recipients, size_t count,
                           struct mrl_age_sink to, struct mrl_age_writer **out)
{
    MRL_AUTO(mrl_age_writer) w = NULL;

    MRL_ENSURE(count > 0 && count <= MRL_AGE_RECIPIENTS_MAX, MRL_ERR_INVALID);
    w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    w->to = to;
    MRL_TRY(write_start(w, recipients, count));
    *out = MRL_TAKE(w);
    return MRL_OK;
}

void mrl_age_writer_free(struct mrl_age_writer *w)
{
    if (w == NULL)
        return;
    mrl_secret_free(w->key);
    mrl_wipe(w->plain, sizeof(w->plain));
    free(w);
}

static mrl_err put_chunk(struct mrl_age_writer *w, bool last)
{
    uint8_t nonce[12];

    mrl_age_chunk_nonce(w->chunk, last, nonce);
    MRL_TRY(mrl_age_seal(w->key, nonce, mrl_bytes_of(w->plain, w->held), w->sealed));
    MRL_TRY(w->to.write(w->to.context, mrl_bytes_of(w->sealed, w->held + AGE_TAG)));
    w->chunk++;
    w->held = 0;
    return MRL_OK;
}

/* A full chunk waits until more comes: only then is it known not to be the last. */
mrl_err mrl_age_write(struct mrl_age_writer *w, mrl_bytes plain)
{
    while (plain.len > 0 && w->failed == MRL_OK) {
        mrl_bytes part;

        if (w->held == MRL_AGE_CHUNK)
            w->failed = put_chunk(w, /*last=*/false);
        part = mrl_bytes_sub(plain, 0, MRL_AGE_CHUNK - w->held);
        memcpy(&w->plain[w->held], part.data, part.len);
        w->held += part.len;
        plain = mrl_bytes_sub(plain, part.len, plain.len);
    }
    return w->failed;
}

mrl_err mrl_age_writer_end(struct mrl_age_writer *w)
{
    MRL_TRY(w->failed);
    w->failed = put_chunk(w, /*last=*/true);
    MRL_TRY(w->failed);
    w->failed = MRL_ERR_STATE;
    return MRL_OK;
}

/* --- decryption --- */

struct mrl_age_reader {
    struct mrl_age_sink to;
    struct mrl_secret *identity;
    struct mrl_secret *key; /* NULL: still in the header */
    uint64_t chunk;
    mrl_err failed;
    struct mrl_buf header; /* and the nonce behind it */
    size_t header_len;     /* 0: not known */
    size_t line_at;        /* where its last line starts */
    size_t held;
    uint8_t sealed[AGE_SEALED_CHUNK];
    uint8_t plain[MRL_AGE_CHUNK];
};

mrl_err mrl_age_reader_new(const struct mrl_secret *identity, struct mrl_age_sink to,
                           struct mrl_age_reader **out)
{
    struct mrl_age_reader *r;

    MRL_ENSURE(mrl_secret_bytes(identity).len == MRL_AGE_KEY, MRL_ERR_INVALID);
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->to = to;
    r->identity = mrl_secret_copy(mrl_secret_bytes(identity));
    *out = r;
    return MRL_OK;
}

void mrl_age_reader_free(struct mrl_age_reader *r)
{
    if (r == NULL)
        return;
    mrl_secret_free(r->identity);
    mrl_secret_free(r->key);
    mrl_buf_done(&r->header);
    mrl_wipe(r->plain, sizeof(r->plain));
    free(r);
}

static mrl_err open_header(struct mrl_age_reader *r)
{
    MRL_AUTO(mrl_secret) file_key = NULL;
    mrl_bytes all = mrl_buf_bytes(&r->header);

    MRL_TRY(mrl_age_header_open(mrl_bytes_sub(all, 0, r->header_len), r->identity, &file_key));
    return mrl_age_payload_key(file_key, mrl_bytes_sub(all, r->header_len, AGE_NONCE), &r->key);
}

/* Whatever is no age file is refused at its first wrong byte. */
static mrl_err check_version(mrl_bytes seen)
{
    mrl_bytes version = MRL_LIT(AGE_VERSION "\n");

    MRL_ENSURE(
        mrl_bytes_eq(mrl_bytes_sub(seen, 0, version.len), mrl_bytes_sub(version, 0, seen.len)),
        MRL_ERR_MALFORMED);
    return MRL_OK;
}

/* One byte after the other: a header is short, and where it ends is only seen at its end. */
static mrl_err take_header_byte(struct mrl_age_reader *r, mrl_bytes byte)
{
    MRL_TRY(mrl_buf_append(&r->header, byte));
    MRL_TRY(check_version(mrl_buf_bytes(&r->header)));
    if (r->header_len == 0 && byte.data[0] == '\n') {
        mrl_bytes line = mrl_bytes_sub(mrl_buf_bytes(&r->header), r->line_at, MRL_AGE_HEADER_MAX);

        r->header_len = mrl_bytes_starts(line, MRL_LIT("---")) ? r->header.len : 0;
        r->line_at = r->header.len;
    }
    MRL_ENSURE(r->header_len > 0 || r->header.len < MRL_AGE_HEADER_MAX, MRL_ERR_LIMIT);
    if (r->header_len > 0 && r->header.len == r->header_len + AGE_NONCE)
        return open_header(r);
    return MRL_OK;
}

static mrl_err take_chunk(struct mrl_age_reader *r, bool last)
{
    mrl_bytes sealed = mrl_bytes_of(r->sealed, r->held);
    uint8_t nonce[12];

    /* Only an empty file has an empty last chunk. */
    MRL_ENSURE(r->held >= AGE_TAG && (r->held > AGE_TAG || r->chunk == 0), MRL_ERR_CRYPTO);
    mrl_age_chunk_nonce(r->chunk, last, nonce);
    MRL_TRY(mrl_age_open(r->key, nonce, sealed, r->plain));
    r->held = 0;
    r->chunk++;
    if (sealed.len == AGE_TAG)
        return MRL_OK;
    return r->to.write(r->to.context, mrl_bytes_of(r->plain, sealed.len - AGE_TAG));
}

static mrl_err take_payload(struct mrl_age_reader *r, mrl_bytes in, size_t *taken)
{
    mrl_bytes part;

    if (r->held == AGE_SEALED_CHUNK)
        MRL_TRY(take_chunk(r, /*last=*/false));
    part = mrl_bytes_sub(in, 0, AGE_SEALED_CHUNK - r->held);
    memcpy(&r->sealed[r->held], part.data, part.len);
    r->held += part.len;
    *taken = part.len;
    return MRL_OK;
}

mrl_err mrl_age_read(struct mrl_age_reader *r, mrl_bytes cipher)
{
    while (cipher.len > 0 && r->failed == MRL_OK) {
        size_t taken = 1;

        r->failed = r->key == NULL ? take_header_byte(r, mrl_bytes_sub(cipher, 0, 1))
                                   : take_payload(r, cipher, &taken);
        cipher = mrl_bytes_sub(cipher, taken, cipher.len);
    }
    return r->failed;
}

mrl_err mrl_age_reader_end(struct mrl_age_reader *r)
{
    MRL_TRY(r->failed);
    r->failed = r->key == NULL ? MRL_ERR_MALFORMED : take_chunk(r, /*last=*/true);
    MRL_TRY(r->failed);
    r->failed = MRL_ERR_STATE;
    return MRL_OK;
}
