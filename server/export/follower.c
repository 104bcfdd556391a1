/* SPDX-License-Identifier: Apache-2.0 */
#include "export/follower.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "audit/read.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "export/cursor.h"
#include "export/reveal.h"
#include "export/sink.h"

enum {
    POLL_MS = 200, /* how soon a new entry is seen */
    BATCH_BYTES = 1 << 20,
    RETRY_FIRST_MS = 500,
    RETRY_MAX_MS = 60000,
};

struct mrl_follower {
    const struct mrl_export_config *config;
    struct mrl_store *store;
    struct mrl_audit *audit;
    struct mrl_sink *sink;
    pthread_t thread;
    int stop_fd; /* readable: stop */
    pthread_mutex_t lock;
    struct mrl_export_status status; /* under lock; written by the thread alone */
    /* The thread's own. */
    bool placed; /* the cursor was read */
    uint64_t unconfirmed_since;
    uint64_t retry_ms; /* 0: nothing failed */
    struct mrl_buf batch;
    uint64_t batch_last;
    unsigned batch_count;
    bool batch_full;  /* there may be more */
    uint64_t gap_end; /* a gap up to here is in the log already */
};

/* false: asked to stop. */
static bool pause_for(const struct mrl_follower *f, uint64_t ms)
{
    struct pollfd stop = {f->stop_fd, POLLIN, 0};
    int got = poll(&stop, 1, (int)ms);

    return got == 0 || (got < 0 && errno == EINTR);
}

static void set_place(struct mrl_follower *f, uint64_t sent, uint64_t confirmed)
{
    (void)pthread_mutex_lock(&f->lock);
    f->status.sent = sent;
    f->status.confirmed = confirmed;
    (void)pthread_mutex_unlock(&f->lock);
}

static void record(struct mrl_follower *f, enum mrl_audit_action action, const char *reason)
{
    const struct mrl_audit_event e = {
        .action = action,
        .outcome = action == MRL_AUDIT_EXPORT_RESUMED ? MRL_AUDIT_OK : MRL_AUDIT_FAILED,
        .actor = {.kind = MRL_ACTOR_SYSTEM, .id = MRL_LIT("merlond")},
        .target = f->config->name,
        .reason = mrl_str(reason)};

    mrl_audit_record(f->audit, &e, NULL, NULL);
}

/* true: it is news. */
static bool change_state(struct mrl_follower *f, bool works, const struct mrl_why *why)
{
    struct mrl_export_status *s = &f->status;
    bool news;

    (void)pthread_mutex_lock(&f->lock);
    news = s->since_ms == 0 || s->works != works || strcmp(s->why.text, why->text) != 0;
    if (news)
        s->since_ms = mrl_wall_ms();
    s->works = works;
    s->why = *why;
    (void)pthread_mutex_unlock(&f->lock);
    return news;
}

static void note_failure(struct mrl_follower *f, const struct mrl_why *why)
{
    if (!change_state(f, /*works=*/false, why))
        return;
    mrl_log_warn("export.failed", MRL_FIELD("sink", f->config->name),
                 MRL_FIELD_STR("why", why->text));
    record(f, MRL_AUDIT_EXPORT_FAILED, why->text);
}

static void note_success(struct mrl_follower *f)
{
    bool after_failure = f->retry_ms != 0;

    f->retry_ms = 0;
    if (!change_state(f, /*works=*/true, &(struct mrl_why){""}))
        return;
    mrl_log_info("export.works", MRL_FIELD("sink", f->config->name));
    if (after_failure)
        record(f, MRL_AUDIT_EXPORT_RESUMED, "");
}

