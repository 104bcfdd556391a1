/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/reader.h"

enum {
    VERSION_2 = 0x20,
    VERSION = 0xf0,
    COMMAND = 0x0f,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    HEAD_V2 = 16,
    FAMILY_UNSPEC = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_UNIX = 0x31,
    UNIX_PATHS = 216, /* two of 108 bytes */
    IPV4_SIZE = 4,
    IPV6_SIZE = 16,
    PORT_DIGITS = 5,
    TLV_CRC32C = 0x03,
    CRC_SIZE = 4,
};

static const mrl_bytes mark_1 = MRL_LIT_INIT("PROXY ");
static const mrl_bytes mark_2 = MRL_LIT_INIT("\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a");

/* ---- version 1: a line of text ---- */

/* 2.1: decimal, without leading zeros. */
static bool read_port(mrl_bytes text, uint16_t *out)
{
    uint64_t port;

    if (text.len > PORT_DIGITS || (text.len > 1 && text.data[0] == '0') ||
        !mrl_bytes_to_u64(text, UINT16_MAX, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

static bool read_ip(mrl_bytes text, int family, uint8_t to[static IPV6_SIZE])
{
    char host[INET6_ADDRSTRLEN];

    return mrl_bytes_to_cstr(text, host, sizeof(host)) && inet_pton(family, host, to) == 1;
}

/* Source and destination address, source and destination port, one blank between each. */
static mrl_err read_words(mrl_bytes words, int family, struct mrl_proxy_header *h,
                          struct mrl_why *why)
{
    uint8_t to_ip[IPV6_SIZE];
    mrl_bytes word[4];
    uint16_t to_port;

    for (size_t i = 0; i < 3; i++)
        if (!mrl_bytes_split(words, ' ', &word[i], &words))
            return mrl_fail(why, MRL_ERR_MALFORMED, "PROXY line has too few words");
    word[3] = words;
    if (!read_ip(word[0], family, h->ip) || !read_ip(word[1], family, to_ip))
        return mrl_fail(why, MRL_ERR_MALFORMED, "PROXY line holds no address of its family");
    if (!read_port(word[2], &h->port) || !read_port(word[3], &to_port))
        return mrl_fail(why, MRL_ERR_MALFORMED, "PROXY line holds no port");
    h->source = family == AF_INET ? MRL_PROXY_IPV4 : MRL_PROXY_IPV6;
    return MRL_OK;
}

static mrl_err read_line(mrl_bytes line, struct mrl_proxy_header *h, struct mrl_why *why)
{
    mrl_bytes family, words;
    bool more = mrl_bytes_split(line, ' ', &family, &words);

    if (mrl_bytes_eq(family, MRL_LIT("UNKNOWN"))) /* 2.1: whatever stands behind it is ignored */
        return MRL_OK;
    if (more && mrl_bytes_eq(family, MRL_LIT("TCP4")))
        return read_words(words, AF_INET, h, why);
    if (more && mrl_bytes_eq(family, MRL_LIT("TCP6")))
        return read_words(words, AF_INET6, h, why);
    return mrl_fail(why, MRL_ERR_MALFORMED, "PROXY line names no family");
}

static mrl_err read_v1(mrl_bytes in, struct mrl_proxy_header *h, struct mrl_why *why)
{
    mrl_bytes most = mrl_bytes_sub(in, 0, MRL_PROXY_V1_MAX);
    size_t end = mrl_bytes_find(most, '\n', mark_1.len);

    if (end == most.len) {
        MRL_ENSURE(most.len == MRL_PROXY_V1_MAX, MRL_ERR_AGAIN);
        return mrl_fail(why, MRL_ERR_LIMIT, "PROXY line is over %d bytes", MRL_PROXY_V1_MAX);
    }
    if (most.data[end - 1] != '\r')
        return mrl_fail(why, MRL_ERR_MALFORMED, "PROXY line ends without CR");
    h->total = end + 1;
    return read_line(mrl_bytes_sub(most, mark_1.len, end - 1 - mark_1.len), h, why);
}

/* ---- version 2: binary ---- */

/* CRC-32C (RFC 4960 appendix B); what lies in zeros counts as zeros. */
static uint32_t crc32c(mrl_bytes b, size_t zeros_at)
{
    const uint32_t polynomial = 0x82f63b78;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < b.len; i++) {
        crc ^= i >= zeros_at && i < zeros_at + CRC_SIZE ? 0 : b.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    }
    return ~crc;
}

/* 2.2.5: a receiver that finds a wrong checksum must end the connection. */
static mrl_err check_crc(const struct mrl_reader *whole, mrl_bytes value, struct mrl_why *why)
{
    struct mrl_reader r = {.in = value};
    uint32_t said;

    if (value.len != CRC_SIZE || mrl_read_u32(&r, &said) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "checksum of the PROXY header has no 4 bytes");
    if (said != crc32c(whole->in, whole->at - CRC_SIZE))
        return mrl_fail(why, MRL_ERR_MALFORMED, "checksum of the PROXY header is wrong");
    return MRL_OK;
}

/* 2.2: type, length, value; the types we do not know are skipped. */
static mrl_err read_tlvs(struct mrl_reader *r, struct mrl_why *why)
{
    while (mrl_reader_left(r) > 0) {
        mrl_bytes value;
        uint8_t type;

        if (mrl_read_u8(r, &type) != MRL_OK || mrl_read_blob16(r, &value) != MRL_OK)
            return mrl_fail(why, MRL_ERR_MALFORMED, "a value in the PROXY header is cut off");
        if (type == TLV_CRC32C)
            MRL_TRY(check_crc(r, value, why));
    }
    return MRL_OK;
}

static mrl_err read_ip_addresses(struct mrl_reader *r, size_t size, struct mrl_proxy_header *h)
{
    uint8_t to_ip[IPV6_SIZE];
    uint16_t to_port;

    MRL_TRY(mrl_read_into(r, h->ip, size));
    MRL_TRY(mrl_read_into(r, to_ip, size));
    MRL_TRY(mrl_read_u16(r, &h->port));
    MRL_TRY(mrl_read_u16(r, &to_port));
    h->source = size == IPV4_SIZE ? MRL_PROXY_IPV4 : MRL_PROXY_IPV6;
    return MRL_OK;
}

static mrl_err read_addresses(struct mrl_reader *r, uint8_t family, struct mrl_proxy_header *h)
{
    mrl_bytes paths;

    if (family == FAMILY_TCP4)
        return read_ip_addresses(r, IPV4_SIZE, h);
    if (family == FAMILY_TCP6)
        return read_ip_addresses(r, IPV6_SIZE, h);
    return mrl_read_bytes(r, UNIX_PATHS, &paths);
}

/* 2.2: LOCAL is the balancer itself, UNSPEC somebody it cannot name: what follows is ignored. */
static mrl_err read_body(struct mrl_reader *r, uint8_t command, uint8_t family,
                         struct mrl_proxy_header *h, struct mrl_why *why)
{
    if (command == COMMAND_LOCAL || family == FAMILY_UNSPEC)
        return MRL_OK;
    if (family != FAMILY_TCP4 && family != FAMILY_TCP6 && family != FAMILY_UNIX)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "PROXY header names no stream: 0x%02x", family);
    if (read_addresses(r, family, h) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "PROXY header is too short for its addresses");
    return read_tlvs(r, why);
}

static mrl_err check_command(uint8_t what, struct mrl_why *why)
{
    if ((what & VERSION) != VERSION_2)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "PROXY header has version %d", what >> 4);
    if ((what & COMMAND) > COMMAND_PROXY) /* 2.2: receivers must drop them */
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "PROXY header has command %d", what & COMMAND);
    return MRL_OK;
}

