/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/address.h"

enum { IPV4_SIZE = 4, IPV6_SIZE = 16 };

void mrl_peer_from_address(const struct mrl_address *a, struct mrl_peer *out)
{
    struct mrl_peer p = {.port = mrl_address_port(a)};

    if (a->sa.any.sa_family == AF_UNIX) {
        p.kind = MRL_PEER_LOCAL;
    } else if (a->sa.any.sa_family == AF_INET) {
        p.kind = MRL_PEER_IPV4;
        memcpy(p.ip, &a->sa.in4.sin_addr, IPV4_SIZE);
    } else if (a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->sa.in6.sin6_addr)) {
        p.kind = MRL_PEER_IPV4;
        memcpy(p.ip, &a->sa.in6.sin6_addr.s6_addr[IPV6_SIZE - IPV4_SIZE], IPV4_SIZE);
    } else if (a->sa.any.sa_family == AF_INET6) {
        p.kind = MRL_PEER_IPV6;
        memcpy(p.ip, &a->sa.in6.sin6_addr, IPV6_SIZE);
    }
    *out = p;
}

void mrl_peer_set_proxy(struct mrl_peer *p, const struct mrl_peer *proxy)
{
    p->proxy_kind = proxy->kind;
    memcpy(p->proxy_ip, proxy->ip, sizeof(p->proxy_ip));
}

bool mrl_peer_is_loopback(const struct mrl_peer *p)
{
    static const uint8_t one[IPV6_SIZE] = {[IPV6_SIZE - 1] = 1};

    if (p->kind == MRL_PEER_IPV4)
        return p->ip[0] == IN_LOOPBACKNET;
    if (p->kind == MRL_PEER_IPV6)
        return memcmp(p->ip, one, sizeof(one)) == 0;
    return p->kind == MRL_PEER_LOCAL;
}

void mrl_peer_format_host(const struct mrl_peer *p, char to[static MRL_PEER_TEXT])
{
    if (p->kind == MRL_PEER_LOCAL)
        (void)snprintf(to, MRL_PEER_TEXT, "local:uid=%u", p->uid);
    else if (p->kind == MRL_PEER_UNKNOWN || inet_ntop(p->kind == MRL_PEER_IPV4 ? AF_INET : AF_INET6,
                                                      p->ip, to, MRL_PEER_TEXT) == NULL)
        (void)snprintf(to, MRL_PEER_TEXT, "unknown");
}

bool mrl_peer_format_proxy(const struct mrl_peer *p, char to[static MRL_PEER_TEXT])
{
    struct mrl_peer proxy = {.kind = p->proxy_kind};

    to[0] = '\0';
    if (p->proxy_kind == MRL_PEER_UNKNOWN)
        return false;
    memcpy(proxy.ip, p->proxy_ip, sizeof(proxy.ip));
    mrl_peer_format_host(&proxy, to);
    return true;
}

void mrl_peer_format(const struct mrl_peer *p, char to[static MRL_PEER_TEXT])
{
    char host[MRL_PEER_TEXT];

    mrl_peer_format_host(p, host);
    if (p->kind == MRL_PEER_LOCAL)
        (void)snprintf(to, MRL_PEER_TEXT, "local:uid=%u,pid=%d", p->uid, p->pid);
    else if (p->kind == MRL_PEER_IPV6)
        (void)snprintf(to, MRL_PEER_TEXT, "[%.45s]:%u", host, p->port);
    else
        (void)snprintf(to, MRL_PEER_TEXT, "%.45s:%u", host, p->port);
}

static void copy_bits(uint8_t *to, const uint8_t *from, unsigned bits, unsigned size)
{
    unsigned whole = bits / 8 < size ? bits / 8 : size;

    memcpy(to, from, whole);
    if (whole < size && bits % 8 != 0)
        to[whole] = (uint8_t)(from[whole] & (0xff << (8 - bits % 8)));
}

void mrl_peer_prefix(const struct mrl_peer *p, unsigned ipv4_bits, unsigned ipv6_bits,
                     struct mrl_prefix *out)
{
    struct mrl_prefix prefix = {.bytes[0] = p->kind};

    if (p->kind == MRL_PEER_IPV4)
        copy_bits(&prefix.bytes[1], p->ip, ipv4_bits, IPV4_SIZE);
    else if (p->kind == MRL_PEER_IPV6)
        copy_bits(&prefix.bytes[1], p->ip, ipv6_bits, IPV6_SIZE);
    else
        memcpy(&prefix.bytes[1], &p->uid, sizeof(p->uid));
    *out = prefix;
}
