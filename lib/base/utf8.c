/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool is_tail(mrl_bytes t, size_t at)
{
    return at < t.len && (t.data[at] & 0xc0) == 0x80;
}

/* Length of the valid sequence at `at`, or 0. RFC 3629 4 */
static size_t sequence(mrl_bytes t, size_t at)
{
    uint8_t first = t.data[at];
    uint8_t second = at + 1 < t.len ? t.data[at + 1] : 0;

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return is_tail(t, at + 1) ? 2 : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f))
        return 0;
    if (first >= 0xe0 && first <= 0xef)
        return is_tail(t, at + 1) && is_tail(t, at + 2) ? 3 : 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
        return 0;
    if (first >= 0xf0 && first <= 0xf4)
        return is_tail(t, at + 1) && is_tail(t, at + 2) && is_tail(t, at + 3) ? 4 : 0;
    return 0;
}

bool mrl_utf8_valid(mrl_bytes text)
{
    for (size_t at = 0; at < text.len;) {
        size_t step = sequence(text, at);

        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
