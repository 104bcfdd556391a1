/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen, whom to connect to, who is there. Layer: net. Thread: any. No name is ever
 * resolved here: resolving blocks and is for a service thread. */
#ifndef MRL_NET_ADDRESS_H
#define MRL_NET_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/err.h"

struct mrl_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
        struct sockaddr_un local;
    } sa;
    socklen_t len;
};

/* "192.0.2.1:8883", "[2001:db8::1]:0", "*:8883" (every address, IPv6 and IPv4), "localhost:0"
 * (127.0.0.1), "unix:/run/merlon/api.sock". Names of hosts are MRL_ERR_UNSUPPORTED, anything else
 * is MRL_ERR_INVALID; why says it for the operator. */
mrl_err mrl_address_parse(mrl_bytes text, struct mrl_address *out, struct mrl_why *why);
/* For clients: splits "host:port" into its parts (views, brackets removed), a name is fine. */
mrl_err mrl_address_split(mrl_bytes text, mrl_bytes *host, uint16_t *port, struct mrl_why *why);
/* false: host is no IP address. */
bool mrl_address_of_host(mrl_bytes host, uint16_t port, struct mrl_address *out);
/* Blocks for as long as the resolver likes: net/resolve.h knows an end. The first address of host.
 */
mrl_err mrl_address_resolve(mrl_bytes host, uint16_t port, struct mrl_address *out,
                            struct mrl_why *why);
uint16_t mrl_address_port(const struct mrl_address *a);    /* 0 for UNIX sockets */
bool mrl_address_is_loopback(const struct mrl_address *a); /* UNIX sockets count as loopback */

enum { MRL_ADDRESS_TEXT = 128 };
/* The form mrl_address_parse reads. */
void mrl_address_format(const struct mrl_address *a, char to[static MRL_ADDRESS_TEXT]);

/* The other end of a connection, small enough to be kept for each. */
enum mrl_peer_kind { MRL_PEER_UNKNOWN, MRL_PEER_IPV4, MRL_PEER_IPV6, MRL_PEER_LOCAL };
struct mrl_peer {
    uint8_t kind;       /* enum mrl_peer_kind; an IPv4-mapped IPv6 address is IPv4 */
    uint8_t proxy_kind; /* of the load balancer it came through; MRL_PEER_UNKNOWN: none */
    uint16_t port;
    uint8_t ip[16]; /* 4 of them for IPv4 */
    uint8_t proxy_ip[16];
    uint32_t uid; /* of a UNIX socket's peer, by SO_PEERCRED; likewise gid, pid */
    uint32_t gid;
    int32_t pid;
};
void mrl_peer_from_address(const struct mrl_address *a, struct mrl_peer *out);
void mrl_peer_set_proxy(struct mrl_peer *p, const struct mrl_peer *proxy);
bool mrl_peer_is_loopback(const struct mrl_peer *p);
enum { MRL_PEER_TEXT = 64 };
/* "192.0.2.1:40000", "[2001:db8::1]:40000", "local:uid=1000,pid=4711". */
void mrl_peer_format(const struct mrl_peer *p, char to[static MRL_PEER_TEXT]);
/* The same without port or pid: what logs and counters group by. */
void mrl_peer_format_host(const struct mrl_peer *p, char to[static MRL_PEER_TEXT]);
/* Likewise the load balancer; false (and to = ""): it came through none. */
bool mrl_peer_format_proxy(const struct mrl_peer *p, char to[static MRL_PEER_TEXT]);

/* A key for limits per source: equal for peers within the same network. */
enum { MRL_PREFIX_SIZE = 17, MRL_PREFIX_IPV4_BITS = 32, MRL_PREFIX_IPV6_BITS = 64 };
struct mrl_prefix {
    uint8_t bytes[MRL_PREFIX_SIZE]; /* kind, then the network part of the address (or the uid) */
};
/* bits above the size of the address mean the whole of it. */
void mrl_peer_prefix(const struct mrl_peer *p, unsigned ipv4_bits, unsigned ipv6_bits,
                     struct mrl_prefix *out);

#endif
