/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: the names below "silent.example" are asked of a name server that never answers. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

enum { NEVER_S = 3600 };

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");

    if (node != NULL && strstr(node, "silent.example") != NULL)
        sleep(NEVER_S);
    memcpy(&real, &found, sizeof(real));
    return real(node, service, hints, result);
}
