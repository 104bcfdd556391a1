/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/keystore_files.h"
#include "keys/sealed.h"

#define BEING_MADE "rekey.new"
#define READY "rekey.ready"

static mrl_err fail(const struct mrl_folder *f, const char *name, const char *doing,
                    struct mrl_why *why)
{
    return mrl_fail(why, errno == ENOSPC || errno == EDQUOT ? MRL_ERR_NO_SPACE : MRL_ERR_IO,
                    "%s/%s: cannot %s: %m", f->path, name, doing);
}

static mrl_err open_inner(const struct mrl_folder *f, const char *name, struct mrl_staging *out,
                          struct mrl_why *why)
{
    if ((size_t)snprintf(out->path, sizeof(out->path), "%s/%s", f->path, name) >= sizeof(out->path))
        return mrl_fail(why, MRL_ERR_INVALID, "the path of the keystore is too long");
    return mrl_folder_open_inner(f, name, out->path, &out->folder, why);
}

static mrl_err remove_folder(const struct mrl_folder *f, const char *name, struct mrl_why *why)
{
    if ((unlinkat(f->fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT) || fsync(f->fd) != 0)
        return fail(f, name, "remove the folder", why);
    return MRL_OK;
}

mrl_err mrl_staging_drop(const struct mrl_folder *f, struct mrl_why *why)
{
    MRL_SCOPED(mrl_staging) s = {.folder = {.fd = -1}};
    struct mrl_folder_names left;

    if (!mrl_folder_has(f, BEING_MADE))
        return MRL_OK;
    MRL_TRY(open_inner(f, BEING_MADE, &s, why));
    MRL_TRY(mrl_folder_list(&s.folder, &left, why));
    for (size_t i = 0; i < left.count; i++)
        MRL_TRY(mrl_folder_remove(&s.folder, left.names[i], why));
    return remove_folder(f, BEING_MADE, why);
}

mrl_err mrl_staging_begin(const struct mrl_folder *f, struct mrl_staging *out, struct mrl_why *why)
{
    MRL_TRY(mrl_staging_drop(f, why));
    if (mkdirat(f->fd, BEING_MADE, 0700) != 0)
        return fail(f, BEING_MADE, "make the folder", why);
    return open_inner(f, BEING_MADE, out, why);
}

mrl_err mrl_staging_commit(const struct mrl_folder *f, const struct mrl_staging *s,
                           struct mrl_why *why)
{
    if (fsync(s->folder.fd) != 0 ||
        renameat2(f->fd, BEING_MADE, f->fd, READY, RENAME_NOREPLACE) != 0)
        return fail(f, BEING_MADE, "put it in its place", why);
    if (fsync(f->fd) != 0)
        return fail(f, READY, "make its name durable", why);
    return MRL_OK;
}

void mrl_staging_done(struct mrl_staging *s)
{
    mrl_folder_done(&s->folder);
}

static mrl_err move_up(const struct mrl_folder *from, const struct mrl_folder *to,
                       struct mrl_why *why)
{
    struct mrl_folder_names moving;

    MRL_TRY(mrl_folder_list(from, &moving, why));
    for (size_t i = 0; i < moving.count; i++)
        if (renameat(from->fd, moving.names[i], to->fd, moving.names[i]) != 0)
            return fail(from, moving.names[i], "move it up", why);
    if (fsync(to->fd) != 0 || fsync(from->fd) != 0)
        return fail(from, "", "make the move durable", why);
    return MRL_OK;
}

/* What opened the keystore before is of no use any more and would only invite to be stolen. */
static mrl_err remove_other_sources(const struct mrl_folder *f, struct mrl_why *why)
{
    static const enum mrl_unlock_kind kinds[] = {MRL_UNLOCK_FILE, MRL_UNLOCK_TPM,
                                                 MRL_UNLOCK_PKCS11};
    uint8_t salt[MRL_UNLOCK_SALT];
    enum mrl_unlock_kind used;

    MRL_TRY(mrl_sealed_peek(f, MRL_KEYSTORE_MANIFEST, &used, salt, why));
    for (size_t i = 0; i < MRL_COUNT(kinds); i++)
        if (kinds[i] != used)
            MRL_TRY(mrl_folder_remove(f, mrl_unlock_file(kinds[i]), why));
    return MRL_OK;
}

mrl_err mrl_staging_settle(const struct mrl_folder *f, struct mrl_why *why)
{
    MRL_SCOPED(mrl_staging) s = {.folder = {.fd = -1}};

    if (!mrl_folder_has(f, READY))
        return MRL_OK;
    MRL_TRY(open_inner(f, READY, &s, why));
    MRL_TRY(move_up(&s.folder, f, why));
    MRL_TRY(remove_other_sources(f, why));
    return remove_folder(f, READY, why);
}
