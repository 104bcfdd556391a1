/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of devices as Prometheus gauges, where the configuration maps a topic to a metric.
 * Layer: watch. Thread: any; a mutex guards the values and is held for one map operation at a time.
 *
 * The label device_id is the id in the device's certificate, never a part of topic or payload, and
 * each mapping shows a bounded number of devices: neither a device nor a bug can flood the scrape.
 */
#ifndef MRL_WATCH_TELEMETRY_H
#define MRL_WATCH_TELEMETRY_H

#include "base/buf.h"
#include "base/bytes.h"

struct mrl_telemetry;

struct mrl_telemetry_mapping { /* borrowed for ever */
    mrl_bytes topic;           /* filter; `${id}` stands for the device */
    mrl_bytes
        field; /* member of a JSON object, dots between levels; empty: the payload is the number */
    mrl_bytes metric; /* [a-zA-Z_:][a-zA-Z0-9_:]*, not starting with merlon_ */
    mrl_bytes help;
    size_t series; /* devices shown at most */
};

enum {
    MRL_TELEMETRY_STALE_MS = 5 * 60 * 1000
}; /* a device silent for longer gives its place back */

/* MRL_ERR_INVALID with why: a filter or metric name that is none, or one metric mapped twice with
 * other help. */
mrl_err mrl_telemetry_new(const struct mrl_telemetry_mapping *mappings, size_t count,
                          struct mrl_telemetry **out, struct mrl_why *why);
void mrl_telemetry_free(struct mrl_telemetry *t); /* NULL is fine */

/* A message of a device was accepted. Returns how many mappings matched but could not show it (cap
 * reached, no finite number at the field). */
unsigned mrl_telemetry_observe(struct mrl_telemetry *t, mrl_bytes device, mrl_bytes topic,
                               mrl_bytes payload);
/* Prometheus text format 0.0.4: iot_device_temperature{device_id="001"} 25.4 */
mrl_err mrl_telemetry_write(struct mrl_telemetry *t, struct mrl_buf *out);

#endif
