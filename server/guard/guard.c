/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guard.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "guard/report.h"

enum { MS_NS = 1000000, MINUTE_S = 60, STRIKES_MAX = 32 };

struct mrl_guard {
    struct mrl_guard_config config;
    struct mrl_guard_table *sources;
    struct mrl_guard_table *principals;
    _Atomic uint64_t blocks[MRL_GUARD_REASON_COUNT_];
};

struct mrl_guard *mrl_guard_new(const struct mrl_guard_config *config)
{
    struct mrl_guard *g = calloc(1, sizeof(*g));

    if (g == NULL)
        abort();
    g->config = *config;
    if (g->config.now_ms == NULL)
        g->config.now_ms = mrl_monotonic_ms;
    g->sources = mrl_guard_table_new(config->sources, config->block_max_ms * MS_NS);
    g->principals = mrl_guard_table_new(config->principals, config->block_max_ms * MS_NS);
    return g;
}

void mrl_guard_free(struct mrl_guard *g)
{
    if (g == NULL)
        return;
    mrl_guard_table_free(g->sources);
    mrl_guard_table_free(g->principals);
    free(g);
}

uint64_t mrl_guard_blocks(const struct mrl_guard *g, enum mrl_guard_reason reason)
{
    return atomic_load_explicit(&g->blocks[reason], memory_order_relaxed);
}

static uint64_t now_of(const struct mrl_guard *g)
{
    return g->config.now_ms() * MS_NS;
}

static struct mrl_bucket_rule a_minute(uint64_t rate)
{
    return (struct mrl_bucket_rule){
        .rate = rate, .per_ns = MRL_MINUTE_NS, .full_after_ns = MRL_MINUTE_NS};
}

/* --- keys --- */

static struct mrl_guard_key source_key(const struct mrl_guard *g, enum mrl_guard_kind kind,
                                       const struct mrl_peer *peer)
{
    const struct mrl_guard_config *c = &g->config;
    bool wide = kind == MRL_GUARD_NETWORK;
    struct mrl_prefix prefix;

    mrl_peer_prefix(peer, wide ? c->network_ipv4_bits : c->source_ipv4_bits,
                    wide ? c->network_ipv6_bits : c->source_ipv6_bits, &prefix);
    return mrl_guard_key_of((uint8_t)kind, mrl_bytes_of(prefix.bytes, sizeof(prefix.bytes)));
}

static bool is_limited(const struct mrl_guard *g, const struct mrl_peer *peer)
{
    if (g == NULL || (peer->kind != MRL_PEER_IPV4 && peer->kind != MRL_PEER_IPV6))
        return false;
    return !mrl_networks_have(g->config.exempt, g->config.exempt_count, peer);
}

/* --- blocks --- */

static bool is_blocked(const struct mrl_guard_entry *e, uint64_t now)
{
    return e->blocked_until_ns > now;
}

static struct mrl_guard_key *copy_of(const struct mrl_guard_key *key)
{
    struct mrl_guard_key *copy = malloc(sizeof(*copy));

    if (copy == NULL)
        abort();
    *copy = *key;
    return copy;
}

/* Twice as long each time, until it has been quiet for as long as the longest block. */
static void block(struct mrl_guard *g, struct mrl_guard_entry *e, const struct mrl_guard_key *key,
                  enum mrl_guard_reason reason, uint64_t now)
{
    uint64_t longest = g->config.block_max_ms * MS_NS, length = g->config.block_ms * MS_NS;

    if (e->blocked_until_ns + longest <= now)
        e->strikes = 0;
    for (unsigned i = 0; i < e->strikes && length < longest; i++)
        length *= 2;
    if (length > longest)
        length = longest;
    if (e->strikes < STRIKES_MAX)
        e->strikes++;
    e->reason = (uint8_t)reason;
    e->blocked_until_ns = now + length;
    if (e->who == NULL)
        e->who = copy_of(key);
    (void)atomic_fetch_add_explicit(&g->blocks[reason], 1, memory_order_relaxed);
}

/* A failure of whoever the key stands for; one above the rate blocks it. false: it is blocked
 * already. */
static bool count_failure(struct mrl_guard *g, const struct mrl_guard_key *key, uint64_t per_minute,
                          enum mrl_guard_reason reason, mrl_bytes source)
{
    const struct mrl_bucket_rule rule = a_minute(per_minute);
    uint64_t now = now_of(g);
    struct mrl_guard_entry *e, report;
    bool blocked_now = false, counted;

