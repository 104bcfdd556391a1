/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/conn.h"

static mrl_err make_file(const char *path, struct mrl_why *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return mrl_fail(why, errno == ENOSPC ? MRL_ERR_NO_SPACE : MRL_ERR_IO, "%s: %s", path,
                        strerrordesc_np(errno));
    (void)close(fd); /* nothing was written */
    return MRL_OK;
}

/* All pages in one step: the view of c's transaction is one, and the writer does not wait for it.
 */
static int copy(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc;

    if (b == NULL)
        return sqlite3_extended_errcode(to);
    rc = sqlite3_backup_step(b, -1);
    (void)sqlite3_backup_finish(b); /* repeats what the step said */
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

mrl_err mrl_sqlite_snapshot(struct mrl_engine_conn *c, const char *path, struct mrl_why *why)
{
    struct mrl_engine_conn to = {.path = path};
    mrl_err err;
    int rc;

    MRL_TRY(make_file(path, why));
    rc = sqlite3_open_v2(path, &to.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to.handle, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = copy(c->handle, to.handle);
    err = rc == SQLITE_OK ? MRL_OK : mrl_sqlite_fail(&to, rc, why);
    (void)sqlite3_close(to.handle); /* OK: it has no statement */
    if (err != MRL_OK)
        (void)unlink(path); /* made by us a moment ago */
    return err;
}
