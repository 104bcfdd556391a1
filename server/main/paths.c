/* SPDX-License-Identifier: Apache-2.0 */
#include "main/paths.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static mrl_err join(const char *folder, const char *name, char to[static MRL_PATH],
                    struct mrl_why *why)
{
    int len = snprintf(to, MRL_PATH, "%s/%s", folder, name);

    if (len < 0 || len >= MRL_PATH)
        return mrl_fail(why, MRL_ERR_INVALID, "path too long: %s/%s", folder, name);
    return MRL_OK;
}

static mrl_err take(mrl_bytes configured, const char *key, char to[static MRL_PATH],
                    struct mrl_why *why)
{
    if (configured.len > 0 && configured.data[0] != '/')
        return mrl_fail(why, MRL_ERR_INVALID, "%s must be an absolute path", key);
    if (!mrl_bytes_to_cstr(configured, to, MRL_PATH))
        return mrl_fail(why, MRL_ERR_INVALID, "%s is too long", key);
    return MRL_OK;
}

/* merlon-keys lies beside this program: in the build folder under keys/, installed in the same
 * folder. */
static mrl_err find_keys_program(char to[static MRL_PATH], struct mrl_why *why)
{
    static const char *const places[] = {"merlon-keys", "../keys/merlon-keys",
                                         "../../keys/merlon-keys"};
    char self[MRL_PATH];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (len <= 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot find this program's own path");
    self[len] = '\0';
    slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < MRL_COUNT(places); i++) {
        MRL_TRY(join(self, places[i], to, why));
        if (access(to, X_OK) == 0)
            return MRL_OK;
    }
    return mrl_fail(why, MRL_ERR_NOT_FOUND,
                    "merlon-keys is not beside merlond: set program in [keys]");
}

mrl_err mrl_paths_of(const struct mrl_config *config, struct mrl_paths *out, struct mrl_why *why)
{
    MRL_TRY(take(config->server.state, "state in [server]", out->state, why));
    MRL_TRY(join(out->state, "keys", out->keys, why));
    MRL_TRY(join(out->state, "store", out->store, why));
    MRL_TRY(join(out->store, "merlon.db", out->database, why));
    MRL_TRY(join(out->store, "audit.checkpoint", out->checkpoint, why));
    MRL_TRY(join(out->state, "crl", out->lists, why));
    MRL_TRY(join(out->state, "root.pem", out->root_pem, why));
    MRL_TRY(take(config->management.socket, "socket in [management]", out->socket, why));
    if (out->socket[0] == '\0')
        MRL_TRY(join(out->state, "api.sock", out->socket, why));
    MRL_TRY(take(config->keys.program, "program in [keys]", out->keys_program, why));
    return out->keys_program[0] != '\0' ? MRL_OK : find_keys_program(out->keys_program, why);
}