    if (per_minute == 0)
        return true;
    e = mrl_guard_table_lock(g->sources, key, /*make=*/true, now);
    counted = !is_blocked(e, now);
    if (counted && mrl_bucket_take(&e->failures, &rule, 1, now) > 0) {
        block(g, e, key, reason, now);
        blocked_now = true;
    }
    report = *e;
    mrl_guard_table_unlock(g->sources, key);
    if (blocked_now)
        mrl_guard_report_block(g->config.audit, key, &report, source, now);
    return counted;
}

/* --- sources --- */

/* Refusals for coming too fast are reported once a minute, with how many there were. */
static bool should_tell(struct mrl_guard_entry *e, uint64_t now)
{
    e->refused++;
    return e->told_s == 0 || now / MRL_SECOND_NS - e->told_s >= MINUTE_S;
}

static void report_fast(const struct mrl_guard *g, const struct mrl_guard_key *key,
                        uint32_t refused, const struct mrl_peer *peer)
{
    char text[MRL_PEER_TEXT];

    mrl_peer_format_host(peer, text);
    mrl_guard_report_fast(g->config.audit, key, refused, mrl_str(text));
}

static enum mrl_guard_verdict judge_source(struct mrl_guard *g, const struct mrl_guard_key *key,
                                           uint64_t per_minute, uint64_t now,
                                           const struct mrl_peer *peer)
{
    const struct mrl_bucket_rule rule = a_minute(per_minute);
    enum mrl_guard_verdict verdict = MRL_GUARD_PASS;
    struct mrl_guard_entry *e = mrl_guard_table_lock(g->sources, key, per_minute > 0, now);
    uint32_t refused = 0; /* to be told */

    if (e != NULL && is_blocked(e, now))
        verdict = MRL_GUARD_BLOCKED;
    else if (e != NULL && per_minute > 0 && mrl_bucket_take(&e->connects, &rule, 1, now) > 0)
        verdict = MRL_GUARD_TOO_FAST;
    if (verdict == MRL_GUARD_TOO_FAST && should_tell(e, now)) {
        refused = e->refused;
        e->refused = 0;
        e->told_s = (uint32_t)(now / MRL_SECOND_NS);
    }
    mrl_guard_table_unlock(g->sources, key);
    if (refused > 0)
        report_fast(g, key, refused, peer);
    return verdict;
}

static void give_back(struct mrl_guard *g, const struct mrl_guard_key *key, uint64_t per_minute,
                      uint64_t now)
{
    const struct mrl_bucket_rule rule = a_minute(per_minute);
    struct mrl_guard_entry *e;

    if (per_minute == 0)
        return;
    e = mrl_guard_table_lock(g->sources, key, /*make=*/false, now);
    if (e != NULL)
        mrl_bucket_give_back(&e->connects, &rule, 1);
    mrl_guard_table_unlock(g->sources, key);
}

/* The network first: a source gets a place in the table only when its network may come at all. */
enum mrl_guard_verdict mrl_guard_admit(struct mrl_guard *g, const struct mrl_peer *peer)
{
    struct mrl_guard_key network, source;
    enum mrl_guard_verdict verdict;
    uint64_t now;

    if (!is_limited(g, peer))
        return MRL_GUARD_PASS;
    now = now_of(g);
    network = source_key(g, MRL_GUARD_NETWORK, peer);
    source = source_key(g, MRL_GUARD_SOURCE, peer);
    verdict = judge_source(g, &network, g->config.network_connects, now, peer);
    if (verdict != MRL_GUARD_PASS)
        return verdict;
    verdict = judge_source(g, &source, g->config.source_connects, now, peer);
    if (verdict != MRL_GUARD_PASS) /* one that does not come in is no load for its neighbours */
        give_back(g, &network, g->config.network_connects, now);
    return verdict;
}

void mrl_guard_proven(struct mrl_guard *g, const struct mrl_peer *peer)
{
    struct mrl_guard_key network, source;
    uint64_t now;

    if (!is_limited(g, peer))
        return;
    now = now_of(g);
    network = source_key(g, MRL_GUARD_NETWORK, peer);
    source = source_key(g, MRL_GUARD_SOURCE, peer);
    give_back(g, &network, g->config.network_connects, now);
    give_back(g, &source, g->config.source_connects, now);
}

