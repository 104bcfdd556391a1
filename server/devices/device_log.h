/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the event logs that devices keep, anchored in the audit log: afterwards a device cannot
 * cut or exchange what it had told of. Layer: devices. Thread: any. */
#ifndef MRL_DEVICES_DEVICE_LOG_H
#define MRL_DEVICES_DEVICE_LOG_H

#include "audit/event.h"
#include "crypto/hash.h"
#include "devices/registry.h"

/* For mrl_store_options. */
extern const struct mrl_migration_list mrl_device_log_migrations;

#define MRL_DEVICE_LOG_TOPIC "$merlon/log/head"
enum { MRL_DEVICE_LOG_HEAD_MAX = 256 }; /* bytes of its text */

struct mrl_device_log_head {
    uint64_t seq; /* of the last line */
    uint8_t hash[MRL_SHA256_SIZE];
};
/* {"hash":"<64 hex>","seq":7}; further members are let be. MRL_ERR_MALFORMED, MRL_ERR_LIMIT. */
mrl_err mrl_device_log_read(mrl_bytes json, struct mrl_device_log_head *out);

/* Without waiting: an entry device.log_anchored; device.log_rolled_back when the head is before the
 * anchored one or another one of the same number, which then stays; nothing when it is the same.
 * who: actor, source and target (the device) of the entry, copied. */
void mrl_device_log_anchor(struct mrl_registry *r, const struct mrl_audit_event *who,
                           const struct mrl_device_log_head *head);

#endif
