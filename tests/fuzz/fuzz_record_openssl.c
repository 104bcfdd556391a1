/* SPDX-License-Identifier: Apache-2.0 */
/* The same records for our reader and for OpenSSL's: each chunk (length, bytes) of the input is
 * sealed as an inner plaintext under the keys of a client that shook hands with an OpenSSL server.
 * What we take, OpenSSL takes, and it is the same text; what we refuse, it refuses, but for
 * three things: the records without data that we count, padding beyond 2^14 + 1 bytes (RFC
 * 8446 5.4), which OpenSSL takes off before it looks, and pieces that can no longer become a
 * KeyUpdate, where it waits for more. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/hex.h"
#include "base/reader.h"
#include "net/record.h"
#include "tests/unit/net/tls_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATA = 23, SECRET = 32 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct tls_pair pair;                      /* its server stays with OpenSSL */
static uint8_t client_secret[MRL_LABEL_HASH_MAX]; /* of the connection that is open */

static void on_key(const SSL *ssl, const char *line)
{
    mrl_bytes label, rest, random, secret;

    (void)ssl;
    if (mrl_bytes_split(mrl_str(line), ' ', &label, &rest) &&
        mrl_bytes_eq(label, MRL_LIT("CLIENT_TRAFFIC_SECRET_0")) &&
        mrl_bytes_split(rest, ' ', &random, &secret))
        check(mrl_unhex(secret, client_secret, SECRET) == MRL_OK);
}

static void begin(struct mrl_record *ours, struct mrl_record_secrets *secrets)
{
    const struct tls_pair_options o = {.keep_library = true, .suites = "TLS_AES_128_GCM_SHA256"};
    static struct pki pki;

    if (pki.server.key == NULL) {
        pki_init(&pki);
        tls_pair_init(&pair, &pki, &o);
        SSL_CTX_set_keylog_callback(pair.client_context, on_key);
    }
    tls_pair_dial(&pair, NULL);
    check(tls_pair_shake(&pair));
    *secrets = (struct mrl_record_secrets){0};
    memcpy(secrets->read.secret, client_secret, SECRET);
    check(mrl_record_init(ours, mrl_record_suite_find(0x1301), secrets, 0) == MRL_OK);
}

/* As the client would: its write keys are our read keys. */
static size_t seal(const struct mrl_record *ours, mrl_bytes inner, uint8_t *to)
{
    const struct mrl_record_keys *k = &ours->secrets->read;
    size_t len = inner.len + MRL_RECORD_TAG;
    const uint8_t header[] = {DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
    uint8_t nonce[MRL_RECORD_NONCE];

    memcpy(to, header, sizeof(header));
    if (inner.len > 0)
        memcpy(&to[sizeof(header)], inner.data, inner.len);
    memcpy(nonce, k->iv, sizeof(nonce));
    nonce[11] ^= (uint8_t)ours->read_count;
    nonce[10] ^= (uint8_t)(ours->read_count >> 8);
    check(mrl_record_encrypt(ours->suite, k->key, nonce, mrl_bytes_of(to, sizeof(header)),
                             &to[sizeof(header)], inner.len) == MRL_OK);
    return sizeof(header) + len;
}

/* MRL_ERR_AGAIN: taken, no text. */
static mrl_err theirs(mrl_bytes record, struct mrl_buf *text)
{
    check(BIO_write(pair.server_in, record.data, (int)record.len) == (int)record.len);
    return mrl_tls_read(pair.server, text, MRL_TLS_RECORD);
}

static void compare(mrl_err our, mrl_bytes text, bool only_ours, mrl_err their,
                    mrl_bytes their_text)
{
    if (our == MRL_OK) {
        check(their == (text.len > 0 ? MRL_OK : MRL_ERR_AGAIN));
        check(mrl_bytes_eq(text, their_text));
    } else if (our == MRL_ERR_CLOSED) {
        /* A close_notify that is no warning is an end to it, too, but without a name. */
        check(their == MRL_ERR_CLOSED || their == MRL_ERR_IO);
    } else {
        check(their == MRL_ERR_MALFORMED || only_ours);
    }
}

static mrl_err step(struct mrl_record *ours, mrl_bytes inner)
{
    static uint8_t wire[MRL_RECORD_LARGEST];
    MRL_SCOPED(mrl_buf) their_text = {0};
    size_t len = seal(ours, inner, wire);
    bool only_ours = ours->idle == MRL_RECORD_IDLE_MAX || inner.len > MRL_RECORD_TEXT + 1;
    mrl_err their = theirs(mrl_bytes_of(wire, len), &their_text), our;
    mrl_bytes text;

    our = mrl_record_open(ours, wire, len, &text);
    only_ours |= ours->message_len > 0;
    compare(our, text, only_ours, their, mrl_buf_bytes(&their_text));
    return our;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_reader r = {mrl_bytes_of(data, size), 0};
    struct mrl_record_secrets secrets;
    struct mrl_record ours;
    mrl_bytes inner;

    begin(&ours, &secrets);
    while (mrl_read_blob16(&r, &inner) == MRL_OK && inner.len <= MRL_RECORD_TEXT + 17)
        if (step(&ours, inner) != MRL_OK)
            break;
    mrl_record_leave(&ours);
    tls_pair_hang_up(&pair);
    return 0;
}
