/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/skew.h"

#include <stdio.h>

#include "audit/audit.h"
#include "base/clock.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

static const struct unit {
    const char *name;
    int64_t seconds;
} units[] = {{"days", DAY_S}, {"hours", HOUR_S}, {"minutes", MINUTE_S}};

/* The largest of which there are two. */
static const struct unit *unit_of(int64_t seconds)
{
    for (size_t i = 0; i + 1 < MRL_COUNT(units); i++)
        if (seconds >= 2 * units[i].seconds)
            return &units[i];
    return &units[MRL_COUNT(units) - 1];
}

static int64_t coarse(int64_t seconds)
{
    const struct unit *u = unit_of(seconds);

    return seconds < 2 * MINUTE_S ? seconds : seconds / u->seconds * u->seconds;
}

static bool certificate_detail(struct mrl_registry *r, const struct mrl_fingerprint *f,
                               struct mrl_audit_detail *out)
{
    const struct mrl_credential *c;
    const struct mrl_principal *p;
    int64_t now_s = mrl_wall_s();
    bool found;

    mrl_rcu_read_begin();
    found =
        mrl_snapshot_credential(r, f, &c, &p) && (now_s > c->not_after || now_s < c->not_before);
    if (found && now_s > c->not_after)
        *out = MRL_AUDIT_INT("expired_for", coarse(now_s - c->not_after));
    else if (found)
        *out = MRL_AUDIT_INT("valid_in", coarse(c->not_before - now_s));
    mrl_rcu_read_end();
    return found;
}

size_t mrl_skew_details(struct mrl_registry *r, const struct mrl_conn_closed *closed,
                        struct mrl_audit_detail details[static MRL_SKEW_DETAILS_MAX])
{
    bool timed = closed->refusal == MRL_TLS_EXPIRED || closed->refusal == MRL_TLS_NOT_YET_VALID;
    size_t count = 0;

    if (closed->end != MRL_END_REFUSED)
        return 0;
    if (closed->peer_alert != 0)
        details[count++] = MRL_AUDIT_INT("alert", closed->peer_alert);
    if (timed && r != NULL && closed->facts != NULL && closed->facts->showed_certificate &&
        certificate_detail(r, &closed->facts->fingerprint, &details[count]))
        count++;
    return count;
}

void mrl_skew_text(int64_t skew_s, char to[static MRL_SKEW_TEXT])
{
    int64_t by = skew_s < 0 ? -skew_s : skew_s;
    const struct unit *u = unit_of(by);

    to[0] = '\0';
    if (by >= MRL_SKEW_NAMED_S)
        (void)snprintf(to, MRL_SKEW_TEXT, "; by its Date your clock is %lld %s %s",
                       (long long)(by < 2 * MINUTE_S ? by : by / u->seconds),
                       by < 2 * MINUTE_S ? "seconds" : u->name, skew_s < 0 ? "behind" : "ahead");
}
