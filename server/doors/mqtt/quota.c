/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rcu.h"
#include "devices/snapshot.h"
#include "doors/mqtt/client.h"
#include "guard/bucket.h"

enum { MS_NS = 1000000 };

struct mrl_usage {
    struct mrl_map_node by_principal;
    struct mrl_list resting;
    unsigned clients;
    struct mrl_bucket messages;
    struct mrl_bucket bytes;
    struct mrl_bucket looks;
    uint64_t slow_until_ms; /* it is not read until then */
    uint64_t slowed_ms;     /* how long it was not read, less the time it was */
    uint8_t key[];
};

/* --- whose --- */

mrl_bytes mrl_subject_owner(const struct mrl_subject *s, uint8_t memory[static MRL_OWNER_MAX])
{
    size_t len = s->id.len < MRL_OWNER_MAX ? s->id.len : MRL_OWNER_MAX - 1;

    memory[0] = (uint8_t)s->kind;
    if (len > 0)
        memcpy(&memory[1], s->id.data, len);
    return mrl_bytes_of(memory, 1 + len);
}

mrl_bytes mrl_client_owner(const struct mrl_client *c, uint8_t memory[static MRL_OWNER_MAX])
{
    return mrl_subject_owner(&c->subject, memory);
}

void mrl_usages_init(struct mrl_usages *u)
{
    mrl_list_init(&u->resting);
}

static void free_usage(struct mrl_usages *all, struct mrl_usage *u)
{
    mrl_map_remove(&all->by_principal, &u->by_principal);
    mrl_list_remove(&u->resting);
    free(u);
}

void mrl_usages_done(struct mrl_usages *u)
{
    MRL_LIST_EACH(one, &u->resting, struct mrl_usage, resting)
    free_usage(u, one);
    mrl_map_done(&u->by_principal);
}

static bool says_nothing(const struct mrl_usage *u, uint64_t now_ms)
{
    return mrl_bucket_is_full(&u->messages, now_ms * MS_NS) &&
           mrl_bucket_is_full(&u->bytes, now_ms * MS_NS) &&
           mrl_bucket_is_full(&u->looks, now_ms * MS_NS) &&
           u->slow_until_ms + u->slowed_ms <= now_ms;
}

/* The longest resting are looked at whenever another one begins to rest. */
static void sweep(struct mrl_usages *all, uint64_t now_ms)
{
    while (!mrl_list_empty(&all->resting)) {
        struct mrl_usage *u = MRL_CONTAINER(all->resting.next, struct mrl_usage, resting);

        if (!says_nothing(u, now_ms))
            return;
        free_usage(all, u);
    }
}

static struct mrl_usage *make_usage(struct mrl_usages *all, mrl_bytes key)
{
    struct mrl_usage *u = calloc(1, sizeof(*u) + key.len);

    if (u == NULL)
        abort();
    mrl_list_init(&u->resting);
    memcpy(u->key, key.data, key.len);
    u->by_principal.key = mrl_bytes_of(u->key, key.len);
    mrl_map_insert(&all->by_principal, &u->by_principal);
    return u;
}

static struct mrl_usage *usage_of(struct mrl_client *c)
{
    struct mrl_usages *all = &c->door->usages;
    uint8_t memory[MRL_OWNER_MAX];
    struct mrl_map_node *n;
    mrl_bytes key;

    if (c->usage != NULL)
        return c->usage;
    key = mrl_client_owner(c, memory);
    n = mrl_map_find(&all->by_principal, key);
    c->usage = n != NULL ? MRL_CONTAINER(n, struct mrl_usage, by_principal) : make_usage(all, key);
    mrl_list_remove(&c->usage->resting);
    c->usage->clients++;
    return c->usage;
}

void mrl_client_release_usage(struct mrl_client *c)
{
    struct mrl_usage *u = c->usage;

    c->usage = NULL;
    if (u == NULL || --u->clients > 0)
        return;
    mrl_list_add(&c->door->usages.resting, &u->resting);
    sweep(&c->door->usages, mrl_monotonic_ms());
}

