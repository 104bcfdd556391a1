/* SPDX-License-Identifier: Apache-2.0 */
/* What a run found: named numbers, as text for people or as one line of JSON. Layer: sim. */
#ifndef MRL_SIM_REPORT_H
#define MRL_SIM_REPORT_H

#include "base/buf.h"
#include "sim/histogram.h"

enum { MRL_REPORT_MAX = 48, MRL_REPORT_NAME_MAX = 48 };

struct mrl_report {
    const char *scenario; /* static */
    struct mrl_report_line {
        char name[MRL_REPORT_NAME_MAX]; /* [a-z0-9_] */
        double value;
    } lines[MRL_REPORT_MAX];
    unsigned count;
};

/* Further ones than MRL_REPORT_MAX are our bug. */
void mrl_report_add(struct mrl_report *r, const char *name, double value);
/* NAME_p50_us, _p90_us, _p99_us, _p999_us, _max_us of a histogram of nanoseconds; nothing when it
 * is empty. */
void mrl_report_add_times(struct mrl_report *r, const char *name, const struct mrl_histogram *h);
void mrl_report_write(const struct mrl_report *r, bool json, struct mrl_buf *out);

#endif
