/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_source.h"

#include <string.h>

#include "cli/file.h"
#include "cli/print.h"
#include "cli/session.h"
#include "tlog/note.h"

void mrl_audit_source_done(struct mrl_audit_source *s)
{
    mrl_buf_done(&s->tile);
}

static mrl_exit read_file(struct mrl_audit_source *s, const char *path, size_t max,
                          struct mrl_buf *out, bool *there)
{
    MRL_SCOPED(mrl_buf) whole = {0};

    if (mrl_buf_printf(&whole, "%s/%s", s->dir, path) != MRL_OK ||
        mrl_buf_append(&whole, mrl_bytes_of("", 1)) != MRL_OK)
        return mrl_cli_fail(s->cli, MRL_EXIT_USAGE, "%s: too long", s->dir);
    return mrl_cli_file_read_max(s->cli, (const char *)whole.data, max, out, there);
}

/* Entries or hashes that must be there are not, or cannot be read. */
static bool says_damaged(const struct mrl_http_result *answer)
{
    MRL_AUTO(json_t) problem = NULL;

    return answer->status == 500 &&
           mrl_json_read(mrl_buf_bytes(&answer->body), &MRL_JSON_LIMITS_DEFAULT, &problem, NULL) ==
               MRL_OK &&
           mrl_bytes_eq(mrl_cli_text_of(problem, "type"), MRL_LIT("urn:merlon:problem:corrupt"));
}

static mrl_exit ask_server(struct mrl_audit_source *s, const char *path, struct mrl_buf *out,
                           bool *there)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    mrl_exit code;

    if (mrl_buf_printf(&target, "/audit/%s", path) != MRL_OK)
        return mrl_cli_fail(s->cli, MRL_EXIT_REFUSED, "%s: too long", path);
    code = mrl_cli_get(s->cli, mrl_buf_bytes(&target), &answer);
    *there = code == MRL_EXIT_OK;
    if (answer.raw.status == 404 || answer.raw.status == 410)
        return MRL_EXIT_OK;
    if (says_damaged(&answer.raw))
        return mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED, "%s: damaged on the server", path);
    MRL_EXIT_TRY(code);
    if (mrl_buf_append(out, mrl_buf_bytes(&answer.raw.body)) != MRL_OK)
        return mrl_cli_fail(s->cli, MRL_EXIT_REFUSED, "%s: too large", path);
    return MRL_EXIT_OK;
}

static mrl_exit get(struct mrl_audit_source *s, const char *path, size_t max, struct mrl_buf *out,
                    bool *there)
{
    mrl_buf_clear(out);
    return s->dir != NULL ? read_file(s, path, max, out, there) : ask_server(s, path, out, there);
}

mrl_exit mrl_audit_source_checkpoint(struct mrl_audit_source *s, struct mrl_buf *out)
{
    bool there;

    MRL_EXIT_TRY(get(s, "checkpoint", MRL_NOTE_MAX, out, &there));
    if (there)
        return MRL_EXIT_OK;
    if (s->dir != NULL)
        return mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED, "%s/checkpoint is not there", s->dir);
    return mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED, "the log has no checkpoint");
}

/* false: it holds fewer entries. */
static bool cut_bundle(struct mrl_buf *bundle, unsigned width)
{
    mrl_bytes rest = mrl_buf_bytes(bundle), entry;

    for (unsigned i = 0; i < width; i++)
        if (mrl_tlog_bundle_next(&rest, &entry) != MRL_OK)
            return false;
    bundle->len -= rest.len;
    return true;
}

static bool cut_hashes(struct mrl_buf *hashes, unsigned width)
{
    size_t len = (size_t)width * MRL_TLOG_HASH;

    if (hashes->len < len)
        return false;
    hashes->len = len;
    return true;
}

/* Asks for the tile as it is in the newest log, which begins with what it was in an older one. A
 * partial tile may be gone once the full one is there (c2sp.org/tlog-tiles). */
