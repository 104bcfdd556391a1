/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { HOST_MAX = 256 };

static mrl_err parse_local(mrl_bytes path, struct mrl_address *out, struct mrl_why *why)
{
    struct mrl_address a = {.sa.local.sun_family = AF_UNIX};

    if (path.len == 0 || !mrl_bytes_to_cstr(path, a.sa.local.sun_path, sizeof(a.sa.local.sun_path)))
        return mrl_fail(why, MRL_ERR_INVALID, "path of the UNIX socket must have 1 to %zu bytes",
                        sizeof(a.sa.local.sun_path) - 1);
    a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    *out = a;
    return MRL_OK;
}

mrl_err mrl_address_split(mrl_bytes text, mrl_bytes *host, uint16_t *port, struct mrl_why *why)
{
    mrl_bytes before, after;
    uint64_t number;

    if (text.len > 0 && text.data[0] == '[') {
        if (!mrl_bytes_split(mrl_bytes_sub(text, 1, text.len), ']', &before, &after) ||
            after.len == 0 || after.data[0] != ':')
            return mrl_fail(why, MRL_ERR_INVALID, "expected [IPv6 address]:port");
        after = mrl_bytes_sub(after, 1, after.len);
    } else if (!mrl_bytes_split(text, ':', &before, &after)) {
        return mrl_fail(why, MRL_ERR_INVALID, "expected host:port");
    }
    if (before.len == 0 || !mrl_bytes_to_u64(after, UINT16_MAX, &number))
        return mrl_fail(why, MRL_ERR_INVALID, "expected host:port with a port from 0 to 65535");
    *host = before;
    *port = (uint16_t)number;
    return MRL_OK;
}

static void set_ipv4(struct mrl_address *out, struct in_addr ip, uint16_t port)
{
    *out = (struct mrl_address){.len = sizeof(out->sa.in4)};
    out->sa.in4 =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip};
}

static void set_ipv6(struct mrl_address *out, struct in6_addr ip, uint16_t port)
{
    *out = (struct mrl_address){.len = sizeof(out->sa.in6)};
    out->sa.in6 =
        (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ip};
}

bool mrl_address_of_host(mrl_bytes host, uint16_t port, struct mrl_address *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr ip4;
    struct in6_addr ip6;

    if (!mrl_bytes_to_cstr(host, text, sizeof(text)))
        return false;
    if (inet_pton(AF_INET, text, &ip4) == 1)
        set_ipv4(out, ip4, port);
    else if (inet_pton(AF_INET6, text, &ip6) == 1)
        set_ipv6(out, ip6, port);
    else
        return false;
    return true;
}

mrl_err mrl_address_parse(mrl_bytes text, struct mrl_address *out, struct mrl_why *why)
{
    mrl_bytes scheme = MRL_LIT("unix:"), host;
    uint16_t port;

    if (mrl_bytes_starts(text, scheme))
        return parse_local(mrl_bytes_sub(text, scheme.len, text.len), out, why);
    MRL_TRY(mrl_address_split(text, &host, &port, why));
    if (mrl_bytes_eq(host, MRL_LIT("*")))
        set_ipv6(out, in6addr_any, port);
    else if (mrl_bytes_eq(host, MRL_LIT("localhost")))
        set_ipv4(out, (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
    else if (!mrl_address_of_host(host, port, out))
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "\"%.*s\" is not an IP address", MRL_FMT(host));
    return MRL_OK;
}

mrl_err mrl_address_resolve(mrl_bytes host, uint16_t port, struct mrl_address *out,
                            struct mrl_why *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found;
    char name[HOST_MAX];
    int code;

    if (mrl_address_of_host(host, port, out))
        return MRL_OK;
    if (host.len == 0 || !mrl_bytes_to_cstr(host, name, sizeof(name)))
        return mrl_fail(why, MRL_ERR_INVALID, "not a host name");
    code = getaddrinfo(name, NULL, &hints, &found);
    if (code != 0)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "%s: %s", name, gai_strerror(code));
    if (found->ai_family == AF_INET)
        set_ipv4(out, ((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, port);
    else
        set_ipv6(out, ((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr, port);
    freeaddrinfo(found);
    return MRL_OK;
}

uint16_t mrl_address_port(const struct mrl_address *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return ntohs(a->sa.in4.sin_port);
    return a->sa.any.sa_family == AF_INET6 ? ntohs(a->sa.in6.sin6_port) : 0;
}

bool mrl_address_is_loopback(const struct mrl_address *a)
{
    struct mrl_peer p;

    mrl_peer_from_address(a, &p);
    return mrl_peer_is_loopback(&p);
}

void mrl_address_format(const struct mrl_address *a, char to[static MRL_ADDRESS_TEXT])
{
    struct mrl_peer p;

    if (a->sa.any.sa_family == AF_UNIX) {
        (void)snprintf(to, MRL_ADDRESS_TEXT, "unix:%s", a->sa.local.sun_path); /* 113 at most */
        return;
    }
    mrl_peer_from_address(a, &p);
    mrl_peer_format(&p, to);
}
