/* SPDX-License-Identifier: Apache-2.0 */
#include "main/housekeeping.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "audit/publish.h"
#include "audit/rollback.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/log.h"
#include "issuing/ca_expiry.h"
#include "issuing/overdue.h"
#include "main/paths.h"
#include "main/tickets.h"

enum { TICK_MS = 1000, RETRY_S = 60, PROVISIONING_MS = 60000, OVERDUE_MS = 60000 };

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

struct entry {
    struct mrl_write write;
    const struct mrl_audit_event *event;
};

static mrl_err run_entry(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_audit_append(tx, MRL_CONTAINER(w, struct entry, write)->event, NULL);
}

mrl_err mrl_housekeeping_record(struct mrl_server *s, const struct mrl_audit_event *e)
{
    struct entry entry = {.write = {.run = run_entry}, .event = e};

    return mrl_store_write(s->store, &entry.write);
}

/* The certificate goes into the log before it is used. */
static mrl_err record_identity(struct mrl_server *s, const struct mrl_server_identity *identity)
{
    const struct mrl_cert_facts *facts = mrl_cert_facts(identity->chain.certs[0]);
    char fingerprint[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[2];
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_SERVER_CERTIFICATE_ISSUED, MRL_BYTES_NONE);

    mrl_hex(mrl_fingerprint_bytes(&facts->fingerprint), fingerprint);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[1] = MRL_AUDIT_INT("not_after", facts->not_after);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_housekeeping_record(s, &e);
}

static mrl_err run_entry_once(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_audit_append_once(tx, MRL_CONTAINER(w, struct entry, write)->event);
}

mrl_err mrl_housekeeping_record_export(struct mrl_server *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keys_info) info = {0};
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_CA_ROOT_EXPORTED, MRL_BYTES_NONE);
    struct entry entry = {.write = {.run = run_entry_once, .why = why}, .event = &e};

    MRL_TRY(mrl_keys_info_get(s->keys, &info, why));
    if (!info.facts.root_exported)
        return MRL_OK;
    return mrl_store_write(s->store, &entry.write);
}

static mrl_err make_identity(struct mrl_server *s, struct mrl_server_identity *out,
                             struct mrl_why *why)
{
    MRL_TRY(mrl_issuing_server_identity(s->issuing, out, why));
    MRL_TRY(record_identity(s, out));
    atomic_store(&s->renew_at, out->renew_at);
    return MRL_OK;
}

mrl_err mrl_housekeeping_first_identity(struct mrl_server *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_server_identity) identity = {0};

    MRL_TRY(make_identity(s, &identity, why));
    for (unsigned i = 0; i < s->worker_count; i++)
        MRL_TRY(mrl_worker_set_identity(s->workers[i], &identity, why));
    mrl_revocation_set_own(s->revocation, identity.chain.certs[0]);
    return MRL_OK;
}

/* Clients need the root certificates; they are public, and the file only saves a step. */
mrl_err mrl_housekeeping_write_roots(const struct mrl_server *s, struct mrl_why *why)
{
    const struct mrl_cert_list *roots = mrl_issuing_roots(s->issuing);
    MRL_SCOPED(mrl_buf) pem = {0};
    char path[MRL_PATH];
    int fd;
    bool whole;

    for (size_t i = 0; i < roots->count; i++)
        MRL_TRY(mrl_cert_to_pem(roots->certs[i], &pem));
    (void)snprintf(path, sizeof(path), "%s.new", s->root_file);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    whole = fd >= 0 && mrl_write_all(fd, mrl_buf_bytes(&pem));
    if (fd >= 0)
        whole = close(fd) == 0 && whole;
    whole =
        whole && rename(path, s->root_file) == 0; /* who reads it has the old one or the new one */
    return whole ? MRL_OK : mrl_fail(why, MRL_ERR_IO, "cannot write %s", s->root_file);
}

void mrl_housekeeping_tell_issuers(struct mrl_server *s)
{
    const struct mrl_ca_info *ca;
    struct mrl_why why = {""};

    for (size_t i = 0; s->revocation != NULL && (ca = mrl_issuing_ca(s->issuing, i)) != NULL; i++)
        if (ca->kind == MRL_CA_ISSUING && ca->has_key &&
            mrl_revocation_add(s->revocation, ca->cert, ca->number, &why) != MRL_OK)
            mrl_log_error("revocation.not_told", MRL_FIELD_INT("issuing_ca", ca->number),
                          MRL_FIELD_STR("why", why.text));
}

static mrl_err renew_identity(struct mrl_server *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_server_identity) identity = {0};

    mrl_housekeeping_tell_issuers(s);
    MRL_TRY(mrl_housekeeping_write_roots(s, why));
    MRL_TRY(make_identity(s, &identity, why));
    for (unsigned i = 0; i < s->worker_count; i++)
        MRL_TRY(mrl_worker_post_identity(s->workers[i], &identity));
    mrl_revocation_set_own(s->revocation, identity.chain.certs[0]);
    return MRL_OK;
}

