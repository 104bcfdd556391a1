/* SPDX-License-Identifier: Apache-2.0 */
/* Puts kept sessions (bench/kept.h) into the store of a daemon that is stopped: the store is opened
 * as merlond opens it, under its account and sealed with its keys, and the sessions are written by
 * the code that writes them there.
 * usage: bench_kept_sessions CONFIG SESSIONS */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/rcu.h"
#include "bench/kept.h"
#include "keys/spawn.h"
#include "main/paths.h"
#include "main/privileges.h"
#include "main/schema.h"
#include "main/sealing.h"
#include "main/unlock_source.h"

static mrl_err start_keys(const struct mrl_config *c, const struct mrl_paths *paths,
                          struct mrl_keys_client **out, struct mrl_why *why)
{
    struct mrl_keys_options options = {.program = paths->keys_program, .dir = paths->keys};
    struct mrl_account account;

    MRL_TRY(mrl_account_find(c->keys.user, &account, why));
    if (geteuid() == 0)
        options.user = account.name;
    MRL_TRY(mrl_unlock_source_of(c, &options.source, why));
    return mrl_keys_spawn(&options, out, why);
}

static mrl_err open_store(const struct mrl_paths *paths, struct mrl_keys_client *keys,
                          struct mrl_bench_hubs *b, struct mrl_why *why)
{
    struct mrl_migration_list migrations[MRL_SCHEMA_LISTS];
    const struct mrl_store_options options = {
        .path = paths->database, .migrations = migrations, .migrations_count = MRL_SCHEMA_LISTS};
    const struct mrl_seal_root root = mrl_sealing_root(keys);
    struct mrl_sealer *sealer;
    struct mrl_store *store;

    mrl_schema(migrations);
    MRL_TRY(mrl_store_open(&options, &store, why));
    MRL_TRY(mrl_sealer_open(store, &root, &sealer, why));
    mrl_bench_open_on(b, store, sealer);
    return MRL_OK;
}

static mrl_err fill(const struct mrl_config *c, unsigned sessions, struct mrl_why *why)
{
    struct mrl_keys_client *keys;
    struct mrl_bench_hubs b = {0};
    struct mrl_account account;
    struct mrl_paths paths;

    MRL_TRY(mrl_paths_of(c, &paths, why));
    MRL_TRY(mrl_account_find(c->server.user, &account, why));
    MRL_TRY(start_keys(c, &paths, &keys, why)); /* while root is still root */
    MRL_TRY(mrl_become(&account, why));
    mrl_rcu_register();
    MRL_TRY(open_store(&paths, keys, &b, why));
    mrl_bench_keep(&b, sessions, /*queued=*/1);
    mrl_bench_close(&b);
    mrl_keys_client_free(keys);
    return MRL_OK;
}

int main(int argc, char **argv)
{
    struct mrl_arena arena = {0};
    struct mrl_config config;
    struct mrl_why why = {""};
    mrl_err err;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench_kept_sessions CONFIG SESSIONS\n");
        return 2;
    }
    err = mrl_config_load(&mrl_config_schema, argv[1], &arena, &config, &why);
    if (err == MRL_OK)
        err = fill(&config, (unsigned)strtoul(argv[2], NULL, 10), &why);
    mrl_arena_done(&arena);
    if (err == MRL_OK)
        return 0;
    (void)fprintf(stderr, "bench_kept_sessions: %s: %s\n", mrl_err_name(err), why.text);
    return 1;
}
