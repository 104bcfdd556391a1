/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/options.h"

#include <getopt.h>
#include <string.h>

#include "base/clock.h"
#include "keys/sealing.h"
#include "keys/text.h"

const char mrl_keys_usage[] =
    "usage: merlon-keys init --dir DIR [--user NAME] [--root-curve P-256|P-384] [--tenant NAME]\n"
    "                        [SOURCE]\n"
    "       merlon-keys serve --dir DIR --fd N [--user NAME] [SOURCE] [LIMITS]\n"
    "       merlon-keys rekey --dir DIR [--user NAME] [--from KIND] [SOURCE]\n"
    "                        --to KIND [SOURCE, each option with new- in front]\n"
    "       merlon-keys export-root --dir DIR [--user NAME] [SOURCE] --out FILE\n"
    "                        --export-passphrase-fd N | --export-passphrase-file PATH\n"
    "       merlon-keys new-sealing-key --dir DIR [--user NAME] [SOURCE]\n"
    "       merlon-keys drop-sealing-key --dir DIR [--user NAME] [SOURCE] --number N\n"
    "SOURCE of the unlock key: --unlock KIND, told by its options when it is left out, and\n"
    "       file        unlock.key in DIR; no options\n"
    "       passphrase  --passphrase-fd N | --passphrase-file PATH\n"
    "       credential  --credential NAME\n"
    "       tpm         [--tpm-tcti NAME] [--tpm-pcrs BANK:N,N] [--pin-file PATH | "
    "--pin-credential NAME]\n"
    "       pkcs11      --pkcs11-module PATH --pkcs11-token LABEL --pkcs11-key LABEL\n"
    "                   --pin-file PATH | --pin-credential NAME [--pkcs11-env NAME=VALUE]...\n"
    "LIMITS --max-lifetime KIND=DURATION (device, app, operator, server, claim, ocsp; for example "
    "device=90d)\n"
    "       --issue-rate PER_SECOND --issue-burst COUNT --revocation-url URL\n"
    "init makes a root CA, an issuing CA, an audit key and a sealing key, and never replaces any.\n"
    "serve is started by merlond.\n"
    "rekey, only while merlond is stopped, makes the keystore open with another source; a copy of\n"
    "the folder made before still opens with the old one.\n"
    "export-root works once in the life of the keystore and only while merlond is stopped: the "
    "root\n"
    "key, encrypted with the export passphrase (12 bytes or more, one line), and the root "
    "certificate\n"
    "go into FILE, which is new and belongs to whoever runs the command.\n"
    "new-sealing-key, drop-sealing-key, only while merlond is stopped: another key that wraps the "
    "data\n"
    "keys of the store. Then start merlond, run `merlon keys rewrap`, see in `merlon keys status` "
    "that\n"
    "no data key needs the old one, and drop it: what it wrapped opens no more.\n";

typedef mrl_err take_option(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why);

static mrl_err take_number(const char *name, const char *value, uint64_t most, uint64_t *out,
                           struct mrl_why *why)
{
    if (!mrl_bytes_to_u64(mrl_str(value), most, out))
        return mrl_fail(why, MRL_ERR_INVALID, "%s takes a number up to %llu", name,
                        (unsigned long long)most);
    return MRL_OK;
}

static mrl_err take_fd(const char *name, const char *value, int *out, struct mrl_why *why)
{
    uint64_t number;

    MRL_TRY(take_number(name, value, INT16_MAX, &number, why));
    *out = (int)number;
    return MRL_OK;
}

static mrl_err take_dir(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    (void)why;
    a->dir = value;
    return MRL_OK;
}

static mrl_err take_user(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    (void)why;
    a->user = value;
    return MRL_OK;
}

static mrl_err take_tenant(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    (void)why;
    a->tenant = value; /* its form is checked where the keystore is made */
    return MRL_OK;
}

static mrl_err take_curve(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384};

    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        if (strcmp(value, mrl_key_type_name(types[i])) == 0) {
            a->root_type = types[i];
            return MRL_OK;
        }
    }
    return mrl_fail(why, MRL_ERR_INVALID, "--root-curve takes P-256 or P-384");
}

static mrl_err take_kind(const char *name, const char *value, struct mrl_unlock_source *s,
                         struct mrl_why *why)
{
    if (mrl_unlock_kind_read(value, &s->kind) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "%s takes file, passphrase, credential, tpm or pkcs11", name);
    return MRL_OK;
}

static mrl_err take_unlock(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_kind("--unlock", value, &a->source, why);
}

static mrl_err take_from(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_kind("--from", value, &a->source, why);
}

static mrl_err take_to(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_kind("--to", value, &a->to, why);
}

static mrl_err take_channel(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_fd("--fd", value, &a->channel, why);
}