void mrl_housekeeping_ca_changed(void *server)
{
    struct mrl_server *s = server;

    atomic_store(&s->identity_stale, true); /* signed by whom it says now, with the links of now */
    mrl_housekeeping_wake(s);
}

static mrl_err sign(void *context, const struct mrl_audit_signing *what,
                    uint8_t signature[static MRL_AUDIT_SIGNATURE], struct mrl_why *why)
{
    const struct mrl_server *s = context;
    const struct mrl_keys_checkpoint want = {
        .old = what->old,
        .size = what->size,
        .root = mrl_bytes_of(what->root.bytes, sizeof(what->root.bytes)),
        .proof = mrl_bytes_of(what->proof.path, what->proof.count * sizeof(what->proof.path[0])),
        .note = what->note,
    };

    return mrl_keys_sign_checkpoint(s->keys, &want, signature, why);
}

static mrl_err read_newest(struct mrl_tx *tx, void *context)
{
    return mrl_audit_publish_checkpoint(tx, context);
}

/* Beside the database, so that an older database is noticed at the next start. */
static mrl_err remember(struct mrl_server *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_witnesses *witnesses = mrl_collector_witnesses(s->collector);
    bool cosigned = witnesses != NULL && mrl_witnesses_fresh(witnesses);
    struct mrl_audit_stats stats;

    mrl_audit_stats(s->audit, &stats);
    if (stats.size == s->remembered && !cosigned)
        return MRL_OK;
    MRL_TRY(mrl_store_read(s->store, read_newest, &note));
    MRL_TRY(mrl_audit_remember(s->checkpoint_file, mrl_buf_bytes(&note), why));
    s->remembered = stats.size;
    return MRL_OK;
}

void mrl_housekeeping_checkpoint(struct mrl_server *s)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_audit_checkpoint(s->audit, sign, s, &why);

    if (err == MRL_OK)
        err = remember(s, &why);
    if (err != MRL_OK)
        mrl_log_error("audit.checkpoint_not_signed",
                      MRL_FIELD_STR("why", why.text[0] != '\0' ? why.text : mrl_err_name(err)));
}

static void submit_chore(struct mrl_server *s);

/* Certificates that nobody registered: nothing accepts them, so a minute more is nothing. */
static void expire_provisioning(struct mrl_server *s)
{
    uint64_t now = mrl_monotonic_ms();

    if (now - s->provisioning_ms < PROVISIONING_MS)
        return;
    s->provisioning_ms = now;
    if (mrl_provision_expire(&s->provisioning) != MRL_OK) /* the next minute tries again */
        mrl_log_warn("provisioning.not_expired",
                     MRL_FIELD_STR("why", "the store does not take it"));
}

/* What is issued is cut short by the end of its CA: an operator is told while there is time. */
static void warn_of_cas(struct mrl_server *s)
{
    uint64_t life_s =
        mrl_profiles_longest_life(&s->profiles, (uint64_t)s->config->issuing.device_life_s);
    struct mrl_ca_end ends[MRL_KEYS_GENERATIONS_MAX];
    size_t count = mrl_ca_ends(s->issuing, ends);
    unsigned warned = 0;

    if (mrl_ca_expiry_step(s->store, ends, count, life_s, mrl_wall_s(), &warned) != MRL_OK)
        mrl_log_warn("expiry.not_looked_for",
                     MRL_FIELD_STR("why", "the store does not take it")); /* tried again */
    if (warned > 0)
        mrl_log_warn("ca.expiring", MRL_FIELD_INT("cas", warned));
}

/* The first time at once: a daemon may be started for a short while each day. */
static void warn_of_ends(struct mrl_server *s)
{
    uint64_t now = mrl_monotonic_ms();
    bool more = false;

    if (s->overdue_ms != 0 && now - s->overdue_ms < OVERDUE_MS)
        return;
    s->overdue_ms = now;
    warn_of_cas(s);
    if (mrl_overdue_step(s->store, s->renewals, mrl_wall_s(), &more) != MRL_OK)
        mrl_log_warn("expiry.not_looked_for",
                     MRL_FIELD_STR("why", "the store does not take it")); /* tried again */
    if (more)
        s->overdue_ms = 0;
}

/* A step that comes while one is made is seen by the next chore. */
static bool identity_is_due(struct mrl_server *s)
{
    if (mrl_revival_is_down(s))
        return false;
    return atomic_exchange(&s->identity_stale, false) || mrl_wall_s() >= atomic_load(&s->renew_at);
}

