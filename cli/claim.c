/* SPDX-License-Identifier: Apache-2.0 */
/* Claim certificates, and the templates that devices register with. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/identity.h"
#include "cli/request.h"

static const struct mrl_cli_column listed[] = {
    {"NAME", "name"}, {"STATE", "state"}, {"TEMPLATES", "templates"},
    {"USED", "used"}, {"OF", "uses"},     {"EXPIRES", "expires"},
    {NULL},
};
static const struct mrl_cli_column columns[] = {
    {"Name", "name"},
    {"State", "state"},
    {"Templates", "templates"},
    {"Used", "used"},
    {"Of", "uses"},
    {"Reason", "reason"},
    {"Created", "created"},
    {"Expires", "expires"},
    {"Certificate", "fingerprint"},
    {NULL},
};
static const struct mrl_cli_option create_options[] = {
    {"template", "NAME", "A template its holders may register with.", .many = true},
    {"uses", "N", "How many devices may be registered with it."},
    {"expires", "TIME", "How long it is good: 12h, 30d; 30d when not given."},
    {"csr", "FILE", "A request for a key that is elsewhere; else a key is made here."},
    {"out", "DIR", "Where the files go; the current folder when not given."},
    {NULL},
};
static const struct mrl_cli_option revoke_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};
static const struct mrl_cli_column templates_listed[] = {
    {"NAME", "name"},
    {"VERSION", "version"},
    {"CHANGED", "changed"},
    {NULL},
};
static const struct mrl_cli_column template_columns[] = {
    {"Name", "name"},
    {"Version", "version"},
    {"Device", "template.device"},
    {"Group", "template.group"},
    {"Devices", "template.devices"},
    {"Hook", "template.hook.url"},
    {"Hook secret", "has_secret"},
    {"Created", "created"},
    {"Changed", "changed"},
    {NULL},
};

/* --- claims --- */

static mrl_exit read_wish(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t *body)
{
    uint64_t uses = 0;

    MRL_EXIT_TRY(mrl_cli_number(cli, given, "uses", INT32_MAX, &uses));
    if (uses == 0)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--uses N: how many devices may be registered");
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "name", mrl_cli_operand(given, 0)));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "life", mrl_cli_value(given, "expires")));
    MRL_EXIT_TRY(mrl_cli_body_list(cli, given, "template", "templates", body));
    if (mrl_json_set_int(body, "uses", (int64_t)uses) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--uses cannot be sent");
    return MRL_EXIT_OK;
}

static mrl_exit fetch_root(struct mrl_cli *cli, const struct mrl_identity *identity)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/ca"), &answer));
    return mrl_identity_write_root(cli, identity, mrl_cli_text_of(answer.json, "root"));
}

static mrl_exit create_with_key(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *dir = mrl_cli_value(given, "out");
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_identity) identity = {0};

    MRL_EXIT_TRY(mrl_identity_make(cli, dir != NULL ? dir : ".", mrl_cli_operand(given, 0),
                                   /*fresh=*/true, &identity));
    MRL_EXIT_TRY(read_wish(cli, given, identity.request));
    MRL_EXIT_TRY(fetch_root(cli, &identity));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/claims"), identity.request, &answer));
    MRL_EXIT_TRY(mrl_identity_write(cli, &identity, mrl_cli_text_of(answer.json, "certificate")));
    mrl_cli_show_answer(cli, &answer, columns);
    mrl_cli_say(cli, "Key:          %s", identity.key_path);
    mrl_cli_say(cli, "Certificate:  %s", identity.cert_path);
    mrl_cli_say(cli, "Root:         %s", identity.root_path);
    return MRL_EXIT_OK;
}

static mrl_exit create_with_csr(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                                const char *csr)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_cli_value(given, "out") != NULL)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--out is for a key that is made here");
    MRL_EXIT_TRY(read_wish(cli, given, body));
    MRL_EXIT_TRY(mrl_cli_file_read(cli, csr, &text));
    if (mrl_json_set_str(body, "csr", mrl_buf_bytes(&text)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: not text", csr);
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/claims"), body, &answer));
    if (cli->json)
        mrl_cli_print_json(cli, answer.json);
    else
        mrl_cli_print_line(cli, mrl_bytes_trim(mrl_cli_text_of(answer.json, "certificate")));
    return MRL_EXIT_OK;
}

static mrl_exit create(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *csr = mrl_cli_value(given, "csr");

    return csr == NULL ? create_with_key(cli, given) : create_with_csr(cli, given, csr);
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/claims"), listed, "claims");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/claims", mrl_cli_operand(given, 0));
    return mrl_cli_show(cli, mrl_buf_bytes(&target), columns);
}

static mrl_exit revoke(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    mrl_cli_target(&target, "/v1/claims", mrl_cli_operand(given, 0), "revoke");
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, columns);
    return MRL_EXIT_OK;
}

/* --- templates --- */

static mrl_exit read_template(struct mrl_cli *cli, const char *path, json_t **out)
{
    MRL_SCOPED(mrl_buf) text = {.secret = true}; /* the hook's may stand in it */
    struct mrl_why why = {""};

    MRL_EXIT_TRY(mrl_cli_file_read(cli, path, &text));
    if (mrl_json_read(mrl_buf_bytes(&text), &MRL_JSON_LIMITS_DEFAULT, out, &why) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, why.text);
    return MRL_EXIT_OK;
}

static mrl_exit template_set(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = NULL;

    MRL_EXIT_TRY(read_template(cli, mrl_cli_operand(given, 1), &body));
    mrl_cli_target(&target, "/v1/templates", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PUT", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, template_columns);
    return MRL_EXIT_OK;
}

static mrl_exit template_list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/templates"), templates_listed, "templates");
}

static mrl_exit template_show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/templates", mrl_cli_operand(given, 0));
    return mrl_cli_show(cli, mrl_buf_bytes(&target), template_columns);
}

static mrl_exit template_delete(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/templates", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "Template %s is deleted.", mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_claim_commands[] = {
    {"claim", "create", "NAME", create_options,
     "Makes a claim certificate: many devices get certificates of their own with it, over MQTT.",
     create},
    {"claim", "list", NULL, NULL, "Lists claims.", list},
    {"claim", "show", "NAME", NULL, "Shows a claim.", show},
    {"claim", "revoke", "NAME", revoke_options, "Revokes a claim and closes its connections.",
     revoke},
    {"template", "set", "NAME FILE", NULL,
     "Makes a provisioning template of a JSON file, or replaces it.", template_set},
    {"template", "list", NULL, NULL, "Lists provisioning templates.", template_list},
    {"template", "show", "NAME", NULL, "Shows a provisioning template.", template_show},
    {"template", "delete", "NAME", NULL, "Deletes a provisioning template.", template_delete},
    {NULL},
};
