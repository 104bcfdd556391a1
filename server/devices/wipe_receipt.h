/* SPDX-License-Identifier: Apache-2.0 */
/* The two messages of a wipe: the order to a retired device, and the receipt it signs before it
 * destroys its key. Layer: devices. Thread: any.
 *
 * Order: {"certificate":"<64 hex>","device":"pump-7","expires":1790000000,"key":"<64 hex>",
 * "order":"<32 hex>"}: SHA-256 of the certificate and of its SubjectPublicKeyInfo, and a number
 * nobody could foresee, so that neither message is good for another certificate or another time.
 *
 * Receipt, lines that end with LF; signed are the first five as they are:
 *
 *     merlon wipe receipt v1
 *     device pump-7
 *     order <32 hex>
 *     key <64 hex>
 *     time 1790000000
 *     signature <base64>
 */
#ifndef MRL_DEVICES_WIPE_RECEIPT_H
#define MRL_DEVICES_WIPE_RECEIPT_H

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/key.h"

enum {
    MRL_WIPE_NONCE_SIZE = 16,
    MRL_WIPE_ORDER_TEXT = 2 * MRL_WIPE_NONCE_SIZE + 1, /* in hex, and NUL */
    MRL_WIPE_RECEIPT_MAX = 2048,                       /* bytes; MRL_ERR_LIMIT above */
};

/* What one certificate of a device is asked. */
struct mrl_wipe_order {
    char order[MRL_WIPE_ORDER_TEXT];
    int64_t until_s;              /* seconds since 1970; from then on nothing is open */
    uint8_t key[MRL_SHA256_SIZE]; /* of the bytes below */
    size_t spki_len;
    uint8_t spki[MRL_KEY_SPKI_MAX];
};
mrl_err mrl_wipe_order_write(const struct mrl_wipe_order *order, mrl_bytes device,
                             const struct mrl_fingerprint *certificate, struct mrl_buf *out);

struct mrl_wipe_receipt {
    mrl_bytes message; /* what is signed; this and the next two are views of the text */
    mrl_bytes device;
    mrl_bytes order;
    uint8_t key[MRL_SHA256_SIZE];
    int64_t time_s; /* by the device's clock */
    struct mrl_buf signature;
};
void mrl_wipe_receipt_done(struct mrl_wipe_receipt *r);
/* MRL_ERR_MALFORMED, MRL_ERR_LIMIT. */
mrl_err mrl_wipe_receipt_read(mrl_bytes text, struct mrl_wipe_receipt *out);
/* MRL_ERR_DENIED: it is of another device, order or key. MRL_ERR_CRYPTO: the key did not sign it.
 * The algorithm is that of mrl_key_algorithm. */
mrl_err mrl_wipe_receipt_check(const struct mrl_wipe_receipt *r, mrl_bytes device,
                               const struct mrl_wipe_order *order, struct mrl_why *why);

#endif
