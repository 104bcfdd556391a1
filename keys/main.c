/* SPDX-License-Identifier: Apache-2.0 */
/* merlon-keys: makes and guards the keys of one Merlon. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "keys/export.h"
#include "keys/options.h"
#include "keys/rekey.h"
#include "keys/sandbox.h"
#include "keys/serve.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

/* The folder may lie where only root can make one: made before the change of user, for that user.
 */
static mrl_err make_folder(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    uint32_t uid = geteuid(), gid = getegid();

    if (mkdir(a->dir, 0700) != 0) {
        if (errno == EEXIST)
            return MRL_OK;
        return mrl_fail(why, MRL_ERR_IO, "%s cannot be made: %m", a->dir);
    }
    if (a->user == NULL || uid != 0)
        return MRL_OK;
    MRL_TRY(mrl_sandbox_find_user(a->user, &uid, &gid, why));
    if (chown(a->dir, uid, gid) != 0)
        return mrl_fail(why, MRL_ERR_IO, "%s cannot be given to %s: %m", a->dir, a->user);
    return MRL_OK;
}

static mrl_err create(const struct mrl_keys_arguments *a, struct mrl_unlock *unlock,
                      struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) folder = {.fd = -1};
    const struct mrl_keystore_plan plan = {a->root_type, mrl_str(a->tenant), mrl_wall_s()};

    MRL_TRY(make_folder(a, why));
    MRL_TRY(mrl_unlock_start(unlock, a->user, why));
    MRL_TRY(mrl_sandbox_drop_user(a->user, why));
    MRL_TRY(mrl_folder_open(a->dir, &folder, why));
    return mrl_keystore_create(&folder, unlock, &plan, why);
}

static const char *advice(enum mrl_unlock_kind kind)
{
    if (mrl_unlock_is_hardware(kind))
        return "a copy opens with this hardware only: see docs/operate/keys.md for a backup";
    return kind == MRL_UNLOCK_FILE
               ? "keep a copy of the whole folder, as safe as the keys themselves"
               : "keep a copy of the whole folder";
}

static mrl_err run_init(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    MRL_SCOPED(mrl_unlock) unlock = {0};

    MRL_TRY(mrl_sandbox_start(why));
    MRL_TRY(mrl_unlock_gather(&a->source, &unlock, why));
    MRL_TRY(create(a, &unlock, why));
    (void)printf("keystore made in %s; %s\n", a->dir, advice(unlock.kind));
    return MRL_OK;
}

static void log_start(const struct mrl_keystore *k, enum mrl_unlock_kind unlock,
                      uint16_t landlock_abi)
{
    char fingerprint[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(k->root_cert)->fingerprint), fingerprint);
    mrl_log_info("keys.start", MRL_FIELD_STR("root", fingerprint),
                 MRL_FIELD_STR("tenant", k->tenant),
                 MRL_FIELD_STR("unlock", mrl_unlock_kind_name(unlock)),
                 MRL_FIELD_INT("landlock_abi", landlock_abi));
    if (landlock_abi == 0)
        mrl_log_warn("keys.no-landlock",
                     MRL_FIELD_STR("why", "this kernel has no Landlock; seccomp stands alone"));
    if (geteuid() == 0)
        mrl_log_warn("keys.root", MRL_FIELD_STR("why", "runs as root: give --user an account of "
                                                       "its own"));
}

static mrl_err serve_keystore(struct mrl_keystore *k, const struct mrl_keys_arguments *a,
                              struct mrl_why *why)
{
    struct mrl_keys_server server = {.keystore = k,
                                     .policy = mrl_policy_start(&a->limits, mrl_monotonic_ms())};
    mrl_err err;

    MRL_TRY(mrl_keys_warm_up(k, why));
    MRL_TRY(mrl_sandbox_landlock(&server.landlock_abi, why));
    log_start(k, a->source.kind,
              server.landlock_abi); /* also loads what the C library needs to format time */
    MRL_TRY(mrl_sandbox_seccomp(why));
    err = mrl_keys_serve(&server, MRL_SANDBOX_CHANNEL);
    mrl_keys_crls_done(&server.crls);
    if (err != MRL_OK)
        return mrl_fail(why, MRL_ERR_IO, "the socket to the daemon failed");
    mrl_log_info("keys.stop", MRL_FIELD_INT("served", server.served),
                 MRL_FIELD_INT("refused", server.refused),
                 MRL_FIELD_INT("malformed", server.malformed));
    return MRL_OK;
}

static mrl_err open_and_serve(const struct mrl_keys_arguments *a, struct mrl_unlock *unlock,
                              struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) folder = {.fd = -1};
    MRL_SCOPED(mrl_keystore) keystore = {0};

    MRL_TRY(mrl_folder_open(a->dir, &folder, why));
    MRL_TRY(mrl_keystore_open(&folder, unlock, &keystore, why));
    mrl_unlock_done(unlock); /* neither secret nor process remains for the sandbox to hold */
    return serve_keystore(&keystore, a, why);
}

static void ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < MRL_COUNT(signals); i++)
        (void)signal(signals[i], SIG_IGN); /* fails only for signals that do not exist */
}

static mrl_err run_serve(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    MRL_SCOPED(mrl_unlock) unlock = {0};

    /* The end of the socket ends this process and nothing else does: a stop signal to the whole
     * group must leave the daemon time to sign its last checkpoint. */
    ignore_signals();
    MRL_TRY(mrl_sandbox_start(why));
    MRL_TRY(mrl_unlock_gather(&a->source, &unlock, why));
    MRL_TRY(mrl_sandbox_close_files(a->channel, why));
    MRL_TRY(mrl_unlock_start(&unlock, a->user, why));
    MRL_TRY(mrl_sandbox_drop_user(a->user, why));
    return open_and_serve(a, &unlock, why);
}

