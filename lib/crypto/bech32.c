/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bech32.h"

#include <string.h>

#include "base/secret.h"

enum { GROUPS = 52, CHECKSUM = 6 }; /* 32 bytes are 51.2 groups of five bits */

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t polymod_step(uint32_t sum, uint8_t value)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    uint32_t top = sum >> 25;

    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (unsigned i = 0; i < MRL_COUNT(generator); i++)
        sum ^= ((top >> i) & 1) != 0 ? generator[i] : 0;
    return sum;
}

static uint32_t polymod(mrl_bytes prefix, const uint8_t *groups, size_t count)
{
    uint32_t sum = 1;

    for (size_t i = 0; i < prefix.len; i++)
        sum = polymod_step(sum, prefix.data[i] >> 5);
    sum = polymod_step(sum, 0);
    for (size_t i = 0; i < prefix.len; i++)
        sum = polymod_step(sum, prefix.data[i] & 31);
    for (size_t i = 0; i < count; i++)
        sum = polymod_step(sum, groups[i]);
    return sum;
}

static void to_groups(const uint8_t *data, uint8_t *groups)
{
    for (size_t i = 0; i < GROUPS; i++) {
        size_t bit = i * 5;
        uint32_t pair = (uint32_t)data[bit / 8] << 8;

        pair |= bit / 8 + 1 < MRL_BECH32_DATA ? data[bit / 8 + 1] : 0;
        groups[i] = (pair >> (11 - bit % 8)) & 31;
    }
}

static void from_groups(const uint8_t *groups, uint8_t *data)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < GROUPS; i++) {
        held = (held << 5 | groups[i]) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            data[n++] = (uint8_t)(held >> bits);
        }
    }
}

static bool prefix_is_fine(mrl_bytes prefix)
{
    for (size_t i = 0; i < prefix.len; i++) {
        if (prefix.data[i] != '-' && (prefix.data[i] < 'a' || prefix.data[i] > 'z'))
            return false;
    }
    return prefix.len > 0 && prefix.len <= MRL_BECH32_PREFIX_MAX;
}

mrl_err mrl_bech32_write(mrl_bytes prefix, const uint8_t data[static MRL_BECH32_DATA],
                         char to[static MRL_BECH32_TEXT_MAX + 1])
{
    uint8_t groups[GROUPS + CHECKSUM] = {0};
    uint32_t sum;

    MRL_ENSURE(prefix_is_fine(prefix), MRL_ERR_INVALID);
    to_groups(data, groups);
    sum = polymod(prefix, groups, GROUPS + CHECKSUM) ^ 1;
    for (unsigned i = 0; i < CHECKSUM; i++)
        groups[GROUPS + i] = (sum >> (5 * (CHECKSUM - 1 - i))) & 31;
    memcpy(to, prefix.data, prefix.len);
    to[prefix.len] = '1';
    for (size_t i = 0; i < GROUPS + CHECKSUM; i++)
        to[prefix.len + 1 + i] = alphabet[groups[i]];
    to[prefix.len + 1 + GROUPS + CHECKSUM] = '\0';
    mrl_wipe(groups, sizeof(groups));
    return MRL_OK;
}

/* One case throughout: bit 0 upper, bit 1 lower letters seen. */
static bool one_case(mrl_bytes text)
{
    unsigned seen = 0;

    for (size_t i = 0; i < text.len; i++) {
        seen |= text.data[i] >= 'A' && text.data[i] <= 'Z' ? 1 : 0;
        seen |= text.data[i] >= 'a' && text.data[i] <= 'z' ? 2 : 0;
    }
    return seen != 3;
}

static bool read_groups(mrl_bytes text, uint8_t *groups)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        const char *found;

        c = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
        found = c == '\0' ? NULL : strchr(alphabet, c);
        if (found == NULL)
            return false;
        groups[i] = (uint8_t)(found - alphabet);
    }
    return true;
}

mrl_err mrl_bech32_read(mrl_bytes text, mrl_bytes prefix, uint8_t out[static MRL_BECH32_DATA])
{
    uint8_t groups[GROUPS + CHECKSUM];
    mrl_bytes head = mrl_bytes_sub(text, 0, prefix.len);
    mrl_bytes rest = mrl_bytes_sub(text, prefix.len, text.len);
    bool good;

    MRL_ENSURE(prefix_is_fine(prefix), MRL_ERR_INVALID);
    MRL_ENSURE(mrl_bytes_eq_nocase(head, prefix) && one_case(text), MRL_ERR_MALFORMED);
    MRL_ENSURE(rest.len == 1 + GROUPS + CHECKSUM && rest.data[0] == '1', MRL_ERR_MALFORMED);
    good = read_groups(mrl_bytes_sub(rest, 1, rest.len), groups) &&
           polymod(prefix, groups, GROUPS + CHECKSUM) == 1 && (groups[GROUPS - 1] & 15) == 0;
    if (good)
        from_groups(groups, out);
    mrl_wipe(groups, sizeof(groups));
    return good ? MRL_OK : MRL_ERR_MALFORMED;
}