/* --- rates --- */

/* What asks for something. Acknowledgements are bounded by what is in flight; those of nothing are
 * strays. */
static bool is_counted(enum mrl_mqtt_type type)
{
    static const bool counted[MRL_MQTT_TYPES_] = {
        [MRL_MQTT_PUBLISH] = true, [MRL_MQTT_SUBSCRIBE] = true, [MRL_MQTT_UNSUBSCRIBE] = true,
        [MRL_MQTT_PINGREQ] = true, [MRL_MQTT_AUTH] = true,
    };

    return counted[type];
}

static uint64_t charge(struct mrl_bucket *b, uint64_t rate, uint64_t amount, uint64_t now_ns)
{
    const struct mrl_bucket_rule rule = {.rate = rate,
                                         .per_ns = MRL_SECOND_NS,
                                         .full_after_ns =
                                             (uint64_t)MRL_QUOTA_BURST_S * MRL_SECOND_NS};

    return rate == 0 ? 0 : mrl_bucket_charge(b, &rule, amount, now_ns);
}

static uint64_t ms_of(uint64_t ns)
{
    return (ns + MS_NS - 1) / MS_NS;
}

/* How long it must not be read from now on. */
static uint64_t charge_all(struct mrl_client *c, struct mrl_usage *u, uint64_t messages,
                           size_t bytes)
{
    const uint64_t *of = c->quota->of;
    uint64_t now_ns = c->seen_ms * MS_NS, wait_ns, more_ns;

    wait_ns = charge(&u->messages, of[MRL_QUOTA_MESSAGES], messages, now_ns);
    more_ns = charge(&u->bytes, of[MRL_QUOTA_BYTES], bytes, now_ns);
    if (more_ns > wait_ns)
        wait_ns = more_ns;
    return ms_of(wait_ns);
}

static void end_flood(struct mrl_client *c)
{
    char source[MRL_PEER_TEXT];
    const struct mrl_guard_principal who = mrl_client_principal(c, source);

    if (c->door->config.guard != NULL)
        mrl_guard_flooded(c->door->config.guard, &who);
    mrl_client_end(c, MRL_MQTT_MESSAGE_RATE_TOO_HIGH, "sends too fast for too long");
}

/* One packet alone never makes a flood, however long it slows its sender down: only time that has
 * passed counts. */
static bool is_flood(const struct mrl_client *c, struct mrl_usage *u, uint64_t wait_ms)
{
    uint64_t most = c->door->config.limits->flood_ms, now = c->seen_ms, quiet, begins;
    bool flood;

    quiet = now > u->slow_until_ms ? now - u->slow_until_ms : 0;
    u->slowed_ms = u->slowed_ms > quiet ? u->slowed_ms - quiet : 0;
    flood = most != 0 && u->slowed_ms >= most;
    begins = now > u->slow_until_ms ? now : u->slow_until_ms;
    if (now + wait_ms > begins) {
        u->slowed_ms += now + wait_ms - begins;
        u->slow_until_ms = now + wait_ms;
    }
    return flood;
}

static void charge_client(struct mrl_client *c, uint64_t messages, size_t bytes)
{
    struct mrl_usage *u;
    uint64_t wait_ms;

    if (c->quota->of[MRL_QUOTA_MESSAGES] == 0 && c->quota->of[MRL_QUOTA_BYTES] == 0)
        return;
    u = usage_of(c);
    wait_ms = charge_all(c, u, messages, bytes);
    if (wait_ms == 0 || c->state != MRL_CLIENT_OPEN)
        return;
    if (is_flood(c, u, wait_ms)) {
        end_flood(c);
        return;
    }
    mrl_client_count(c, MRL_COUNTER_THROTTLED);
    c->resume_ms = c->seen_ms + wait_ms;
    mrl_conn_pause(c->conn);
    mrl_client_arm(c);
}

