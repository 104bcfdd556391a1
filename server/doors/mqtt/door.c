/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/door.h"

#include "base/rcu.h"
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "devices/snapshot.h"
#include "doors/mqtt/client.h"
#include "doors/mqtt/merlon_topics.h"
#include "doors/mqtt/wipe.h"

/* A kept session without a connection is judged by its principal alone. */
static bool principal_stands(struct mrl_mqtt_door *d, const struct mrl_session_key *key)
{
    const struct mrl_principal *p;
    bool stands;

    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(d->config.registry, key->principal_kind, key->principal);
    stands = p != NULL &&
             (p->subject.kind == MRL_PRINCIPAL_DEVICE ? mrl_device_may_connect(p->device_state)
                                                      : p->account_state == MRL_ACCOUNT_ACTIVE);
    mrl_rcu_read_end();
    return stands;
}

static bool may_connect(void *context, const struct mrl_session *s)
{
    struct mrl_client *c = mrl_session_door(s);
    const char *why;

    if (c == NULL)
        return principal_stands(context, mrl_session_key(s));
    return mrl_client_identify(c, &why);
}

static bool policy_allows(const struct mrl_principal *p, bool hardware_held,
                          struct mrl_hub_question *q)
{
    struct mrl_subject who = p->subject;

    who.hardware_held = hardware_held;
    if (q->action == MRL_HUB_SUBSCRIBE)
        return mrl_merlon_may_subscribe(&p->subject, q->name, &q->qos) ||
               mrl_policy_may_subscribe(p->policy, &who, q->name, &q->qos);
    return mrl_policy_may_publish(p->policy, &who, q->name,
                                  mrl_publish_needs(q->qos, q->retain, q->empty));
}

/* For a session without connection the policy is that of the snapshot, and its key as good as the
 * one it was opened with: who comes back with another one is judged then. */
static bool policy_of_principal_allows(struct mrl_mqtt_door *d, const struct mrl_session *s,
                                       struct mrl_hub_question *q)
{
    const struct mrl_session_key *key = mrl_session_key(s);
    const struct mrl_client *c = mrl_session_door(s);
    const struct mrl_principal *p;
    bool allowed;

    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(d->config.registry, key->principal_kind, key->principal);
    allowed = p != NULL && policy_allows(p, c == NULL || c->subject.hardware_held, q);
    mrl_rcu_read_end();
    return allowed;
}

/* A subscription that lasted until now is taken away, and a will does not go out, without a word to
 * the client: MQTT has none for the one, and the other has no client any more. The log says it. */
static void note_withdrawn(const struct mrl_mqtt_door *d, const struct mrl_session *s,
                           const struct mrl_hub_question *q)
{
    static const char why[] = "no rule allows it any more";
    enum mrl_audit_action action =
        q->action == MRL_HUB_SUBSCRIBE ? MRL_AUDIT_SUBSCRIBE_DENIED : MRL_AUDIT_PUBLISH_DENIED;
    const struct mrl_client *c = mrl_session_door(s);
    const struct mrl_session_key *key = mrl_session_key(s);

    if (c != NULL)
        mrl_client_denied(c, action, q->name, why);
    else
        mrl_audit_note(
            d->config.audit,
            &(struct mrl_audit_event){
                .action = action,
                .outcome = MRL_AUDIT_DENIED,
                .actor = {.kind = mrl_client_actor_kind(key->principal_kind), .id = key->principal},
                .target = q->name,
                .reason = mrl_str(why)});
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *question)
{
    const struct mrl_session_key *key = mrl_session_key(s);
    bool allowed =
        principal_stands(context, key) && policy_of_principal_allows(context, s, question);

    if (!allowed)
        note_withdrawn(context, s, question);
    return allowed;
}

/* Equal ones of a while become one entry with a count. */
static void note_full_queue(const struct mrl_mqtt_door *d, const struct mrl_session *s)
{
    const struct mrl_session_key *key = mrl_session_key(s);
    const struct mrl_audit_event e = {
        .action = MRL_AUDIT_QUEUE_FULL,
        .outcome = MRL_AUDIT_FAILED,
        .actor = {mrl_client_actor_kind(key->principal_kind), key->principal, MRL_BYTES_NONE},
        .target = key->client_id,
        .reason = MRL_LIT("too many messages or bytes wait"),
    };

    mrl_audit_note(d->config.audit, &e);
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    const struct mrl_mqtt_door *d = context;
    enum mrl_counter counter = MRL_COUNTER_MESSAGES_DROPPED;

    if (why == MRL_ERR_BUSY)
        note_full_queue(d, s);
    else if (why == MRL_ERR_LIMIT)
        counter = MRL_COUNTER_MESSAGES_TOO_LARGE;
    else if (why == MRL_ERR_TIMEOUT)
        counter = MRL_COUNTER_MESSAGES_EXPIRED;
    else if (why == MRL_ERR_DENIED)
        counter = MRL_COUNTER_PUBLISH_DENIED;
    else if (why == MRL_ERR_NO_SPACE)
        counter = MRL_COUNTER_MESSAGES_NOT_STORED;
    mrl_count(d->config.metrics, d->config.index, counter);
}

