/* SPDX-License-Identifier: Apache-2.0 */
/* Backups: made by the daemon, opened and restored without it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "cli/backup_read.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/request.h"
#include "crypto/age.h"

static mrl_exit failed(struct mrl_cli *cli, const char *path)
{
    return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
}

static mrl_exit read_identity(struct mrl_cli *cli, const char *path, struct mrl_secret **out)
{
    struct mrl_buf text = {.secret = true};
    mrl_exit code = mrl_cli_file_read(cli, path, &text);

    if (code == MRL_EXIT_OK && mrl_age_identity_read(mrl_buf_bytes(&text), out) != MRL_OK)
        code = mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: not one age identity (AGE-SECRET-KEY-1...)",
                            path);
    mrl_buf_done(&text);
    return code;
}

/* --- keygen --- */

static mrl_err write_identity(const struct mrl_secret *identity, const char *recipient,
                              struct mrl_buf *out)
{
    MRL_AUTO(mrl_secret) line = NULL;

    MRL_TRY(mrl_age_identity_write(identity, &line));
    MRL_TRY(mrl_buf_printf(out, "# public key: %s\n", recipient));
    MRL_TRY(mrl_buf_append(out, mrl_secret_bytes(line)));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

static mrl_err make_identity(struct mrl_buf *text, char *recipient)
{
    MRL_AUTO(mrl_secret) identity = NULL;
    struct mrl_age_recipient r;

    MRL_TRY(mrl_age_identity_new(&identity));
    MRL_TRY(mrl_age_identity_recipient(identity, &r));
    MRL_TRY(mrl_age_recipient_write(&r, recipient));
    return write_identity(identity, recipient, text);
}

static mrl_exit keygen(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    char recipient[MRL_AGE_RECIPIENT_TEXT + 1];
    struct mrl_buf text = {.secret = true};
    mrl_exit code = MRL_EXIT_OK;

    if (make_identity(&text, recipient) != MRL_OK)
        code = mrl_cli_fail(cli, MRL_EXIT_REFUSED, "cannot make a key");
    if (code == MRL_EXIT_OK)
        code = mrl_cli_file_create(cli, mrl_cli_operand(given, 0), 0600, mrl_buf_bytes(&text));
    mrl_buf_done(&text);
    if (code == MRL_EXIT_OK)
        mrl_cli_print_line(cli, mrl_str(recipient));
    return code;
}

/* --- create --- */

struct fetch {
    struct mrl_cli *cli;
    const char *path;
    int fd;
    mrl_bytes id;
    uint64_t size;
    struct mrl_sha256 *hash;
};

static mrl_exit write_piece(struct fetch *f, mrl_bytes piece)
{
    if (mrl_sha256_add(f->hash, piece) != MRL_OK)
        return mrl_cli_fail(f->cli, MRL_EXIT_REFUSED, "cannot hash");
    return mrl_write_all(f->fd, piece) ? MRL_EXIT_OK : failed(f->cli, f->path);
}

static mrl_exit fetch_piece(struct fetch *f, uint64_t *at)
{
    char id[64];
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    if (!mrl_bytes_to_cstr(f->id, id, sizeof(id)))
        return mrl_cli_fail(f->cli, MRL_EXIT_REFUSED, "the server gave no id");
    mrl_cli_target(&target, "/v1/backups", id);
    mrl_cli_target_query_number(&target, "offset", *at);
    MRL_EXIT_TRY(mrl_cli_get(f->cli, mrl_buf_bytes(&target), &answer));
    if (answer.raw.body.len == 0 || answer.raw.body.len > f->size - *at)
        return mrl_cli_fail(f->cli, MRL_EXIT_REFUSED, "the server gave another size than it said");
    *at += answer.raw.body.len;
    return write_piece(f, mrl_buf_bytes(&answer.raw.body));
}

static void show_progress(const struct fetch *f, uint64_t at)
{
    if (isatty(STDERR_FILENO) == 1)
        (void)fprintf(stderr, "\r%llu of %llu MiB%s", (unsigned long long)(at >> 20),
                      (unsigned long long)(f->size >> 20), at == f->size ? "\n" : "");
}

static mrl_exit fetch_all(struct fetch *f, mrl_bytes sha256)
{
    uint8_t expected[MRL_SHA256_SIZE];
    uint8_t digest[MRL_SHA256_SIZE];

    for (uint64_t at = 0; at < f->size;) {
        MRL_EXIT_TRY(fetch_piece(f, &at));
        show_progress(f, at);
    }
    if (mrl_unhex(sha256, expected, sizeof(expected)) != MRL_OK ||
        mrl_sha256_end(f->hash, digest) != MRL_OK || memcmp(expected, digest, sizeof(digest)) != 0)
        return mrl_cli_fail(f->cli, MRL_EXIT_REFUSED, "what arrived is not what the server made");
    if (f->fd != STDOUT_FILENO && fsync(f->fd) != 0)
        return failed(f->cli, f->path);
    return MRL_EXIT_OK;
}

/* A backup left in the server would only take room until the next one. */
static void drop(struct mrl_cli *cli, mrl_bytes id)
{
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    struct mrl_why why = cli->why;
    char text[64];

    if (!mrl_bytes_to_cstr(id, text, sizeof(text)))
        return;
    mrl_cli_target(&target, "/v1/backups", text);
    (void)mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), /*body=*/NULL, &answer);
    cli->why = why;
}

