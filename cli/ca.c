/* SPDX-License-Identifier: Apache-2.0 */
/* The CAs: what to trust, and how one takes the place of another (docs/operate/ca.md). */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "cli/commands.h"
#include "cli/request.h"
#include "crypto/cert.h"

#define CA "/v1/ca"
enum { NUMBER_MOST = 99 };

static const struct mrl_cli_column listed[] = {
    {"KIND", "kind"},       {"NUMBER", "number"},       {"STATE", "state"},
    {"KEY", "has_key"},     {"NAME", "name"},           {"UNDER ROOT", "root"},
    {"UNTIL", "not_after"}, {"SHA-256", "fingerprint"}, {NULL},
};
static const struct mrl_cli_column counted[] = {
    {"Devices", "devices"},
    {"Would break", "breaking"},
    {"have to renew first", "reasons.certificate"},
    {"have an old trust bundle", "reasons.trust"},
    {"never told which", "reasons.silent"},
    {NULL},
};
static const struct mrl_cli_column breaking[] = {{"DEVICE", "device"}, {"WHY", "why"}, {NULL}};

static const struct mrl_cli_column certificate_columns[] = {
    {"Certificate", "what"}, {"Name", "name"},       {"SHA-256", "sha256"},
    {"From", "not_before"},  {"Until", "not_after"}, {NULL},
};
static const struct mrl_cli_option ca_options[] = {
    {"pem", NULL, "Print the root certificates in PEM, for a file."},
    {NULL},
};

static const struct mrl_cli_option activate_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};
static const struct mrl_cli_option retire_options[] = {
    {"force", NULL, "Although devices break; needs --reason."},
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};
static const struct mrl_cli_option rollover_options[] = {
    {"dry-run", NULL, "Only list the devices that would break."},
    {"kind", "root|issuing", "With --dry-run and --number: as if this one CA were retired."},
    {"number", "N", "See --kind."},
    {"force", NULL, "Although devices break; needs --reason."},
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};

/* --- what to trust --- */

static mrl_err set_time(json_t *o, const char *name, int64_t seconds)
{
    char text[MRL_TIME_TEXT];

    mrl_time_format(seconds * 1000, text);
    return mrl_json_set_str(o, name, mrl_str(text));
}

static mrl_err describe(const struct mrl_cert_facts *facts, const char *what, json_t *o)
{
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(&facts->fingerprint), hex);
    MRL_TRY(mrl_json_set_str(o, "what", mrl_str(what)));
    MRL_TRY(mrl_json_set_str(o, "name", facts->cn));
    MRL_TRY(mrl_json_set_str(o, "sha256", mrl_str(hex)));
    MRL_TRY(set_time(o, "not_before", facts->not_before));
    return set_time(o, "not_after", facts->not_after);
}

static mrl_exit print_certificates(struct mrl_cli *cli, const json_t *ca, const char *member,
                                   const char *what)
{
    MRL_SCOPED(mrl_cert_list) list = {0};
    mrl_bytes pem = mrl_cli_text_of(ca, member);

    if (pem.len > 0 && mrl_cert_list_add_pem(&list, pem) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server sent no certificate as %s", member);
    for (size_t i = 0; i < list.count; i++) {
        MRL_AUTO(json_t) o = mrl_json_object();

        if (describe(mrl_cert_facts(list.certs[i]), what, o) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "a certificate has an unreadable name");
        mrl_cli_print_record(cli, certificate_columns, o);
    }
    return MRL_EXIT_OK;
}

static mrl_exit ca_show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/ca"), &answer));
    if (mrl_cli_has(given, "pem")) {
        mrl_cli_print_text(cli, mrl_cli_text_of(answer.json, "root"));
        return MRL_EXIT_OK;
    }
    if (cli->json) {
        mrl_cli_show_answer(cli, &answer, NULL);
        return MRL_EXIT_OK;
    }
    MRL_EXIT_TRY(print_certificates(cli, answer.json, "root", "root"));
    mrl_cli_say(cli, "%s", "");
    return print_certificates(cli, answer.json, "issuing", "issuing");
}

/* --- steps --- */

