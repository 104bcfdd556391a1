/* SPDX-License-Identifier: Apache-2.0 */
/* Our records against OpenSSL's client: the input is a script of writes, key updates, closes, moved
 * pieces and bytes that change on the way. Whatever happens, each end reads a prefix of what the
 * other wrote; nobody fails as long as nothing was changed; and who was changed at says so. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/reader.h"
#include "net/record.h"
#include "tests/unit/net/tls_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAM = 1 << 18, STEPS_MAX = 200 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* One direction; byte n of the stream is n's own. */
struct stream {
    size_t written, came;
    unsigned idle; /* key updates since the last data */
    bool changed;  /* bytes were, or went missing */
    bool over;     /* its reader got a verdict */
};

struct world {
    struct tls_pair pair;
    struct stream up, down;
    bool client_closed, server_closed;
    bool too_idle; /* more updates in a row than we take */
};

static uint8_t pattern[STREAM + STREAM];

static void begin(struct world *w, uint8_t kind)
{
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};
    static struct pki pki;
    static struct tls_pair pairs[3];
    unsigned suite = kind % 3u;

    if (pki.server.key == NULL) {
        pki_init(&pki);
        for (size_t i = 0; i < sizeof(pattern); i++)
            pattern[i] = (uint8_t)(i ^ (i >> 8) * 7);
    }
    if (pairs[suite].server_context == NULL) {
        const struct tls_pair_options o = {.tickets = suite == 0, .suites = suites[suite]};

        tls_pair_init(&pairs[suite], &pki, &o);
    }
    *w = (struct world){.pair = pairs[suite]};
    tls_pair_dial(&w->pair, NULL);
    check(tls_pair_shake(&w->pair));
}

/* Up to 40 000 bytes, more often few. */
static size_t length_of(uint8_t n)
{
    return n < 200 ? n + 1u : (n - 199u) * 700u;
}

static void client_writes(struct world *w, uint8_t n)
{
    size_t len = length_of(n);

    if (w->client_closed || w->down.over || w->up.written + len > STREAM)
        return;
    w->up.idle = 0;
    if (SSL_write(w->pair.client, &pattern[w->up.written], (int)len) == (int)len)
        w->up.written += len;
    else
        check(w->down.changed || w->server_closed);
}

static void client_updates(struct world *w, uint8_t n)
{
    if (w->client_closed || w->down.over)
        return;
    if (SSL_key_update(w->pair.client,
                       n % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
        (void)SSL_do_handshake(w->pair.client); /* sends it */
    w->too_idle |= ++w->up.idle > MRL_RECORD_IDLE_MAX;
}

static void server_writes(struct world *w, uint8_t n)
{
    size_t len = length_of(n), written;
    mrl_err err;

    if (w->server_closed || w->down.written + len > STREAM)
        return;
    err = mrl_tls_write(w->pair.server, mrl_bytes_of(&pattern[w->down.written], len), &written);
    check(err == MRL_OK || (err == MRL_ERR_STATE && w->up.over));
    w->down.written += written;
}

static void take(struct stream *s, mrl_bytes text)
{
    check(s->came + text.len <= s->written);
    check(mrl_bytes_eq(text, mrl_bytes_of(&pattern[s->came], text.len)));
    s->came += text.len;
}

static void server_reads(struct world *w)
{
    mrl_err err = MRL_OK;

    while (!w->up.over && err == MRL_OK) {
        MRL_SCOPED(mrl_buf) in = {0};

        err = mrl_tls_read(w->pair.server, &in, MRL_TLS_RECORD);
        take(&w->up, mrl_buf_bytes(&in));
        check((err == MRL_OK) == (in.len > 0));
    }
    if (err == MRL_OK || err == MRL_ERR_AGAIN)
        return;
    w->up.over = true;
    if (err == MRL_ERR_CLOSED)
        check(w->client_closed && (w->up.changed || w->up.came == w->up.written));
    else
        check(err == MRL_ERR_MALFORMED && (w->up.changed || w->down.changed || w->too_idle));
}

static void client_reads(struct world *w)
{
    static uint8_t room[1 << 14];
    int got = 1;

    while (!w->down.over && got > 0) {
        got = SSL_read(w->pair.client, room, sizeof(room));
        if (got > 0)
            take(&w->down, mrl_bytes_of(room, (size_t)got));
    }
    if (got <= 0 && SSL_get_error(w->pair.client, got) != SSL_ERROR_WANT_READ) {
        w->down.over = true;
        check(w->down.changed || w->up.changed || w->server_closed || w->too_idle);
    }
    ERR_clear_error();
}

/* A bit of what is on its way changes. */
static void disturb(BIO *from, struct stream *s, uint8_t n)
{
    char *bytes;
    long len = BIO_get_mem_data(from, &bytes);

    if (len <= 0)
        return;
    bytes[n % len] = (char)(bytes[n % len] ^ 1 << n % 8);
    s->changed = true;
}

static void close_client(struct world *w)
{
    if (w->client_closed || w->down.over)
        return;
    w->client_closed = true;
    (void)SSL_shutdown(w->pair.client); /* sends; nothing is waited for */
    ERR_clear_error();
}

static void close_server(struct world *w)
{
    if (!w->server_closed && !w->up.over)
        mrl_tls_shutdown(w->pair.server);
    w->server_closed = true;
}

static void move_up(struct world *w, size_t max)
{
    (void)tls_pair_move_up(&w->pair, max);
    server_reads(w);
}

static void move_down(struct world *w, size_t max)
{
    (void)tls_pair_move_down(&w->pair, max);
    client_reads(w);
}

static void step(struct world *w, uint8_t what, uint8_t n)
{
    switch (what % 10) {
    case 0:
    case 1:
        client_writes(w, n);
        break;
    case 2:
        client_updates(w, n);
        break;
    case 3:
    case 4:
        server_writes(w, n);
        break;
    case 5:
        move_up(w, n);
        break;
    case 6:
        move_up(w, SIZE_MAX);
        break;
    case 7:
        move_down(w, n % 2 == 0 ? n : SIZE_MAX);
        break;
    case 8:
        disturb(n % 2 == 0 ? w->pair.up : w->pair.down, n % 2 == 0 ? &w->up : &w->down, n / 2);
        break;
    default:
        if (n % 2 == 0)
            close_client(w);
        else
            close_server(w);
    }
}

/* Undisturbed, everything arrives. */
static void finish(struct world *w)
{
    move_up(w, SIZE_MAX);
    move_down(w, SIZE_MAX);
    move_up(w, SIZE_MAX);
    if (!w->up.changed && !w->down.changed && !w->too_idle) {
        check(w->up.over || w->up.came == w->up.written);
        check(w->down.over || w->down.came == w->down.written);
    }
    tls_pair_hang_up(&w->pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_reader r = {mrl_bytes_of(data, size), 0};
    struct world w;
    uint8_t kind, what, n;

    if (mrl_read_u8(&r, &kind) != MRL_OK)
        return 0;
    begin(&w, kind);
    for (int i = 0; i < STEPS_MAX; i++) {
        if (mrl_read_u8(&r, &what) != MRL_OK || mrl_read_u8(&r, &n) != MRL_OK)
            break;
        step(&w, what, n);
    }
    finish(&w);
    return 0;
}
