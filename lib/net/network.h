/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of IP addresses: "10.0.0.0/8". Layer: net. Thread: any. */
#ifndef MRL_NET_NETWORK_H
#define MRL_NET_NETWORK_H

#include "net/address.h"

struct mrl_network {
    uint8_t kind; /* enum mrl_peer_kind: MRL_PEER_IPV4 or MRL_PEER_IPV6 */
    uint8_t bits; /* of the prefix; never 0 */
    uint8_t ip[16];
};

/* "192.0.2.0/24", "2001:db8::/32", or one address. Bits behind the prefix must be zero. An
 * IPv4-mapped network is the IPv4 network it holds. MRL_ERR_INVALID with why, also for the network
 * of all addresses. */
mrl_err mrl_network_parse(mrl_bytes text, struct mrl_network *out, struct mrl_why *why);
bool mrl_network_has(const struct mrl_network *n, const struct mrl_peer *p);
bool mrl_networks_have(const struct mrl_network *n, size_t count, const struct mrl_peer *p);

#endif
