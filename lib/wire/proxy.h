/* SPDX-License-Identifier: Apache-2.0 */
/* The header that a load balancer sends before the bytes of its client: PROXY protocol, versions 1
 * and 2 (haproxy, doc/proxy-protocol.txt; section numbers are of it). Pure. Layer: wire. Thread:
 * any. */
#ifndef MRL_WIRE_PROXY_H
#define MRL_WIRE_PROXY_H

#include "base/bytes.h"
#include "base/err.h"

enum {
    MRL_PROXY_V1_MAX = 107,  /* with CR LF. 2.1 */
    MRL_PROXY_V2_MAX = 4096, /* with its 16 bytes of head: what a balancer adds has room */
};

enum mrl_proxy_source {
    MRL_PROXY_OWN, /* of the connection itself: LOCAL, UNKNOWN, a family that is not IP */
    MRL_PROXY_IPV4,
    MRL_PROXY_IPV6,
};

struct mrl_proxy_header {
    enum mrl_proxy_source source;
    uint8_t ip[16]; /* of the client; 4 of them for IPv4 */
    uint16_t port;
    size_t total; /* bytes of input it took */
};

/* The header at the start of in. MRL_ERR_AGAIN: not whole, and all of in belongs to it;
 * MRL_ERR_MALFORMED, MRL_ERR_LIMIT, MRL_ERR_UNSUPPORTED: why says it. The result is the same
 * however the bytes are cut. out is written only on success. */
mrl_err mrl_proxy_read(mrl_bytes in, struct mrl_proxy_header *out, struct mrl_why *why);

#endif
