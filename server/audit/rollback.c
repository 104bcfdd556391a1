/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/edge.h"
#include "audit/index.h"
#include "audit/log.h"
#include "audit/read.h"
#include "base/fd.h"

enum { PATH_MAX_BYTES = 4096, NOTE_LIMIT = 64 << 10 };

/* --- the file --- */

static bool write_new(const char *path, mrl_bytes data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool whole;

    if (fd < 0)
        return false;
    whole = mrl_write_all(fd, data) && fsync(fd) == 0;
    return close(fd) == 0 && whole;
}

static bool path_beside(const char *file, const char *end, char to[static PATH_MAX_BYTES])
{
    int len = snprintf(to, PATH_MAX_BYTES, "%s%s", file, end);

    return len > 0 && len < PATH_MAX_BYTES;
}

mrl_err mrl_audit_remember(const char *file, mrl_bytes note, struct mrl_why *why)
{
    char fresh[PATH_MAX_BYTES];

    if (!path_beside(file, ".new", fresh) || !write_new(fresh, note) || rename(fresh, file) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot write %s: %s", file, strerror(errno));
    return MRL_OK;
}

/* MRL_ERR_NOT_FOUND: there is none. */
static mrl_err read_file(const char *file, struct mrl_buf *out, struct mrl_why *why)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t *to = NULL;
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        return MRL_ERR_NOT_FOUND;
    if (fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot read %s: %s", file, strerror(errno));
    if (mrl_buf_reserve(out, NOTE_LIMIT, &to) != MRL_OK)
        abort();
    n = read(fd, to, NOTE_LIMIT);
    (void)close(fd); /* only read */
    if (n < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot read %s: %s", file, strerror(errno));
    mrl_buf_added(out, (size_t)n);
    return MRL_OK;
}

/* --- what is there and what was --- */

struct state {
    struct mrl_audit *audit;
    uint64_t entries, signed_entries; /* of the store */
    uint64_t kept;                    /* of the file; 0: none */
    struct mrl_tlog_hash kept_root;
    bool forked; /* the store has that size, but not those entries */
};

static mrl_err open_kept(struct state *s, mrl_bytes note, const char *file, struct mrl_why *why)
{
    struct mrl_note *parsed = malloc(sizeof(*parsed));
    struct mrl_checkpoint c;
    struct mrl_why what = {""};
    mrl_err err;

    if (parsed == NULL)
        abort();
    err = mrl_checkpoint_open(note, &s->audit->key, parsed, &c, &what);
    free(parsed);
    if (err != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%.100s is no checkpoint of this log: %.120s", file,
                        what.text);
    s->kept = c.size;
    s->kept_root = c.root;
    return MRL_OK;
}

/* Root of the first `kept` entries, out of the tiles of the store. */
static mrl_err compare_kept(struct mrl_tx *tx, struct state *s)
{
    struct mrl_audit_edge *edge = calloc(1, sizeof(*edge));
    struct mrl_audit_source source = {.tx = tx, .edge = edge};
    const struct mrl_tlog_tiles tiles = mrl_audit_source_tiles(&source);
    struct mrl_tlog_hash root;
    mrl_err err;

    if (edge == NULL)
        abort();
    err = mrl_audit_edge_load(tx, s->kept, edge);
    if (err == MRL_OK)
        err = mrl_tlog_tiles_root(&tiles, s->kept, &root);
    s->forked =
        err == MRL_ERR_CORRUPT || (err == MRL_OK && !mrl_tlog_hash_eq(&root, &s->kept_root));
    mrl_audit_source_done(&source);
    free(edge);
    return err == MRL_ERR_CORRUPT ? MRL_OK : err;
}

static mrl_err read_state(struct mrl_tx *tx, void *context)
{
    struct state *s = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_last(tx, &s->entries));
    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    s->signed_entries = newest.size;
    if (s->kept == 0 || s->kept > s->signed_entries || s->entries < s->signed_entries)
        return MRL_OK;
    return compare_kept(tx, s);
}

static mrl_err find(struct mrl_audit *a, const char *file, struct state *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) note = {0};
    mrl_err err = read_file(file, &note, why);

    *s = (struct state){.audit = a};
    if (err == MRL_OK)
        MRL_TRY(open_kept(s, mrl_buf_bytes(&note), file, why));
    else if (err != MRL_ERR_NOT_FOUND)
        return err;
    return mrl_store_read(a->store, read_state, s);
}

static uint64_t had(const struct state *s)
{
    return s->kept > s->signed_entries ? s->kept : s->signed_entries;
}

/* An entry that no checkpoint covers is no loss: the daemon had not said that it is there for good.
 */
static bool is_rolled_back(const struct state *s)
{
    return s->forked || s->entries < had(s) || s->signed_entries < s->kept;
}

mrl_err mrl_audit_check_start(struct mrl_audit *a, const char *file, struct mrl_why *why)
{
    struct state s;

    MRL_TRY(find(a, file, &s, why));
    if (!is_rolled_back(&s))
        return MRL_OK;
    if (s.forked)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "the log has other entries than when checkpoint %llu was signed: see "
                        "merlon audit verify; to go on all the same: merlond run --accept-rollback "
                        "REASON",
                        (unsigned long long)s.kept);
    if (s.entries >= had(&s)) /* the file is written after the checkpoint is in the store */
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "the newest checkpoint in the database is over %llu entries, but %llu were "
                        "signed: checkpoints were taken out; to go on all the same: merlond run "
                        "--accept-rollback REASON",
                        (unsigned long long)s.signed_entries, (unsigned long long)s.kept);
    return mrl_fail(why, MRL_ERR_CORRUPT,
                    "the log has %llu entries, but %llu were signed: it was cut or an old database "
                    "was put in its place; to go on all the same: merlond run --accept-rollback "
                    "REASON",
                    (unsigned long long)s.entries, (unsigned long long)had(&s));
}

/* --- accepting --- */

struct accepting {
    struct mrl_write write;
    const struct state *state;
    const struct mrl_audit_event *event;
};

static mrl_err run_accept(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct accepting *a = MRL_CONTAINER(w, struct accepting, write);
    const struct mrl_audit_detail details[] = {MRL_AUDIT_INT("had", had(a->state)),
                                               MRL_AUDIT_INT("has", a->state->entries)};
    struct mrl_audit_event event = *a->event;

    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM audit_checkpoints WHERE size > $1",
                        MRL_ARGS(MRL_INT(a->state->entries)), NULL));
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM audit_epochs WHERE epoch >= $1",
                        MRL_ARGS(MRL_INT(a->state->entries / MRL_AUDIT_EPOCH)), NULL));
    event.details = details;
    event.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &event, NULL);
}

mrl_err mrl_audit_accept_rollback(struct mrl_audit *a, const char *file,
                                  const struct mrl_audit_event *e, struct mrl_why *why)
{
    struct state s;
    struct accepting accepting = {
        .write = {.run = run_accept, .why = why}, .state = &s, .event = e};
    char aside[PATH_MAX_BYTES];

    MRL_TRY(find(a, file, &s, why));
    if (!is_rolled_back(&s))
        return MRL_OK;
    MRL_TRY(mrl_store_write(a->store, &accepting.write));
    if (!path_beside(file, ".superseded", aside) || (rename(file, aside) != 0 && errno != ENOENT))
        return mrl_fail(why, MRL_ERR_IO, "cannot move %s aside: %s", file, strerror(errno));
    return MRL_OK;
}
