/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "device/agent/enrol.h"
#include "device/agent/eventlog.h"
#include "device/agent/run.h"
#include "device/agent/wiping.h"

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_ENROLLED = 3,
    EXIT_ENROLLED_ALREADY = 4,
    EXIT_REFUSED = 5,
    EXIT_NETWORK = 6,
    EXIT_WIPED = 7,
};

static const char help[] =
    "usage: merlon-agent enrol --server HOST:PORT --device ID --token-file FILE|-\n"
    "                          (--root-sha256 HEX | --root FILE) --dir DIR\n"
    "                          [--name SERVER_NAME] [--mqtt HOST:PORT] [--profile LABEL]\n"
    "                          [--tpm TCTI [--ek-chain FILE]]\n"
    "       merlon-agent run --dir DIR [--interval 1s] [--topic TOPIC]\n"
    "       merlon-agent show --dir DIR\n"
    "       merlon-agent log show|verify --dir DIR\n"
    "\n"
    "enrol  gets this machine an identity: a key made here, a certificate by a one-time token.\n"
    "       --profile chooses what the server gives (a label of EST).\n"
    "       The server is known by the SHA-256 of its root certificate, or by that certificate.\n"
    "       --tpm makes the key in a TPM 2.0, such as device:/dev/tpmrm0, and proves it.\n"
    "run    publishes readings of this machine to devices/ID/readings or to TOPIC, logs commands,\n"
    "       renews the certificate in time. SIGTERM ends it, SIGUSR1 renews now.\n"
    "show   tells who this machine is; exit 0 only with a certificate that is still good.\n"
    "log    show prints the event log of this machine, verify follows its chain and prints number\n"
    "       and hash of the last entry; both fail when the chain is broken.\n"
    "\n"
    "exit   0 done  1 failed  2 wrong use  3 not enrolled  4 enrolled already\n"
    "       5 refused: token, certificate or server not accepted  6 server not reached\n"
    "       7 wiped: on the server's order everything in DIR was destroyed\n";

struct options {
    struct mrl_enrol_options enrol;
    const char *interval;
    const char *topic;
};

static int usage(const char *text)
{
    (void)fprintf(stderr, "merlon-agent: %s; see merlon-agent --help\n", text);
    return EXIT_USAGE;
}

static enum exit_code exit_of(mrl_err err)
{
    static const struct {
        mrl_err err;
        enum exit_code code;
    } table[] = {
        {MRL_OK, EXIT_GOOD},
        {MRL_ERR_INVALID, EXIT_USAGE},
        {MRL_ERR_NOT_FOUND, EXIT_NOT_ENROLLED},
        {MRL_ERR_EXISTS, EXIT_ENROLLED_ALREADY},
        {MRL_ERR_AUTH, EXIT_REFUSED},
        {MRL_ERR_DENIED, EXIT_REFUSED},
        {MRL_ERR_CRYPTO, EXIT_REFUSED},
        {MRL_ERR_IO, EXIT_NETWORK},
        {MRL_ERR_TIMEOUT, EXIT_NETWORK},
        {MRL_ERR_CLOSED, EXIT_NETWORK},
        {MRL_ERR_BUSY, EXIT_NETWORK},
    };

    for (size_t i = 0; i < MRL_COUNT(table); i++)
        if (table[i].err == err)
            return table[i].code;
    return EXIT_FAILED;
}

static int finish(const char *command, mrl_err err, const struct mrl_why *why)
{
    if (err != MRL_OK)
        mrl_log_error("agent.failed", MRL_FIELD_STR("command", command),
                      MRL_FIELD_STR("class", mrl_err_name(err)), MRL_FIELD_STR("why", why->text));
    return (int)exit_of(err);
}