static mrl_err read_v2(mrl_bytes in, struct mrl_proxy_header *h, struct mrl_why *why)
{
    struct mrl_reader r = {.in = in, .at = mark_2.len};
    uint8_t what, family;
    uint16_t length;

    MRL_ENSURE(mrl_read_u8(&r, &what) == MRL_OK, MRL_ERR_AGAIN);
    MRL_TRY(check_command(what, why));
    MRL_ENSURE(mrl_read_u8(&r, &family) == MRL_OK, MRL_ERR_AGAIN);
    MRL_ENSURE(mrl_read_u16(&r, &length) == MRL_OK, MRL_ERR_AGAIN);
    h->total = (size_t)HEAD_V2 + length;
    if (h->total > MRL_PROXY_V2_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "PROXY header is over %d bytes", MRL_PROXY_V2_MAX);
    MRL_ENSURE(in.len >= h->total, MRL_ERR_AGAIN);
    r.in = mrl_bytes_sub(in, 0, h->total);
    return read_body(&r, what & COMMAND, family, h, why);
}

/* in begins like mark, as far as it goes. */
static bool may_be(mrl_bytes in, mrl_bytes mark)
{
    return mrl_bytes_starts(mark, mrl_bytes_sub(in, 0, mark.len));
}

mrl_err mrl_proxy_read(mrl_bytes in, struct mrl_proxy_header *out, struct mrl_why *why)
{
    struct mrl_proxy_header h = {.source = MRL_PROXY_OWN};
    bool first = may_be(in, mark_1), second = may_be(in, mark_2);

    if (!first && !second)
        return mrl_fail(why, MRL_ERR_MALFORMED, "no PROXY header");
    MRL_ENSURE(in.len >= (first ? mark_1.len : mark_2.len), MRL_ERR_AGAIN);
    MRL_TRY(first ? read_v1(in, &h, why) : read_v2(in, &h, why));
    *out = h;
    return MRL_OK;
}