static mrl_err take_lifetime(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    mrl_bytes kind, duration;
    uint64_t seconds;

    if (mrl_bytes_split(mrl_str(value), '=', &kind, &duration) &&
        mrl_duration_parse(duration, &seconds) && seconds > 0)
        for (size_t i = MRL_KEYS_DEVICE; i < MRL_KEYS_KIND_END_; i++)
            if (mrl_bytes_eq(kind, mrl_str(mrl_keys_kind_name((enum mrl_keys_kind)i)))) {
                a->limits.max_lifetime_s[i] = seconds;
                return MRL_OK;
            }
    return mrl_fail(
        why, MRL_ERR_INVALID,
        "--max-lifetime takes KIND=DURATION with device, app, operator, server, claim or ocsp, "
        "for example device=90d");
}

static mrl_err take_count(const char *name, const char *value, uint64_t most, uint32_t *out,
                          struct mrl_why *why)
{
    uint64_t number;

    MRL_TRY(take_number(name, value, most, &number, why));
    if (number == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "%s must be at least 1", name);
    *out = (uint32_t)number;
    return MRL_OK;
}

static mrl_err take_rate(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_count("--issue-rate", value, MRL_POLICY_RATE_MOST, &a->limits.issue_rate, why);
}

static mrl_err take_burst(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_count("--issue-burst", value, MRL_POLICY_BURST_MOST, &a->limits.issue_burst, why);
}

static mrl_err take_revocation_url(struct mrl_keys_arguments *a, const char *value,
                                   struct mrl_why *why)
{
    if (!mrl_keys_url_valid(mrl_str(value)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "--revocation-url takes http://HOST[:PORT][/PATH] without / at the end, of "
                        "at most %d characters",
                        MRL_KEYS_URL_MAX);
    (void)mrl_bytes_to_cstr(mrl_str(value), a->limits.revocation_url,
                            sizeof(a->limits.revocation_url)); /* fits */
    return MRL_OK;
}

static mrl_err take_export_fd(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    return take_fd("--export-passphrase-fd", value, &a->export_passphrase_fd, why);
}

static mrl_err take_export_file(struct mrl_keys_arguments *a, const char *value,
                                struct mrl_why *why)
{
    (void)why;
    a->export_passphrase_file = value;
    return MRL_OK;
}

static mrl_err take_out(struct mrl_keys_arguments *a, const char *value, struct mrl_why *why)
{
    (void)why;
    a->out = value;
    return MRL_OK;
}

static mrl_err take_sealing_number(struct mrl_keys_arguments *a, const char *value,
                                   struct mrl_why *why)
{
    uint64_t number;

    MRL_TRY(take_number("--number", value, MRL_SEALING_NUMBER_MAX, &number, why));
    a->sealing_number = (uint32_t)number;
    return MRL_OK;
}

enum {
    FOR_INIT = 1 << MRL_KEYS_INIT,
    FOR_SERVE = 1 << MRL_KEYS_SERVE,
    FOR_EXPORT = 1 << MRL_KEYS_EXPORT_ROOT,
    FOR_REKEY = 1 << MRL_KEYS_REKEY,
    FOR_NEW_SEALING = 1 << MRL_KEYS_NEW_SEALING,
    FOR_DROP_SEALING = 1 << MRL_KEYS_DROP_SEALING,
    FOR_ALL = FOR_INIT | FOR_SERVE | FOR_EXPORT | FOR_REKEY | FOR_NEW_SEALING | FOR_DROP_SEALING,
};

static const struct {
    const char *name;
    int commands;
    take_option *take;
} rules[] = {
    {"dir", FOR_ALL, take_dir},
    {"user", FOR_ALL, take_user},
    {"unlock", FOR_ALL & ~FOR_REKEY, take_unlock},
    {"from", FOR_REKEY, take_from},
    {"to", FOR_REKEY, take_to},
    {"tenant", FOR_INIT, take_tenant},
    {"root-curve", FOR_INIT, take_curve},
    {"fd", FOR_SERVE, take_channel},
    {"max-lifetime", FOR_SERVE, take_lifetime},
    {"issue-rate", FOR_SERVE, take_rate},
    {"issue-burst", FOR_SERVE, take_burst},
    {"revocation-url", FOR_SERVE, take_revocation_url},
    {"export-passphrase-fd", FOR_EXPORT, take_export_fd},
    {"export-passphrase-file", FOR_EXPORT, take_export_file},
    {"out", FOR_EXPORT, take_out},
    {"number", FOR_DROP_SEALING, take_sealing_number},
};

/* What getopt may find: rules, then the options of a source, then those of a new source. */
enum {
    SOURCE_AT = MRL_COUNT(rules),
    NEW_SOURCE_AT = SOURCE_AT + MRL_SOURCE_OPTIONS,
    OPTIONS = NEW_SOURCE_AT + MRL_SOURCE_OPTIONS,
};

static const char *name_of(int at)
{
    if (at < SOURCE_AT)
        return rules[at].name;
    return at < NEW_SOURCE_AT ? mrl_source_option((size_t)at - SOURCE_AT, /*of_new=*/false)
                              : mrl_source_option((size_t)at - NEW_SOURCE_AT, /*of_new=*/true);
}

static bool is_for(int at, enum mrl_keys_command command)
{
    int commands = at < SOURCE_AT ? rules[at].commands : at < NEW_SOURCE_AT ? FOR_ALL : FOR_REKEY;

    return (commands & 1 << command) != 0;
}

static mrl_err take(struct mrl_keys_arguments *a, int at, const char *value, struct mrl_why *why)
{
    if (at < SOURCE_AT)
        return rules[at].take(a, value, why);
    if (at < NEW_SOURCE_AT)
        return mrl_source_take(&a->source, (size_t)at - SOURCE_AT, value, why);
    return mrl_source_take(&a->to, (size_t)at - NEW_SOURCE_AT, value, why);
}

static mrl_err parse_options(int argc, char **argv, struct mrl_keys_arguments *a,
                             struct mrl_why *why)
{
    struct option known[OPTIONS + 1] = {0};
    int at;

