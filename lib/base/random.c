/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    SAMPLE = 4096,
    LONGEST_RUN = 6, /* false alarm below 2^-28 for 4 KiB of good bytes */
    MOST_EQUAL = 80, /* expected 16 of each value, this is 16 standard deviations above */
};

void mrl_random(void *to, size_t len)
{
    uint8_t *at = to;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        len -= (size_t)got;
    }
}

uint32_t mrl_random_below(uint32_t bound)
{
    uint32_t reject = -bound % bound; /* values below this would be favoured */
    uint32_t value;

    do
        mrl_random(&value, sizeof(value));
    while (value < reject);
    return value % bound;
}

mrl_err mrl_random_judge(const uint8_t *sample, size_t len, struct mrl_why *why)
{
    unsigned seen[256] = {0};
    size_t run = 0;

    for (size_t i = 0; i < len; i++) {
        run = i > 0 && sample[i] == sample[i - 1] ? run + 1 : 1;
        seen[sample[i]]++;
        if (run >= LONGEST_RUN)
            return mrl_fail(why, MRL_ERR_CRYPTO, "random source repeats one byte %zu times", run);
        if (seen[sample[i]] > MOST_EQUAL)
            return mrl_fail(why, MRL_ERR_CRYPTO, "random source favours byte 0x%02x", sample[i]);
    }
    return MRL_OK;
}

mrl_err mrl_random_check(struct mrl_why *why)
{
    uint8_t sample[SAMPLE];

    mrl_random(sample, sizeof(sample));
    return mrl_random_judge(sample, sizeof(sample), why);
}
