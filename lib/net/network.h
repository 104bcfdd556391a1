/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses, as the configuration names them: "10.0.0.0/8". Layer: net. Thread: any. */
#ifndef MRL_NET_NETWORK_H
#define MRL_NET_NETWORK_H

#include "net/address.h"

struct mrl_network {
    struct mrl_prefix prefix;
    uint8_t bits;
};

/* "10.0.0.0/8", "2001:db8::/32", or one address. MRL_ERR_INVALID, also for bits beyond the range.
 * An IPv4-mapped IPv6 range is the IPv4 range it holds. */
mrl_err mrl_network_parse(mrl_bytes text, struct mrl_network *out, struct mrl_why *why);
bool mrl_network_has(const struct mrl_network *n, const struct mrl_peer *peer);
bool mrl_networks_have(const struct mrl_network *n, size_t count, const struct mrl_peer *peer);
/* An address as text, without port. */
mrl_err mrl_network_parse_host(mrl_bytes text, struct mrl_peer *out);

#endif
