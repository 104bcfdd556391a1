/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "store/sqlite/conn.h"

/* First match wins: an extended code before its primary one (the low byte). */
static const struct {
    int code;
    mrl_err err;
} classes[] = {
    {SQLITE_CONSTRAINT_UNIQUE, MRL_ERR_EXISTS},
    {SQLITE_CONSTRAINT_PRIMARYKEY, MRL_ERR_EXISTS},
    {SQLITE_CONSTRAINT_ROWID, MRL_ERR_EXISTS},
    {SQLITE_CONSTRAINT_NOTNULL, MRL_ERR_INVALID},
    {SQLITE_CONSTRAINT, MRL_ERR_STATE},
    {SQLITE_FULL, MRL_ERR_NO_SPACE},
    {SQLITE_IOERR_DATA, MRL_ERR_CORRUPT},
    {SQLITE_IOERR_SHMSIZE, MRL_ERR_NO_SPACE}, /* of that file nobody tells the error number */
    {SQLITE_IOERR_CORRUPTFS, MRL_ERR_CORRUPT},
    {SQLITE_IOERR, MRL_ERR_IO},
    {SQLITE_CORRUPT, MRL_ERR_CORRUPT},
    {SQLITE_NOTADB, MRL_ERR_CORRUPT},
    {SQLITE_FORMAT, MRL_ERR_CORRUPT},
    {SQLITE_TOOBIG, MRL_ERR_LIMIT},
    {SQLITE_BUSY, MRL_ERR_BUSY},
    {SQLITE_LOCKED, MRL_ERR_BUSY},
    {SQLITE_READONLY_DBMOVED, MRL_ERR_IO},
    {SQLITE_READONLY_DIRECTORY, MRL_ERR_IO},
    {SQLITE_CANTOPEN, MRL_ERR_IO},
    {SQLITE_PERM, MRL_ERR_IO},
    {SQLITE_PROTOCOL, MRL_ERR_IO},
    {SQLITE_NOMEM, MRL_ERR_IO},
    {SQLITE_INTERNAL, MRL_ERR_IO},
};

static mrl_err class_of(int rc)
{
    for (size_t i = 0; i < MRL_COUNT(classes); i++) {
        if (classes[i].code == rc || classes[i].code == (rc & 0xff))
            return classes[i].err;
    }
    return MRL_ERR_INVALID; /* what is left is wrong SQL or a wrong use of it */
}

/* The error number of the last failure on the database file (which SQLITE_FCNTL_FILE_POINTER names)
 * or on its log (SQLITE_FCNTL_JOURNAL_POINTER). */
static int last_errno(struct mrl_engine_conn *c, int which)
{
    sqlite3_file *file = NULL;
    int error = 0;

    if (sqlite3_file_control(c->handle, "main", which, &file) != SQLITE_OK || file == NULL ||
        file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK)
        return 0;
    return error;
}

/* SQLite knows only ENOSPC as a full disk; a quota or a file size limit is the same to us. */
static bool out_of_space(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

mrl_err mrl_sqlite_fail(struct mrl_engine_conn *c, int rc, struct mrl_why *why)
{
    mrl_err err = class_of(rc);

    if ((rc & 0xff) == SQLITE_IOERR && (out_of_space(last_errno(c, SQLITE_FCNTL_JOURNAL_POINTER)) ||
                                        out_of_space(last_errno(c, SQLITE_FCNTL_FILE_POINTER))))
        err = MRL_ERR_NO_SPACE;
    return mrl_fail(why, err, "%s: %s", c->path, sqlite3_errmsg(c->handle));
}
