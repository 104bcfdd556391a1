/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t); /* fails only for unknown clocks */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t mrl_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t mrl_machine_passed_ms(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t mrl_machine_wall_ms(void)
{
    return (int64_t)read_clock(CLOCK_REALTIME);
}

/* Of the process, as the clock is. What the clock was ahead of the time passed; no limit: nobody
 * has said yet. */
static _Atomic int64_t trusted_ms, limit_of_jump_ms;

void mrl_clock_trust(int64_t wall_ms, uint64_t passed_ms, int64_t limit_ms)
{
    atomic_store(&trusted_ms, wall_ms - (int64_t)passed_ms);
    atomic_store(&limit_of_jump_ms, limit_ms);
}

/* What the clock says, and what it should. */
static bool is_doubted(int64_t *wall_ms, int64_t *expected_ms)
{
    int64_t limit_ms = atomic_load(&limit_of_jump_ms);

    *wall_ms = mrl_machine_wall_ms();
    if (limit_ms == 0)
        return false;
    *expected_ms = atomic_load(&trusted_ms) + (int64_t)mrl_machine_passed_ms();
    return *wall_ms > *expected_ms + limit_ms || *wall_ms < *expected_ms - limit_ms;
}

bool mrl_clock_is_doubted(void)
{
    int64_t wall_ms, expected_ms;

    return is_doubted(&wall_ms, &expected_ms);
}

int64_t mrl_wall_ms(void)
{
    int64_t wall_ms, expected_ms;

    return is_doubted(&wall_ms, &expected_ms) ? expected_ms : wall_ms;
}

int64_t mrl_wall_s(void)
{
    return mrl_wall_ms() / 1000;
}

void mrl_time_format(int64_t wall_ms, char to[static MRL_TIME_TEXT])
{
    int64_t ms = ((wall_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm tm;
    char date[24];

    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        (void)snprintf(to, MRL_TIME_TEXT, "invalid-time");
        return;
    }
    (void)snprintf(to, MRL_TIME_TEXT, "%s.%03dZ", date, (int)ms);
}

static uint64_t unit_seconds(uint8_t unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

bool mrl_duration_parse(mrl_bytes text, uint64_t *seconds)
{
    uint64_t unit = text.len == 0 ? 0 : unit_seconds(text.data[text.len - 1]);
    uint64_t count;

    if (unit == 0)
        unit = 1;
    else
        text.len--;
    if (!mrl_bytes_to_u64(text, UINT64_MAX / 86400, &count))
        return false;
    *seconds = count * unit;
    return true;
}
