/* SPDX-License-Identifier: Apache-2.0 */
#include "main/init.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/paths.h"
#include "main/privileges.h"
#include "main/unlock_source.h"

static const char *const curves[] = {"P-256", "P-384"};

static mrl_err run_and_wait(const char *const *argv, struct mrl_why *why)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot start %s: %s", argv[0], strerrordesc_np(errno));
    if (child == 0) {
        (void)execv(argv[0], (char *const *)argv); /* returns only when it failed */
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return mrl_fail(why, MRL_ERR_STATE, "%s init did not succeed: see its message above",
                        argv[0]);
    return MRL_OK;
}

mrl_err mrl_init(const struct mrl_config *config, struct mrl_why *why)
{
    struct mrl_account daemon, keys;
    struct mrl_paths paths;
    char tenant[65];
    struct mrl_unlock_source source;
    const char *argv[20 + MRL_SOURCE_ARGUMENTS];
    size_t argc = 0;

    MRL_TRY(mrl_paths_of(config, &paths, why));
    MRL_TRY(mrl_unlock_source_of(config, &source, why));
    MRL_TRY(mrl_account_find(config->server.user, &daemon, why));
    MRL_TRY(mrl_account_find(config->keys.user, &keys, why));
    MRL_TRY(mrl_folder_make(paths.state, 0755, &daemon, why));
    MRL_TRY(mrl_folder_make(paths.store, 0700, &daemon, why));
    MRL_TRY(mrl_folder_make(paths.keys, 0700, &keys, why));
    if (!mrl_bytes_to_cstr(config->server.tenant, tenant, sizeof(tenant)))
        return mrl_fail(why, MRL_ERR_INVALID, "tenant in [server] is too long");
    argv[argc++] = paths.keys_program;
    argv[argc++] = "init";
    argv[argc++] = "--dir";
    argv[argc++] = paths.keys;
    argv[argc++] = "--root-curve";
    argv[argc++] = curves[config->keys.root_curve];
    argv[argc++] = "--issuing-curve";
    argv[argc++] = curves[config->keys.issuing_curve];
    if (config->keys.hold_audit) {
        argv[argc++] = "--hold";
        argv[argc++] = "hardware";
    }
    argv[argc++] = "--tenant";
    argv[argc++] = tenant;
    mrl_source_arguments(&source, argv, &argc);
    if (geteuid() == 0) {
        argv[argc++] = "--user";
        argv[argc++] = keys.name;
    }
    argv[argc] = NULL;
    return run_and_wait(argv, why);
}
