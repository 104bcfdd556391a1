/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/commands.h"
#include "cli/device_history.h"
#include "cli/device_import.h"
#include "cli/device_log.h"
#include "cli/device_receipt.h"
#include "cli/device_revoke.h"
#include "cli/request.h"

static mrl_err format_attributes(const json_t *value, struct mrl_buf *out)
{
    const char *name;
    json_t *each;

    json_object_foreach((json_t *)value, name, each)
    {
        MRL_TRY(mrl_buf_printf(out, "%s%s=%s", mrl_buf_bytes(out).len > 0 ? ", " : "", name,
                               json_is_string(each) ? json_string_value(each) : "?"));
    }
    return MRL_OK;
}

static mrl_err format_wipe(const json_t *value, struct mrl_buf *out)
{
    mrl_bytes state = mrl_cli_text_of(value, "state"),
              answered = mrl_cli_text_of(value, "answered"),
              expires = mrl_cli_text_of(value, "expires");
    bool is_answered = answered.len > 0;

    return mrl_buf_printf(out, "%.*s, %s %.*s", MRL_FMT(state), is_answered ? "on" : "until",
                          MRL_FMT(is_answered ? answered : expires));
}

static mrl_err format_bundle(const json_t *value, struct mrl_buf *out)
{
    return mrl_buf_printf(out, "%.*s, since %.*s", MRL_FMT(mrl_cli_text_of(value, "state")),
                          MRL_FMT(mrl_cli_text_of(value, "since")));
}

static const struct mrl_cli_column listed[] = {
    {"ID", "id"},           {"STATE", "state"}, {"GROUP", "group"},
    {"CHANGED", "changed"}, {"NOTE", "note"},   {NULL},
};
static const struct mrl_cli_column shown[] = {
    {"ID", "id"},
    {"State", "state"},
    {"Group", "group"},
    {"Attributes", "attributes", format_attributes},
    {"Note", "note"},
    {"Key", "key"},
    {"Serial", "serial"},
    {"EK", "ek"},
    {"Reason", "reason"},
    {"Created", "created"},
    {"Changed", "changed"},
    {"Trust bundle", "trust_bundle", format_bundle},
    {"Wipe", "wipe", format_wipe},
    {NULL},
};
static const struct mrl_cli_column credentials[] = {
    {"CREDENTIAL", "fingerprint"},
    {"KIND", "kind"},
    {"STATE", "state"},
    {"FROM", "not_before"},
    {"UNTIL", "not_after"},
    {"IN HARDWARE", "hardware_held"},
    {"REASON", "reason"},
    {NULL},
};

static const struct mrl_cli_option add_options[] = {
    {"group", "GROUP", "The group it belongs to."},
    {"note", "TEXT", "A note for people."},
    {"device-key", "KEY",
     "Enrols with this key only: SHA-256 (hex) of the SubjectPublicKeyInfo, or the key."},
    {"serial", "TEXT", "Enrols only with the maker's certificate of this serial number."},
    {"ek", "KEY", "Its keys must be in the TPM with this endorsement key."},
    {NULL},
};
static const struct mrl_cli_option edit_options[] = {
    {"group", "GROUP", "The group it belongs to from now on; \"\" for none."},
    {"note", "TEXT", "A note for people; \"\" for none."},
    {NULL},
};
static const struct mrl_cli_option list_options[] = {
    {"state", "expected|active|quarantined|suspended|retired", "Only devices in this state."},
    {"group", "GROUP", "Only devices of this group."},
    {NULL},
};
static const struct mrl_cli_option step_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};
static const struct mrl_cli_option retire_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {"wipe", NULL, "Order it to destroy its key; it may still come for the order."},
    {NULL},
};
static const struct mrl_cli_option lift_options[] = {
    {"reason", "TEXT", "Why, for the audit log; needed."},
    {NULL},
};
/* "--key" is whoever asks, not the device. */
static const char *const add_members[] = {"group", "note", "serial", "ek", NULL};
static const char *const record_members[] = {"group", "note", NULL};

static mrl_exit add(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    const char *id = mrl_cli_operand(given, 0);

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "id", id));
    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, add_members, body));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "key", mrl_cli_value(given, "device-key")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/devices"), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    mrl_cli_say(cli, "Next: merlon token create --device %s", id);
    return MRL_EXIT_OK;
}

static mrl_exit edit(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, record_members, body));
    if (json_object_size(body) == 0)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "nothing to change: give --group or --note");
    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PATCH", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static bool is_field(const char *name)
{
    static const char *const fields[] = {"group", "note", "key", "serial", "ek"};

    for (size_t i = 0; i < MRL_COUNT(fields); i++)
        if (strcmp(name, fields[i]) == 0)
            return true;
    return false;
}

/* "attr.site=berlin", "group=pumps" or "note=by the door" into the body of a PATCH; nothing behind
 * the sign takes the value away. */
