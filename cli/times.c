/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/times.h"

#include <stdio.h>
#include <time.h>

/* "####-##-##T##:##:##", then "Z" or ".###Z"; # is a digit. */
static bool has_shape(mrl_bytes text, mrl_bytes shape)
{
    if (text.len != shape.len)
        return false;
    for (size_t i = 0; i < shape.len; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';

        if (shape.data[i] == '#' ? !digit : text.data[i] != shape.data[i])
            return false;
    }
    return true;
}

static int number_at(mrl_bytes text, size_t at, size_t digits)
{
    int n = 0;

    for (size_t i = at; i < at + digits; i++)
        n = n * 10 + (text.data[i] - '0');
    return n;
}

bool mrl_times_parse(mrl_bytes text, int64_t *wall_ms)
{
    bool fraction = has_shape(text, MRL_LIT("####-##-##T##:##:##.###Z"));
    struct tm tm = {0}, back;
    time_t seconds;

    if (!fraction && !has_shape(text, MRL_LIT("####-##-##T##:##:##Z")))
        return false;
    tm.tm_year = number_at(text, 0, 4) - 1900;
    tm.tm_mon = number_at(text, 5, 2) - 1;
    tm.tm_mday = number_at(text, 8, 2);
    tm.tm_hour = number_at(text, 11, 2);
    tm.tm_min = number_at(text, 14, 2);
    tm.tm_sec = number_at(text, 17, 2);
    back = tm;
    seconds = timegm(&back);
    /* timegm turns the 31st of February into March: then it is no date. */
    if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday || back.tm_hour != tm.tm_hour ||
        back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
        return false;
    *wall_ms = (int64_t)seconds * 1000 + (fraction ? number_at(text, 20, 3) : 0);
    return true;
}

static bool local_time(int64_t wall_ms, struct tm *tm)
{
    time_t seconds = (time_t)((wall_ms - ((wall_ms % 1000) + 1000) % 1000) / 1000);

    return localtime_r(&seconds, tm) != NULL;
}

void mrl_times_format(int64_t wall_ms, char to[static MRL_TIMES_TEXT])
{
    struct tm tm;

    if (!local_time(wall_ms, &tm) || strftime(to, MRL_TIMES_TEXT, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        (void)snprintf(to, MRL_TIMES_TEXT, "?");
}

void mrl_times_format_clock(int64_t wall_ms, char to[static MRL_TIMES_TEXT])
{
    struct tm tm;

    if (!local_time(wall_ms, &tm))
        tm = (struct tm){0};
    (void)snprintf(to, MRL_TIMES_TEXT, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(((wall_ms % 1000) + 1000) % 1000));
}
