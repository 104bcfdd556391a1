/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/read.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/random.h"
#include "wire/ustar.h"

enum { COPY = 1 << 16 };
#define FILE_END (2 * MRL_USTAR_SIZE_MAX) /* no backup is as large */

struct mrl_backup {
    struct mrl_store *store;
    char *version;
    char snapshot[PATH_MAX];
    char file[PATH_MAX];
    pthread_mutex_t lock; /* only for what is below */
    bool making;
    struct mrl_backup_facts present; /* no id: there is none */
};

mrl_err mrl_backup_new(struct mrl_store *store, const char *folder, const char *version,
                       struct mrl_backup **out)
{
    MRL_AUTO(mrl_backup) b = calloc(1, sizeof(*b));

    if (b == NULL)
        abort();
    (void)pthread_mutex_init(&b->lock, NULL);
    b->store = store;
    b->version = mrl_bytes_dup_cstr(mrl_str(version));
    MRL_ENSURE(snprintf(b->snapshot, PATH_MAX, "%s/backup.db", folder) < PATH_MAX, MRL_ERR_INVALID);
    MRL_ENSURE(snprintf(b->file, PATH_MAX, "%s/backup.age", folder) < PATH_MAX, MRL_ERR_INVALID);
    (void)unlink(b->snapshot); /* mostly there is none */
    (void)unlink(b->file);
    *out = MRL_TAKE(b);
    return MRL_OK;
}

void mrl_backup_free(struct mrl_backup *b)
{
    if (b == NULL)
        return;
    if (b->file[0] != '\0')
        (void)unlink(b->file); /* mostly there is none */
    (void)pthread_mutex_destroy(&b->lock);
    free(b->version);
    free(b);
}

static mrl_err fail_errno(struct mrl_why *why, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    mrl_err err = full ? MRL_ERR_NO_SPACE : MRL_ERR_IO;

    return mrl_fail(why, err, "%s: %s", path, strerrordesc_np(errno));
}

/* --- one backup being made --- */

struct making {
    struct mrl_backup *b;
    struct mrl_backup_facts facts;
    struct mrl_why *why;
    int snapshot;
    int file;
    struct mrl_sha256 *hash; /* of the encrypted file */
    struct mrl_age_writer *age;
};

struct view {
    struct mrl_backup *b;
    uint64_t audit_size;
    struct mrl_why *why;
};

/* The size of the log and the copy are of one transaction. */
static mrl_err run_snapshot(struct mrl_tx *tx, void *context)
{
    struct view *v = context;
    uint64_t first;
    mrl_err err;

    MRL_TRY(mrl_audit_bounds(tx, &first, &v->audit_size));
    err = mrl_tx_snapshot(tx, v->b->snapshot);
    return err == MRL_OK ? MRL_OK : mrl_fail(v->why, err, "%s", mrl_tx_why(tx));
}

