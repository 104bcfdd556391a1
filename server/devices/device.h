/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: adding, finding, and the steps of their life. Layer: devices. Thread: service threads;
 * see registry.h. Inputs are borrowed for the call. actor is who did it, for the audit entry. */
#ifndef MRL_DEVICES_DEVICE_H
#define MRL_DEVICES_DEVICE_H

#include "devices/expectation.h"
#include "devices/registry.h"

enum {
    MRL_NOTE_MAX = 256,   /* bytes of a note, UTF-8 without control characters */
    MRL_REASON_MAX = 256, /* the same for the reason of a step */
    MRL_DEVICE_PAGE_MAX = 1000,
    MRL_DEVICE_STEPS_MAX = 1000,   /* devices changed in one transaction */
    MRL_DEVICE_BATCH_MAX = 100000, /* devices added in one transaction */
};

/* Notes and reasons: at most max bytes of UTF-8 without control characters, may be empty.
 * MRL_ERR_INVALID. */
mrl_err mrl_text_check(mrl_bytes text, size_t max, const char *what, struct mrl_why *why);

struct mrl_device_new {
    mrl_bytes id;
    mrl_bytes group; /* empty: none */
    mrl_bytes note;
    mrl_bytes attributes; /* a set of access/attributes.h; empty: none */
    struct mrl_expectation expectation;
};
/* State expected. MRL_ERR_INVALID: id, group, note or expectation not acceptable; MRL_ERR_EXISTS:
 * known already, retired ones included: an id never comes back. */
mrl_err mrl_device_add(struct mrl_registry *r, const struct mrl_actor *actor,
                       const struct mrl_device_new *device, struct mrl_why *why);
/* All or none, in one transaction with one audit entry that says how many. MRL_ERR_LIMIT. */
mrl_err mrl_device_add_many(struct mrl_registry *r, const struct mrl_actor *actor,
                            const struct mrl_device_new *devices, size_t count,
                            struct mrl_why *why);

/* One step of its life with a reason (may be empty). MRL_ERR_NOT_FOUND, MRL_ERR_STATE as
 * mrl_device_step says. REVOKE and RETIRE also revoke all active credentials and cancel what
 * mrl_registry_also_on_revoke names; after RETIRE neither id nor keys nor TPM enrol again until
 * LIFT, which needs a reason (else MRL_ERR_INVALID) and brings no certificate back. ACTIVATE is not
 * for here (MRL_ERR_INVALID): enrolment does it.
 */
mrl_err mrl_device_change(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                          enum mrl_device_action action, mrl_bytes reason, struct mrl_why *why);
/* RETIRE, and in the same transaction an order to destroy its key (devices/wipe.h); none when it
 * has no certificate that is good, or none are given. */
mrl_err mrl_device_retire_and_wipe(struct mrl_registry *r, const struct mrl_actor *actor,
                                   mrl_bytes id, mrl_bytes reason, struct mrl_why *why);
/* The same step for many (1 to MRL_DEVICE_STEPS_MAX, MRL_ERR_LIMIT), each with its own entry, all
 * in one transaction or none: why names the one that cannot. */
mrl_err mrl_device_change_many(struct mrl_registry *r, const struct mrl_actor *actor,
                               const mrl_bytes *ids, size_t count, enum mrl_device_action action,
                               mrl_bytes reason, struct mrl_why *why);
/* All of a group that can make it, by so many at a time; *changed counts them, on failure too. */
mrl_err mrl_device_change_group(struct mrl_registry *r, const struct mrl_actor *actor,
                                mrl_bytes group, enum mrl_device_action action, mrl_bytes reason,
                                size_t *changed, struct mrl_why *why);
/* group empty: none. Retired devices keep theirs: MRL_ERR_STATE. */
mrl_err mrl_device_set_group(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                             mrl_bytes group, struct mrl_why *why);
mrl_err mrl_device_set_note(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                            mrl_bytes note, struct mrl_why *why);

struct mrl_attribute_change {
    mrl_bytes name;
    mrl_bytes value; /* empty: taken away */
};
/* One after the other, all or none. MRL_ERR_INVALID, MRL_ERR_LIMIT as mrl_attributes_with says. */
mrl_err mrl_device_set_attributes(struct mrl_registry *r, const struct mrl_actor *actor,
                                  mrl_bytes id, const struct mrl_attribute_change *changes,
                                  size_t count, struct mrl_why *why);

/* [writer] Inside the write job of an enrolment that makes devices: a device that is not known yet
 * is added like mrl_device_add does; a known one must be of this group (of none when it is empty),
 * and keeps its attributes.
 * It has no note. MRL_ERR_INVALID, MRL_ERR_DENIED. The job stages and publishes. */
mrl_err mrl_device_expect_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                             const struct mrl_device_new *device, struct mrl_why *why);
/* In any transaction, before what is in many hands (a group's token, a claim) is good for a device:
 * MRL_ERR_NOT_FOUND: nobody knows it; MRL_ERR_EXISTS: it is somebody's already. */
mrl_err mrl_device_check_expected_tx(struct mrl_tx *tx, mrl_bytes id, struct mrl_why *why);
/* [writer] First enrolment, inside the write job of the enrolment: expected becomes active with its
 * own audit entry (device.activated); active and quarantined stay. MRL_ERR_STATE: it may not enrol.
 * The job stages and publishes. */
mrl_err mrl_device_activate_tx(struct mrl_tx *tx, const struct mrl_actor *actor, mrl_bytes id,
                               struct mrl_why *why);

struct mrl_credential_info {
    struct mrl_fingerprint fingerprint;
    mrl_bytes serial; /* big-endian */
    enum mrl_principal_kind kind;
    bool psk; /* a pre-shared key (devices/psk.h): serial is empty */
    mrl_bytes id;
    int64_t not_before, not_after; /* seconds */
    enum mrl_credential_state state;
    int64_t changed_ms;
    mrl_bytes reason;
};
struct mrl_device_info {
    mrl_bytes id;
    mrl_bytes group;
    mrl_bytes note;
    mrl_bytes reason; /* of the last step */
    mrl_bytes attributes;
    struct mrl_device_life life;
    int64_t created_ms, changed_ms;
    struct mrl_expectation expectation;            /* by show only, as what follows */
    const struct mrl_credential_info *credentials; /* newest first */
    size_t credential_count;
};
/* Views live during the call only. */
typedef void mrl_device_visit(void *context, const struct mrl_device_info *device);
struct mrl_device_query {
    mrl_bytes after;             /* ids above this one; empty: from the start */
    size_t limit;                /* 1 to MRL_DEVICE_PAGE_MAX, else MRL_ERR_INVALID */
    enum mrl_device_state state; /* 0: any */
    mrl_bytes group;             /* empty: any */
};
mrl_err mrl_device_list(struct mrl_registry *r, const struct mrl_device_query *query,
                        mrl_device_visit *visit, void *context, struct mrl_why *why);
mrl_err mrl_device_show(struct mrl_registry *r, mrl_bytes id, mrl_device_visit *visit,
                        void *context, struct mrl_why *why);

#endif
