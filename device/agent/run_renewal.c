/* SPDX-License-Identifier: Apache-2.0 */
/* A new identity in place of one that ends: asked for in time, tried on a live connection, and only
 * then the old one goes. */
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "device/agent/agent.h"
#include "device/agent/est.h"
#include "device/agent/offer.h"
#include "device/agent/renewal.h"

enum { RETRY_MOST_S = 3600 };

/* A moment of the window, which is now when that is past. */
static int64_t moment_of(const struct mrl_agent *a, const struct mrl_offer *o)
{
    int64_t now_s = mrl_device_now_s(&a->home->clock),
            from = o->start_s > now_s ? o->start_s : now_s;
    int64_t room = o->end_s > from ? o->end_s - from : 0;

    return (from + (room < UINT32_MAX ? mrl_random_below((uint32_t)room + 1) : 0)) * 1000;
}

/* A certificate that is younger than what the server asks for has been renewed already. */
static bool is_for_us(const struct mrl_agent *a, const struct mrl_offer *o)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(a->home->identity.cert);

    return o->start_s > 0 && o->start_s < f->not_after && o->start_s > a->home->identity.since_s;
}

void mrl_agent_on_renewal_message(struct mrl_agent *a, mrl_bytes payload)
{
    struct mrl_offer o;
    int64_t at_ms;

    if (mrl_offer_read_message(payload, &o) != MRL_OK || !is_for_us(a, &o))
        return;
    at_ms = moment_of(a, &o);
    if (!a->trial && at_ms < a->renew_at_ms)
        a->renew_at_ms = at_ms;
    mrl_log_info("renewal.asked", MRL_FIELD("payload", payload));
}

static void plan_renewal(struct mrl_agent *a)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(a->home->identity.cert);
    int64_t since = mrl_renewal_since(f->not_before, f->not_after, a->home->identity.since_s);
    struct mrl_offer offer;

    a->renewal = mrl_renewal_backoff(since, f->not_after);
    a->renew_at_ms = mrl_renewal_at(since, f->not_after, f->cn);
    mrl_home_load_offer(a->home, &offer);
    if (is_for_us(a, &offer) && offer.end_s < f->not_after)
        a->renew_at_ms = moment_of(a, &offer);
}

static void renew_later(struct mrl_agent *a, const char *event, const struct mrl_why *why)
{
    uint32_t wait = merlon_backoff_next(&a->renewal, mrl_agent_below, NULL);

    if (a->asked_after_s * 1000 > wait) /* RFC 9110 10.2.3 */
        wait = (uint32_t)a->asked_after_s * 1000;
    a->asked_after_s = 0;
    a->renew_at_ms = mrl_device_now_ms(&a->home->clock) + wait;
    mrl_log_warn(event, MRL_FIELD_STR("why", why->text), MRL_FIELD_INT("retry_ms", wait));
}

static void forget_next(struct mrl_agent *a)
{
    struct mrl_why why = {""};

    mrl_identity_done(&a->next);
    a->trial = false;
    if (mrl_disk_remove(a->home->disk, a->home->dir, MRL_HOME_NEXT, &why) != MRL_OK ||
        mrl_disk_remove(a->home->disk, a->home->dir, MRL_HOME_NEXT_KEY, &why) != MRL_OK)
        mrl_log_warn("disk.failed", MRL_FIELD_STR("why", why.text));
}

/* next.pem is on the disk before next.key goes, so that a cut leaves one of them. */
static mrl_err ask_for_next(struct mrl_agent *a, struct mrl_why *why)
{
    struct mrl_identity i = {0};
    struct mrl_est_told told = {0};
    mrl_err err = mrl_home_next_key(a->home, &i.key, why);

    if (err == MRL_OK)
        err = mrl_est_renew(a->home, i.key, &i.cert, &told, why);
    a->asked_after_s = told.retry_after_s < RETRY_MOST_S ? told.retry_after_s : RETRY_MOST_S;
    if (err == MRL_OK)
        err = mrl_home_save_offer(a->home, i.cert, &told.offer, why);
    if (err == MRL_OK)
        err = mrl_home_save_identity(a->home, MRL_HOME_NEXT, &i, why);
    if (err == MRL_OK)
        err = mrl_disk_remove(a->home->disk, a->home->dir, MRL_HOME_NEXT_KEY, why);
    if (err != MRL_OK) {
        mrl_identity_done(&i);
        return err;
    }
    i.since_s = mrl_device_now_s(&a->home->clock);
    a->next = i;
    return MRL_OK;
}

static void begin_trial(struct mrl_agent *a, uint64_t now_ms)
{
    mrl_link_close(&a->link, now_ms);
    a->trial = true;
    a->open_at_ms = now_ms;
}

void mrl_agent_renew(struct mrl_agent *a, uint64_t now_ms)
{
    struct mrl_why why = {""};

    if (a->trial || a->wiping.taken || !a->home->clock.known ||
        mrl_device_now_ms(&a->home->clock) < a->renew_at_ms)
        return;
    if (a->next.cert == NULL && ask_for_next(a, &why) != MRL_OK) {
        renew_later(a, "renewal.failed", &why);
        return;
    }
    begin_trial(a, now_ms);
}

void mrl_agent_end_trial(struct mrl_agent *a)
{
    struct mrl_why why = {""};
    char fingerprint[2 * MRL_SHA256_SIZE + 1];

    if (!a->trial || !mrl_link_is_up(&a->link))
        return;
    a->trial = false;
    if (mrl_disk_move(a->home->disk, a->home->dir, MRL_HOME_NEXT, MRL_HOME_IDENTITY, &why) !=
        MRL_OK) {
        renew_later(a, "renewal.failed", &why);
        return;
    }
    mrl_identity_done(&a->home->identity);
    a->home->identity = a->next;
    a->next = (struct mrl_identity){0};
    plan_renewal(a);
    mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(a->home->identity.cert)->fingerprint),
            fingerprint);
    mrl_agent_keep_event(a, "renewal.done", "fingerprint", fingerprint);
    mrl_log_info("renewal.done", MRL_FIELD_STR("fingerprint", fingerprint),
                 MRL_FIELD_INT("not_after", mrl_cert_facts(a->home->identity.cert)->not_after));
}

void mrl_agent_fail_trial(struct mrl_agent *a, mrl_err err, const struct mrl_why *why)
{
    a->trial = false;
    renew_later(a, "renewal.unproven", why);
    if (err == MRL_ERR_AUTH ||
        mrl_cert_facts(a->next.cert)->not_after <= mrl_device_now_s(&a->home->clock))
        forget_next(a);
}

void mrl_agent_recover(struct mrl_agent *a)
{
    struct mrl_why why = {""};

    plan_renewal(a);
    if (mrl_home_load_identity(a->home, MRL_HOME_NEXT, &a->next, &why) != MRL_OK)
        return;
    if (mrl_est_judge(a->next.cert, a->next.key, mrl_str(a->home->settings.device), &a->home->ca,
                      &a->home->roots, mrl_device_now_s(&a->home->clock), &why) == MRL_OK)
        a->renew_at_ms = 0;
    else
        forget_next(a);
}
