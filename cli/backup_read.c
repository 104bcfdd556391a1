/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup_read.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/json.h"
#include "cli/file.h"
#include "crypto/age.h"
#include "wire/ustar.h"

enum { PIECE = 1 << 16 };

static const struct mrl_json_limits limits = {.bytes = MRL_CLI_MANIFEST_MAX, .depth = 8};

struct opened {
    struct mrl_cli *cli;
    const char *name;
    int database_fd;
    enum { BEFORE, IN_MANIFEST, IN_DATABASE } at;
    struct mrl_buf manifest;
    struct mrl_sha256 *hash;
    int64_t database_size;
    struct mrl_ustar_reader tar;
    bool told; /* cli->why is written already */
};

static mrl_err read_database(const json_t *o, struct mrl_cli_manifest *out, struct mrl_why *why)
{
    json_t *database;
    mrl_bytes hex;

    MRL_TRY(mrl_json_get_object(o, "database", &database, why));
    MRL_TRY(mrl_json_get_int(database, "size", 0, INT64_MAX, &out->database_size, why));
    MRL_TRY(mrl_json_get_str(database, "sha256", &hex, why));
    if (mrl_unhex(hex, out->database_sha256, MRL_SHA256_SIZE) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "sha256: no digest");
    return MRL_OK;
}

mrl_err mrl_cli_manifest_read(mrl_bytes text, struct mrl_cli_manifest *out, struct mrl_why *why)
{
    MRL_AUTO(json_t) o = NULL;
    struct mrl_cli_manifest m = {.version = ""};
    mrl_bytes version;
    int64_t format;

    MRL_TRY(mrl_json_read(text, &limits, &o, why));
    MRL_TRY(mrl_json_get_int(o, "format", 1, INT64_MAX, &format, why));
    if (format != 1)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "made by a later version");
    MRL_TRY(mrl_json_get_str(o, "version", &version, why));
    if (!mrl_bytes_to_cstr(version, m.version, sizeof(m.version)))
        return mrl_fail(why, MRL_ERR_MALFORMED, "version: too long");
    MRL_TRY(mrl_json_get_int(o, "created", 0, INT64_MAX, &m.created_ms, why));
    MRL_TRY(mrl_json_get_int(o, "audit_size", 0, INT64_MAX, &m.audit_size, why));
    MRL_TRY(read_database(o, &m, why));
    *out = m;
    return MRL_OK;
}

static mrl_err tell(struct opened *o, mrl_err err, const char *sentence)
{
    o->told = true;
    return mrl_fail(&o->cli->why, err, "%s: %s", o->name, sentence);
}

/* First the manifest, then the database, and nothing else. */
static mrl_err on_entry(void *context, const struct mrl_ustar_entry *e)
{
    static const char *const expected[] = {"manifest.json", "merlon.db"};
    struct opened *o = context;

    if (o->at == IN_DATABASE || strcmp(e->name, expected[o->at]) != 0)
        return tell(o, MRL_ERR_MALFORMED, "holds a file that does not belong into a backup");
    o->at = o->at == BEFORE ? IN_MANIFEST : IN_DATABASE;
    return MRL_OK;
}

static mrl_err put_database(struct opened *o, mrl_bytes data)
{
    MRL_TRY(mrl_sha256_add(o->hash, data));
    o->database_size += (int64_t)data.len;
    if (o->database_fd >= 0 && !mrl_write_all(o->database_fd, data))
        return tell(o, MRL_ERR_IO, strerrordesc_np(errno));
    return MRL_OK;
}

static mrl_err on_data(void *context, mrl_bytes data)
{
    struct opened *o = context;

    if (o->at == IN_DATABASE)
        return put_database(o, data);
    if (mrl_buf_append(&o->manifest, data) != MRL_OK)
        return tell(o, MRL_ERR_LIMIT, "the manifest is too large");
    return MRL_OK;
}

static mrl_err on_plain(void *context, mrl_bytes data)
{
    struct opened *o = context;
    mrl_err err = mrl_ustar_read(&o->tar, data);

    if (err == MRL_ERR_MALFORMED && !o->told)
        return tell(o, err, "not a backup: no archive inside");
    return err;
}

static mrl_err read_file(struct opened *o, int fd, struct mrl_age_reader *age)
{
    uint8_t data[PIECE];
    ssize_t n;

    while ((n = read(fd, data, sizeof(data))) != 0) {
        if (n < 0 && errno != EINTR)
            return tell(o, MRL_ERR_IO, strerrordesc_np(errno));
        if (n > 0)
            MRL_TRY(mrl_age_read(age, mrl_bytes_of(data, (size_t)n)));
    }
    return mrl_age_reader_end(age);
}

static mrl_err check(struct opened *o, struct mrl_cli_manifest *out)
{
    struct mrl_cli_manifest m;
    uint8_t digest[MRL_SHA256_SIZE];
    struct mrl_why why = {""};

    if (mrl_ustar_end(&o->tar) != MRL_OK || o->at != IN_DATABASE)
        return tell(o, MRL_ERR_MALFORMED, "not a backup: the archive is incomplete");
    if (mrl_cli_manifest_read(mrl_buf_bytes(&o->manifest), &m, &why) != MRL_OK)
        return tell(o, MRL_ERR_MALFORMED, why.text);
    MRL_TRY(mrl_sha256_end(o->hash, digest));
    if (m.database_size != o->database_size ||
        memcmp(m.database_sha256, digest, sizeof(digest)) != 0)
        return tell(o, MRL_ERR_CORRUPT, "the database is not the one of the manifest");
    *out = m;
    return MRL_OK;
}

static mrl_err open_all(struct opened *o, int fd, const struct mrl_secret *identity,
                        struct mrl_cli_manifest *out)
{
    MRL_AUTO(mrl_age_reader) age = NULL;

    MRL_TRY(mrl_sha256_new(&o->hash));
    MRL_TRY(mrl_age_reader_new(identity, (struct mrl_age_sink){on_plain, o}, &age));
    MRL_TRY(read_file(o, fd, age));
    return check(o, out);
}

static const char *sentence_of(mrl_err err)
{
    if (err == MRL_ERR_AUTH)
        return "encrypted to another identity";
    if (err == MRL_ERR_CRYPTO)
        return "changed, or cut off: it fails its check";
    return err == MRL_ERR_MALFORMED ? "not an age file, or cut off at its start"
                                    : mrl_err_name(err);
}

mrl_exit mrl_cli_backup_read(struct mrl_cli *cli, int fd, const char *name,
                             const struct mrl_secret *identity, int database_fd,
                             struct mrl_cli_manifest *out)
{
    struct opened o = {.cli = cli, .name = name, .database_fd = database_fd};
    mrl_err err;

    o.manifest.limit = MRL_CLI_MANIFEST_MAX;
    o.tar = (struct mrl_ustar_reader){.entry = on_entry, .data = on_data, .context = &o};
    err = open_all(&o, fd, identity, out);
    mrl_sha256_free(o.hash);
    mrl_buf_done(&o.manifest);
    if (err != MRL_OK && !o.told)
        (void)tell(&o, err, sentence_of(err));
    return err == MRL_OK ? MRL_EXIT_OK : MRL_EXIT_REFUSED;
}