/* Destroys what is left of a device that came to its end. false: dir is not the folder of one. */
static bool is_wiped(const char *command, const char *dir, int *exit_code)
{
    struct mrl_device_order order;
    struct mrl_why why = {""};
    mrl_err err = mrl_wiping_finish(&mrl_disk_system, dir, &order, &why);

    if (err == MRL_ERR_NOT_FOUND)
        return false;
    *exit_code = err == MRL_OK ? EXIT_WIPED : finish(command, err, &why);
    if (err == MRL_OK)
        mrl_log_warn("agent.wiped", MRL_FIELD_STR("device", order.device),
                     MRL_FIELD_STR("order", order.number));
    return true;
}

static int on_enrol(const struct options *o)
{
    const struct mrl_enrol_options *e = &o->enrol;
    struct mrl_why why = {""};

    if (e->server == NULL || e->device == NULL || e->token_file == NULL)
        return usage("enrol needs --server, --device, --token-file");
    if ((e->root_file == NULL) == (e->root_sha256 == NULL))
        return usage("enrol needs one of --root-sha256 and --root");
    return finish("enrol", mrl_agent_enrol(e, &mrl_disk_system, &why), &why);
}

static int on_run(const struct options *o)
{
    enum { LARGEST_S = 86400 };
    struct mrl_run_options run = {.topic = o->topic};
    struct mrl_why why = {""};
    struct mrl_home h;
    uint64_t seconds = 1;
    mrl_err err;
    int code;

    if (o->interval != NULL && (!mrl_duration_parse(mrl_str(o->interval), &seconds) ||
                                seconds == 0 || seconds > LARGEST_S))
        return usage("--interval takes 1s to 1d");
    if (o->topic != NULL && !mrl_agent_topic_good(o->topic))
        return usage("--topic takes a topic of at most 127 bytes, without + # and not from $");
    run.interval_ms = seconds * 1000;
    if (is_wiped("run", o->enrol.dir, &code))
        return code;
    err = mrl_home_open(&h, o->enrol.dir, &mrl_disk_system, &why);
    if (err != MRL_OK)
        return finish("run", err, &why);
    err = mrl_agent_run(&h, &run, &why);
    mrl_home_done(&h);
    return is_wiped("run", o->enrol.dir, &code) ? code : finish("run", err, &why);
}

static void print_identity(const struct mrl_home *h)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(h->identity.cert);
    char from[MRL_TIME_TEXT], until[MRL_TIME_TEXT], fingerprint[2 * MRL_SHA256_SIZE + 1];

    mrl_time_format(f->not_before * 1000, from);
    mrl_time_format(f->not_after * 1000, until);
    mrl_hex(mrl_fingerprint_bytes(&f->fingerprint), fingerprint);
    printf("device       %s\nfingerprint  %s\nvalid from   %s\nvalid until  %s\n",
           h->settings.device, fingerprint, from, until);
    printf("server       %s (EST), %s (MQTT), name %s\n", h->settings.server, h->settings.mqtt,
           h->settings.name);
}

static int on_show(const struct options *o)
{
    struct mrl_why why = {""};
    struct mrl_home h;
    mrl_err err;
    bool good;
    int code;

    if (is_wiped("show", o->enrol.dir, &code))
        return code;
    err = mrl_home_open(&h, o->enrol.dir, &mrl_disk_system, &why);
    if (err != MRL_OK)
        return finish("show", err, &why);
    print_identity(&h);
    good = mrl_cert_facts(h.identity.cert)->not_after > mrl_device_now_s(&h.clock);
    mrl_home_done(&h);
    if (!good)
        printf("the certificate has expired: enrol again\n");
    return good ? EXIT_GOOD : EXIT_NOT_ENROLLED;
}

static mrl_err read_log(const struct options *o, struct mrl_buf *text, struct mrl_eventlog_walk *w,
                        struct mrl_why *why)
{
    text->limit = 4 * MRL_EVENTLOG_FILE_MAX;
    return mrl_eventlog_read(o->enrol.dir, text, w, why);
}

