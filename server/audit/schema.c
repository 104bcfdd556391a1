/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the log, docs/decisions/0003, in store/value.h's dialect. */
#include "audit/audit.h"

static const struct mrl_migration migrations[] = {
    {"audit", 1,
     "CREATE TABLE audit_entries (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
     " action TEXT NOT NULL, actor TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL,"
     " json TEXT NOT NULL, hash BLOB NOT NULL);"
     "CREATE INDEX audit_entries_time ON audit_entries (time);"
     "CREATE INDEX audit_entries_action ON audit_entries (action, seq);"
     "CREATE INDEX audit_entries_actor ON audit_entries (actor, seq);"
     "CREATE INDEX audit_entries_target ON audit_entries (target, seq);"
     "CREATE TABLE audit_heads (size INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
     " signature BLOB NOT NULL, time INTEGER NOT NULL);"},
    /* A hash chain cannot become a Merkle log that was signed all along: the log starts anew. */
    {"audit", 2,
     "DROP TABLE audit_entries;"
     "DROP TABLE audit_heads;"
     "CREATE TABLE audit_entries (seq INTEGER PRIMARY KEY, json TEXT NOT NULL, private BLOB);"
     "CREATE TABLE audit_tiles (id INTEGER PRIMARY KEY, hashes BLOB NOT NULL);"
     "CREATE TABLE audit_checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL,"
     " time INTEGER NOT NULL, cosigned INTEGER NOT NULL);"
     "CREATE TABLE audit_index (id INTEGER PRIMARY KEY, entries BLOB NOT NULL);"
     "CREATE TABLE audit_epochs (epoch INTEGER PRIMARY KEY, oldest INTEGER NOT NULL,"
     " newest INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_audit_migrations = {migrations, MRL_COUNT(migrations)};