void mrl_client_charge(struct mrl_client *c, enum mrl_mqtt_type type, size_t bytes)
{
    charge_client(c, (uint64_t)is_counted(type) + c->extra, bytes);
    c->extra = 0;
}

void mrl_client_charge_frames(struct mrl_client *c, unsigned frames, size_t bytes)
{
    c->seen_ms = mrl_monotonic_ms();
    if (c->state == MRL_CLIENT_OPEN) {
        charge_client(c, frames, bytes);
        return;
    }
    c->early_frames += frames;
    if (c->early_frames > MRL_EARLY_FRAMES_MAX)
        mrl_client_end(c, MRL_MQTT_MESSAGE_RATE_TOO_HIGH, "WebSocket frames instead of CONNECT");
}

bool mrl_client_is_slowed(const struct mrl_client *c)
{
    return c->resume_ms != 0;
}

/* Silence while it was not read is none of the client's. */
void mrl_client_go_on(struct mrl_client *c)
{
    uint64_t now = mrl_monotonic_ms();

    if (c->resume_ms == 0 || now < c->resume_ms)
        return;
    c->resume_ms = 0;
    c->seen_ms = c->packet_ms = now;
    if (!c->held_back) /* until the store has caught up: answers.c */
        mrl_conn_resume(c->conn);
}

/* --- connects --- */

struct mrl_guard_principal mrl_client_principal(const struct mrl_client *c,
                                                char source[static MRL_PEER_TEXT])
{
    bool device = c->subject.kind == MRL_PRINCIPAL_DEVICE;

    mrl_peer_format(mrl_conn_peer(c->conn), source);
    return (struct mrl_guard_principal){
        .kind = device ? MRL_GUARD_DEVICE : MRL_GUARD_APPLICATION,
        .id = c->subject.id,
        .source = mrl_str(source),
    };
}

bool mrl_client_may_connect(const struct mrl_client *c)
{
    char source[MRL_PEER_TEXT];
    const struct mrl_guard_principal who = mrl_client_principal(c, source);

    return c->door->config.guard == NULL || c->subject.kind == MRL_PRINCIPAL_CLAIM ||
           mrl_guard_connect(c->door->config.guard, &who, c->quota->of[MRL_QUOTA_CONNECTS]) ==
               MRL_GUARD_PASS;
}

/* --- sessions --- */

void mrl_quota_session_limits(void *context, const struct mrl_session_key *key,
                              struct mrl_session_limits *out)
{
    struct mrl_mqtt_door *d = context;
    const struct mrl_principal *p;

    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(d->config.registry, key->principal_kind, key->principal);
    if (p != NULL)
        *out = (struct mrl_session_limits){
            .subscriptions = (unsigned)p->quota->of[MRL_QUOTA_SUBSCRIPTIONS],
            .queued_messages = (unsigned)p->quota->of[MRL_QUOTA_QUEUE],
            .queued_bytes = p->quota->of[MRL_QUOTA_QUEUE_BYTES],
            .in_flight = (unsigned)p->quota->of[MRL_QUOTA_IN_FLIGHT],
            .retained_messages = p->quota->of[MRL_QUOTA_RETAINED],
            .retained_bytes = p->quota->of[MRL_QUOTA_RETAINED_BYTES],
        };
    mrl_rcu_read_end();
}

/* --- looks --- */

uint64_t mrl_client_look(struct mrl_client *c, size_t places)
{
    uint64_t rate = c->quota->of[MRL_QUOTA_MESSAGES] * MRL_LOOKS_A_MESSAGE;

    if (rate == 0)
        return 0;
    return ms_of(charge(&usage_of(c)->looks, rate, places, mrl_monotonic_ms() * MS_NS));
}

uint64_t mrl_quota_look(void *context, const struct mrl_session *s, size_t places)
{
    (void)context;
    return mrl_client_look(mrl_session_door(s), places);
}