    for (int i = 0; i < OPTIONS; i++)
        known[i] = (struct option){name_of(i), required_argument, NULL, 0};
    optind = 0; /* glibc: start anew, whatever was parsed before */
    opterr = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the only thread of the process */
    while ((at = -1, getopt_long(argc, argv, "+", known, &at)) == 0) {
        if (at < 0 || !is_for(at, a->command))
            return mrl_fail(why, MRL_ERR_INVALID, "%s is not an option of this command",
                            argv[optind - 1]);
        MRL_TRY(take(a, at, optarg, why));
    }
    if (optind != argc)
        return mrl_fail(why, MRL_ERR_INVALID, "unexpected argument %s", argv[optind]);
    return MRL_OK;
}

static mrl_err check_export(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    if (a->out == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "--out is missing: the file to write");
    if ((a->export_passphrase_fd >= 0) == (a->export_passphrase_file != NULL))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "give one of --export-passphrase-fd and --export-passphrase-file");
    if (a->export_passphrase_fd >= 0 && a->source.fd_given &&
        a->export_passphrase_fd == a->source.passphrase_fd)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "--passphrase-fd and --export-passphrase-fd need a descriptor each");
    return MRL_OK;
}

static mrl_err check_rekey(struct mrl_keys_arguments *a, struct mrl_why *why)
{
    if (a->to.kind == MRL_UNLOCK_NONE)
        return mrl_fail(why, MRL_ERR_INVALID, "--to is missing: the kind of the new source");
    if (a->source.fd_given && a->to.fd_given && a->source.passphrase_fd == a->to.passphrase_fd)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "--passphrase-fd and --new-passphrase-fd need a descriptor each");
    return mrl_source_check(&a->to, "new-", why);
}

static mrl_err check_arguments(struct mrl_keys_arguments *a, struct mrl_why *why)
{
    if (a->dir == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "--dir is missing");
    if (a->command == MRL_KEYS_SERVE && a->channel < 0)
        return mrl_fail(why, MRL_ERR_INVALID, "--fd is missing: merlond starts this command");
    if (a->command == MRL_KEYS_EXPORT_ROOT)
        MRL_TRY(check_export(a, why));
    if (a->command == MRL_KEYS_REKEY)
        MRL_TRY(check_rekey(a, why));
    if (a->command == MRL_KEYS_DROP_SEALING && a->sealing_number == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "--number is missing: the sealing key to drop");
    return mrl_source_check(&a->source, "", why);
}

static mrl_err parse_command(int argc, char **argv, enum mrl_keys_command *out, struct mrl_why *why)
{
    static const struct {
        const char *name;
        enum mrl_keys_command command;
    } commands[] = {{"init", MRL_KEYS_INIT},
                    {"serve", MRL_KEYS_SERVE},
                    {"export-root", MRL_KEYS_EXPORT_ROOT},
                    {"rekey", MRL_KEYS_REKEY},
                    {"new-sealing-key", MRL_KEYS_NEW_SEALING},
                    {"drop-sealing-key", MRL_KEYS_DROP_SEALING},
                    {"--help", MRL_KEYS_HELP}};

    for (size_t i = 0; argc > 1 && i < MRL_COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            *out = commands[i].command;
            return MRL_OK;
        }
    }
    return mrl_fail(why, MRL_ERR_INVALID,
                    "the first argument is init, serve, rekey, export-root, new-sealing-key, "
                    "drop-sealing-key or --help");
}

mrl_err mrl_keys_parse(int argc, char **argv, struct mrl_keys_arguments *out, struct mrl_why *why)
{
    struct mrl_keys_arguments a = {.tenant = "default",
                                   .root_type = MRL_KEY_P384,
                                   .channel = -1,
                                   .export_passphrase_fd = -1,
                                   .limits = mrl_policy_defaults()};

    MRL_TRY(parse_command(argc, argv, &a.command, why));
    if (a.command != MRL_KEYS_HELP) {
        MRL_TRY(parse_options(argc - 1, argv + 1, &a, why));
        MRL_TRY(check_arguments(&a, why));
    }
    *out = a;
    return MRL_OK;
}
