/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/network.h"

#include <arpa/inet.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128 };

mrl_err mrl_network_parse_host(mrl_bytes text, struct mrl_peer *out)
{
    struct mrl_peer peer = {0};
    char host[INET6_ADDRSTRLEN];

    MRL_ENSURE(mrl_bytes_to_cstr(text, host, sizeof(host)), MRL_ERR_INVALID);
    if (inet_pton(AF_INET, host, peer.ip) == 1)
        peer.kind = MRL_PEER_IPV4;
    else if (inet_pton(AF_INET6, host, peer.ip) == 1)
        peer.kind = MRL_PEER_IPV6;
    MRL_ENSURE(peer.kind != MRL_PEER_UNKNOWN, MRL_ERR_INVALID);
    *out = peer;
    return MRL_OK;
}

mrl_err mrl_network_parse(mrl_bytes text, struct mrl_network *out, struct mrl_why *why)
{
    mrl_bytes host = text, length;
    struct mrl_network n = {0};
    struct mrl_prefix whole;
    struct mrl_peer peer;
    uint64_t most, bits;
    bool has_length = mrl_bytes_split(text, '/', &host, &length);

    if (mrl_network_parse_host(has_length ? host : text, &peer) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: an address, or one with /bits", MRL_FMT(text));
    most = bits = peer.kind == MRL_PEER_IPV4 ? IPV4_BITS : IPV6_BITS;
    if (has_length && !mrl_bytes_to_u64(length, most, &bits))
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: /0 to /%llu", MRL_FMT(text),
                        (unsigned long long)most);
    n.bits = (uint8_t)bits;
    mrl_peer_prefix(&peer, n.bits, n.bits, &n.prefix);
    mrl_peer_prefix(&peer, IPV4_BITS, IPV6_BITS, &whole);
    if (memcmp(&whole, &n.prefix, sizeof(whole)) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: there are bits behind /%llu", MRL_FMT(text),
                        (unsigned long long)bits);
    *out = n;
    return MRL_OK;
}

bool mrl_network_has(const struct mrl_network *n, const struct mrl_peer *peer)
{
    struct mrl_prefix prefix;

    mrl_peer_prefix(peer, n->bits, n->bits, &prefix);
    return memcmp(&prefix, &n->prefix, sizeof(prefix)) == 0;
}
