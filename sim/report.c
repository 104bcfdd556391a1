/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/report.h"

#include <assert.h>
#include <stdio.h>

void mrl_report_add(struct mrl_report *r, const char *name, double value)
{
    struct mrl_report_line *line = &r->lines[r->count];

    assert(r->count < MRL_REPORT_MAX);
    (void)snprintf(line->name, sizeof(line->name), "%s", name);
    line->value = value;
    r->count++;
}

void mrl_report_add_times(struct mrl_report *r, const char *name, const struct mrl_histogram *h)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}, {"max", 1000}};
    char text[MRL_REPORT_NAME_MAX];

    for (size_t i = 0; h->count > 0 && i < MRL_COUNT(points); i++) {
        (void)snprintf(text, sizeof(text), "%s_%s_us", name, points[i].name);
        mrl_report_add(r, text, (double)mrl_histogram_at(h, points[i].per_mille) / 1000);
    }
}

/* The buffer has no limit: nothing here can fail. */
static void write_json(const struct mrl_report *r, struct mrl_buf *out)
{
    (void)mrl_buf_printf(out, "{\"scenario\":\"%s\"", r->scenario);
    for (unsigned i = 0; i < r->count; i++)
        (void)mrl_buf_printf(out, ",\"%s\":%.3f", r->lines[i].name, r->lines[i].value);
    (void)mrl_buf_append(out, MRL_LIT("}\n"));
}

void mrl_report_write(const struct mrl_report *r, bool json, struct mrl_buf *out)
{
    if (json) {
        write_json(r, out);
        return;
    }
    (void)mrl_buf_printf(out, "%s\n", r->scenario); /* as above */
    for (unsigned i = 0; i < r->count; i++)
        (void)mrl_buf_printf(out, "  %-28s %14.3f\n", r->lines[i].name, r->lines[i].value);
}
