/* SPDX-License-Identifier: Apache-2.0 */
#include "main/quotas.h"

#include "access/roles.h"

void mrl_quotas_of_config(const struct mrl_config *c, enum mrl_principal_kind kind,
                          uint64_t of[static MRL_QUOTA_COUNT_])
{
    bool device = kind == MRL_PRINCIPAL_DEVICE;

    /* An application serves many devices: no rates, and retained messages as far as the store goes.
     */
    of[MRL_QUOTA_CONNECTS] = device ? (uint64_t)c->quota.connects : 0;
    of[MRL_QUOTA_MESSAGES] = device ? (uint64_t)c->quota.messages : 0;
    of[MRL_QUOTA_BYTES] = device ? c->quota.bytes : 0;
    of[MRL_QUOTA_RETAINED] =
        device ? (uint64_t)c->quota.retained : mrl_quota_rules[MRL_QUOTA_RETAINED].most;
    of[MRL_QUOTA_RETAINED_BYTES] =
        device ? c->quota.retained_bytes : mrl_quota_rules[MRL_QUOTA_RETAINED_BYTES].most;
    of[MRL_QUOTA_SESSIONS] =
        (uint64_t)(device ? c->mqtt.device_sessions : c->mqtt.application_sessions);
    of[MRL_QUOTA_IN_FLIGHT] = (uint64_t)c->mqtt.in_flight;
    of[MRL_QUOTA_QUEUE] = (uint64_t)c->mqtt.queued_messages;
    of[MRL_QUOTA_QUEUE_BYTES] = c->mqtt.queued_bytes;
    of[MRL_QUOTA_SUBSCRIPTIONS] = (uint64_t)c->mqtt.subscriptions;
    of[MRL_QUOTA_PACKET] = c->mqtt.packet_bytes;
}

static struct mrl_guard_config guard_config(const struct mrl_config *c)
{
    return (struct mrl_guard_config){
        .source_connects = (uint64_t)c->quota.source_connects,
        .source_failures = (uint64_t)c->quota.source_failures,
        .network_connects = (uint64_t)c->quota.network_connects,
        .network_failures = (uint64_t)c->quota.network_failures,
        .token_failures = (uint64_t)c->quota.token_failures,
        .source_ipv4_bits = (unsigned)c->quota.source_ipv4_bits,
        .source_ipv6_bits = (unsigned)c->quota.source_ipv6_bits,
        .network_ipv4_bits = (unsigned)c->quota.network_ipv4_bits,
        .network_ipv6_bits = (unsigned)c->quota.network_ipv6_bits,
        .block_ms = c->quota.block_s * 1000,
        .block_max_ms = c->quota.block_max_s * 1000,
        .sources = (size_t)c->quota.remembered,
        .principals = (size_t)c->quota.remembered,
        .exempt_count = c->quota.exempt.count,
    };
}

mrl_err mrl_guard_of_config(const struct mrl_config *c, struct mrl_audit *audit,
                            struct mrl_network exempt[static MRL_CONFIG_EXEMPT_MAX],
                            struct mrl_guard **out, struct mrl_why *why)
{
    struct mrl_guard_config config = guard_config(c);
    struct mrl_why of_network = {{0}};

    for (size_t i = 0; i < config.exempt_count; i++)
        if (mrl_network_parse(c->quota.exempt.at[i], &exempt[i], &of_network) != MRL_OK)
            return mrl_fail(why, MRL_ERR_INVALID, "[quota] exempt: %.200s", of_network.text);
    config.exempt = exempt;
    config.audit = audit;
    *out = mrl_guard_new(&config);
    return MRL_OK;
}
