/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/wipe_order.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "crypto/hash.h"

static mrl_err get_hash(const json_t *json, const char *name, uint8_t *to)
{
    mrl_bytes hex;

    MRL_TRY(mrl_json_get_str(json, name, &hex, NULL));
    return mrl_unhex(hex, to, MRL_SHA256_SIZE);
}

/* As text, for so it is signed. */
static mrl_err get_number(const json_t *json, char to[static MRL_ORDER_NUMBER_TEXT])
{
    uint8_t bytes[(MRL_ORDER_NUMBER_TEXT - 1) / 2];
    mrl_bytes hex;

    MRL_TRY(mrl_json_get_str(json, "order", &hex, NULL));
    MRL_TRY(mrl_unhex(hex, bytes, sizeof(bytes)));
    MRL_ENSURE(mrl_bytes_to_cstr(hex, to, MRL_ORDER_NUMBER_TEXT), MRL_ERR_MALFORMED);
    return MRL_OK;
}

static mrl_err read_members(const json_t *json, struct mrl_device_order *o)
{
    mrl_bytes device;

    MRL_TRY(get_number(json, o->number));
    MRL_TRY(get_hash(json, "certificate", o->certificate.bytes));
    MRL_TRY(get_hash(json, "key", o->key));
    MRL_TRY(mrl_json_get_str(json, "device", &device, NULL));
    MRL_ENSURE(mrl_id_valid(device), MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_to_cstr(device, o->device, sizeof(o->device)), MRL_ERR_MALFORMED);
    return mrl_json_get_int(json, "expires", 1, MRL_ORDER_LATEST_S, &o->expires_s, NULL);
}

mrl_err mrl_device_order_read(mrl_bytes text, struct mrl_device_order *out)
{
    const struct mrl_json_limits limits = {MRL_ORDER_TEXT_MAX, 1};
    MRL_AUTO(json_t) json = NULL;
    struct mrl_device_order o;

    MRL_ENSURE(mrl_json_read(text, &limits, &json, NULL) == MRL_OK, MRL_ERR_MALFORMED);
    MRL_ENSURE(read_members(json, &o) == MRL_OK, MRL_ERR_MALFORMED);
    *out = o;
    return MRL_OK;
}

mrl_err mrl_device_order_write(const struct mrl_device_order *o, struct mrl_buf *out)
{
    char certificate[2 * MRL_SHA256_SIZE + 1], key[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(&o->certificate), certificate);
    mrl_hex(mrl_bytes_of(o->key, sizeof(o->key)), key);
    return mrl_buf_printf(out,
                          "{\"certificate\":\"%s\",\"device\":\"%s\",\"expires\":%lld,"
                          "\"key\":\"%s\",\"order\":\"%s\"}\n",
                          certificate, o->device, (long long)o->expires_s, key, o->number);
}

static mrl_err fingerprint_of_key(const struct mrl_key *key, uint8_t to[static MRL_SHA256_SIZE])
{
    MRL_SCOPED(mrl_buf) spki = {0};

    MRL_TRY(mrl_key_to_spki(key, &spki));
    return mrl_sha256(mrl_buf_bytes(&spki), to);
}

mrl_err mrl_device_order_fits(const struct mrl_device_order *o, const char *device,
                              const struct mrl_identity *shown, struct mrl_why *why)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(shown->cert);
    uint8_t key[MRL_SHA256_SIZE];

    MRL_TRY(fingerprint_of_key(shown->key, key));
    if (strcmp(o->device, device) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "the order is for %s", o->device);
    if (!mrl_bytes_eq(mrl_fingerprint_bytes(&f->fingerprint),
                      mrl_fingerprint_bytes(&o->certificate)))
        return mrl_fail(why, MRL_ERR_DENIED, "the order is for another certificate");
    if (memcmp(key, o->key, sizeof(key)) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "the order is for another key");
    return MRL_OK;
}

static mrl_err write_signature(mrl_bytes message, const struct mrl_key *key, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) signature = {0};

    MRL_TRY(mrl_key_sign(key, message, &signature));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("signature ")));
    MRL_TRY(mrl_base64_write(mrl_buf_bytes(&signature), 0, out));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

mrl_err mrl_device_receipt_write(const struct mrl_device_order *o, const struct mrl_key *key,
                                 int64_t now_s, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) message = {0};
    char hash[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_bytes_of(o->key, sizeof(o->key)), hash);
    MRL_TRY(mrl_buf_printf(&message,
                           "merlon wipe receipt v1\ndevice %s\norder %s\nkey %s\ntime %lld\n",
                           o->device, o->number, hash, (long long)now_s));
    MRL_TRY(mrl_buf_append(out, mrl_buf_bytes(&message)));
    return write_signature(mrl_buf_bytes(&message), key, out);
}