/* Entries that are gone were pruned by force, or someone took them out. */
static void note_gap(struct mrl_follower *f, uint64_t from, uint64_t to)
{
    const struct mrl_audit_detail details[] = {MRL_AUDIT_INT("first", from),
                                               MRL_AUDIT_INT("last", to)};
    const struct mrl_audit_event e = {.action = MRL_AUDIT_EXPORT_GAP,
                                      .outcome = MRL_AUDIT_FAILED,
                                      .actor = {.kind = MRL_ACTOR_SYSTEM, .id = MRL_LIT("merlond")},
                                      .target = f->config->name,
                                      .details = details,
                                      .details_count = MRL_COUNT(details)};

    if (to <= f->gap_end)
        return;
    f->gap_end = to;
    mrl_log_error("export.gap", MRL_FIELD("sink", f->config->name), MRL_FIELD_INT("first", from),
                  MRL_FIELD_INT("last", to));
    mrl_audit_record(f->audit, &e, NULL, NULL);
}

static mrl_err format(struct mrl_follower *f, const struct mrl_audit_row *row)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (!f->config->reveal)
        return f->sink->format(f->sink, row->seq, row->json, &f->batch);
    MRL_TRY(mrl_export_reveal(row, &text));
    return f->sink->format(f->sink, row->seq, mrl_buf_bytes(&text), &f->batch);
}

static mrl_err on_row(void *context, const struct mrl_audit_row *row)
{
    struct mrl_follower *f = context;

    if (row->seq != f->batch_last + 1)
        note_gap(f, f->batch_last + 1, row->seq - 1);
    MRL_TRY(format(f, row));
    f->batch_last = row->seq;
    f->batch_full = ++f->batch_count == MRL_AUDIT_LIST_MAX || f->batch.len >= BATCH_BYTES;
    return f->batch_full ? MRL_ERR_NO_SPACE : MRL_OK;
}

static mrl_err run_read(struct mrl_tx *tx, void *context)
{
    struct mrl_follower *f = context;
    const struct mrl_audit_filter after = {.after_seq = f->batch_last, .limit = MRL_AUDIT_LIST_MAX};
    mrl_err err = mrl_audit_list(tx, &after, on_row, f);

    return err == MRL_ERR_NO_SPACE ? MRL_OK : err; /* full: the rest is of the next batch */
}

static mrl_err read_batch(struct mrl_follower *f, struct mrl_why *why)
{
    mrl_err err;

    mrl_buf_clear(&f->batch);
    f->batch_last = f->status.sent;
    f->batch_count = 0;
    f->batch_full = false;
    err = mrl_store_read(f->store, run_read, f);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, err, "the store cannot be read: %s", mrl_err_name(err));
}

static mrl_err send_batch(struct mrl_follower *f, struct mrl_why *why)
{
    if (f->batch_last == f->status.sent)
        return MRL_OK;
    MRL_TRY(f->sink->send(f->sink, mrl_buf_bytes(&f->batch), why));
    if (f->status.sent == f->status.confirmed)
        f->unconfirmed_since = mrl_monotonic_ms();
    set_place(f, f->batch_last, f->status.confirmed);
    if (f->sink->confirm_ms > 0 && f->retry_ms == 0)
        note_success(f); /* after a failure only a confirmation says that it works again */
    return MRL_OK;
}

static mrl_err confirm_when_due(struct mrl_follower *f, struct mrl_why *why)
{
    uint64_t waiting = f->status.sent - f->status.confirmed;
    mrl_err err;

    if (waiting == 0 || (waiting < f->sink->confirm_entries && f->retry_ms == 0 &&
                         mrl_monotonic_ms() - f->unconfirmed_since < f->sink->confirm_ms))
        return MRL_OK;
    MRL_TRY(f->sink->confirm(f->sink, why));
    err = mrl_export_cursor_save(f->store, f->config->name, f->status.sent);
    if (err != MRL_OK)
        return mrl_fail(why, err, "the store does not keep the place: %s", mrl_err_name(err));
    set_place(f, f->status.sent, f->status.sent);
    note_success(f);
    return MRL_OK;
}

