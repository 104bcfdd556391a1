/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "witness/serve.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: merlon-witness init --config FILE    makes the state folder and the key, prints its "
    "verifier key\n"
    "       merlon-witness vkey --config FILE    prints the verifier key again, while it is "
    "stopped\n"
    "       merlon-witness run --config FILE     runs in the foreground until SIGTERM or SIGINT\n"
    "       merlon-witness example-config        prints every key with its default\n"
    "       merlon-witness --version\n"
    "Exit status: 0 fine, 1 could not do it (why is on stderr), 2 wrong usage.\n";

/* No core dumps, not readable by debuggers, no new privileges, files for this account only. */
static mrl_err harden(struct mrl_why *why)
{
    static const struct rlimit none = {0, 0};

    (void)umask(077); /* cannot fail */
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot give up privileges: %m");
    return MRL_OK;
}

static const char *state_path(const struct mrl_witness_config *config)
{
    return (const char *)config->witness.state.data; /* the configuration's texts have a NUL */
}

static mrl_err load_identity(const struct mrl_witness_config *config,
                             const struct mrl_witness_folder *folder,
                             struct mrl_witness_identity *out, struct mrl_why *why)
{
    mrl_err err = mrl_witness_identity_load(folder, config->witness.name, out, why);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "%s has no key: run merlon-witness init first", folder->path);
    return err;
}

static mrl_err print_vkey(const struct mrl_witness_config *config,
                          const struct mrl_witness_folder *folder, struct mrl_why *why)
{
    MRL_SCOPED(mrl_witness_identity) identity = {0};
    char vkey[MRL_NOTE_VKEY_MAX];

    MRL_TRY(load_identity(config, folder, &identity, why));
    MRL_TRY(mrl_note_key_format(&identity.public, vkey));
    if (printf("%s\n", vkey) < 0 || fflush(stdout) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot write to standard output: %m");
    return MRL_OK;
}

static mrl_err init(const struct mrl_witness_config *config, struct mrl_why *why)
{
    MRL_SCOPED(mrl_witness_folder) folder = {.fd = -1};

    MRL_TRY(mrl_witness_folder_open(state_path(config), /*make=*/true, &folder, why));
    MRL_TRY(mrl_witness_identity_create(&folder, why));
    return print_vkey(config, &folder, why);
}

static mrl_err vkey(const struct mrl_witness_config *config, struct mrl_why *why)
{
    MRL_SCOPED(mrl_witness_folder) folder = {.fd = -1};

    MRL_TRY(mrl_witness_folder_open(state_path(config), /*make=*/false, &folder, why));
    return print_vkey(config, &folder, why);
}

static mrl_err run(const struct mrl_witness_config *config, struct mrl_why *why)
{
    MRL_SCOPED(mrl_witness_folder) folder = {.fd = -1};
    MRL_SCOPED(mrl_witness_identity) identity = {0};
    MRL_AUTO(mrl_witness_logs) logs = NULL;
    mrl_bytes vkeys[MRL_WITNESS_LOGS_MAX];

    for (size_t i = 0; i < config->log_count; i++)
        vkeys[i] = config->logs[i].vkey;
    MRL_TRY(mrl_witness_folder_open(state_path(config), /*make=*/false, &folder, why));
    MRL_TRY(load_identity(config, &folder, &identity, why));
    MRL_TRY(mrl_witness_logs_load(&folder, vkeys, config->log_count, &logs, why));
    return mrl_witness_serve(config, &(struct mrl_witness){&identity, logs}, why);
}

static int say_why(mrl_err err, const struct mrl_why *why)
{
    (void)fprintf(stderr, "merlon-witness: %s\n",
                  why->text[0] != '\0' ? why->text : mrl_err_name(err));
    return EXIT_REFUSED;
}

static int example(void)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_config_example(&mrl_witness_schema, &text) != MRL_OK ||
        fwrite(text.data, 1, text.len, stdout) != text.len)
        return EXIT_REFUSED;
    return 0;
}

typedef mrl_err command(const struct mrl_witness_config *config, struct mrl_why *why);

static int with_config(command *act, const char *path)
{
    static struct mrl_witness_config config;
    struct mrl_arena arena = {0};
    struct mrl_why why = {""};
    mrl_err err = mrl_config_load(&mrl_witness_schema, path, &arena, &config, &why);

    if (err == MRL_OK) {
        mrl_log_set_level((enum mrl_log_level)config.witness.log_level);
        err = harden(&why);
    }
    if (err == MRL_OK)
        err = act(&config, &why);
    mrl_arena_done(&arena);
    return err == MRL_OK ? 0 : say_why(err, &why);
}

static command *find_command(const char *name)
{
    static const struct {
        const char *name;
        command *act;
    } commands[] = {{"init", init}, {"vkey", vkey}, {"run", run}};

    for (size_t i = 0; i < MRL_COUNT(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].act;
    return NULL;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    command *act = find_command(name);

    mrl_log_set_program("merlon-witness");
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that leaves is an error of a write */
    if (act != NULL && argc == 4 && strcmp(argv[2], "--config") == 0)
        return with_config(act, argv[3]);
    if (argc == 2 && strcmp(name, "example-config") == 0)
        return example();
    if (argc == 2 && strcmp(name, "--version") == 0)
        return printf("merlon-witness %s\n", MRL_VERSION) < 0 ? EXIT_REFUSED : 0;
    if (argc == 2 && (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0))
        return fputs(usage, stdout) < 0 ? EXIT_REFUSED : 0;
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}
