/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer that holds the keys may send: each chunk (length, bytes) of the input is sealed as
 * the inner plaintext of the next record and opened by us. Only application data comes out, exactly
 * as it went in, and nothing after a verdict is asked for. */
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "net/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATA = 23 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

struct world {
    struct mrl_record us;
    struct mrl_record_secrets secrets;
};

static void begin(struct world *w)
{
    const struct mrl_record_suite *suite = mrl_record_suite_find(0x1301);

    *w = (struct world){0};
    memset(w->secrets.read.secret, 1, sizeof(w->secrets.read.secret));
    memset(w->secrets.write.secret, 2, sizeof(w->secrets.write.secret));
    check(mrl_record_init(&w->us, suite, &w->secrets, 0) == MRL_OK);
}

static size_t seal(struct world *w, mrl_bytes inner, uint8_t *to)
{
    const struct mrl_record_keys *k = &w->secrets.read; /* in step with the peer's */
    uint8_t nonce[MRL_RECORD_NONCE];
    size_t len = inner.len + MRL_RECORD_TAG;
    const uint8_t header[] = {DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    memcpy(to, header, sizeof(header));
    if (inner.len > 0)
        memcpy(&to[sizeof(header)], inner.data, inner.len);
    memcpy(nonce, k->iv, sizeof(nonce));
    nonce[11] ^= (uint8_t)w->us.read_count;
    nonce[10] ^= (uint8_t)(w->us.read_count >> 8);
    check(mrl_record_encrypt(w->us.suite, k->key, nonce, mrl_bytes_of(to, sizeof(header)),
                             &to[sizeof(header)], inner.len) == MRL_OK);
    return sizeof(header) + len;
}

/* The inner plaintext without its padding ends with the type. */
static mrl_bytes expected(mrl_bytes inner)
{
    while (inner.len > 0 && inner.data[inner.len - 1] == 0)
        inner.len--;
    if (inner.len == 0 || inner.data[inner.len - 1] != DATA)
        return MRL_BYTES_NONE;
    return mrl_bytes_of(inner.data, inner.len - 1);
}

static mrl_err receive(struct world *w, mrl_bytes inner)
{
    static uint8_t wire[MRL_RECORD_LARGEST];
    size_t len = seal(w, inner, wire), measured;
    mrl_bytes text;
    mrl_err err = mrl_record_measure(&w->us, mrl_bytes_of(wire, len), &measured);

    check(err == MRL_OK && measured == len);
    err = mrl_record_open(&w->us, wire, len, &text);
    check(err == MRL_OK || err == MRL_ERR_CLOSED || err == MRL_ERR_MALFORMED);
    check(err == MRL_ERR_MALFORMED || (w->us.alert == 0 && w->us.peer_alert == 0));
    check(err != MRL_ERR_MALFORMED || (w->us.alert != 0) != (w->us.peer_alert != 0));
    check(mrl_bytes_eq(text, err == MRL_OK ? expected(inner) : MRL_BYTES_NONE));
    return err;
}

static void answer(struct world *w)
{
    uint8_t out[MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + 1];
    bool owed = w->us.owes_update;
    size_t len;

    check(mrl_record_write(&w->us, MRL_LIT("x"), out, &len) == MRL_OK);
    check(len == MRL_RECORD_OVERHEAD + 1u + (owed ? MRL_RECORD_UPDATE : 0u));
    check(!w->us.owes_update);
}

/* The same bytes as they are, from a stranger on the wire. */
static void receive_raw(mrl_bytes raw)
{
    static uint8_t wire[MRL_RECORD_LARGEST];
    struct world w;
    mrl_bytes text;
    size_t len;

    begin(&w);
    if (mrl_record_measure(&w.us, raw, &len) != MRL_OK || len > raw.len)
        return;
    memcpy(wire, raw.data, len);
    check(mrl_record_open(&w.us, wire, len, &text) == MRL_ERR_MALFORMED);
    check(w.us.alert == MRL_ALERT_BAD_RECORD_MAC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_reader r = {mrl_bytes_of(data, size), 0};
    struct world w;
    mrl_bytes inner;

    receive_raw(r.in);
    begin(&w);
    while (mrl_read_blob16(&r, &inner) == MRL_OK && inner.len <= MRL_RECORD_TEXT + 17) {
        if (receive(&w, inner) != MRL_OK)
            break;
        if (inner.len % 3 == 0)
            answer(&w);
    }
    mrl_record_leave(&w.us);
    return 0;
}
