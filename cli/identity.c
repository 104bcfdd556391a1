/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/file.h"
#include "crypto/cert.h"
#include "crypto/csr.h"

enum { SECRET_MODE = 0600, PUBLIC_MODE = 0644, DIR_MODE = 0700, PEM_COLUMNS = 64 };

void mrl_identity_done(struct mrl_identity *i)
{
    mrl_secret_free(MRL_TAKE(i->key_pem));
    json_decref(i->request);
    i->request = NULL;
}

static mrl_exit make_path(struct mrl_cli *cli, const char *dir, const char *name,
                          const char *suffix, char to[static 1024])
{
    int len = snprintf(to, 1000, "%s/%s%s", dir, name, suffix); /* leaves room for ".new" */

    if (len < 0 || len >= 1000)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: the path is too long", dir);
    return MRL_EXIT_OK;
}

static mrl_exit must_be_new(struct mrl_cli *cli, const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s exists already", path);
    return MRL_EXIT_OK;
}

static mrl_exit name_files(struct mrl_cli *cli, const char *dir, const char *name, bool fresh,
                           struct mrl_identity *out)
{
    if (strchr(name, '/') != NULL || name[0] == '.')
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not a name", name);
    if (mkdir(dir, DIR_MODE) != 0 && errno != EEXIST)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", dir, strerrordesc_np(errno));
    MRL_EXIT_TRY(make_path(cli, dir, name, ".key", out->key_path));
    MRL_EXIT_TRY(make_path(cli, dir, name, ".pem", out->cert_path));
    MRL_EXIT_TRY(make_path(cli, dir, "root", ".pem", out->root_path));
    if (!fresh)
        return MRL_EXIT_OK;
    MRL_EXIT_TRY(must_be_new(cli, out->key_path));
    return must_be_new(cli, out->cert_path);
}

static mrl_err write_request(const struct mrl_key *key, const char *name, json_t **out)
{
    const struct mrl_csr_request wish = {.cn = mrl_str(name)};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) pem = {0};

    MRL_TRY(mrl_csr_write(&wish, key, &der));
    MRL_TRY(mrl_buf_append(&pem, MRL_LIT("-----BEGIN CERTIFICATE REQUEST-----\n")));
    MRL_TRY(mrl_base64_write(mrl_buf_bytes(&der), PEM_COLUMNS, &pem));
    MRL_TRY(mrl_buf_append(&pem, MRL_LIT("-----END CERTIFICATE REQUEST-----\n")));
    MRL_TRY(mrl_json_set_str(body, "csr", mrl_buf_bytes(&pem)));
    *out = MRL_TAKE(body);
    return MRL_OK;
}

mrl_exit mrl_identity_make(struct mrl_cli *cli, const char *dir, const char *name, bool fresh,
                           struct mrl_identity *out)
{
    MRL_AUTO(mrl_key) key = NULL;

    MRL_EXIT_TRY(name_files(cli, dir, name, fresh, out));
    if (mrl_key_generate(MRL_KEY_P256, &key, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    if (mrl_key_to_pem(key, MRL_BYTES_NONE, &out->key_pem) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the key cannot be written");
    if (write_request(key, name, &out->request) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                            "%s: a name in a certificate has 1 to 64 characters", name);
    return MRL_EXIT_OK;
}

mrl_exit mrl_identity_write_root(struct mrl_cli *cli, const struct mrl_identity *i, mrl_bytes pem)
{
    MRL_SCOPED(mrl_buf) present = {0};
    struct stat st;

    if (pem.len == 0)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server sent no root certificate");
    if (lstat(i->root_path, &st) != 0)
        return mrl_cli_file_create(cli, i->root_path, PUBLIC_MODE, pem);
    MRL_EXIT_TRY(mrl_cli_file_read(cli, i->root_path, &present));
    if (!mrl_bytes_eq(mrl_buf_bytes(&present), pem))
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED,
                            "%s exists and holds another root; choose another folder",
                            i->root_path);
    return MRL_EXIT_OK;
}

static mrl_exit check_pair(struct mrl_cli *cli, const struct mrl_identity *i, mrl_bytes chain)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_key) certified = NULL;
    MRL_AUTO(mrl_cert) leaf = NULL;

    if (mrl_cert_from_pem(chain, &leaf) != MRL_OK || mrl_cert_key(leaf, &certified) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server sent no certificate");
    if (mrl_key_from_pem(mrl_secret_bytes(i->key_pem), MRL_BYTES_NONE, &key) != MRL_OK ||
        !mrl_key_public_eq(key, certified))
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server certified another key");
    return MRL_EXIT_OK;
}

/* path + ".new"; make_path left room for it. */
static void new_path(const char *path, char to[static 1024])
{
    (void)snprintf(to, 1024, "%.1010s.new", path);
}

static mrl_exit put_in_place(struct mrl_cli *cli, const char *from, const char *path)
{
    if (rename(from, path) != 0)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
    return MRL_EXIT_OK;
}

mrl_exit mrl_identity_write(struct mrl_cli *cli, const struct mrl_identity *i, mrl_bytes chain)
{
    char new_key[1024], new_cert[1024];
    mrl_exit code;

    MRL_EXIT_TRY(check_pair(cli, i, chain));
    new_path(i->key_path, new_key);
    new_path(i->cert_path, new_cert);
    MRL_EXIT_TRY(mrl_cli_file_create(cli, new_key, SECRET_MODE, mrl_secret_bytes(i->key_pem)));
    code = mrl_cli_file_create(cli, new_cert, PUBLIC_MODE, chain);
    if (code == MRL_EXIT_OK)
        code = put_in_place(cli, new_key, i->key_path);
    if (code == MRL_EXIT_OK)
        code = put_in_place(cli, new_cert, i->cert_path);
    if (code != MRL_EXIT_OK)
        (void)unlink(new_key); /* may be in its place already */
    return code;
}
