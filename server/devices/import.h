/* SPDX-License-Identifier: Apache-2.0 */
/* Many devices at once, out of a list that somebody may hand in again. Layer: devices. Thread:
 * service threads; see registry.h. */
#ifndef MRL_DEVICES_IMPORT_H
#define MRL_DEVICES_IMPORT_H

#include "devices/device.h"

enum {
    MRL_IMPORT_MAX = 1000, /* rows of one batch: what the writer does without a look at others */
};

struct mrl_import_row {
    struct mrl_device_new device;
    mrl_err err; /* set by the caller already: the row is refused whatever it says */
    struct mrl_why why;
    bool added;
};
struct mrl_import {
    struct mrl_import_row *rows;
    size_t count;
    bool dry_run;                     /* only says what would happen */
    size_t added, unchanged, refused; /* what came of it */
};
/* One write job: all rows or none. Each device gets its own audit entry, the one of mrl_device_add.
 * A row that says what is stored already is unchanged, whatever became of the device since; another
 * group, note, attributes or expectation than the stored ones, or a retired device, is
 * MRL_ERR_EXISTS. MRL_ERR_INVALID: rows are refused, each with its err and why, and nothing was
 * added. MRL_ERR_LIMIT: too many rows. */
mrl_err mrl_device_import(struct mrl_registry *r, const struct mrl_actor *actor,
                          struct mrl_import *import, struct mrl_why *why);

#endif