/* What still comes of a source that is blocked was accepted before: its network is not blamed. */
void mrl_guard_failed(struct mrl_guard *g, const struct mrl_peer *peer)
{
    const struct mrl_guard_config *c;
    struct mrl_guard_key network, source;
    char text[MRL_PEER_TEXT];

    if (!is_limited(g, peer))
        return;
    c = &g->config;
    network = source_key(g, MRL_GUARD_NETWORK, peer);
    source = source_key(g, MRL_GUARD_SOURCE, peer);
    mrl_peer_format_host(peer, text);
    if (count_failure(g, &source, c->source_failures, MRL_GUARD_FAILURES, mrl_str(text)))
        (void)count_failure(g, &network, c->network_failures, MRL_GUARD_FAILURES,
                            mrl_str(text)); /* nothing follows from it */
}

uint64_t mrl_guard_enrol_wait_ms(struct mrl_guard *g, const struct mrl_peer *peer)
{
    const struct mrl_guard_entry *e;
    struct mrl_guard_key key;
    uint64_t now, wait = 0;

    if (!is_limited(g, peer))
        return 0;
    key = source_key(g, MRL_GUARD_ENROLMENT, peer);
    now = now_of(g);
    e = mrl_guard_table_lock(g->sources, &key, /*make=*/false, now);
    if (e != NULL && is_blocked(e, now))
        wait = (e->blocked_until_ns - now + MS_NS - 1) / MS_NS;
    mrl_guard_table_unlock(g->sources, &key);
    return wait;
}

void mrl_guard_token_refused(struct mrl_guard *g, const struct mrl_peer *peer)
{
    struct mrl_guard_key key;
    char text[MRL_PEER_TEXT];

    if (!is_limited(g, peer))
        return;
    key = source_key(g, MRL_GUARD_ENROLMENT, peer);
    mrl_peer_format_host(peer, text);
    (void)count_failure(g, &key, g->config.token_failures, MRL_GUARD_TOKENS,
                        mrl_str(text)); /* nothing follows from it */
}

/* --- principals --- */

enum mrl_guard_verdict mrl_guard_connect(struct mrl_guard *g, const struct mrl_guard_principal *who,
                                         uint64_t per_minute)
{
    const struct mrl_guard_key key = mrl_guard_key_of((uint8_t)who->kind, who->id);
    const struct mrl_bucket_rule rule = a_minute(per_minute);
    enum mrl_guard_verdict verdict = MRL_GUARD_PASS;
    struct mrl_guard_entry *e, report = {0};
    bool blocked_now = false;
    uint64_t now = now_of(g);

    e = mrl_guard_table_lock(g->principals, &key, per_minute > 0, now);
    if (e != NULL && is_blocked(e, now)) {
        verdict = MRL_GUARD_BLOCKED;
    } else if (e != NULL && per_minute > 0 && mrl_bucket_take(&e->connects, &rule, 1, now) > 0) {
        block(g, e, &key, MRL_GUARD_FLAPPING, now);
        verdict = MRL_GUARD_BLOCKED;
        blocked_now = true;
        report = *e;
    }
    mrl_guard_table_unlock(g->principals, &key);
    if (blocked_now)
        mrl_guard_report_block(g->config.audit, &key, &report, who->source, now);
    return verdict;
}

void mrl_guard_flooded(struct mrl_guard *g, const struct mrl_guard_principal *who)
{
    const struct mrl_guard_key key = mrl_guard_key_of((uint8_t)who->kind, who->id);
    uint64_t now = now_of(g);
    struct mrl_guard_entry *e = mrl_guard_table_lock(g->principals, &key, /*make=*/true, now);
    struct mrl_guard_entry report;
    bool blocked_now = !is_blocked(e, now);

    if (blocked_now)
        block(g, e, &key, MRL_GUARD_FLOODING, now);
    report = *e;
    mrl_guard_table_unlock(g->principals, &key);
    if (blocked_now)
        mrl_guard_report_block(g->config.audit, &key, &report, who->source, now);
}

/* --- looking and lifting --- */

struct listing {
    struct mrl_guard_block *found;
    size_t count, room;
    mrl_bytes after;
    uint64_t now;
};

