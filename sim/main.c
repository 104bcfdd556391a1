/* SPDX-License-Identifier: Apache-2.0 */
/* merlon-sim: a fleet of MQTT clients on one machine, to measure a broker with. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "sim/scenario.h"

enum { EXIT_USAGE = 2, FILES_BESIDES = 32 };

static mrl_err take_key(const char *path, struct mrl_key **out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) pem = {.secret = true};

    MRL_TRY(mrl_sim_read_file(path, &pem, why));
    if (mrl_key_from_pem(mrl_buf_bytes(&pem), MRL_BYTES_NONE, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: no private key in PEM", path);
    return MRL_OK;
}

static mrl_err take_identities(const struct mrl_sim_options *o, const struct mrl_cert_list *roots,
                               struct mrl_sim_identities *out, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) ca_key = NULL;
    size_t count = o->publishers + o->subscribers;

    if (o->identities != NULL)
        return mrl_sim_identities_load(o->identities, count, out, why);
    MRL_TRY(take_key(o->mint, &ca_key, why));
    return mrl_sim_mint(o->name, count, roots->certs[0], ca_key, out, why);
}

static mrl_err enrol(const struct mrl_sim_options *o, const struct mrl_cert_list *roots,
                     struct mrl_why *why)
{
    const struct mrl_sim_est est = {o->est, o->token, roots};
    MRL_SCOPED(mrl_sim_identities) all = {0};

    MRL_TRY(mrl_sim_enrol(o->name, o->publishers + o->subscribers, &est, &all, why));
    return mrl_sim_identities_save(&all, o->identities, why);
}

/* One process holds as many clients as it may open files. */
static mrl_err allow_files(const struct mrl_sim_options *o, struct mrl_why *why)
{
    size_t needed = (o->publishers + o->subscribers) / o->processes + FILES_BESIDES;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return mrl_fail(why, MRL_ERR_IO, "the limit of open files cannot be read");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max < needed)
        return mrl_fail(
            why, MRL_ERR_LIMIT,
            "%zu open files are needed in each process, %zu are allowed: more --processes", needed,
            (size_t)files.rlim_max);
    return MRL_OK;
}

static mrl_err run(const struct mrl_sim_scenario *scenario, const struct mrl_sim_options *o,
                   const struct mrl_sim_plan *plan, struct mrl_why *why)
{
    struct mrl_report report = {.scenario = scenario->name};
    MRL_AUTO(mrl_sim_crew) crew = NULL;
    MRL_SCOPED(mrl_buf) text = {0};

    MRL_TRY(mrl_sim_crew_new(plan, &crew, why));
    MRL_TRY(scenario->run(crew, o, &report, why));
    mrl_report_write(&report, o->json, &text);
    printf("%.*s", MRL_FMT(mrl_buf_bytes(&text)));
    return MRL_OK;
}

static mrl_err plan_and_run(const struct mrl_sim_scenario *scenario,
                            const struct mrl_sim_options *o, mrl_bytes roots_pem,
                            const struct mrl_sim_identities *identities, struct mrl_why *why)
{
    struct mrl_sim_plan plan = {
        .roots_pem = roots_pem,
        .identities = identities,
        .version = o->version == 5 ? MRL_MQTT_5 : MRL_MQTT_311,
        .shape = scenario->shape,
        .prefix = o->prefix,
        .members = o->processes,
        .publishers = o->publishers,
        .subscribers = o->subscribers,
        .sources = o->sources,
        .qos = (uint8_t)o->qos,
        .persistent = scenario->persistent,
        .retain = o->retain,
        .payload = o->payload,
        .topics = o->topics,
    };

    MRL_TRY(mrl_address_parse(mrl_str(o->broker), &plan.broker, why));
    MRL_TRY(allow_files(o, why));
    return run(scenario, o, &plan, why);
}

static mrl_err begin(const struct mrl_sim_options *o, struct mrl_why *why)
{
    const struct mrl_sim_scenario *scenario = mrl_sim_scenario_find(o->scenario);
    MRL_SCOPED(mrl_sim_identities) identities = {0};
    MRL_SCOPED(mrl_cert_list) roots = {0};
    MRL_SCOPED(mrl_buf) pem = {0};

    MRL_TRY(mrl_sim_read_file(o->ca, &pem, why));
    if (mrl_cert_list_add_pem(&roots, mrl_buf_bytes(&pem)) != MRL_OK || roots.count == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: no certificate in PEM", o->ca);
    if (strcmp(o->scenario, "enrol") == 0)
        return enrol(o, &roots, why);
    if (scenario == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: no such scenario (--help)", o->scenario);
    MRL_TRY(take_identities(o, &roots, &identities, why));
    return plan_and_run(scenario, o, mrl_buf_bytes(&pem), &identities, why);
}

int main(int argc, char **argv)
{
    struct mrl_sim_options o;
    struct mrl_why why = {""};
    mrl_err err = mrl_sim_options_read(argc, argv, &o, &why);

    if (err == MRL_OK && o.help) {
        printf("%s", mrl_sim_usage);
        return 0;
    }
    if (err == MRL_OK)
        err = begin(&o, &why);
    if (err == MRL_OK)
        return 0;
    (void)fprintf(stderr, "merlon-sim: %s\n", why.text[0] != '\0' ? why.text : mrl_err_name(err));
    return err == MRL_ERR_INVALID ? EXIT_USAGE : 1;
}
