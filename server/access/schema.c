/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of access, in store/value.h's dialect. */
#include "access/roles.h"

static const struct mrl_migration migrations[] = {
    {"access", 1,
     "CREATE TABLE roles ("
     " name TEXT NOT NULL PRIMARY KEY,"
     " text TEXT NOT NULL,"
     " changed INTEGER NOT NULL);"
     "CREATE TABLE role_rules ("
     " role TEXT NOT NULL REFERENCES roles (name),"
     " position INTEGER NOT NULL,"
     " actions INTEGER NOT NULL CHECK (actions BETWEEN 1 AND 3),"
     " filter TEXT NOT NULL,"
     " PRIMARY KEY (role, position));"
     "CREATE TABLE role_bindings ("
     " target_kind INTEGER NOT NULL CHECK (target_kind BETWEEN 1 AND 3),"
     " target TEXT NOT NULL,"
     " role TEXT NOT NULL REFERENCES roles (name),"
     " created INTEGER NOT NULL,"
     " PRIMARY KEY (target_kind, target, role));"
     "CREATE INDEX role_bindings_by_role ON role_bindings (role, target_kind, target);"
     "INSERT INTO roles (name, text, changed) VALUES"
     " ('telemetry-reader', 'Receives what all devices publish.', 0),"
     " ('commander', 'Sends commands to all devices.', 0);"
     "INSERT INTO role_rules (role, position, actions, filter) VALUES"
     " ('telemetry-reader', 0, 2, 'devices/#'),"
     " ('commander', 0, 1, 'devices/+/commands/#');"},
    {"access", 2, /* a sum of enum mrl_right; older rules withhold nothing */
     "ALTER TABLE role_rules ADD COLUMN withheld INTEGER NOT NULL DEFAULT 0"
     " CHECK (withheld BETWEEN 0 AND 15);"},
    {"access", 3, /* a further right; a CHECK cannot be changed in place */
     "CREATE TABLE role_rules_wider ("
     " role TEXT NOT NULL REFERENCES roles (name),"
     " position INTEGER NOT NULL,"
     " actions INTEGER NOT NULL CHECK (actions BETWEEN 1 AND 3),"
     " filter TEXT NOT NULL,"
     " withheld INTEGER NOT NULL DEFAULT 0 CHECK (withheld BETWEEN 0 AND 31),"
     " PRIMARY KEY (role, position));"
     "INSERT INTO role_rules_wider (role, position, actions, filter, withheld)"
     " SELECT role, position, actions, filter, withheld FROM role_rules;"
     "DROP TABLE role_rules;"
     "ALTER TABLE role_rules_wider RENAME TO role_rules;"},
    {"quota", 1,
     "CREATE TABLE quotas ("
     " target TEXT NOT NULL,"
     " name TEXT NOT NULL,"
     " value INTEGER NOT NULL,"
     " changed INTEGER NOT NULL,"
     " PRIMARY KEY (target, name));"},
};

const struct mrl_migration_list mrl_access_migrations = {migrations, MRL_COUNT(migrations)};
