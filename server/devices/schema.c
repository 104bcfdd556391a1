/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the registry, in store/value.h's dialect. Rows are never deleted: a device that is
 * retired is its own tombstone, and the audit log names accounts and certificates for ever. */
#include "devices/registry.h"

static const struct mrl_migration migrations[] = {
    {"devices", 1,
     "CREATE TABLE devices ("
     " id TEXT NOT NULL PRIMARY KEY,"
     " grp TEXT NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),"
     " resume INTEGER NOT NULL CHECK (resume BETWEEN 1 AND 3),"
     " note TEXT NOT NULL,"
     " reason TEXT NOT NULL,"
     " created INTEGER NOT NULL,"
     " changed INTEGER NOT NULL);"
     "CREATE INDEX devices_by_group ON devices (grp, id);"
     "CREATE INDEX devices_by_state ON devices (state, id);"
     "CREATE TABLE accounts ("
     " kind INTEGER NOT NULL CHECK (kind BETWEEN 2 AND 3),"
     " id TEXT NOT NULL,"
     " roles INTEGER NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 2),"
     " note TEXT NOT NULL,"
     " reason TEXT NOT NULL,"
     " created INTEGER NOT NULL,"
     " changed INTEGER NOT NULL,"
     " PRIMARY KEY (kind, id));"
     "CREATE TABLE credentials ("
     " fingerprint BLOB NOT NULL PRIMARY KEY,"
     " serial BLOB NOT NULL,"
     " kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),"
     " principal TEXT NOT NULL,"
     " not_before INTEGER NOT NULL,"
     " not_after INTEGER NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),"
     " reason TEXT NOT NULL,"
     " created INTEGER NOT NULL,"
     " changed INTEGER NOT NULL,"
     " der BLOB NOT NULL);"
     "CREATE INDEX credentials_by_principal ON credentials (kind, principal, state);"
     "CREATE INDEX credentials_by_serial ON credentials (serial);"},
    {"devices", 2, "CREATE INDEX credentials_by_end ON credentials (kind, state, not_after);"},
    {"devices", 3, /* notes are sealed (devices/note.h); those in the clear are not kept */
     "ALTER TABLE devices DROP COLUMN note;"
     "ALTER TABLE devices ADD COLUMN note BLOB;"
     "ALTER TABLE accounts DROP COLUMN note;"
     "ALTER TABLE accounts ADD COLUMN note BLOB;"},
    {"devices", 4, /* when a certificate was first used; 0: not yet */
     "ALTER TABLE credentials ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;"},
    {"devices", 5, /* SHA-256 of the SubjectPublicKeyInfo; NULL until the next start reads it */
     "ALTER TABLE credentials ADD COLUMN key BLOB;"
     "CREATE INDEX credentials_by_key ON credentials (key);"},
    {"devices", 6, "ALTER TABLE devices ADD COLUMN attributes TEXT NOT NULL DEFAULT '';"},
};

const struct mrl_migration_list mrl_devices_migrations = {migrations, MRL_COUNT(migrations)};
