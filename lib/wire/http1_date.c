/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_date.h"

#include <stdio.h>
#include <time.h>

static const char shape[] = "aaa, 00 aaa 0000 00:00:00 GMT";

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool has_shape(mrl_bytes text)
{
    if (text.len != sizeof(shape) - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (shape[i] == 'a'   ? !is_letter(c)
            : shape[i] == '0' ? c < '0' || c > '9'
                              : c != (uint8_t)shape[i])
            return false;
    }
    return true;
}

/* 1 to 12; 0: none. */
static int month_of(mrl_bytes name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int m = 0; m < 12; m++)
        if (mrl_bytes_eq(name, mrl_bytes_of(&names[3 * m], 3)))
            return m + 1;
    return 0;
}

static int number(mrl_bytes text, size_t at, size_t digits)
{
    uint64_t n = 0;

    (void)mrl_bytes_to_u64(mrl_bytes_sub(text, at, digits), 9999, &n); /* they are digits */
    return (int)n;
}

static int days_of(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01 in the Gregorian calendar; a year begins in March here. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1, era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

mrl_err mrl_http_date_read(mrl_bytes text, int64_t *seconds)
{
    int day, month, year, hour, minute, second;

    MRL_ENSURE(has_shape(text), MRL_ERR_MALFORMED);
    day = number(text, 5, 2);
    month = month_of(mrl_bytes_sub(text, 8, 3));
    year = number(text, 12, 4);
    hour = number(text, 17, 2);
    minute = number(text, 20, 2);
    second = number(text, 23, 2);
    MRL_ENSURE(month > 0 && day > 0 && day <= days_of(month, year), MRL_ERR_MALFORMED);
    MRL_ENSURE(hour < 24 && minute < 60 && second <= 60, MRL_ERR_MALFORMED);
    *seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return MRL_OK;
}

void mrl_http_date_format(int64_t at, char to[static MRL_HTTP_DATE_TEXT])
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)at;
    struct tm t = {0};

    (void)gmtime_r(&seconds, &t); /* fails beyond the year 2^31 */
    (void)snprintf(to, MRL_HTTP_DATE_TEXT, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                   days[(unsigned)t.tm_wday % 7], (unsigned)t.tm_mday % 100,
                   months[(unsigned)t.tm_mon % 12], (unsigned)(t.tm_year + 1900) % 10000,
                   (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}