/* What the operator gives is read with the operator's rights, and may be broken off; from then on
 * there is no way back that would cost the only export. */
static mrl_err run_export(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    MRL_SCOPED(mrl_unlock) unlock = {0};
    MRL_AUTO(mrl_secret) passphrase = NULL;
    struct mrl_export e = {.dir = a->dir, .user = a->user, .unlock = &unlock, .out = a->out};

    MRL_TRY(mrl_sandbox_start(why));
    MRL_TRY(mrl_unlock_gather(&a->source, &unlock, why));
    MRL_TRY(mrl_export_read_passphrase(a->export_passphrase_fd, a->export_passphrase_file,
                                       &passphrase, why));
    e.passphrase = mrl_secret_bytes(passphrase);
    MRL_TRY(mrl_unlock_start(&unlock, a->user, why));
    ignore_signals();
    MRL_TRY(mrl_export_root(&e, why));
    (void)printf("root key and certificate written to %s, for the only time; keep it and its "
                 "passphrase apart, and away from this machine\n",
                 a->out);
    return MRL_OK;
}

static mrl_err run_rekey(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) folder = {.fd = -1};
    MRL_SCOPED(mrl_unlock) from = {0};
    MRL_SCOPED(mrl_unlock) to = {0};

    MRL_TRY(mrl_sandbox_start(why));
    MRL_TRY(mrl_unlock_gather(&a->source, &from, why));
    MRL_TRY(mrl_unlock_gather(&a->to, &to, why));
    MRL_TRY(mrl_unlock_start(&from, a->user, why));
    MRL_TRY(mrl_unlock_start(&to, a->user, why));
    MRL_TRY(mrl_sandbox_drop_user(a->user, why));
    MRL_TRY(mrl_folder_open(a->dir, &folder, why));
    MRL_TRY(mrl_rekey(&folder, &from, &to, why));
    (void)printf("%s now opens with the new %s only; set unlock = \"%s\" in [keys] and make a new "
                 "backup\n",
                 a->dir, mrl_unlock_kind_name(to.kind), mrl_unlock_kind_name(to.kind));
    return MRL_OK;
}

static mrl_err open_to_change(const struct mrl_keys_arguments *a, struct mrl_unlock *unlock,
                              struct mrl_folder *folder, struct mrl_why *why)
{
    MRL_TRY(mrl_sandbox_start(why));
    MRL_TRY(mrl_unlock_gather(&a->source, unlock, why));
    MRL_TRY(mrl_unlock_start(unlock, a->user, why));
    MRL_TRY(mrl_sandbox_drop_user(a->user, why));
    return mrl_folder_open(a->dir, folder, why);
}

static mrl_err run_new_sealing(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    MRL_SCOPED(mrl_unlock) unlock = {0};
    MRL_SCOPED(mrl_folder) folder = {.fd = -1};
    uint32_t number;

    MRL_TRY(open_to_change(a, &unlock, &folder, why));
    MRL_TRY(mrl_sealing_make(&folder, &unlock, &number, why));
    (void)printf("sealing key %u made; make a backup of %s, start merlond and run: merlon keys "
                 "rewrap\n",
                 number, a->dir);
    return MRL_OK;
}

static mrl_err run_drop_sealing(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    MRL_SCOPED(mrl_unlock) unlock = {0};
    MRL_SCOPED(mrl_folder) folder = {.fd = -1};

    MRL_TRY(open_to_change(a, &unlock, &folder, why));
    MRL_TRY(mrl_sealing_drop(&folder, &unlock, a->sealing_number, why));
    (void)printf("sealing key %u is gone\n", a->sealing_number);
    return MRL_OK;
}

static int report(const struct mrl_keys_arguments *a, mrl_err err, const struct mrl_why *why)
{
    const char *text = why->text[0] != '\0' ? why->text : mrl_err_name(err);

    if (err == MRL_OK)
        return 0;
    if (a->command == MRL_KEYS_SERVE)
        mrl_log_error("keys.refused-start", MRL_FIELD_STR("error", mrl_err_name(err)),
                      MRL_FIELD_STR("why", text));
    else
        (void)fprintf(stderr, "merlon-keys: %s\n", text);
    return EXIT_REFUSED;
}

static mrl_err (*const commands[])(const struct mrl_keys_arguments *a, struct mrl_why *why) = {
    [MRL_KEYS_INIT] = run_init,
    [MRL_KEYS_SERVE] = run_serve,
    [MRL_KEYS_EXPORT_ROOT] = run_export,
    [MRL_KEYS_REKEY] = run_rekey,
    [MRL_KEYS_NEW_SEALING] = run_new_sealing,
    [MRL_KEYS_DROP_SEALING] = run_drop_sealing,
};

int main(int argc, char **argv)
{
    struct mrl_keys_arguments a;
    struct mrl_why why = {0};

    mrl_log_set_program("merlon-keys");
    if (mrl_keys_parse(argc, argv, &a, &why) != MRL_OK) {
        (void)fprintf(stderr, "merlon-keys: %s\n%s", why.text, mrl_keys_usage);
        return EXIT_USAGE;
    }
    if (a.command == MRL_KEYS_HELP)
        return fputs(mrl_keys_usage, stdout) < 0 ? EXIT_REFUSED : 0;
    return report(&a, commands[a.command](&a, &why), &why);
}