static mrl_exit get_tile(struct mrl_audit_source *s, struct mrl_tlog_tile tile, struct mrl_buf *out,
                         bool *there)
{
    unsigned newest = mrl_tlog_tile_width(tile.level, tile.index, s->size);
    char path[MRL_TLOG_PATH_MAX];

    if (newest > tile.width)
        tile.width = newest;
    mrl_tlog_tile_path(tile, path);
    MRL_EXIT_TRY(get(s, path, MRL_AUDIT_BUNDLE_MAX, out, there));
    if (*there || tile.width == MRL_TLOG_WIDTH)
        return MRL_EXIT_OK;
    tile.width = MRL_TLOG_WIDTH;
    mrl_tlog_tile_path(tile, path);
    return get(s, path, MRL_AUDIT_BUNDLE_MAX, out, there);
}

static mrl_exit fail_damaged(struct mrl_audit_source *s, struct mrl_tlog_tile tile)
{
    unsigned level = tile.level == MRL_TLOG_ENTRIES ? 0 : tile.level;
    uint64_t span = 1ULL << (MRL_TLOG_TILE_HEIGHT * level);
    uint64_t first = tile.index * MRL_TLOG_WIDTH * span + 1;

    return mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED,
                        "entries %llu to %llu: damaged on the server, verify --server-side says "
                        "where",
                        (unsigned long long)first,
                        (unsigned long long)(first + tile.width * span - 1));
}

mrl_exit mrl_audit_source_tile(struct mrl_audit_source *s, struct mrl_tlog_tile tile,
                               struct mrl_buf *out, bool *there)
{
    char path[MRL_TLOG_PATH_MAX];
    mrl_exit code = get_tile(s, tile, out, there);
    bool whole;

    if (code == MRL_EXIT_UNVERIFIED)
        return fail_damaged(s, tile);
    MRL_EXIT_TRY(code);
    if (!*there)
        return MRL_EXIT_OK;
    whole =
        tile.level == MRL_TLOG_ENTRIES ? cut_bundle(out, tile.width) : cut_hashes(out, tile.width);
    if (whole)
        return MRL_EXIT_OK;
    mrl_tlog_tile_path(tile, path);
    return mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED, "%s is cut short: it must hold %u %s", path,
                        tile.width, tile.level == MRL_TLOG_ENTRIES ? "entries" : "hashes");
}

static mrl_err read_tile(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    struct mrl_audit_source *s = context;
    char path[MRL_TLOG_PATH_MAX];
    bool there;

    s->failed = mrl_audit_source_tile(s, tile, &s->tile, &there);
    if (s->failed == MRL_EXIT_OK && !there) {
        mrl_tlog_tile_path(tile, path);
        s->failed = mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED, "%s is missing", path);
    }
    *hashes = mrl_buf_bytes(&s->tile);
    return s->failed == MRL_EXIT_OK ? MRL_OK : MRL_ERR_IO;
}

struct mrl_tlog_tiles mrl_audit_source_tiles(struct mrl_audit_source *s)
{
    s->failed = MRL_EXIT_OK;
    return (struct mrl_tlog_tiles){.read = read_tile, .context = s};
}

mrl_exit mrl_audit_source_check_root(struct mrl_audit_source *s, uint64_t size,
                                     const struct mrl_tlog_hash *root, const char *what)
{
    struct mrl_tlog_tiles tiles = mrl_audit_source_tiles(s);
    struct mrl_tlog_hash found;

    if (mrl_tlog_tiles_root(&tiles, size, &found) != MRL_OK)
        return s->failed != MRL_EXIT_OK
                   ? s->failed
                   : mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED, "the tiles give no root at %llu",
                                  (unsigned long long)size);
    if (memcmp(found.bytes, root->bytes, sizeof(found.bytes)) != 0)
        return mrl_cli_fail(s->cli, MRL_EXIT_UNVERIFIED,
                            "entries 1 to %llu are not those of the %s of size %llu",
                            (unsigned long long)size, what, (unsigned long long)size);
    return MRL_EXIT_OK;
}