struct mrl_mqtt_door *mrl_mqtt_door_new(const struct mrl_mqtt_door_config *config)
{
    struct mrl_mqtt_door *d = calloc(1, sizeof(*d));
    const struct mrl_hub_hooks hooks = {.context = d,
                                        .may_connect = may_connect,
                                        .may = may,
                                        .dropped = dropped,
                                        .limits = mrl_quota_session_limits,
                                        .look = mrl_quota_look};

    if (d == NULL)
        abort();
    d->config = *config;
    mrl_list_init(&d->clients);
    mrl_list_init(&d->wiping);
    mrl_usages_init(&d->usages);
    d->hub = mrl_hub_new(config->loop, config->mailbox, config->index, config->retained,
                         config->routes, &config->limits->hub, &hooks);
    if (config->ledger != NULL)
        mrl_hub_keep_in(d->hub, config->ledger);
    return d;
}

/* Applications are placed by client id too: one may have hundreds. */
unsigned mrl_mqtt_home(const struct mrl_session_key *k, unsigned doors)
{
    uint64_t hash = mrl_hash(k->principal) + k->principal_kind;

    if (k->principal_kind == MRL_PRINCIPAL_APPLICATION)
        hash ^= mrl_hash(k->client_id);
    return (unsigned)(hash % doors);
}

void mrl_mqtt_door_flush(struct mrl_mqtt_door *d)
{
    mrl_hub_flush(d->hub);
}

void mrl_mqtt_door_join(struct mrl_mqtt_door *d, struct mrl_mqtt_door *const *doors, unsigned count)
{
    d->doors = doors;
    d->door_count = count;
    d->hubs = calloc(count, sizeof(struct mrl_hub *));
    if (d->hubs == NULL)
        abort();
    for (unsigned i = 0; i < count; i++)
        d->hubs[i] = doors[i]->hub;
    mrl_hub_join(d->hub, d->hubs, count);
}

void mrl_mqtt_door_free(struct mrl_mqtt_door *d)
{
    if (d == NULL)
        return;
    mrl_hub_free(d->hub);
    mrl_usages_done(&d->usages);
    free(d->hubs);
    mrl_encoded_done(&d->encoded);
    mrl_buf_done(&d->scratch);
    mrl_buf_done(&d->identifiers);
    free(d);
}

struct mrl_hub *mrl_mqtt_door_hub(struct mrl_mqtt_door *d)
{
    return d->hub;
}

void mrl_mqtt_door_accept(struct mrl_mqtt_door *d, int fd, const struct mrl_peer *peer,
                          struct mrl_tls_context *tls)
{
    struct mrl_client *c = mrl_client_new(d);
    mrl_err err =
        mrl_conn_accept_tls(d->config.conns, fd, peer, tls, &mrl_client_kind, c, &c->conn);

    if (err == MRL_OK)
        return;
    mrl_client_count(c,
                     err == MRL_ERR_BUSY ? MRL_COUNTER_REFUSED_LIMIT : MRL_COUNTER_REFUSED_OTHER);
    mrl_client_drop(c);
}

void mrl_mqtt_door_rejudge(struct mrl_mqtt_door *d, enum mrl_principal_kind kind, mrl_bytes id)
{
    mrl_hub_rejudge(d->hub, (uint8_t)kind, id);
    if (kind == MRL_PRINCIPAL_DEVICE)
        mrl_client_rejudge_wipes(d, id);
}

struct mrl_receipt *mrl_mqtt_door_forget(struct mrl_mqtt_door *d, mrl_bytes device,
                                         mrl_bytes filter)
{
    const struct mrl_subject subject = {.kind = MRL_PRINCIPAL_DEVICE, .id = device};
    uint8_t memory[MRL_OWNER_MAX];

    mrl_hub_watch(d->hub);
    mrl_hub_forget(d->hub, mrl_subject_owner(&subject, memory), filter);
    return mrl_hub_watched(d->hub);
}