/* Calls take with everything from the start of fd. */
static mrl_err read_all(struct making *m, mrl_err (*take)(void *context, mrl_bytes data),
                        void *context)
{
    uint8_t data[COPY];
    off_t at = 0;

    for (;;) {
        ssize_t n = pread(m->snapshot, data, sizeof(data), at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(m->why, m->b->snapshot);
        if (n == 0)
            return MRL_OK;
        MRL_TRY(take(context, mrl_bytes_of(data, (size_t)n)));
        at += n;
    }
}

static mrl_err add_to_hash(void *context, mrl_bytes data)
{
    return mrl_sha256_add(context, data);
}

static mrl_err hash_snapshot(struct making *m, char hex[static 2 * MRL_SHA256_SIZE + 1])
{
    MRL_AUTO(mrl_sha256) hash = NULL;
    uint8_t digest[MRL_SHA256_SIZE];

    MRL_TRY(mrl_sha256_new(&hash));
    MRL_TRY(read_all(m, add_to_hash, hash));
    MRL_TRY(mrl_sha256_end(hash, digest));
    mrl_hex(mrl_bytes_of(digest, sizeof(digest)), hex);
    return MRL_OK;
}

static mrl_err write_manifest(struct making *m, struct mrl_buf *out)
{
    MRL_AUTO(json_t) o = mrl_json_object();
    json_t *database = mrl_json_object();
    char hex[2 * MRL_SHA256_SIZE + 1];

    MRL_TRY(mrl_json_set(o, "database", database));
    MRL_TRY(hash_snapshot(m, hex));
    MRL_TRY(mrl_json_set_int(database, "size", (int64_t)m->facts.database_size));
    MRL_TRY(mrl_json_set_str(database, "sha256", mrl_str(hex)));
    MRL_TRY(mrl_json_set_int(o, "format", 1));
    MRL_TRY(mrl_json_set_str(o, "version", mrl_str(m->b->version)));
    MRL_TRY(mrl_json_set_int(o, "created", m->facts.created_ms));
    MRL_TRY(mrl_json_set_int(o, "audit_size", (int64_t)m->facts.audit_size));
    return mrl_json_write(o, out);
}

static mrl_err write_file(void *context, mrl_bytes data)
{
    struct making *m = context;

    MRL_TRY(mrl_sha256_add(m->hash, data));
    m->facts.size += data.len;
    return mrl_write_all(m->file, data) ? MRL_OK : fail_errno(m->why, m->b->file);
}

static mrl_err write_age(void *context, mrl_bytes data)
{
    return mrl_age_write(context, data);
}

static mrl_err put_header(struct making *m, const char *name, uint64_t size)
{
    struct mrl_ustar_entry e = {.size = size, .mtime_s = m->facts.created_ms / 1000};
    uint8_t header[MRL_USTAR_BLOCK];

    (void)mrl_bytes_to_cstr(mrl_str(name), e.name, sizeof(e.name)); /* ours, and short */
    MRL_TRY(mrl_ustar_write_header(&e, header));
    return mrl_age_write(m->age, mrl_bytes_of(header, sizeof(header)));
}

static mrl_err put_zeros(struct making *m, size_t len)
{
    static const uint8_t zeros[2 * MRL_USTAR_BLOCK];

    return mrl_age_write(m->age, mrl_bytes_of(zeros, len));
}

static mrl_err put_archive(struct making *m)
{
    MRL_SCOPED(mrl_buf) manifest = {0};

    MRL_TRY(write_manifest(m, &manifest));
    MRL_TRY(put_header(m, MRL_BACKUP_MANIFEST, manifest.len));
    MRL_TRY(mrl_age_write(m->age, mrl_buf_bytes(&manifest)));
    MRL_TRY(put_zeros(m, mrl_ustar_padding(manifest.len)));
    MRL_TRY(put_header(m, MRL_BACKUP_DATABASE, m->facts.database_size));
    MRL_TRY(read_all(m, write_age, m->age));
    MRL_TRY(put_zeros(m, mrl_ustar_padding(m->facts.database_size)));
    MRL_TRY(put_zeros(m, 2 * MRL_USTAR_BLOCK));
    return mrl_age_writer_end(m->age);
}

static mrl_err open_files(struct making *m)
{
    struct stat st;

    m->snapshot = open(m->b->snapshot, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (m->snapshot < 0 || fstat(m->snapshot, &st) != 0)
        return fail_errno(m->why, m->b->snapshot);
    m->facts.database_size = (uint64_t)st.st_size;
    if (m->facts.database_size > MRL_USTAR_SIZE_MAX)
        return mrl_fail(m->why, MRL_ERR_LIMIT, "the database is larger than %d MiB",
                        MRL_BACKUP_DATABASE_MIB);
    (void)unlink(m->b->file); /* who reads the one before still has it open */
    m->file = open(m->b->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return m->file < 0 ? fail_errno(m->why, m->b->file) : MRL_OK;
}

static mrl_err write_backup(struct making *m, const struct mrl_age_recipient *recipients,
                            size_t count)
{
    struct view v = {.b = m->b, .why = m->why};
    struct mrl_age_sink to = {write_file, m};

    m->facts.created_ms = mrl_wall_ms();
    MRL_TRY(mrl_store_read(m->b->store, run_snapshot, &v));
    m->facts.audit_size = v.audit_size;
    MRL_TRY(open_files(m));
    MRL_TRY(mrl_sha256_new(&m->hash));
    MRL_TRY(mrl_age_writer_new(recipients, count, to, &m->age));
    MRL_TRY(put_archive(m));
    MRL_TRY(mrl_sha256_end(m->hash, m->facts.sha256));
    return fsync(m->file) == 0 ? MRL_OK : fail_errno(m->why, m->b->file);
}

static void clean_up(struct making *m, mrl_err result)
{
    mrl_age_writer_free(m->age);
    mrl_sha256_free(m->hash);
    if (m->snapshot >= 0)
        (void)close(m->snapshot); /* only read */
    if (m->file >= 0)
        (void)close(m->file); /* synced, or given up */
    (void)unlink(m->b->snapshot);
    if (result != MRL_OK)
        (void)unlink(m->b->file);
}

static void name_it(struct mrl_backup_facts *f)
{
    uint8_t random[MRL_BACKUP_ID / 2];

    mrl_random(random, sizeof(random));
    mrl_hex(mrl_bytes_of(random, sizeof(random)), f->id);
}

/* From here on nobody reads the one before. */
static mrl_err begin(struct mrl_backup *b, struct mrl_why *why)
{
    bool other;

    (void)pthread_mutex_lock(&b->lock);
    other = b->making;
    b->making = true;
    if (!other)
        b->present = (struct mrl_backup_facts){.size = 0};
    (void)pthread_mutex_unlock(&b->lock);
    return other ? mrl_fail(why, MRL_ERR_BUSY, "another backup is being made") : MRL_OK;
}

static void end(struct mrl_backup *b, const struct mrl_backup_facts *made)
{
    (void)pthread_mutex_lock(&b->lock);
    b->making = false;
    b->present = *made;
    (void)pthread_mutex_unlock(&b->lock);
}

mrl_err mrl_backup_make(struct mrl_backup *b, const struct mrl_age_recipient *recipients,
                        size_t count, struct mrl_backup_facts *out, struct mrl_why *why)
{
    struct making m = {.b = b, .why = why, .snapshot = -1, .file = -1};
    mrl_err err;

    MRL_TRY(begin(b, why));
    err = write_backup(&m, recipients, count);
    clean_up(&m, err);
    if (err == MRL_OK)
        name_it(&m.facts);
    end(b, &m.facts);
    MRL_TRY(err);
    *out = m.facts;
    return MRL_OK;
}

/* --- fetching it --- */

static bool is_present(const struct mrl_backup *b, mrl_bytes id)
{
    return id.len > 0 && mrl_bytes_eq(id, mrl_str(b->present.id));
}

/* An open file stays whole when another takes its place. */
static mrl_err open_present(struct mrl_backup *b, mrl_bytes id, int *fd, struct mrl_why *why)
{
    bool found;

    (void)pthread_mutex_lock(&b->lock);
    found = is_present(b, id);
    *fd = found ? open(b->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    (void)pthread_mutex_unlock(&b->lock);
    if (!found)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no such backup any more");
    return *fd < 0 ? fail_errno(why, b->file) : MRL_OK;
}

mrl_err mrl_backup_read(struct mrl_backup *b, mrl_bytes id, uint64_t offset, struct mrl_buf *out,
                        struct mrl_why *why)
{
    uint8_t *to;
    ssize_t n;
    int fd;

    MRL_TRY(mrl_buf_reserve(out, MRL_BACKUP_PIECE, &to));
    MRL_TRY(open_present(b, id, &fd, why));
    do
        n = offset > FILE_END ? 0 : pread(fd, to, MRL_BACKUP_PIECE, (off_t)offset);
    while (n < 0 && errno == EINTR);
    (void)close(fd); /* only read */
    if (n < 0)
        return fail_errno(why, b->file);
    mrl_buf_added(out, (size_t)n);
    return MRL_OK;
}

mrl_err mrl_backup_drop(struct mrl_backup *b, mrl_bytes id, struct mrl_why *why)
{
    bool found;

    (void)pthread_mutex_lock(&b->lock);
    found = is_present(b, id);
    if (found) {
        b->present = (struct mrl_backup_facts){.size = 0};
        (void)unlink(b->file); /* without it nothing of it is left to give out */
    }
    (void)pthread_mutex_unlock(&b->lock);
    return found ? MRL_OK : mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no such backup any more");
}
