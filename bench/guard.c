/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of what the guard does for one connection (admit, the device's connect, proven) and of
 * charging one message, against accepting and closing that connection without TLS. Sources: one,
 * and more than the table holds. Prints `ratio R (budget B)` last; exit 1 above the budget, or when
 * the check of a connection at accept costs a microsecond. usage: guard [rounds] */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guard/guard.h"

enum { CALLS = 1000000, ACCEPTS = 20000, MANY = 200000, NS = 1000000000, ADMIT_MAX_NS = 1000 };
static const double budget = 0.1;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "guard: %s failed\n", what);
    exit(2);
}

static double cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* exists on every Linux */
    return (double)t.tv_sec * NS + (double)t.tv_nsec;
}

static struct mrl_peer numbered(uint32_t n)
{
    struct mrl_peer p = {.kind = MRL_PEER_IPV4};
    uint32_t ip = htonl(0x0b000000 + n * 256); /* a network of its own each */

    memcpy(p.ip, &ip, sizeof(ip));
    return p;
}

static double admit(struct mrl_guard *g, uint32_t sources)
{
    double began = cpu_ns();

    for (uint32_t i = 0; i < CALLS; i++) {
        struct mrl_peer p = numbered(i % sources);

        (void)mrl_guard_admit(g, &p); /* both answers cost the same */
    }
    return (cpu_ns() - began) / CALLS;
}

static double proven(struct mrl_guard *g)
{
    struct mrl_peer p = numbered(1);
    double began = cpu_ns();

    for (uint32_t i = 0; i < CALLS; i++)
        mrl_guard_proven(g, &p);
    return (cpu_ns() - began) / CALLS;
}

static double connect_devices(struct mrl_guard *g)
{
    double began = cpu_ns();

    for (uint32_t i = 0; i < CALLS; i++) {
        char id[32];
        int len = snprintf(id, sizeof(id), "pump-%u", i % MANY);
        const struct mrl_guard_principal who = {MRL_GUARD_DEVICE, mrl_bytes_of(id, (size_t)len),
                                                MRL_BYTES_NONE};

        (void)mrl_guard_connect(g, &who, CALLS);
    }
    return (cpu_ns() - began) / CALLS;
}

/* Both buckets of a PUBLISH, as the door charges them. */
static double charge(void)
{
    const struct mrl_bucket_rule messages = {1000, MRL_SECOND_NS, UINT64_C(10) * MRL_SECOND_NS},
                                 bytes = {1 << 20, MRL_SECOND_NS, UINT64_C(10) * MRL_SECOND_NS};
    struct mrl_bucket a = {0}, b = {0};
    uint64_t now = UINT64_C(1) << 50, waits = 0;
    double began = cpu_ns();

    for (uint32_t i = 0; i < CALLS; i++, now += MRL_SECOND_NS / 100000) {
        waits += mrl_bucket_charge(&a, &messages, 1, now);
        waits += mrl_bucket_charge(&b, &bytes, 100 + i % 64, now);
    }
    must(waits > 0, "charging");
    return (cpu_ns() - began) / CALLS;
}

static double accept_one(int listener, const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), accepted;
    double began;

    must(fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0, "connect");
    began = cpu_ns();
    accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    must(accepted >= 0 && close(accepted) == 0, "accept");
    began = cpu_ns() - began;
    (void)close(fd);
    return began;
}

static double accepts(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(at);
    double all = 0;

    must(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 &&
             listen(listener, 16) == 0 && getsockname(listener, (struct sockaddr *)&at, &len) == 0,
         "listen");
    for (int i = 0; i < ACCEPTS; i++)
        all += accept_one(listener, &at);
    (void)close(listener);
    return all / ACCEPTS;
}

static void least(double *value, double measured)
{
    if (*value == 0 || measured < *value)
        *value = measured;
}

int main(int argc, char **argv)
{
    const struct mrl_network exempt[2] = {{.bits = 8}, {.bits = 128}};
    const struct mrl_guard_config config = {
        .source_connects = CALLS,
        .network_connects = 4 * CALLS,
        .source_ipv4_bits = 32,
        .network_ipv4_bits = 24,
        .source_ipv6_bits = 64,
        .network_ipv6_bits = 48,
        .block_ms = 1000,
        .block_max_ms = 1000,
        .sources = 16384,
        .principals = 16384,
        .exempt = exempt,
        .exempt_count = 2,
    };
    struct mrl_guard *g = mrl_guard_new(&config);
    double one = 0, many = 0, good = 0, device = 0, message = 0, bare = 0;
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 5;

    for (long i = 0; i < rounds; i++) {
        least(&one, admit(g, 1));
        least(&many, admit(g, MANY));
        least(&good, proven(g));
        least(&device, connect_devices(g));
        least(&message, charge());
        least(&bare, accepts());
    }
    printf("admit, one source        %7.1f ns\nadmit, %d sources   %7.1f ns\n", one, MANY, many);
    printf("proven                   %7.1f ns\nconnect of a device      %7.1f ns\n", good, device);
    printf("charge of one message    %7.1f ns\naccept and close         %7.1f ns\n", message, bare);
    printf("ratio %.3f (budget %.2f)\n", many / bare, budget);
    mrl_guard_free(g);
    return many / bare > budget || many > ADMIT_MAX_NS ? 1 : 0;
}