static mrl_exit fetch(struct mrl_cli *cli, const char *path, int fd, const json_t *made)
{
    MRL_AUTO(mrl_sha256) hash = NULL;
    struct fetch f = {.cli = cli, .path = path, .fd = fd};
    int64_t size;
    mrl_exit code;

    if (mrl_sha256_new(&hash) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "cannot hash");
    if (mrl_json_get_int(made, "size", 1, INT64_MAX, &size, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    f.hash = hash;
    f.size = (uint64_t)size;
    f.id = mrl_cli_text_of(made, "id");
    code = fetch_all(&f, mrl_cli_text_of(made, "sha256"));
    drop(cli, f.id);
    return code;
}

static mrl_exit ask_and_fetch(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                              const char *path, int fd)
{
    static const struct mrl_cli_column shown[] = {
        {"Size", "size"},
        {"SHA-256", "sha256"},
        {"Created", "created"},
        {"Audit entries", "audit_size"},
        {NULL},
    };
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_body_list(cli, given, "recipient", "recipients", body));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/backups"), body, &answer));
    MRL_EXIT_TRY(fetch(cli, path, fd, answer.json));
    if (fd != STDOUT_FILENO)
        mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit create(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *path = mrl_cli_operand(given, 0);
    mrl_exit code;
    int fd;

    if (strcmp(path, "-") == 0)
        return ask_and_fetch(cli, given, "standard output", STDOUT_FILENO);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(cli, path);
    code = ask_and_fetch(cli, given, path, fd);
    if (close(fd) != 0 && code == MRL_EXIT_OK)
        code = failed(cli, path);
    if (code != MRL_EXIT_OK)
        (void)unlink(path); /* made by us a moment ago */
    return code;
}

/* --- verify and restore --- */

static mrl_exit open_backup(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                            int database_fd, struct mrl_cli_manifest *m)
{
    const char *path = mrl_cli_operand(given, 0);
    MRL_AUTO(mrl_secret) identity = NULL;
    mrl_exit code;
    int fd;

    MRL_EXIT_TRY(read_identity(cli, mrl_cli_value(given, "identity"), &identity));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(cli, path);
    code = mrl_cli_backup_read(cli, fd, path, identity, database_fd, m);
    (void)close(fd); /* only read */
    return code;
}

static mrl_exit show_manifest(struct mrl_cli *cli, const struct mrl_cli_manifest *m)
{
    static const struct mrl_cli_column shown[] = {
        {"Created", "created"},
        {"By version", "version"},
        {"Audit entries", "audit_size"},
        {"Database bytes", "database_size"},
        {NULL},
    };
    MRL_AUTO(json_t) o = mrl_json_object();
    char time[MRL_TIME_TEXT];

    mrl_time_format(m->created_ms, time);
    if (mrl_json_set_str(o, "created", mrl_str(time)) != MRL_OK ||
        mrl_json_set_str(o, "version", mrl_str(m->version)) != MRL_OK ||
        mrl_json_set_int(o, "audit_size", m->audit_size) != MRL_OK ||
        mrl_json_set_int(o, "database_size", m->database_size) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the manifest cannot be shown");
    if (cli->json)
        mrl_cli_print_json(cli, o);
    else
        mrl_cli_print_record(cli, shown, o);
    return MRL_EXIT_OK;
}

static mrl_exit verify(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct mrl_cli_manifest m;

    MRL_EXIT_TRY(open_backup(cli, given, /*database_fd=*/-1, &m));
    return show_manifest(cli, &m);
}

struct restore {
    struct mrl_cli *cli;
    const struct mrl_cli_arguments *given;
    char store[PATH_MAX];  /* what is to be there at the end */
    char folder[PATH_MAX]; /* its name until it is whole */
    char database[PATH_MAX];
    char mark[PATH_MAX];
    uid_t owner; /* (uid_t)-1: as is */
    gid_t group;
};

static mrl_exit find_owner(struct restore *r)
{
    const char *name = mrl_cli_value(r->given, "owner");
    const struct passwd *pw;

    r->owner = (uid_t)-1;
    r->group = (gid_t)-1;
    if (name == NULL)
        return MRL_EXIT_OK;
    pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe): the only thread */
    if (pw == NULL)
        return mrl_cli_fail(r->cli, MRL_EXIT_REFUSED, "there is no account %s", name);
    r->owner = pw->pw_uid;
    r->group = pw->pw_gid;
    return MRL_EXIT_OK;
}

static mrl_exit name_files(struct restore *r)
{
    const char *state = mrl_cli_value(r->given, "to");
    struct stat st;

    if (strlen(state) > PATH_MAX - 64)
        return mrl_cli_fail(r->cli, MRL_EXIT_USAGE, "--to is too long");
    (void)snprintf(r->store, PATH_MAX, "%.*s/store", PATH_MAX - 64, state);
    (void)snprintf(r->folder, PATH_MAX, "%.*s/store.restoring", PATH_MAX - 64, state);
    (void)snprintf(r->database, PATH_MAX, "%.*s/store.restoring/merlon.db", PATH_MAX - 64, state);
    (void)snprintf(r->mark, PATH_MAX, "%.*s/store.restoring/restored", PATH_MAX - 64, state);
    if (lstat(r->store, &st) == 0)
        return mrl_cli_fail(r->cli, MRL_EXIT_REFUSED,
                            "%s exists: move it away first, a restore replaces nothing", r->store);
    return MRL_EXIT_OK;
}

/* The daemon starts with this store only when its operator accepts what is missing. */
static mrl_exit write_mark(struct restore *r, const struct mrl_cli_manifest *m)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_buf_printf(&text, "{\"audit_size\":%lld,\"created\":%lld}\n", (long long)m->audit_size,
                       (long long)m->created_ms) != MRL_OK)
        return mrl_cli_fail(r->cli, MRL_EXIT_REFUSED, "cannot write %s", r->mark);
    return mrl_cli_file_create(r->cli, r->mark, 0600, mrl_buf_bytes(&text));
}