static void on_blocked(void *context, const struct mrl_guard_entry *e,
                       const struct mrl_guard_key *who)
{
    struct listing *l = context;
    struct mrl_guard_block b = {.reason = (enum mrl_guard_reason)e->reason,
                                .left_ms = (e->blocked_until_ns - l->now + MS_NS - 1) / MS_NS,
                                .strikes = e->strikes};

    mrl_guard_key_text(who, b.text);
    if (mrl_bytes_cmp(mrl_str(b.text), l->after) <= 0)
        return;
    if (l->count == l->room) {
        l->room = 2 * l->room + 16;
        l->found = reallocarray(l->found, l->room, sizeof(*l->found));
        if (l->found == NULL)
            abort();
    }
    l->found[l->count++] = b;
}

static int by_text(const void *a, const void *b)
{
    const struct mrl_guard_block *x = a, *y = b;

    return mrl_bytes_cmp(mrl_str(x->text), mrl_str(y->text));
}

void mrl_guard_list(struct mrl_guard *g, mrl_bytes after, size_t limit, mrl_guard_visit *visit,
                    void *context)
{
    struct listing l = {.after = after, .now = now_of(g)};

    mrl_guard_table_each_blocked(g->principals, l.now, on_blocked, &l);
    mrl_guard_table_each_blocked(g->sources, l.now, on_blocked, &l);
    if (l.count > 0)
        qsort(l.found, l.count, sizeof(*l.found), by_text);
    for (size_t i = 0; i < l.count && i < limit; i++)
        visit(context, &l.found[i]);
    free(l.found);
}

static bool is_principal(uint8_t kind)
{
    return kind == MRL_GUARD_DEVICE || kind == MRL_GUARD_APPLICATION;
}

static mrl_err key_of_kind(const struct mrl_guard *g, enum mrl_guard_kind kind, mrl_bytes name,
                           struct mrl_guard_key *out)
{
    struct mrl_peer peer;

    if (is_principal((uint8_t)kind)) {
        MRL_ENSURE(name.len > 0 && name.len <= MRL_GUARD_KEY_MAX, MRL_ERR_INVALID);
        *out = mrl_guard_key_of((uint8_t)kind, name);
        return MRL_OK;
    }
    MRL_TRY(mrl_network_parse_host(name, &peer));
    *out = source_key(g, kind, &peer);
    return MRL_OK;
}

static mrl_err key_of_text(const struct mrl_guard *g, mrl_bytes text, struct mrl_guard_key *out)
{
    mrl_bytes name, rest;

    MRL_ENSURE(mrl_bytes_split(text, ':', &name, &rest), MRL_ERR_INVALID);
    for (int kind = 0; kind < MRL_GUARD_KIND_COUNT_; kind++)
        if (mrl_bytes_eq(name, mrl_str(mrl_guard_kind_name((enum mrl_guard_kind)kind))))
            return key_of_kind(g, (enum mrl_guard_kind)kind, rest, out);
    return MRL_ERR_INVALID;
}

static mrl_err look(struct mrl_guard *g, mrl_bytes text, bool lift, struct mrl_why *why)
{
    uint64_t now = now_of(g);
    struct mrl_guard_table *table;
    struct mrl_guard_entry *e;
    struct mrl_guard_key key;
    bool blocked;

    if (key_of_text(g, text, &key) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "device:ID, application:ID, or source:, network:, enrolment: and an "
                        "address");
    table = is_principal(key.kind) ? g->principals : g->sources;
    e = mrl_guard_table_lock(table, &key, /*make=*/false, now);
    blocked = e != NULL && is_blocked(e, now);
    if (blocked && lift)
        mrl_guard_entry_clear(e);
    mrl_guard_table_unlock(table, &key);
    return blocked ? MRL_OK
                   : mrl_fail(why, MRL_ERR_NOT_FOUND, "%.*s is not kept out", MRL_FMT(text));
}

mrl_err mrl_guard_check_blocked(struct mrl_guard *g, mrl_bytes text, struct mrl_why *why)
{
    return look(g, text, /*lift=*/false, why);
}

mrl_err mrl_guard_lift(struct mrl_guard *g, mrl_bytes text, struct mrl_why *why)
{
    return look(g, text, /*lift=*/true, why);
}
