/* SPDX-License-Identifier: Apache-2.0 */
/* The server's order to a retired device to destroy its key, and the receipt it signs before
 * (docs/operate/decommissioning.md). A reader of what comes from outside. Layer: device. Thread:
 * any. Pure. */
#ifndef MRL_AGENT_WIPE_ORDER_H
#define MRL_AGENT_WIPE_ORDER_H

#include "crypto/key.h"
#include "device/agent/home.h"

enum {
    MRL_ORDER_TEXT_MAX = 1024,  /* bytes of an order; MRL_ERR_MALFORMED above */
    MRL_ORDER_NUMBER_TEXT = 33, /* 32 hex digits, and NUL */
};

#define MRL_ORDER_LATEST_S (INT64_C(1) << 38) /* seconds since 1970: the year 10680 */

struct mrl_device_order {
    char number[MRL_ORDER_NUMBER_TEXT];
    char device[MRL_DEVICE_ID_MAX + 1];
    struct mrl_fingerprint certificate;
    uint8_t key[MRL_SHA256_SIZE]; /* of its SubjectPublicKeyInfo */
    int64_t expires_s;            /* seconds since 1970; from then on nobody waits for an answer */
};
/* {"certificate":"<64 hex>","device":"pump-7","expires":1790000000,"key":"<64 hex>",
 * "order":"<32 hex>"}; members we do not know are passed over. MRL_ERR_MALFORMED. */
mrl_err mrl_device_order_read(mrl_bytes json, struct mrl_device_order *out);
mrl_err mrl_device_order_write(const struct mrl_device_order *o, struct mrl_buf *out);

/* Is it for this device and the identity it showed? MRL_ERR_DENIED: not. */
mrl_err mrl_device_order_fits(const struct mrl_device_order *o, const char *device,
                              const struct mrl_identity *shown, struct mrl_why *why);
/* The receipt, signed by this key, at this second. Appends. Errors of mrl_key_sign. */
mrl_err mrl_device_receipt_write(const struct mrl_device_order *o, const struct mrl_key *key,
                                 int64_t now_s, struct mrl_buf *out);

#endif
