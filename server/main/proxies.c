/* SPDX-License-Identifier: Apache-2.0 */
#include "main/proxies.h"

mrl_err mrl_proxies_read(const struct mrl_config_strings *from, const char *key,
                         struct mrl_proxies *out, struct mrl_why *why)
{
    struct mrl_proxies proxies = {.count = from->count};
    struct mrl_why reason = {""};

    if (from->count > MRL_PROXIES_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: more than %d networks", key, MRL_PROXIES_MAX);
    for (size_t i = 0; i < from->count; i++) {
        if (mrl_network_parse(from->at[i], &proxies.at[i], &reason) != MRL_OK)
            return mrl_fail(why, MRL_ERR_INVALID, "%s: %s", key, reason.text);
        if (proxies.at[i].bits == 0)
            return mrl_fail(why, MRL_ERR_INVALID, "%s: %.*s: that is everybody", key,
                            MRL_FMT(from->at[i]));
    }
    *out = proxies;
    return MRL_OK;
}