static mrl_exit unpack(struct restore *r, struct mrl_cli_manifest *m)
{
    int fd = open(r->database, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    mrl_exit code;

    if (fd < 0)
        return failed(r->cli, r->database);
    code = open_backup(r->cli, r->given, fd, m);
    if (code == MRL_EXIT_OK && fsync(fd) != 0)
        code = failed(r->cli, r->database);
    if (close(fd) != 0 && code == MRL_EXIT_OK)
        code = failed(r->cli, r->database);
    return code;
}

static mrl_exit give_away(struct restore *r)
{
    const char *const paths[] = {r->database, r->mark, r->folder};

    for (size_t i = 0; i < MRL_COUNT(paths); i++)
        if (lchown(paths[i], r->owner, r->group) != 0)
            return failed(r->cli, paths[i]);
    return MRL_EXIT_OK;
}

/* The name is durable when the folder that holds it is. */
static mrl_exit put_in_place(struct restore *r)
{
    const char *state = mrl_cli_value(r->given, "to");
    int inner = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int outer = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = inner >= 0 && outer >= 0 && fsync(inner) == 0 && rename(r->folder, r->store) == 0 &&
                fsync(outer) == 0;
    mrl_exit code = done ? MRL_EXIT_OK : failed(r->cli, r->store);

    if (inner >= 0)
        (void)close(inner); /* only synced */
    if (outer >= 0)
        (void)close(outer);
    return code;
}

static mrl_exit fill(struct restore *r, struct mrl_cli_manifest *m)
{
    MRL_EXIT_TRY(unpack(r, m));
    MRL_EXIT_TRY(write_mark(r, m));
    MRL_EXIT_TRY(give_away(r));
    return put_in_place(r);
}

static void remove_unfinished(const struct restore *r)
{
    (void)unlink(r->database); /* what is not there needs no removing */
    (void)unlink(r->mark);
    (void)rmdir(r->folder);
}

static mrl_exit restore(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct restore r = {.cli = cli, .given = given};
    struct mrl_cli_manifest m;
    mrl_exit code;

    MRL_EXIT_TRY(find_owner(&r));
    MRL_EXIT_TRY(name_files(&r));
    remove_unfinished(&r); /* of a restore that was killed */
    if (mkdir(r.folder, 0700) != 0)
        return failed(cli, r.folder);
    code = fill(&r, &m);
    if (code != MRL_EXIT_OK) {
        remove_unfinished(&r);
        return code;
    }
    mrl_cli_say(cli, "Restored to %s. The first start needs:  merlond run --accept-rollback REASON",
                r.store);
    return show_manifest(cli, &m);
}

static const struct mrl_cli_option create_options[] = {
    {"recipient", "AGE1...", "A recovery key's public half; any of them opens the backup.", true,
     true},
    {NULL},
};
static const struct mrl_cli_option identity_options[] = {
    {"identity", "FILE", "The recovery key.", false, true},
    {NULL},
};
static const struct mrl_cli_option restore_options[] = {
    {"identity", "FILE", "The recovery key.", false, true},
    {"to", "DIR", "The state folder; it must have no store yet.", false, true},
    {"owner", "USER", "The account the files are for.", false, false},
    {NULL},
};

const struct mrl_cli_command mrl_cli_backup_commands[] = {
    {"backup", "keygen", "FILE", NULL,
     "Makes a recovery key in a new file and prints its public half.", keygen},
    {"backup", "create", "FILE", create_options,
     "Makes an encrypted backup of the running server; - is standard output.", create},
    {"backup", "verify", "BACKUP", identity_options,
     "Opens a backup and checks every byte of it; needs no server.", verify},
    {"backup", "restore", "BACKUP", restore_options,
     "Puts the store of a backup into a state folder; needs no server.", restore},
    {NULL},
};
