/* SPDX-License-Identifier: Apache-2.0 */
#include "main/tickets.h"

#include "base/clock.h"

enum {
    ALL_KINDS = MRL_KIND_BIT(MRL_PRINCIPAL_DEVICE) | MRL_KIND_BIT(MRL_PRINCIPAL_APPLICATION) |
                MRL_KIND_BIT(MRL_PRINCIPAL_OPERATOR)
};

struct sweep {
    struct mrl_registry *registry;
    int64_t now;
};

static bool keep(void *context, const struct mrl_tls_ticket *ticket)
{
    const struct sweep *s = context;
    enum mrl_judgement judged;

    if (!ticket->has_certificate && !ticket->has_psk)
        return true;
    mrl_rcu_read_begin();
    judged = mrl_registry_judge(s->registry, &ticket->fingerprint, s->now, ALL_KINDS, NULL);
    mrl_rcu_read_end();
    return judged == MRL_JUDGED_ACCEPTED;
}

void mrl_tickets_sweep(struct mrl_tls_tickets *tickets, struct mrl_registry *registry)
{
    struct sweep s = {registry, mrl_wall_s()};

    mrl_tls_tickets_sweep(tickets, keep, &s);
}
