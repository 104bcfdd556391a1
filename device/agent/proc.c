/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/proc.h"

enum { CPU_FIELDS_LEAST = 4, CPU_FIELDS_MOST = 8, IDLE = 3, IOWAIT = 4 };
static const uint64_t largest = UINT64_C(1) << 56; /* eight of them still add up */

static mrl_bytes next_line(mrl_bytes *text)
{
    mrl_bytes line;

    (void)mrl_bytes_split(*text, '\n', &line, text); /* false: the last one, also good */
    return line;
}

static mrl_bytes next_word(mrl_bytes *line)
{
    mrl_bytes word;

    *line = mrl_bytes_trim(*line);
    (void)mrl_bytes_split(*line, ' ', &word, line); /* false: the last one, also good */
    return word;
}

static bool number(mrl_bytes word, uint64_t *out)
{
    return mrl_bytes_to_u64(word, largest, out);
}

/* user nice system idle iowait irq softirq steal; guest times are in user already. proc(5) */
mrl_err mrl_proc_cpu(mrl_bytes stat, struct mrl_cpu_times *out)
{
    mrl_bytes line = next_line(&stat);
    struct mrl_cpu_times t = {0};
    size_t i = 0;

    MRL_ENSURE(mrl_bytes_eq(next_word(&line), MRL_LIT("cpu")), MRL_ERR_MALFORMED);
    for (; i < CPU_FIELDS_MOST && mrl_bytes_trim(line).len > 0; i++) {
        uint64_t v;

        MRL_ENSURE(number(next_word(&line), &v), MRL_ERR_MALFORMED);
        t.total += v;
        t.idle += i == IDLE || i == IOWAIT ? v : 0;
    }
    MRL_ENSURE(i >= CPU_FIELDS_LEAST, MRL_ERR_MALFORMED);
    *out = t;
    return MRL_OK;
}

unsigned mrl_proc_busy(const struct mrl_cpu_times *before, const struct mrl_cpu_times *now)
{
    uint64_t total, idle;

    if (now->total <= before->total)
        return 0;
    total = now->total - before->total;
    idle = now->idle > before->idle ? now->idle - before->idle : 0; /* iowait may go back */
    if (idle >= total)
        return 0;
    return (unsigned)((double)(total - idle) * 1000.0 / (double)total);
}

/* "12.34" to 1234; further digits are cut. */
static bool hundredths_of(mrl_bytes word, uint64_t *out)
{
    mrl_bytes whole, rest;
    uint64_t a, b = 0;

    if (!mrl_bytes_split(word, '.', &whole, &rest))
        return false;
    if (!mrl_bytes_to_u64(whole, largest / 100 - 1, &a) || rest.len < 2 ||
        !mrl_bytes_to_u64(mrl_bytes_sub(rest, 0, 2), 99, &b))
        return false;
    *out = a * 100 + b;
    return true;
}

mrl_err mrl_proc_load(mrl_bytes loadavg, uint64_t *hundredths)
{
    return hundredths_of(next_word(&loadavg), hundredths) ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_proc_uptime(mrl_bytes uptime, uint64_t *seconds)
{
    uint64_t h;

    MRL_ENSURE(hundredths_of(next_word(&uptime), &h), MRL_ERR_MALFORMED);
    *seconds = h / 100;
    return MRL_OK;
}

/* "MemTotal:    16384 kB" */
static bool kilobytes(mrl_bytes line, mrl_bytes name, uint64_t *bytes)
{
    uint64_t v;

    if (!mrl_bytes_eq(next_word(&line), name) || !number(next_word(&line), &v) ||
        v > largest / 1024 || !mrl_bytes_eq(next_word(&line), MRL_LIT("kB")))
        return false;
    *bytes = v * 1024;
    return true;
}

mrl_err mrl_proc_memory(mrl_bytes meminfo, struct mrl_memory *out)
{
    struct mrl_memory m = {0};
    bool total = false, available = false;

    while (meminfo.len > 0) {
        mrl_bytes line = next_line(&meminfo);

        total = kilobytes(line, MRL_LIT("MemTotal:"), &m.total_bytes) || total;
        available = kilobytes(line, MRL_LIT("MemAvailable:"), &m.available_bytes) || available;
    }
    MRL_ENSURE(total && available, MRL_ERR_MALFORMED);
    *out = m;
    return MRL_OK;
}

/* "eth0: received packets errs drop fifo frame compressed multicast sent ..." */
static mrl_err one_interface(mrl_bytes line, struct mrl_traffic *t)
{
    enum { SENT = 8 };
    mrl_bytes name, rest;
    uint64_t v;

    if (!mrl_bytes_split(line, ':', &name, &rest) ||
        mrl_bytes_eq(mrl_bytes_trim(name), MRL_LIT("lo")))
        return MRL_OK;
    for (int i = 0; i <= SENT; i++) {
        MRL_ENSURE(number(next_word(&rest), &v), MRL_ERR_MALFORMED);
        if (i == 0)
            t->received_bytes = (t->received_bytes + v) % largest;
        if (i == SENT)
            t->sent_bytes = (t->sent_bytes + v) % largest;
    }
    return MRL_OK;
}

mrl_err mrl_proc_traffic(mrl_bytes net_dev, struct mrl_traffic *out)
{
    struct mrl_traffic t = {0};

    MRL_ENSURE(mrl_bytes_starts(net_dev, MRL_LIT("Inter-|")), MRL_ERR_MALFORMED);
    while (net_dev.len > 0)
        MRL_TRY(one_interface(next_line(&net_dev), &t));
    *out = t;
    return MRL_OK;
}

mrl_err mrl_proc_temperature(mrl_bytes text, int64_t *millidegrees)
{
    mrl_bytes word = mrl_bytes_trim(text);
    bool negative = mrl_bytes_starts(word, MRL_LIT("-"));
    uint64_t v;

    if (negative)
        word = mrl_bytes_sub(word, 1, word.len);
    MRL_ENSURE(mrl_bytes_to_u64(word, negative ? 100000 : 300000, &v), MRL_ERR_MALFORMED);
    *millidegrees = negative ? -(int64_t)v : (int64_t)v;
    return MRL_OK;
}