static int on_log_show(const struct options *o)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_eventlog_walk w = {0};
    struct mrl_why why = {""};
    mrl_err err = read_log(o, &text, &w, &why);

    if (text.len > 0 && fwrite(text.data, 1, text.len, stdout) != text.len)
        return EXIT_FAILED;
    return finish("log show", err, &why);
}

static int on_log_verify(const struct options *o)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_eventlog_walk w = {0};
    char hex[2 * MRL_SHA256_SIZE + 1];
    struct mrl_why why = {""};
    mrl_err err = read_log(o, &text, &w, &why);

    mrl_hex(mrl_bytes_of(w.head, sizeof(w.head)), hex);
    if (err == MRL_OK)
        printf("first  %llu\nlast   %llu\nhash   %s\n", (unsigned long long)w.first,
               (unsigned long long)w.seq, hex);
    return finish("log verify", err, &why);
}

static const struct command {
    const char *name;
    const char *verb; /* NULL: the name alone */
    int (*run)(const struct options *o);
} commands[] = {
    {"enrol", NULL, on_enrol},        {"run", NULL, on_run},
    {"show", NULL, on_show},          {"log", "show", on_log_show},
    {"log", "verify", on_log_verify},
};

static bool is_called(const struct command *c, int argc, char **argv)
{
    return strcmp(argv[1], c->name) == 0 &&
           (c->verb == NULL || (argc > 2 && strcmp(argv[2], c->verb) == 0));
}

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"server", required_argument, NULL, 's'},      {"device", required_argument, NULL, 'd'},
        {"token-file", required_argument, NULL, 't'},  {"root", required_argument, NULL, 'r'},
        {"root-sha256", required_argument, NULL, 'x'}, {"name", required_argument, NULL, 'n'},
        {"mqtt", required_argument, NULL, 'm'},        {"dir", required_argument, NULL, 'D'},
        {"interval", required_argument, NULL, 'i'},    {"topic", required_argument, NULL, 'o'},
        {"profile", required_argument, NULL, 'p'},     {"tpm", required_argument, NULL, 'T'},
        {"ek-chain", required_argument, NULL, 'e'},    {0},
    };
    const struct {
        int letter;
        const char **to;
    } targets[] = {
        {'s', &o->enrol.server},    {'d', &o->enrol.device}, {'t', &o->enrol.token_file},
        {'r', &o->enrol.root_file}, {'n', &o->enrol.name},   {'x', &o->enrol.root_sha256},
        {'m', &o->enrol.mqtt},      {'D', &o->enrol.dir},    {'i', &o->interval},
        {'p', &o->enrol.profile},   {'T', &o->enrol.tpm},    {'e', &o->enrol.ek_chain_file},
        {'o', &o->topic},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (letter == '?')
            return false;
        for (size_t i = 0; i < MRL_COUNT(targets); i++)
            if (targets[i].letter == letter)
                *targets[i].to = optarg;
    }
    return optind == argc;
}

static mrl_err harden(struct mrl_why *why)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return mrl_fail(why, MRL_ERR_STATE, "memory dumps cannot be turned off");
    return mrl_random_check(why);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct mrl_why why = {""};
    mrl_err err = harden(&why);

    mrl_log_set_program("merlon-agent");
    if (err != MRL_OK)
        return finish("start", err, &why);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(help, stdout) >= 0 ? EXIT_GOOD : EXIT_FAILED;
    if (argc < 2)
        return usage("a command is missing");
    for (size_t i = 0; i < MRL_COUNT(commands); i++) {
        int words = commands[i].verb == NULL ? 1 : 2;

        if (!is_called(&commands[i], argc, argv))
            continue;
        if (!read_options(argc - words, &argv[words], &o))
            return usage("wrong options");
        if (o.enrol.dir == NULL)
            return usage("--dir is missing");
        return commands[i].run(&o);
    }
    return usage("unknown command");
}