static mrl_exit show_cas(struct mrl_cli *cli, const struct mrl_cli_answer *answer)
{
    if (cli->json) {
        mrl_cli_show_answer(cli, answer, NULL);
        return MRL_EXIT_OK;
    }
    mrl_cli_print_table(cli, listed, mrl_cli_member(answer->json, "items"), "CAs");
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    (void)given;
    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT(CA "/generations"), &answer));
    return show_cas(cli, &answer);
}

static mrl_exit post(struct mrl_cli *cli, const char *what, json_t *body)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, CA, what);
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    return show_cas(cli, &answer);
}

static mrl_exit put_wish(struct mrl_cli *cli, const struct mrl_cli_arguments *given, bool force,
                         json_t *body)
{
    if (force && mrl_json_set(body, "force", json_true()) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "no memory");
    return mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason"));
}

/* The verb is the last segment of the route. */
static mrl_exit step(struct mrl_cli *cli, const struct mrl_cli_arguments *given, bool force)
{
    MRL_AUTO(json_t) body = mrl_json_object();
    uint64_t number;

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "kind", mrl_cli_operand(given, 0)));
    if (!mrl_bytes_to_u64(mrl_str(mrl_cli_operand(given, 1)), NUMBER_MOST, &number) ||
        mrl_json_set(body, "number", json_integer((json_int_t)number)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "NUMBER: 1 to %d", NUMBER_MOST);
    MRL_EXIT_TRY(put_wish(cli, given, force, body));
    return post(cli, given->command->verb, body);
}

static mrl_exit activate(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return step(cli, given, /*force=*/false);
}

/* Whoever forces it may expect more than it does. */
static mrl_exit say_left_behind(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    if (mrl_cli_has(given, "force"))
        mrl_cli_say(
            cli, "What these CAs issued is not revoked: a certificate of theirs still counts here "
                 "until it ends, and renews itself under the new CA. To end one: merlon device "
                 "revoke ID, or --group GROUP");
    return MRL_EXIT_OK;
}

static mrl_exit retire(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_EXIT_TRY(step(cli, given, mrl_cli_has(given, "force")));
    return say_left_behind(cli, given);
}

static mrl_exit reload(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return post(cli, given->command->verb, NULL);
}

static mrl_exit dry_run(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    const char *kind = mrl_cli_value(given, "kind"), *number = mrl_cli_value(given, "number");

    if ((kind == NULL) != (number == NULL))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--kind and --number go together");
    if (mrl_buf_append(&target, MRL_LIT(CA "/rollover")) != MRL_OK)
        abort();
    if (kind != NULL) {
        mrl_cli_target_query(&target, "kind", mrl_str(kind));
        mrl_cli_target_query(&target, "number", mrl_str(number));
    }
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    if (cli->json) {
        mrl_cli_show_answer(cli, &answer, NULL);
        return MRL_EXIT_OK;
    }
    mrl_cli_print_record(cli, counted, answer.json);
    if (json_array_size(mrl_cli_member(answer.json, "items")) == 0)
        return MRL_EXIT_OK;
    mrl_cli_say(cli, "%s", "");
    return mrl_cli_show_list(cli, mrl_buf_bytes(&target), breaking, "devices that would break");
}

static mrl_exit rollover(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_AUTO(json_t) body = mrl_json_object();

    if (mrl_cli_has(given, "dry-run"))
        return dry_run(cli, given);
    if (mrl_cli_has(given, "kind") || mrl_cli_has(given, "number"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--kind and --number go with --dry-run");
    MRL_EXIT_TRY(put_wish(cli, given, mrl_cli_has(given, "force"), body));
    MRL_EXIT_TRY(post(cli, given->command->verb, body));
    return say_left_behind(cli, given);
}

const struct mrl_cli_command mrl_cli_ca_commands[] = {
    {"ca", "show", NULL, ca_options, "Shows the certificates everyone has to trust.", ca_show},
    {"ca", "list", NULL, NULL, "Lists all CAs and what each is for.", list},
    {"ca", "activate", "KIND NUMBER", activate_options,
     "Puts a CA to use: issuing signs from now on, a root is what new devices trust.", activate},
    {"ca", "rollover", NULL, rollover_options,
     "Retires every CA that is superseded; refuses while devices would break.", rollover},
    {"ca", "retire", "KIND NUMBER", retire_options,
     "Retires one CA for ever; refuses while devices would break.", retire},
    {"ca", "reload", NULL, NULL,
     "Starts the key process again, which then has what was made in the keystore.", reload},
    {NULL},
};
