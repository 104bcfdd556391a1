/* SPDX-License-Identifier: Apache-2.0 */
#include "main/revival.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "keys/keeper.h"
#include "main/housekeeping.h"

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

void mrl_revival_init(struct mrl_revival *r)
{
    (void)pthread_mutex_init(&r->lock, NULL); /* no attributes: cannot fail */
    r->died.fd = -1;
    r->wait_ms = MRL_REVIVAL_FIRST_MS;
}

void mrl_revival_done(struct mrl_revival *r)
{
    (void)pthread_mutex_destroy(&r->lock); /* nobody is left to hold it */
}

bool mrl_revival_is_down(const struct mrl_server *s)
{
    return atomic_load(&s->revival.down);
}

/* --- on the main thread --- */

static void unwatch(struct mrl_server *s)
{
    if (s->revival.died.fd < 0)
        return;
    mrl_loop_remove(s->loop, &s->revival.died);
    (void)close(s->revival.died.fd); /* only watched */
    s->revival.died.fd = -1;
}

/* Nobody can start it again: then whoever started the daemon has to. */
static void end_daemon(struct mrl_server *s)
{
    mrl_log_error("keys.died",
                  MRL_FIELD_STR("why", "the key process ended: the daemon stops, too"));
    s->result = MRL_ERR_CLOSED;
    mrl_loop_stop(s->loop);
}

static void on_died(struct mrl_watch *w, uint32_t events)
{
    struct mrl_server *s = MRL_CONTAINER(w, struct mrl_server, revival.died);

    (void)events;
    unwatch(s);
    if (s->keeper == NULL) {
        end_daemon(s);
        return;
    }
    if (atomic_load(&s->revival.reloading) || atomic_load(&s->revival.fresh))
        return;
    mrl_log_error("keys.died", MRL_FIELD_STR("why", "the key process ended: it is started again"));
    atomic_store(&s->revival.down, true);
    s->revival.next_ms = mrl_monotonic_ms() + s->revival.wait_ms;
}

mrl_err mrl_revival_watch(struct mrl_server *s)
{
    struct mrl_revival *r = &s->revival;

    r->died.fd = (int)syscall(SYS_pidfd_open, mrl_keys_client_pid(s->keys), 0);
    r->died.ready = on_died;
    MRL_ENSURE(r->died.fd >= 0, MRL_ERR_IO);
    return mrl_loop_add(s->loop, &r->died, EPOLLIN);
}

/* It may be gone before it is watched. */
static void watch_fresh(struct mrl_server *s)
{
    unwatch(s);
    if (mrl_revival_watch(s) != MRL_OK)
        atomic_store(&s->revival.down, true);
    else
        s->revival.wait_ms = MRL_REVIVAL_FIRST_MS;
}

static void run_try(struct mrl_job *j);

void mrl_revival_tick(struct mrl_server *s)
{
    struct mrl_revival *r = &s->revival;
    uint64_t now = mrl_monotonic_ms();

    if (atomic_load(&r->hopeless)) {
        end_daemon(s);
        return;
    }
    if (atomic_exchange(&r->fresh, false))
        watch_fresh(s);
    if (!atomic_load(&r->down) || now < r->next_ms || atomic_exchange(&r->busy, true))
        return;
    r->wait_ms = r->wait_ms < MRL_REVIVAL_MOST_MS / 2 ? r->wait_ms * 2 : MRL_REVIVAL_MOST_MS;
    r->next_ms = now + r->wait_ms;
    r->job.run = run_try;
    if (mrl_service_submit(s->service, &r->job) != MRL_OK)
        atomic_store(&r->busy, false); /* the next second tries again */
}

void mrl_revival_stop(struct mrl_server *s)
{
    unwatch(s);
}

/* --- on a service thread --- */

static void record(struct mrl_server *s, enum mrl_audit_action action)
{
    const struct mrl_audit_event e = mrl_actor_event(&system_actor, action, MRL_BYTES_NONE);

    if (mrl_housekeeping_record(s, &e) != MRL_OK)
        mrl_log_error("audit.not_written", MRL_FIELD_STR("entry", mrl_audit_action_name(action)));
}

/* lock is held. */
static mrl_err start_again(struct mrl_server *s, struct mrl_why *why)
{
    mrl_err err = mrl_keys_keeper_restart(s->keeper, s->keys, why);

    atomic_store(&s->revival.hopeless, err == MRL_ERR_IO);
    MRL_TRY(err);
    atomic_store(&s->revival.fresh, true);
    atomic_store(&s->revival.down, false);
    return mrl_issuing_refresh(s->issuing, why);
}

static void run_try(struct mrl_job *j)
{
    struct mrl_server *s = MRL_CONTAINER(j, struct mrl_server, revival.job);
    struct mrl_revival *r = &s->revival;
    struct mrl_why why = {""};

    (void)pthread_mutex_lock(&r->lock); /* our own, not recursive: cannot fail */
    if (!r->recorded)
        record(s, MRL_AUDIT_KEYS_LOST);
    r->recorded = true;
    if (!atomic_load(&r->down)) { /* a reload was faster */
        r->recorded = false;
    } else if (start_again(s, &why) == MRL_OK) {
        mrl_log_info("keys.back", MRL_FIELD_STR("why", "the key process runs again"));
        record(s, MRL_AUDIT_KEYS_BACK);
        r->recorded = false;
    } else {
        mrl_log_error("keys.not_started", MRL_FIELD_STR("why", why.text));
    }
    (void)pthread_mutex_unlock(&r->lock);
    atomic_store(&r->busy, false);
}

mrl_err mrl_revival_reload(void *server, struct mrl_why *why)
{
    static const struct timespec pause = {.tv_nsec = MRL_REVIVAL_LEND_MS * 1000000L};
    struct mrl_server *s = server;
    mrl_err err;

    if (s->keeper == NULL)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                        "what opens the keystore is for root alone: restart merlond instead");
    (void)pthread_mutex_lock(&s->revival.lock); /* our own, not recursive: cannot fail */
    atomic_store(&s->revival.reloading, true);
    mrl_keys_client_hang_up(s->keys);
    (void)nanosleep(&pause, NULL); /* whoever waits for the keystore has it now */
    err = start_again(s, why);
    if (err != MRL_OK && mrl_keys_ping(s->keys, NULL) != MRL_OK)
        atomic_store(&s->revival.down, true);
    atomic_store(&s->revival.reloading, false);
    (void)pthread_mutex_unlock(&s->revival.lock);
    if (err == MRL_OK)
        mrl_housekeeping_ca_changed(s);
    return err;
}
