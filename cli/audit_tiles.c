/* SPDX-License-Identifier: Apache-2.0 */
/* merlon audit export --tiles: a mirror of the published log that any web server can give on. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/audit_source.h"
#include "cli/file.h"
#include "cli/progress.h"
#include "cli/request.h"

enum { MODE = 0644 };

struct mirror {
    struct mrl_cli *cli;
    const char *dir;
    int dir_fd;
    struct mrl_audit_source server;
    struct mrl_audit_trust trust; /* kept: the checkpoint in the folder */
    struct mrl_checkpoint to;
    uint64_t have;      /* size of the folder's checkpoint: what it covers is on the disk */
    uint64_t first;     /* the first entry that was not pruned */
    bool bundles_began; /* no later one can be pruned */
    uint64_t files;     /* written */
    struct mrl_buf data;
    struct mrl_cli_progress progress;
};

static mrl_exit failed(const struct mirror *m, const char *path)
{
    return mrl_cli_fail(m->cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
}

static mrl_exit make_path(const struct mirror *m, const char *below, char to[static PATH_MAX])
{
    if ((size_t)snprintf(to, PATH_MAX, "%s/%s", m->dir, below) < PATH_MAX)
        return MRL_EXIT_OK;
    return mrl_cli_fail(m->cli, MRL_EXIT_REFUSED, "%s: too long", m->dir);
}

/* One at a time. */
static mrl_exit open_dir(struct mirror *m)
{
    char inside[PATH_MAX];

    MRL_EXIT_TRY(make_path(m, "checkpoint", inside));
    MRL_EXIT_TRY(mrl_cli_file_folders(m->cli, inside));
    m->dir_fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->dir_fd < 0)
        return failed(m, m->dir);
    if (flock(m->dir_fd, LOCK_EX | LOCK_NB) != 0)
        return mrl_cli_fail(m->cli, MRL_EXIT_REFUSED, "%s: another export is writing there",
                            m->dir);
    return MRL_EXIT_OK;
}

/* A log that does not continue what was exported must not replace the evidence of that. */
static mrl_exit check_continuation(struct mirror *m)
{
    const struct mrl_audit_kept *old = m->trust.kept;

    if (m->trust.kept_count > 0 && old->at.size > m->to.size)
        return mrl_cli_fail(m->cli, MRL_EXIT_UNVERIFIED,
                            "the log ends at entry %llu, but %s covers %llu: it was cut or rolled "
                            "back; nothing was written",
                            (unsigned long long)m->to.size, old->path,
                            (unsigned long long)old->at.size);
    m->server.size = m->to.size;
    MRL_EXIT_TRY(mrl_audit_source_check_root(&m->server, m->to.size, &m->to.root, "checkpoint"));
    if (m->trust.kept_count == 0)
        return MRL_EXIT_OK;
    m->have = old->at.size;
    return mrl_audit_source_check_root(&m->server, old->at.size, &old->at.root,
                                       "exported checkpoint");
}

static bool is_there(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

/* What a tile was before it was full. Left-overs do no harm. */
static void remove_partials(const char *path)
{
    char folder[PATH_MAX + 4];
    const struct dirent *e;
    DIR *d;

    (void)snprintf(folder, sizeof(folder), "%s.p", path);
    d = opendir(folder);
    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) /* NOLINT(concurrency-mt-unsafe): the only thread */
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
    (void)rmdir(folder);
}

static mrl_exit write_tile(struct mirror *m, struct mrl_tlog_tile tile, const char *path)
{
    MRL_EXIT_TRY(mrl_cli_file_folders(m->cli, path));
    MRL_EXIT_TRY(mrl_cli_file_replace(m->cli, path, MODE, mrl_buf_bytes(&m->data), /*sync=*/false));
    m->files++;
    m->bundles_began |= tile.level == MRL_TLOG_ENTRIES;
    if (tile.width == MRL_TLOG_WIDTH)
        remove_partials(path);
    return MRL_EXIT_OK;
}

/* Only the oldest entries may be gone; the hashes never are. */
static mrl_exit pass_pruned(struct mirror *m, struct mrl_tlog_tile tile)
{
    char path[MRL_TLOG_PATH_MAX];

    if (tile.level == MRL_TLOG_ENTRIES && !m->bundles_began) {
        m->first = tile.index * MRL_TLOG_WIDTH + tile.width + 1;
        return MRL_EXIT_OK;
    }
    mrl_tlog_tile_path(tile, path);
    return mrl_cli_fail(m->cli, MRL_EXIT_UNVERIFIED, "%s is missing", path);
}

static uint64_t leaves_before(struct mrl_tlog_tile tile)
{
    unsigned height = tile.level == MRL_TLOG_ENTRIES ? 0 : tile.level * MRL_TLOG_TILE_HEIGHT;

    return (tile.index * MRL_TLOG_WIDTH + tile.width) << height;
}

