/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe_receipt.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"

static const mrl_bytes head = MRL_LIT_INIT("merlon wipe receipt v1");

/* --- the order --- */

static mrl_err set_hex(json_t *o, const char *name, mrl_bytes value)
{
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(value, hex);
    return mrl_json_set_str(o, name, mrl_str(hex));
}

mrl_err mrl_wipe_order_write(const struct mrl_wipe_order *order, mrl_bytes device,
                             const struct mrl_fingerprint *certificate, struct mrl_buf *out)
{
    MRL_AUTO(json_t) o = mrl_json_object();

    MRL_TRY(set_hex(o, "certificate", mrl_fingerprint_bytes(certificate)));
    MRL_TRY(mrl_json_set_str(o, "device", device));
    MRL_TRY(mrl_json_set_int(o, "expires", order->until_s));
    MRL_TRY(set_hex(o, "key", mrl_bytes_of(order->key, sizeof(order->key))));
    MRL_TRY(mrl_json_set_str(o, "order", mrl_str(order->order)));
    return mrl_json_write(o, out);
}

/* --- the receipt --- */

void mrl_wipe_receipt_done(struct mrl_wipe_receipt *r)
{
    mrl_buf_done(&r->signature);
}

/* The value behind `name` in the first line of *text, which then begins with the next one. */
static mrl_err take_line(mrl_bytes *text, const char *name, mrl_bytes *value)
{
    mrl_bytes line, word;

    MRL_ENSURE(mrl_bytes_split(*text, '\n', &line, text), MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_split(line, ' ', &word, value), MRL_ERR_MALFORMED);
    return mrl_bytes_eq(word, mrl_str(name)) && value->len > 0 ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err take_head(mrl_bytes *text)
{
    mrl_bytes line;

    MRL_ENSURE(mrl_bytes_split(*text, '\n', &line, text), MRL_ERR_MALFORMED);
    return mrl_bytes_eq(line, head) ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err read_signature(mrl_bytes text, struct mrl_buf *out)
{
    const mrl_bytes name = MRL_LIT("signature ");

    MRL_ENSURE(mrl_bytes_starts(text, name), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_base64_read(mrl_bytes_sub(text, name.len, text.len), out));
    return out->len > 0 ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_wipe_receipt_read(mrl_bytes text, struct mrl_wipe_receipt *out)
{
    struct mrl_wipe_receipt r = {.message = text};
    MRL_SCOPED(mrl_buf) signature = {0};
    mrl_bytes key, time;
    uint64_t seconds;

    MRL_ENSURE(text.len <= MRL_WIPE_RECEIPT_MAX, MRL_ERR_LIMIT);
    MRL_TRY(take_head(&text));
    MRL_TRY(take_line(&text, "device", &r.device));
    MRL_TRY(take_line(&text, "order", &r.order));
    MRL_TRY(take_line(&text, "key", &key));
    MRL_TRY(take_line(&text, "time", &time));
    r.message.len -= text.len;
    MRL_ENSURE(mrl_unhex(key, r.key, sizeof(r.key)) == MRL_OK, MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_to_u64(time, INT64_MAX, &seconds), MRL_ERR_MALFORMED);
    MRL_ENSURE(read_signature(text, &signature) == MRL_OK, MRL_ERR_MALFORMED);
    r.time_s = (int64_t)seconds;
    r.signature = signature;
    signature = (struct mrl_buf){0};
    *out = r;
    return MRL_OK;
}

mrl_err mrl_wipe_receipt_check(const struct mrl_wipe_receipt *r, mrl_bytes device,
                               const struct mrl_wipe_order *order, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;

    if (!mrl_bytes_eq(r->device, device))
        return mrl_fail(why, MRL_ERR_DENIED, "receipt of another device");
    if (!mrl_bytes_eq(r->order, mrl_str(order->order)))
        return mrl_fail(why, MRL_ERR_DENIED, "receipt of another order");
    if (memcmp(r->key, order->key, sizeof(r->key)) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "receipt of another key");
    MRL_TRY(mrl_key_from_spki(mrl_bytes_of(order->spki, order->spki_len), &key, why));
    if (mrl_key_verify(key, mrl_key_algorithm(key), r->message, mrl_buf_bytes(&r->signature)) !=
        MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO, "receipt is not signed by the key of this device");
    return MRL_OK;
}
