/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/request.h"

static mrl_err format_ca(const json_t *ca, struct mrl_buf *out)
{
    MRL_TRY(mrl_cli_format(mrl_cli_member(ca, "name"), out));
    MRL_TRY(mrl_buf_append(out, MRL_LIT(" until ")));
    return mrl_cli_format(mrl_cli_member(ca, "not_after"), out);
}

static mrl_err format_cas(const json_t *cas, struct mrl_buf *out)
{
    const json_t *ca;
    size_t i;

    json_array_foreach(cas, i, ca)
    {
        if (i > 0)
            MRL_TRY(mrl_buf_append(out, MRL_LIT(", ")));
        MRL_TRY(format_ca(ca, out));
    }
    return MRL_OK;
}

static mrl_err format_most(const json_t *value, struct mrl_buf *out)
{
    return json_integer_value(value) == 0 ? mrl_buf_append(out, MRL_LIT("any number"))
                                          : mrl_cli_format(value, out);
}

static const struct mrl_cli_column listed[] = {
    {"NAME", "name"},       {"PREFIX", "prefix"},         {"GROUP", "group"},
    {"ID FROM", "id_from"}, {"APPROVE", "approve"},       {"JITP", "jitp"},
    {"RATE", "rate"},       {"INTRODUCED", "introduced"}, {NULL},
};
static const struct mrl_cli_column shown[] = {
    {"Name", "name"},
    {"Prefix", "prefix"},
    {"Group", "group"},
    {"Id from", "id_from"},
    {"Approve", "approve"},
    {"JITP", "jitp"},
    {"New devices a minute", "rate"},
    {"Devices at most", "devices", format_most},
    {"Devices introduced", "introduced"},
    {"CRLs", "crls"},
    {"Created", "created"},
    {"CAs", "cas", format_cas},
    {NULL},
};
static const struct mrl_cli_option add_options[] = {
    {"ca", "FILE",
     "Certificates of its CAs, in PEM: root and, where devices do not send them, those "
     "between.",
     false, true},
    {"crl", "FILE",
     "Lists of revoked certificates, in PEM; then every CA of a path needs one that is "
     "current."},
    {"group", "GROUP", "Group of its devices."},
    {"prefix", "TEXT", "Ids of its devices begin with it; the name and '-' when not given."},
    {"id-from", "serialNumber|cn|hardware",
     "What of a certificate is the device; serialNumber when not given."},
    {"approve", "all|listed|manual",
     "Who may come in: all; only ids that were added before; whoever an operator approves. manual "
     "when not given."},
    {"jitp", NULL, "Its certificates open the MQTT port, too."},
    {"rate", "N", "New devices a minute; 60 when not given."},
    {"devices", "N", "Devices at most; any number when not given."},
    {NULL},
};
static const struct mrl_cli_option crl_options[] = {
    {"file", "FILE", "The lists, in PEM."},
    {"none", NULL, "There are none any more, and revocation is not looked at."},
    {NULL},
};

/* The text of the file as a member. */
static mrl_exit put_file(struct mrl_cli *cli, json_t *body, const char *member, const char *path)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (path == NULL)
        return MRL_EXIT_OK;
    MRL_EXIT_TRY(mrl_cli_file_read(cli, path, &text));
    if (mrl_json_set_str(body, member, mrl_buf_bytes(&text)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s is not PEM", path);
    return MRL_EXIT_OK;
}

static mrl_exit put_number(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                           const char *name, json_t *body)
{
    uint64_t number = 0;

    MRL_EXIT_TRY(mrl_cli_number(cli, given, name, INT32_MAX, &number));
    if (number > 0 && mrl_json_set_int(body, name, (int64_t)number) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s cannot be sent", name);
    return MRL_EXIT_OK;
}

static mrl_exit read_new(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t *body)
{
    static const char *const texts[] = {"group", "prefix", "approve", NULL};

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "name", mrl_cli_operand(given, 0)));
    MRL_EXIT_TRY(put_file(cli, body, "ca", mrl_cli_value(given, "ca")));
    MRL_EXIT_TRY(put_file(cli, body, "crl", mrl_cli_value(given, "crl")));
    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, texts, body));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "id_from", mrl_cli_value(given, "id-from")));
    MRL_EXIT_TRY(put_number(cli, given, "rate", body));
    MRL_EXIT_TRY(put_number(cli, given, "devices", body));
    if (mrl_cli_has(given, "jitp") && mrl_json_set_bool(body, "jitp", true) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--jitp cannot be sent");
    return MRL_EXIT_OK;
}

static mrl_exit add(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(read_new(cli, given, body));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/makers"), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/makers"), listed, "makers");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/makers", mrl_cli_operand(given, 0));
    return mrl_cli_show(cli, mrl_buf_bytes(&target), shown);
}

static mrl_exit set_crl(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_SCOPED(mrl_buf) target = {0};

    if ((mrl_cli_value(given, "file") != NULL) == mrl_cli_has(given, "none"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give one of --file and --none");
    mrl_cli_target(&target, "/v1/makers", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(put_file(cli, body, "crl", mrl_cli_value(given, "file")));
    if (mrl_buf_append(&target, MRL_LIT("/crl")) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the name is too long");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PUT", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit drop(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/makers", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "Maker %s is removed; its devices stay.", mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_maker_commands[] = {
    {"maker", "add", "NAME", add_options,
     "Registers a manufacturer: certificates of its CAs introduce devices.", add},
    {"maker", "list", NULL, NULL, "Lists manufacturers.", list},
    {"maker", "show", "NAME", NULL, "Shows one, with its CAs.", show},
    {"maker", "crl", "NAME", crl_options,
     "Replaces the lists of revoked certificates of a manufacturer.", set_crl},
    {"maker", "remove", "NAME", NULL,
     "Its certificates introduce nobody any more; devices that are here stay.", drop},
    {NULL},
};