static mrl_exit set_field(struct mrl_cli *cli, const char *given, json_t *body, json_t *attributes)
{
    mrl_bytes field, value;
    char name[64];

    if (!mrl_bytes_split(mrl_str(given), '=', &field, &value) ||
        !mrl_bytes_to_cstr(field, name, sizeof(name)))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not FIELD=VALUE", given);
    if (mrl_bytes_starts(field, MRL_LIT("attr.")) && field.len > sizeof("attr.") - 1) {
        if (mrl_json_set_str(attributes, &name[sizeof("attr.") - 1], value) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not text in UTF-8", given);
        return MRL_EXIT_OK;
    }
    if (!is_field(name))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                            "%s: the fields are attr.NAME, group, note, key, serial and ek", given);
    if (mrl_json_set_str(body, name, value) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not text in UTF-8", given);
    return MRL_EXIT_OK;
}

static mrl_exit set(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_AUTO(json_t) attributes = mrl_json_object();

    for (size_t i = 1; i < given->operand_count; i++)
        MRL_EXIT_TRY(set_field(cli, mrl_cli_operand(given, i), body, attributes));
    if (json_object_size(attributes) > 0 &&
        mrl_json_set(body, "attributes", MRL_TAKE(attributes)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the attributes cannot be sent");
    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PATCH", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/devices");
    mrl_cli_target_query(&target, "state", mrl_str(mrl_cli_value(given, "state")));
    mrl_cli_target_query(&target, "group", mrl_str(mrl_cli_value(given, "group")));
    return mrl_cli_show_list(cli, mrl_buf_bytes(&target), listed, "devices");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    if (cli->json)
        return MRL_EXIT_OK;
    mrl_cli_say(cli, "%s", "");
    mrl_cli_print_table(cli, credentials, mrl_cli_member(answer.json, "credentials"),
                        "credentials");
    return MRL_EXIT_OK;
}

static void tell_wipe(struct mrl_cli *cli, const struct mrl_cli_answer *answer)
{
    if (!mrl_bytes_eq(mrl_cli_text_of(answer->json, "wipe.state"), MRL_LIT("ordered")))
        mrl_cli_say(cli, "No wipe order was made: the device has no certificate that is good now, "
                         "or the server gives none ([devices] wipe_within).");
}

/* The verb is the last segment of the route. */
static mrl_exit step(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0), given->command->verb);
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    if (mrl_cli_has(given, "wipe") && mrl_json_set_bool(body, "wipe", true) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--wipe cannot be sent");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    if (mrl_cli_has(given, "wipe"))
        tell_wipe(cli, &answer);
    return MRL_EXIT_OK;
}

static mrl_exit lift(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    if (mrl_cli_value(given, "reason") == NULL)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give --reason: it goes into the audit log");
    return step(cli, given);
}

static mrl_exit revoke(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_device_revoke(cli, given, step);
}

const struct mrl_cli_command mrl_cli_device_commands[] = {
    {"device", "add", "ID", add_options, "Makes a device known, so that it may enrol.", add},
    {"device", "import", "FILE", mrl_device_import_options,
     "Makes all devices of a list known; the same list again goes on where it ended.",
     mrl_device_import_run},
    {"device", "list", NULL, list_options, "Lists devices.", list},
    {"device", "show", "ID", NULL, "Shows a device and its certificates.", show},
    {"device", "edit", "ID", edit_options, "Changes the group or note of a device.", edit},
    {"device", "set", "ID FIELD=VALUE...", NULL,
     "Sets attr.NAME, group or note of a device; nothing behind the = takes it away.", set},
    {"device", "suspend", "ID", step_options, "Switches a device off until it is resumed.", step},
    {"device", "resume", "ID", step_options, "Switches a suspended device on again.", step},
    {"device", "quarantine", "ID", step_options,
     "Cuts a device off from everything but its own repair.", step},
    {"device", "release", "ID", step_options, "Lets a device out of quarantine.", step},
    {"device", "revoke", "[ID]", mrl_device_revoke_options,
     "Revokes all certificates and tokens of a device, or of many; they may enrol again with new "
     "tokens.",
     revoke},
    {"device", "verify-log", "ID FILE", NULL,
     "Compares the event log of a device, as `merlon-agent log show` prints it, with what the "
     "device "
     "told of it before; names the first line that differs.",
     mrl_device_log_verify},
    {"device", "retire", "ID", retire_options,
     "Takes a device out of service: its certificates, sessions and retained messages go, and its "
     "id, "
     "keys and hardware never enrol again.",
     step},
    {"device", "history", "ID", mrl_device_history_options,
     "Shows the life of a device, from the audit log, on one page.", mrl_device_history},
    {"device", "receipt", "ID", mrl_device_receipt_options,
     "Checks the receipt of a device that wiped itself, and writes it for others to check.",
     mrl_device_receipt},
    {"device", "lift", "ID", lift_options,
     "Lifts the end of a retired device: it is expected again.", lift},
    {NULL},
};
