/* SPDX-License-Identifier: Apache-2.0 */
/* The load balancers in front of a port, from its `proxies`. Layer: main. */
#ifndef MRL_MAIN_PROXIES_H
#define MRL_MAIN_PROXIES_H

#include "base/config.h"
#include "net/network.h"

enum { MRL_PROXIES_MAX = 64 };

struct mrl_proxies {
    struct mrl_network at[MRL_PROXIES_MAX];
    size_t count;
};

/* key: such as "[mqtt] proxies", for why. MRL_ERR_INVALID. */
mrl_err mrl_proxies_read(const struct mrl_config_strings *from, const char *key,
                         struct mrl_proxies *out, struct mrl_why *why);

#endif
