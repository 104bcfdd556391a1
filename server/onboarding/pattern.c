/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/pattern.h"

/* Bytes of the element that begins at `at`; 0: a bracket that is none. The first byte of a set may
 * be ']'. */
static size_t element(mrl_bytes pattern, size_t at)
{
    size_t first = at + 1, end;

    if (pattern.data[at] != '[')
        return 1;
    if (first < pattern.len && pattern.data[first] == '!')
        first++;
    end = mrl_bytes_find(pattern, ']', first + 1);
    return end < pattern.len ? end - at + 1 : 0;
}

mrl_err mrl_pattern_check(mrl_bytes pattern, const char *what, struct mrl_why *why)
{
    size_t size;

    if (pattern.len == 0 || pattern.len > MRL_PATTERN_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: a pattern of 1 to %d bytes", what,
                        MRL_PATTERN_MAX);
    for (size_t at = 0; at < pattern.len; at += size) {
        size = element(pattern, at);
        if (size == 0)
            return mrl_fail(why, MRL_ERR_INVALID, "%s: '[' without ']' in a pattern", what);
    }
    return MRL_OK;
}

static bool in_set(mrl_bytes set, uint8_t byte)
{
    for (size_t i = 0; i < set.len; i++) {
        bool range = i + 2 < set.len && set.data[i + 1] == '-';

        if (range ? byte >= set.data[i] && byte <= set.data[i + 2] : byte == set.data[i])
            return true;
        if (range)
            i += 2;
    }
    return false;
}

static bool takes(mrl_bytes element, uint8_t byte)
{
    bool none = element.len > 2 && element.data[1] == '!';

    if (element.len == 1)
        return element.data[0] == '?' || element.data[0] == byte;
    return in_set(mrl_bytes_sub(element, 1 + none, element.len - 2 - none), byte) != none;
}

/* Only the last star is gone back to: what an earlier one could take, the last one can, too. */
bool mrl_pattern_matches(mrl_bytes pattern, mrl_bytes value)
{
    size_t p = 0, v = 0, star = SIZE_MAX, from = 0;

    while (v < value.len) {
        size_t size = p < pattern.len ? element(pattern, p) : 0;

        if (size == 1 && pattern.data[p] == '*') {
            star = p++;
            from = v;
        } else if (size > 0 && takes(mrl_bytes_sub(pattern, p, size), value.data[v])) {
            p += size;
            v++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            v = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}
