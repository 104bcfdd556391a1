/* SPDX-License-Identifier: Apache-2.0 */
#include "net/network.h"

#include <arpa/inet.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_BITS = IPV6_BITS - IPV4_BITS };

static mrl_err parse_host(mrl_bytes text, struct mrl_address *out)
{
    struct mrl_address a = {0};
    char host[INET6_ADDRSTRLEN];

    MRL_ENSURE(mrl_bytes_to_cstr(text, host, sizeof(host)), MRL_ERR_INVALID);
    if (inet_pton(AF_INET, host, &a.sa.in4.sin_addr) == 1)
        a.sa.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &a.sa.in6.sin6_addr) == 1)
        a.sa.any.sa_family = AF_INET6;
    MRL_ENSURE(a.sa.any.sa_family != AF_UNSPEC, MRL_ERR_INVALID);
    *out = a;
    return MRL_OK;
}

mrl_err mrl_network_parse_host(mrl_bytes text, struct mrl_peer *out)
{
    struct mrl_address a;

    MRL_TRY(parse_host(text, &a));
    mrl_peer_from_address(&a, out);
    return MRL_OK;
}

/* The bits behind the slash, of the family that is written there; without one all of them. */
static mrl_err parse_bits(mrl_bytes text, mrl_bytes length, bool has_length, uint64_t most,
                          uint64_t *bits, struct mrl_why *why)
{
    *bits = most;
    if (has_length && !mrl_bytes_to_u64(length, most, bits))
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: /0 to /%llu", MRL_FMT(text),
                        (unsigned long long)most);
    return MRL_OK;
}

/* The range of so many bits that begins with peer; nothing may stand behind them. */
static mrl_err make(const struct mrl_peer *peer, uint64_t bits, struct mrl_network *out)
{
    struct mrl_network n = {.bits = (uint8_t)bits};
    struct mrl_prefix whole;

    mrl_peer_prefix(peer, n.bits, n.bits, &n.prefix);
    mrl_peer_prefix(peer, IPV4_BITS, IPV6_BITS, &whole);
    MRL_ENSURE(memcmp(&whole, &n.prefix, sizeof(whole)) == 0, MRL_ERR_INVALID);
    *out = n;
    return MRL_OK;
}

mrl_err mrl_network_parse(mrl_bytes text, struct mrl_network *out, struct mrl_why *why)
{
    mrl_bytes host, length;
    bool has_length = mrl_bytes_split(text, '/', &host, &length);
    struct mrl_address a;
    struct mrl_peer peer;
    bool is_ipv6, is_mapped;
    uint64_t bits;

    if (parse_host(host, &a) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: an address, or one with /bits", MRL_FMT(text));
    mrl_peer_from_address(&a, &peer);
    is_ipv6 = a.sa.any.sa_family == AF_INET6;
    is_mapped = is_ipv6 && peer.kind == MRL_PEER_IPV4;
    MRL_TRY(parse_bits(text, length, has_length, is_ipv6 ? IPV6_BITS : IPV4_BITS, &bits, why));
    if ((is_mapped && bits < MAPPED_BITS) ||
        make(&peer, is_mapped ? bits - MAPPED_BITS : bits, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: there are bits behind /%llu", MRL_FMT(text),
                        (unsigned long long)bits);
    return MRL_OK;
}

bool mrl_network_has(const struct mrl_network *n, const struct mrl_peer *peer)
{
    struct mrl_prefix prefix;

    mrl_peer_prefix(peer, n->bits, n->bits, &prefix);
    return memcmp(&prefix, &n->prefix, sizeof(prefix)) == 0;
}

bool mrl_networks_have(const struct mrl_network *n, size_t count, const struct mrl_peer *peer)
{
    for (size_t i = 0; i < count; i++)
        if (mrl_network_has(&n[i], peer))
            return true;
    return false;
}
