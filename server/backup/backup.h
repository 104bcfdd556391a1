/* SPDX-License-Identifier: Apache-2.0 */
/* Backups, made while the daemon runs. Layer: server/backup. Thread: any (calls block). */
#ifndef MRL_BACKUP_BACKUP_H
#define MRL_BACKUP_BACKUP_H

#include "crypto/age.h"
#include "crypto/hash.h"
#include "store/store.h"

#define MRL_BACKUP_MANIFEST "manifest.json"
#define MRL_BACKUP_DATABASE "merlon.db"

enum {
    MRL_BACKUP_ID = 16,             /* hex digits */
    MRL_BACKUP_PIECE = 1 << 20,     /* bytes of the file in one read */
    MRL_BACKUP_DATABASE_MIB = 8191, /* what a tar entry holds */
};

struct mrl_backup_facts {
    char id[MRL_BACKUP_ID + 1];
    uint64_t size; /* of the encrypted file */
    uint8_t sha256[MRL_SHA256_SIZE];
    uint64_t database_size;
    uint64_t audit_size; /* entries of the log that are in it */
    int64_t created_ms;
};

struct mrl_backup;
/* Borrows store, copies the rest. What an earlier run left in folder is removed. Gives *out. */
mrl_err mrl_backup_new(struct mrl_store *store, const char *folder, const char *version,
                       struct mrl_backup **out);
void mrl_backup_free(struct mrl_backup *b); /* removes the file; NULL is fine */
MRL_AUTO_DEFINE(mrl_backup);

/* Everything that was committed before the call is in it. Takes the place of the one before.
 * MRL_ERR_BUSY: another one is being made. MRL_ERR_LIMIT: the database is larger than a tar entry.
 * MRL_ERR_NO_SPACE and MRL_ERR_IO leave nothing behind. */
mrl_err mrl_backup_make(struct mrl_backup *b, const struct mrl_age_recipient *recipients,
                        size_t count, struct mrl_backup_facts *out, struct mrl_why *why);
/* At most MRL_BACKUP_PIECE bytes of the file from offset on are appended; none: the end.
 * MRL_ERR_NOT_FOUND: there is no backup of this id. */
mrl_err mrl_backup_read(struct mrl_backup *b, mrl_bytes id, uint64_t offset, struct mrl_buf *out,
                        struct mrl_why *why);
mrl_err mrl_backup_drop(struct mrl_backup *b, mrl_bytes id, struct mrl_why *why);

#endif
