/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/readings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "device/agent/disk.h"

enum { FILE_LIMIT = 1 << 20, PATH_SIZE = 512, SENSORS = 16 };

static bool read_file(const struct mrl_sampler *s, const char *path, struct mrl_buf *out)
{
    char full[PATH_SIZE];
    int n = snprintf(full, sizeof(full), "%s%s", s->root == NULL ? "" : s->root, path);

    mrl_buf_clear(out);
    return n > 0 && n < PATH_SIZE && mrl_disk_read(NULL, full, out, NULL) == MRL_OK;
}

static void take_cpu(struct mrl_sampler *s, struct mrl_buf *text, struct mrl_readings *r)
{
    struct mrl_cpu_times now;

    if (!read_file(s, "/proc/stat", text) || mrl_proc_cpu(mrl_buf_bytes(text), &now) != MRL_OK)
        return;
    r->has_cpu = s->has_times;
    r->cpu_tenths = s->has_times ? mrl_proc_busy(&s->times, &now) : 0;
    s->times = now;
    s->has_times = true;
}

/* The first sensor that says something: the kernel's thermal zones, then hwmon. */
static void take_temperature(const struct mrl_sampler *s, struct mrl_buf *text,
                             struct mrl_readings *r)
{
    for (int i = 0; i < 2 * SENSORS && !r->has_temperature; i++) {
        char path[PATH_SIZE];

        (void)(i < SENSORS
                   ? snprintf(path, sizeof(path), "/sys/class/thermal/thermal_zone%d/temp", i)
                   : snprintf(path, sizeof(path), "/sys/class/hwmon/hwmon%d/temp1_input",
                              i - SENSORS)); /* fits */
        r->has_temperature = read_file(s, path, text) &&
                             mrl_proc_temperature(mrl_buf_bytes(text), &r->millidegrees) == MRL_OK;
    }
}

void mrl_readings_take(struct mrl_sampler *s, struct mrl_readings *out)
{
    MRL_SCOPED(mrl_buf) text = {.limit = FILE_LIMIT};
    struct mrl_readings r = {.time_ms = mrl_wall_ms(), .sequence = ++s->sequence};

    take_cpu(s, &text, &r);
    r.has_load = read_file(s, "/proc/loadavg", &text) &&
                 mrl_proc_load(mrl_buf_bytes(&text), &r.load_hundredths) == MRL_OK;
    r.has_memory = read_file(s, "/proc/meminfo", &text) &&
                   mrl_proc_memory(mrl_buf_bytes(&text), &r.memory) == MRL_OK;
    r.has_traffic = read_file(s, "/proc/net/dev", &text) &&
                    mrl_proc_traffic(mrl_buf_bytes(&text), &r.traffic) == MRL_OK;
    r.has_uptime = read_file(s, "/proc/uptime", &text) &&
                   mrl_proc_uptime(mrl_buf_bytes(&text), &r.uptime_s) == MRL_OK;
    take_temperature(s, &text, &r);
    *out = r;
}

static void write_cpu(const struct mrl_readings *r, struct mrl_writer *w)
{
    if (!r->has_cpu && !r->has_load)
        return;
    mrl_put_text(w, ",\"cpu\":{");
    if (r->has_cpu)
        mrl_put_text(w, "\"percent\":%u.%u%s", r->cpu_tenths / 10, r->cpu_tenths % 10,
                     r->has_load ? "," : "");
    if (r->has_load)
        mrl_put_text(w, "\"load1\":%" PRIu64 ".%02" PRIu64, r->load_hundredths / 100,
                     r->load_hundredths % 100);
    mrl_put_text(w, "}");
}

static void write_temperature(const struct mrl_readings *r, struct mrl_writer *w)
{
    int64_t tenths = r->millidegrees / 100;

    if (r->has_temperature)
        mrl_put_text(w, ",\"temperature_celsius\":%s%" PRId64 ".%" PRId64, tenths < 0 ? "-" : "",
                     (tenths < 0 ? -tenths : tenths) / 10, (tenths < 0 ? -tenths : tenths) % 10);
}

void mrl_readings_write(const struct mrl_readings *r, struct mrl_writer *w)
{
    char time[MRL_TIME_TEXT];

    mrl_time_format(r->time_ms, time);
    mrl_put_text(w, "{\"time\":\"%s\",\"sequence\":%" PRIu64, time, r->sequence);
    write_cpu(r, w);
    if (r->has_memory)
        mrl_put_text(w, ",\"memory\":{\"total_bytes\":%" PRIu64 ",\"available_bytes\":%" PRIu64 "}",
                     r->memory.total_bytes, r->memory.available_bytes);
    write_temperature(r, w);
    if (r->has_traffic)
        mrl_put_text(w, ",\"network\":{\"received_bytes\":%" PRIu64 ",\"sent_bytes\":%" PRIu64 "}",
                     r->traffic.received_bytes, r->traffic.sent_bytes);
    if (r->has_uptime)
        mrl_put_text(w, ",\"uptime_seconds\":%" PRIu64, r->uptime_s);
    mrl_put_text(w, "}");
}
