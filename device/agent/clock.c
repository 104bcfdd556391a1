/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/clock.h"

#include "base/clock.h"

int64_t mrl_build_time_s(void)
{
    return MRL_BUILD_TIME;
}

void mrl_device_clock_look(struct mrl_device_clock *c, int64_t floor_s, int64_t wall_ms)
{
    c->floor_s = floor_s > mrl_build_time_s() ? floor_s : mrl_build_time_s();
    c->ahead_ms = 0;
    c->known = wall_ms / 1000 >= c->floor_s;
}

mrl_err mrl_device_clock_learn(struct mrl_device_clock *c, int64_t told_s, int64_t from_s,
                               int64_t until_s, int64_t wall_ms, struct mrl_why *why)
{
    if (told_s < c->floor_s)
        return mrl_fail(why, MRL_ERR_CRYPTO,
                        "the server's time lies %llu s before what has surely passed",
                        (unsigned long long)c->floor_s - (unsigned long long)told_s);
    if (told_s < from_s || told_s > until_s)
        return mrl_fail(why, MRL_ERR_CRYPTO,
                        "at the time the server tells, its own certificate is not valid");
    c->ahead_ms = told_s * 1000 - wall_ms;
    c->known = true;
    return MRL_OK;
}

int64_t mrl_device_now_ms(const struct mrl_device_clock *c)
{
    int64_t now_ms = mrl_wall_ms() + c->ahead_ms;

    return c->known || now_ms > c->floor_s * 1000 ? now_ms : c->floor_s * 1000;
}

int64_t mrl_device_now_s(const struct mrl_device_clock *c)
{
    return mrl_device_now_ms(c) / 1000;
}
