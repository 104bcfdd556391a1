/* SPDX-License-Identifier: Apache-2.0 */
/* Devices are told when to renew their certificate: when they connect or subscribe and it is time,
 * and when the time comes while they are connected. */
#include "base/clock.h"
#include "doors/mqtt/client.h"
#include "messages/announce.h"

static struct mrl_renewal_asks asks_of(const struct mrl_client *c)
{
    return (struct mrl_renewal_asks){
        .device = c->subject.id,
        .group = c->subject.group,
        .fingerprint = mrl_fingerprint_bytes(&mrl_conn_facts(c->conn)->fingerprint),
        .not_before = c->not_before,
        .not_after = c->not_after,
    };
}

/* Devices with a certificate: a pre-shared key is not renewed by its holder. */
static bool may_renew(const struct mrl_client *c)
{
    return c->subject.kind == MRL_PRINCIPAL_DEVICE && c->door->config.renewals != NULL &&
           mrl_conn_facts(c->conn)->has_certificate;
}

void mrl_client_plan_renewal(struct mrl_client *c)
{
    struct mrl_renewal_asks asks = asks_of(c);
    struct mrl_window w;

    c->renew_at = INT64_MAX;
    if (may_renew(c) && mrl_renewals_window(c->door->config.renewals, &asks, &w) == MRL_OK &&
        w.start > mrl_wall_s())
        c->renew_at = w.start;
}

/* The message is of use until the certificate ends. */
static uint64_t life_ms(const struct mrl_client *c, int64_t now_s)
{
    return c->not_after > now_s ? (uint64_t)(c->not_after - now_s) * 1000 : 1000;
}

void mrl_client_tell_renewal(struct mrl_client *c, mrl_bytes filter)
{
    struct mrl_renewal_asks asks = asks_of(c);
    struct mrl_renewal_offer offer;
    struct mrl_announcement a = {.device = c->subject.id,
                                 .name = MRL_LIT("renew"),
                                 .content_type = MRL_LIT("application/json")};
    MRL_SCOPED(mrl_buf) json = {0};
    int64_t now_s = mrl_wall_s();

    if (filter.len > 0 && !mrl_filter_is_own_channel(&c->subject, filter))
        return;
    if (!may_renew(c) || !mrl_renewals_due(c->door->config.renewals, &asks, now_s, &offer) ||
        mrl_renewal_offer_write(&offer, &json) != MRL_OK)
        return;
    a.payload = mrl_buf_bytes(&json);
    a.life_ms = life_ms(c, now_s);
    (void)mrl_announce_to(c->session, filter, &a); /* who does not listen renews by itself */
}
