/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum kind { TEXT, COUNT, REAL, FLAG, SERVER };
struct option_rule {
    const char *name;
    enum kind kind;
    size_t at;
    uint64_t least, most; /* COUNT */
};
#define AT(field) offsetof(struct mrl_sim_options, field)

static const struct option_rule rules[] = {
    {"--broker", TEXT, AT(broker)},
    {"--ca", TEXT, AT(ca)},
    {"--mint", TEXT, AT(mint)},
    {"--identities", TEXT, AT(identities)},
    {"--est", TEXT, AT(est)},
    {"--token", TEXT, AT(token)},
    {"--topic", TEXT, AT(prefix)},
    {"--name", TEXT, AT(name)},
    {"--publishers", COUNT, AT(publishers), 0, 1000000},
    {"--subscribers", COUNT, AT(subscribers), 0, 1000000},
    {"--processes", COUNT, AT(processes), 1, 64},
    {"--sources", COUNT, AT(sources), 0, 250},
    {"--qos", COUNT, AT(qos), 0, 1},
    {"--mqtt", COUNT, AT(version), 4, 5},
    {"--payload", COUNT, AT(payload), 8, 65536},
    {"--window", COUNT, AT(window), 1, 65535},
    {"--topics", COUNT, AT(topics), 1, 10000000},
    {"--rounds", COUNT, AT(rounds), 1, 1000},
    {"--rate", REAL, AT(rate)},
    {"--warm", REAL, AT(warm_s)},
    {"--seconds", REAL, AT(seconds)},
    {"--server", SERVER, 0},
    {"--retain", FLAG, AT(retain)},
    {"--json", FLAG, AT(json)},
    {"--help", FLAG, AT(help)},
};

const char mrl_sim_usage[] =
    "usage: merlon-sim SCENARIO --broker IP:PORT --ca ROOTS.pem\n"
    "                  (--mint CA.key | --identities FILE) [OPTION VALUE]...\n"
    "       merlon-sim enrol --est IP:PORT --token TOKEN --ca ROOTS.pem --identities FILE\n"
    "                  --subscribers N\n"
    "\n"
    "Scenarios\n"
    "  connect-full     everyone connects with a full handshake\n"
    "  connect-resumed  everyone comes back with a ticket\n"
    "  storm            everyone loses the connection and comes back at --rate, or all at once\n"
    "  idle             publishers, then subscribers connect and are silent for --seconds;\n"
    "                   what each subscriber costs\n"
    "  point-to-point   publisher i to subscriber i\n"
    "  fan-in           many publishers to few subscribers\n"
    "  fan-out          each message to every subscriber\n"
    "  durable          QoS 1 to persistent sessions that are offline, as fast as answers come;\n"
    "                   then they come back and what they get is counted\n"
    "  publish          publishers alone; --topics of each by turns, --retain\n"
    "  enrol            gets certificates over EST and writes them to --identities\n"
    "\n"
    "Options\n"
    "  --publishers N --subscribers N   clients (10, 10)\n"
    "  --rate R        messages (storm: connections) per second of all together (1000);\n"
    "                  fixed times, whatever the server does\n"
    "  --window N      connections being opened, or unacknowledged of one publisher (20)\n"
    "  --qos 0|1  --payload BYTES (100)  --mqtt 4|5 (4)  --topic PREFIX (sim)  --topics N (1)\n"
    "  --warm S (1)  --seconds S (5)  --rounds N (1)\n"
    "  --processes N (1)  --sources N   addresses 127.0.0.2 and following to come from (0)\n"
    "  --server PID    whose CPU seconds and memory are read; several times for several\n"
    "  --name PREFIX   of client names (sim)  --json  one line instead of a table\n";

static const struct option_rule *find(const char *name)
{
    for (size_t i = 0; i < MRL_COUNT(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

static mrl_err set_count(const struct option_rule *rule, const char *text, unsigned *to,
                         struct mrl_why *why)
{
    uint64_t value;

    if (!mrl_bytes_to_u64(mrl_str(text), rule->most, &value) || value < rule->least)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: a number from %llu to %llu", rule->name,
                        (unsigned long long)rule->least, (unsigned long long)rule->most);
    *to = (unsigned)value;
    return MRL_OK;
}

static mrl_err set_real(const struct option_rule *rule, const char *text, double *to,
                        struct mrl_why *why)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= 1e9))
        return mrl_fail(why, MRL_ERR_INVALID, "%s: a number from 0 to 1e9", rule->name);
    *to = value;
    return MRL_OK;
}

static mrl_err add_server(struct mrl_sim_options *o, const char *text, struct mrl_why *why)
{
    uint64_t pid;

    if (!mrl_bytes_to_u64(mrl_str(text), INT32_MAX, &pid) || pid == 0 ||
        o->server_count == MRL_SIM_SERVERS_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "--server: a process id, at most %d of them",
                        MRL_SIM_SERVERS_MAX);
    o->servers[o->server_count++] = (pid_t)pid;
    return MRL_OK;
}

static mrl_err set(struct mrl_sim_options *o, const struct option_rule *rule, const char *value,
                   struct mrl_why *why)
{
    void *to = (char *)o + rule->at;

    switch (rule->kind) {
    case TEXT:
        *(const char **)to = value;
        return MRL_OK;
    case COUNT:
        return set_count(rule, value, to, why);
    case REAL:
        return set_real(rule, value, to, why);
    case SERVER:
        return add_server(o, value, why);
    case FLAG:
        *(bool *)to = true;
        return MRL_OK;
    }
    return MRL_ERR_INVALID;
}

static mrl_err check(const struct mrl_sim_options *o, struct mrl_why *why)
{
    bool enrols = o->scenario != NULL && strcmp(o->scenario, "enrol") == 0;

    if (o->help)
        return MRL_OK;
    if (o->scenario == NULL || o->ca == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "a scenario and --ca are needed (--help)");
    if (enrols && (o->est == NULL || o->token == NULL || o->identities == NULL))
        return mrl_fail(why, MRL_ERR_INVALID, "enrol needs --est, --token and --identities");
    if (!enrols && (o->broker == NULL || (o->mint == NULL) == (o->identities == NULL)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "--broker and one of --mint and --identities are needed");
    if (o->publishers + o->subscribers == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "no clients");
    return MRL_OK;
}

mrl_err mrl_sim_options_read(int argc, char **argv, struct mrl_sim_options *out,
                             struct mrl_why *why)
{
    struct mrl_sim_options o = {.prefix = "sim",
                                .name = "sim",
                                .publishers = 10,
                                .subscribers = 10,
                                .processes = 1,
                                .version = 4,
                                .payload = 100,
                                .window = 20,
                                .topics = 1,
                                .rounds = 1,
                                .rate = 1000,
                                .warm_s = 1,
                                .seconds = 5};

    for (int i = 1; i < argc; i++) {
        const struct option_rule *rule = find(argv[i]);

        if (rule == NULL && argv[i][0] != '-' && o.scenario == NULL) {
            o.scenario = argv[i];
            continue;
        }
        if (rule == NULL || (rule->kind != FLAG && i + 1 == argc))
            return mrl_fail(why, MRL_ERR_INVALID, "%s: not known, or without its value (--help)",
                            argv[i]);
        MRL_TRY(set(&o, rule, rule->kind == FLAG ? NULL : argv[++i], why));
    }
    MRL_TRY(check(&o, why));
    *out = o;
    return MRL_OK;
}