static mrl_err find_place(struct mrl_follower *f, struct mrl_why *why)
{
    uint64_t seq;
    mrl_err err;

    if (f->placed)
        return MRL_OK;
    err = mrl_export_cursor_load(f->store, f->config->name, f->config->from_now, &seq);
    if (err != MRL_OK)
        return mrl_fail(why, err, "the store cannot be read: %s", mrl_err_name(err));
    set_place(f, seq, seq);
    f->placed = true;
    return MRL_OK;
}

static mrl_err work(struct mrl_follower *f, struct mrl_why *why)
{
    MRL_TRY(find_place(f, why));
    MRL_TRY(read_batch(f, why));
    MRL_TRY(send_batch(f, why));
    return confirm_when_due(f, why);
}

/* Doubles, with jitter: many daemons must not come back to one receiver at once. */
static uint64_t next_retry(struct mrl_follower *f)
{
    f->retry_ms = f->retry_ms == 0 ? RETRY_FIRST_MS : f->retry_ms * 2;
    if (f->retry_ms > RETRY_MAX_MS)
        f->retry_ms = RETRY_MAX_MS;
    return f->retry_ms / 2 + mrl_random_below((uint32_t)(f->retry_ms / 2) + 1);
}

static uint64_t after_failure(struct mrl_follower *f, const struct mrl_why *why)
{
    f->sink->close(f->sink);
    set_place(f, f->status.confirmed, f->status.confirmed);
    note_failure(f, why);
    return next_retry(f);
}

static void *follow(void *argument)
{
    struct mrl_follower *f = argument;
    uint64_t wait = 0;

    (void)pthread_setname_np(pthread_self(), "export"); /* for the eye only */
    while (pause_for(f, wait)) {
        struct mrl_why why = {""};
        mrl_err err = work(f, &why);

        if (err == MRL_ERR_AGAIN)
            break; /* interrupted */
        if (err != MRL_OK)
            wait = after_failure(f, &why);
        else
            wait = f->batch_full ? 0 : POLL_MS;
    }
    f->sink->close(f->sink);
    return NULL;
}

static struct mrl_sink *new_sink(const struct mrl_export_config *c, int stop_fd)
{
    return c->kind == MRL_EXPORT_FILE ? mrl_sink_file_new(c, stop_fd)
                                      : mrl_sink_syslog_new(c, stop_fd);
}

static struct mrl_follower *new_follower(const struct mrl_export_config *c, struct mrl_store *store,
                                         struct mrl_audit *audit)
{
    struct mrl_follower *f = calloc(1, sizeof(*f));

    if (f == NULL)
        abort();
    (void)pthread_mutex_init(&f->lock, NULL);
    f->config = c;
    f->store = store;
    f->audit = audit;
    f->status = (struct mrl_export_status){.name = c->name, .kind = c->kind};
    return f;
}

static void free_follower(struct mrl_follower *f)
{
    if (f->sink != NULL)
        f->sink->free(f->sink);
    if (f->stop_fd >= 0)
        (void)close(f->stop_fd); /* holds nothing */
    mrl_buf_done(&f->batch);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

mrl_err mrl_follower_start(const struct mrl_export_config *c, struct mrl_store *store,
                           struct mrl_audit *audit, struct mrl_follower **out)
{
    struct mrl_follower *f = new_follower(c, store, audit);

    f->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->stop_fd >= 0)
        f->sink = new_sink(c, f->stop_fd);
    if (f->stop_fd < 0 || pthread_create(&f->thread, NULL, follow, f) != 0) {
        free_follower(f);
        return MRL_ERR_IO;
    }
    *out = f;
    return MRL_OK;
}

void mrl_follower_free(struct mrl_follower *f)
{
    if (f == NULL)
        return;
    (void)eventfd_write(f->stop_fd, 1);  /* cannot fail: the counter is far from its limit */
    (void)pthread_join(f->thread, NULL); /* ours, joined once */
    free_follower(f);
}

void mrl_follower_status(struct mrl_follower *f, struct mrl_export_status *out)
{
    (void)pthread_mutex_lock(&f->lock);
    *out = f->status;
    (void)pthread_mutex_unlock(&f->lock);
}
