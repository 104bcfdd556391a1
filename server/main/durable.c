/* SPDX-License-Identifier: Apache-2.0 */
#include "main/durable.h"

#include "access/actor.h"
#include "base/clock.h"
#include "base/log.h"
#include "main/retirement.h"
#include "messages/ledger.h"
#include "messages/session.h"

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

/* Of a full disk the log learns afterwards, as of its own lost entries. */
static void note(struct mrl_server *s, mrl_err err, const char *why)
{
    bool well = err == MRL_OK;
    struct mrl_audit_event e = mrl_actor_event(
        &system_actor, well ? MRL_AUDIT_MESSAGES_STORED_AGAIN : MRL_AUDIT_MESSAGES_NOT_STORED,
        MRL_LIT("messages"));

    if (!well) {
        e.outcome = MRL_AUDIT_FAILED;
        e.reason = mrl_str(why);
    }
    mrl_audit_record(s->audit, &e, NULL, NULL);
}

/* Once at either change. */
static void told(void *context, mrl_err err, const char *why)
{
    note(context, err, why);
    if (err == MRL_OK)
        mrl_log_info("messages.stored_again", MRL_FIELD_STR("store", "takes messages again"));
    else
        mrl_log_error("messages.not_stored", MRL_FIELD_STR("error", mrl_err_name(err)),
                      MRL_FIELD_STR("why", why));
}

struct mrl_ledger *mrl_durable_ledger(struct mrl_server *s)
{
    const struct mrl_ledger_config config = {
        .store = s->store, .sealer = s->sealer, .told = told, .context = s};

    return mrl_ledger_new(&config);
}

static void log_found(const struct mrl_ledger_found *found, uint64_t took_ms)
{
    mrl_log_info("messages.loaded", MRL_FIELD_INT("sessions", found->sessions),
                 MRL_FIELD_INT("subscriptions", found->subscriptions),
                 MRL_FIELD_INT("queued", found->entries),
                 MRL_FIELD_INT("messages", found->messages),
                 MRL_FIELD_INT("retained", found->retained), MRL_FIELD_INT("took_ms", took_ms));
    if (found->damaged > 0)
        mrl_log_error("messages.damaged", MRL_FIELD_INT("count", found->damaged),
                      MRL_FIELD_STR("first", found->first.text));
}

mrl_err mrl_durable_load(struct mrl_server *s, struct mrl_why *why)
{
    struct mrl_hub *hubs[MRL_WORKERS_MAX];
    const struct mrl_ledger_places places = {
        .hubs = hubs, .hub_count = s->worker_count, .home = mrl_mqtt_home, .retained = s->retained};
    struct mrl_ledger_found found = {0};
    uint64_t began = mrl_monotonic_ms();

    for (unsigned i = 0; i < s->worker_count; i++)
        hubs[i] = mrl_mqtt_door_hub(s->doors[i]);
    MRL_TRY(mrl_ledger_load(s->ledger, &places, &found, why));
    log_found(&found, mrl_monotonic_ms() - began);
    return mrl_retirement_forget(s->registry, s->store, s->doors[0], why);
}
