/* SPDX-License-Identifier: Apache-2.0 */
#include "net/network.h"

#include <arpa/inet.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_BITS = IPV6_BITS - IPV4_BITS };

/* Whether the first bits are the same. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool is_clear_behind(const uint8_t *ip, unsigned bits, unsigned size)
{
    for (unsigned i = bits; i < size; i++)
        if ((ip[i / 8] & (0x80 >> (i % 8))) != 0)
            return false;
    return true;
}

static bool read_address(mrl_bytes text, struct mrl_network *n, unsigned *size)
{
    char host[INET6_ADDRSTRLEN];

    if (!mrl_bytes_to_cstr(text, host, sizeof(host)))
        return false;
    n->kind = inet_pton(AF_INET, host, n->ip) == 1 ? MRL_PEER_IPV4 : MRL_PEER_IPV6;
    *size = n->kind == MRL_PEER_IPV4 ? IPV4_BITS : IPV6_BITS;
    return n->kind == MRL_PEER_IPV4 || inet_pton(AF_INET6, host, n->ip) == 1;
}

/* Peers with such an address are IPv4: net/address.h. */
static void unmap(struct mrl_network *n)
{
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};

    if (n->kind != MRL_PEER_IPV6 || n->bits < MAPPED_BITS || !same_bits(n->ip, mapped, MAPPED_BITS))
        return;
    n->kind = MRL_PEER_IPV4;
    n->bits -= MAPPED_BITS;
    memmove(n->ip, &n->ip[MAPPED_BITS / 8], IPV4_BITS / 8);
    memset(&n->ip[IPV4_BITS / 8], 0, MAPPED_BITS / 8);
}

mrl_err mrl_network_parse(mrl_bytes text, struct mrl_network *out, struct mrl_why *why)
{
    struct mrl_network n = {0};
    mrl_bytes address, prefix;
    bool has_prefix = mrl_bytes_split(text, '/', &address, &prefix);
    uint64_t bits;
    unsigned size;

    if (!read_address(address, &n, &size))
        return mrl_fail(why, MRL_ERR_INVALID, "\"%.*s\" is not an IP address", MRL_FMT(address));
    bits = size;
    if (has_prefix && !mrl_bytes_to_u64(prefix, size, &bits))
        return mrl_fail(why, MRL_ERR_INVALID, "\"%.*s\": a prefix is at most /%u", MRL_FMT(text),
                        size);
    n.bits = (uint8_t)bits;
    if (!is_clear_behind(n.ip, n.bits, size))
        return mrl_fail(why, MRL_ERR_INVALID, "\"%.*s\": bits behind the prefix are set",
                        MRL_FMT(text));
    unmap(&n);
    if (n.bits == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "\"%.*s\" is everybody", MRL_FMT(text));
    *out = n;
    return MRL_OK;
}

bool mrl_network_has(const struct mrl_network *n, const struct mrl_peer *p)
{
    return n->kind == p->kind && same_bits(n->ip, p->ip, n->bits);
}

bool mrl_networks_have(const struct mrl_network *n, size_t count, const struct mrl_peer *p)
{
    for (size_t i = 0; i < count; i++)
        if (mrl_network_has(&n[i], p))
            return true;
    return false;
}