static mrl_exit mirror_tile(struct mirror *m, struct mrl_tlog_tile tile)
{
    char path[PATH_MAX], below[MRL_TLOG_PATH_MAX];
    bool there;

    mrl_tlog_tile_path(tile, below);
    MRL_EXIT_TRY(make_path(m, below, path));
    if (leaves_before(tile) <= m->have && is_there(path))
        return MRL_EXIT_OK;
    MRL_EXIT_TRY(mrl_audit_source_tile(&m->server, tile, &m->data, &there));
    return there ? write_tile(m, tile, path) : pass_pruned(m, tile);
}

static mrl_exit mirror_level(struct mirror *m, unsigned level)
{
    unsigned width;

    for (uint64_t i = 0; (width = mrl_tlog_tile_width(level, i, m->to.size)) > 0; i++) {
        MRL_EXIT_TRY(mirror_tile(m, (struct mrl_tlog_tile){level, i, width}));
        if (level == MRL_TLOG_ENTRIES)
            mrl_cli_progress(&m->progress, i * MRL_TLOG_WIDTH + width);
    }
    return MRL_EXIT_OK;
}

static mrl_exit mirror_levels(struct mirror *m)
{
    MRL_EXIT_TRY(mirror_level(m, MRL_TLOG_ENTRIES));
    for (unsigned level = 0; level < MRL_TLOG_LEVELS; level++)
        MRL_EXIT_TRY(mirror_level(m, level));
    return MRL_EXIT_OK;
}

/* On the disk before the checkpoint that covers them is. */
static mrl_exit write_checkpoint(struct mirror *m, mrl_bytes note)
{
    char path[PATH_MAX];

    if (syncfs(m->dir_fd) != 0)
        return failed(m, m->dir);
    MRL_EXIT_TRY(make_path(m, "checkpoint", path));
    MRL_EXIT_TRY(mrl_cli_file_replace(m->cli, path, MODE, note, /*sync=*/true));
    return fsync(m->dir_fd) == 0 ? MRL_EXIT_OK : failed(m, m->dir);
}

static mrl_exit report(struct mirror *m)
{
    MRL_AUTO(json_t) result = mrl_json_object();

    mrl_cli_say(m->cli, "%s has the log up to entry %llu now; %llu files were written.", m->dir,
                (unsigned long long)m->to.size, (unsigned long long)m->files);
    if (!m->cli->json)
        return MRL_EXIT_OK;
    if (mrl_json_set_int(result, "entries", (int64_t)m->to.size) != MRL_OK ||
        mrl_json_set_int(result, "first_entry", (int64_t)m->first) != MRL_OK ||
        mrl_json_set_int(result, "files", (int64_t)m->files) != MRL_OK)
        return mrl_cli_fail(m->cli, MRL_EXIT_REFUSED, "the result cannot be shown");
    mrl_cli_print_json(m->cli, result);
    return MRL_EXIT_OK;
}

static mrl_exit mirror(struct mirror *m, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) note = {0};
    char path[PATH_MAX];
    mrl_exit code;

    MRL_EXIT_TRY(
        mrl_audit_trust_read(m->cli, given, /*offline=*/false, /*witnesses=*/false, &m->trust));
    MRL_EXIT_TRY(open_dir(m));
    MRL_EXIT_TRY(make_path(m, "checkpoint", path));
    MRL_EXIT_TRY(mrl_audit_trust_keep(m->cli, &m->trust, path, /*may_be_missing=*/true));
    MRL_EXIT_TRY(mrl_audit_source_checkpoint(&m->server, &note));
    MRL_EXIT_TRY(
        mrl_audit_trust_open(m->cli, &m->trust, mrl_buf_bytes(&note), "the checkpoint", &m->to));
    MRL_EXIT_TRY(check_continuation(m));
    m->progress = (struct mrl_cli_progress){m->cli, "entries exported", m->to.size, 0};
    code = mirror_levels(m);
    mrl_cli_progress_end(&m->progress);
    MRL_EXIT_TRY(code);
    MRL_EXIT_TRY(write_checkpoint(m, mrl_buf_bytes(&note)));
    return report(m);
}

mrl_exit mrl_audit_export_tiles(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                                const char *dir)
{
    struct mirror m = {.cli = cli, .dir = dir, .dir_fd = -1, .server = {.cli = cli}, .first = 1};
    mrl_exit code = mirror(&m, given);

    if (m.dir_fd >= 0)
        (void)close(m.dir_fd); /* only locked and synchronised */
    mrl_buf_done(&m.data);
    mrl_audit_source_done(&m.server);
    mrl_audit_trust_done(&m.trust);
    return code;
}