/* On a service thread. */
static void run_chore(struct mrl_job *j)
{
    struct mrl_server *s = MRL_CONTAINER(j, struct mrl_server, chore);
    struct mrl_why why = {""};

    if (!mrl_revival_is_down(s))
        mrl_housekeeping_checkpoint(s);
    mrl_exports_tick(s->exports);
    expire_provisioning(s);
    warn_of_ends(s);
    if (atomic_exchange(&s->tickets_stale, false))
        mrl_tickets_sweep(s->tickets, s->registry);
    if (identity_is_due(s) && renew_identity(s, &why) != MRL_OK) {
        mrl_log_error("server.certificate_not_renewed", MRL_FIELD_STR("why", why.text));
        atomic_store(&s->renew_at, mrl_wall_s() + RETRY_S);
    }
    atomic_store(&s->chore_busy, false);
    if (mrl_audit_checkpoint_due(s->audit) &&
        !mrl_revival_is_down(s)) /* a wake in the meantime found it busy */
        submit_chore(s);
}

/* Any thread. */
static void submit_chore(struct mrl_server *s)
{
    if (atomic_exchange(&s->chore_busy, true))
        return;
    s->chore.run = run_chore;
    if (mrl_service_submit(s->service, &s->chore) != MRL_OK)
        atomic_store(&s->chore_busy, false); /* the next second tries again */
}

void mrl_housekeeping_wake(void *server)
{
    struct mrl_server *s = server;

    (void)pthread_mutex_lock(&s->waking); /* our own, not recursive: cannot fail */
    if (s->awake)
        submit_chore(s);
    (void)pthread_mutex_unlock(&s->waking);
}

/* After false no wake is under way: the service may be freed. */
static void set_awake(struct mrl_server *s, bool awake)
{
    (void)pthread_mutex_lock(&s->waking);
    s->awake = awake;
    (void)pthread_mutex_unlock(&s->waking);
}

static void on_tick(struct mrl_timer *t)
{
    struct mrl_server *s = MRL_CONTAINER(t, struct mrl_server, tick);

    mrl_clock_tick(&s->clock, s->store, s->audit);
    mrl_audit_tick(s->audit, mrl_monotonic_ms());
    mrl_store_watch_tick(&s->store_watch, s->store, mrl_monotonic_ms());
    mrl_revival_tick(s);
    mrl_rotation_tick(s->rotation);
    mrl_renewing_tick(s->renewing, s->workers[0]);
    mrl_ledger_tick(s->ledger);
    mrl_retention_tick(s->retention, mrl_monotonic_ms());
    submit_chore(s);
    mrl_collector_tick(s->collector);
    mrl_loop_timer(s->loop, t, TICK_MS);
}

static void on_signal(struct mrl_watch *w, uint32_t events)
{
    struct mrl_server *s = MRL_CONTAINER(w, struct mrl_server, signals);
    struct signalfd_siginfo info;

    (void)events;
    if (read(w->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        mrl_log_warn("server.not_reloaded",
                     MRL_FIELD_STR("why", "the configuration is read at a start only"));
        return;
    }
    mrl_log_info("server.stopping", MRL_FIELD_INT("signal", info.ssi_signo));
    mrl_loop_stop(s->loop);
}

/* SIGHUP too: who expects it to reload must not end a fleet's connections with it. */
static void watched_signals(sigset_t *set)
{
    (void)sigemptyset(set); /* cannot fail, nor can the next three */
    (void)sigaddset(set, SIGHUP);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
}

mrl_err mrl_housekeeping_block_signals(void)
{
    sigset_t set;

    watched_signals(&set);
    return pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 ? MRL_OK : MRL_ERR_IO;
}

static mrl_err watch_signals(struct mrl_server *s)
{
    sigset_t set;

    watched_signals(&set);
    s->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->signals.ready = on_signal;
    MRL_ENSURE(s->signals.fd >= 0, MRL_ERR_IO);
    return mrl_loop_add(s->loop, &s->signals, EPOLLIN);
}

mrl_err mrl_housekeeping_start(struct mrl_server *s, struct mrl_why *why)
{
    MRL_TRY(mrl_loop_new(&s->loop));
    if (watch_signals(s) != MRL_OK || mrl_revival_watch(s) != MRL_OK)
        return mrl_fail(why, MRL_ERR_IO, "cannot watch signals and the key process");
    s->tick.fire = on_tick;
    mrl_loop_timer(s->loop, &s->tick, TICK_MS);
    set_awake(s, true);
    return MRL_OK;
}

mrl_err mrl_housekeeping_run(struct mrl_server *s, struct mrl_why *why)
{
    MRL_TRY(mrl_loop_run(s->loop));
    if (s->result != MRL_OK)
        return mrl_fail(why, s->result, "the key process ended");
    return MRL_OK;
}

static void unwatch(struct mrl_server *s, struct mrl_watch *w)
{
    if (w->ready == NULL || w->fd < 0)
        return;
    mrl_loop_remove(s->loop, w);
    (void)close(w->fd); /* only read */
    w->ready = NULL;
}

void mrl_housekeeping_stop(struct mrl_server *s)
{
    set_awake(s, false);
    mrl_timer_cancel(&s->tick);
    unwatch(s, &s->signals);
    mrl_revival_stop(s);
}
