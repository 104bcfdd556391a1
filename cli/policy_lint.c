/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_lint.h"

#include "cli/file.h"
#include "cli/policy_file.h"
#include "cli/request.h"

const struct mrl_cli_option mrl_policy_lint_options[] = {
    {"role", "NAME", "Only what there is to say about this role."},
    {"file", "FILE",
     "The roles of this file, as `role list -o json` prints them, without asking a server; - reads "
     "the standard input."},
    {NULL},
};

/* --- printing --- */

static void print_finding(struct mrl_cli *cli, const json_t *f)
{
    mrl_bytes role = mrl_cli_text_of(f, "role"), suggestion = mrl_cli_text_of(f, "suggestion");
    const json_t *rule = json_object_get(f, "rule");
    MRL_SCOPED(mrl_buf) where = {0};

    if (role.len > 0)
        (void)mrl_buf_printf(&where, "  role %.*s", MRL_FMT(role)); /* no limit: cannot fail */
    if (json_is_integer(rule))
        (void)mrl_buf_printf(&where, ", rule %lld: %.*s", (long long)json_integer_value(rule),
                             MRL_FMT(mrl_cli_text_of(f, "filter"))); /* the same */
    mrl_cli_say(cli, "%-8.*s %.*s%.*s", MRL_FMT(mrl_cli_text_of(f, "severity")),
                MRL_FMT(mrl_cli_text_of(f, "id")), MRL_FMT(mrl_buf_bytes(&where)));
    mrl_cli_say(cli, "         %.*s", MRL_FMT(mrl_cli_text_of(f, "text")));
    if (suggestion.len > 0)
        mrl_cli_say(cli, "         -> %.*s", MRL_FMT(suggestion));
}

static long long number_of(const json_t *o, const char *name)
{
    return (long long)json_integer_value(json_object_get(o, name));
}

static mrl_exit print(struct mrl_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "findings");
    long long errors = number_of(answer, "errors"), warnings = number_of(answer, "warnings");

    if (cli->json)
        mrl_cli_print_json(cli, answer);
    for (size_t i = 0; i < json_array_size(list); i++)
        print_finding(cli, json_array_get(list, i));
    if (number_of(answer, "left_out") > 0)
        mrl_cli_say(cli, "and %lld more", number_of(answer, "left_out"));
    mrl_cli_say(cli, "%lld errors, %lld warnings, %lld notes", errors, warnings,
                number_of(answer, "notes"));
    return errors + warnings > 0 ? MRL_EXIT_UNVERIFIED : MRL_EXIT_OK;
}

/* --- without a server --- */

struct found {
    json_t *list;
    long long counts[MRL_LINT_SEVERITIES_];
    mrl_err failed;
};

static mrl_err finding_json(const struct mrl_lint_finding *f, json_t *o)
{
    MRL_TRY(mrl_json_set_str(o, "id", mrl_str(f->id)));
    MRL_TRY(mrl_json_set_str(o, "severity", mrl_str(mrl_lint_severity_name(f->severity))));
    MRL_TRY(mrl_json_set_str(o, "text", mrl_str(f->text)));
    if (f->role.len > 0)
        MRL_TRY(mrl_json_set_str(o, "role", f->role));
    if (f->rule > 0)
        MRL_TRY(mrl_json_set_int(o, "rule", (int64_t)f->rule));
    if (f->filter.len > 0)
        MRL_TRY(mrl_json_set_str(o, "filter", f->filter));
    if (f->suggestion[0] != '\0')
        MRL_TRY(mrl_json_set_str(o, "suggestion", mrl_str(f->suggestion)));
    return MRL_OK;
}

static void on_finding(void *context, const struct mrl_lint_finding *f)
{
    struct found *found = context;
    json_t *o = mrl_json_object();

    found->counts[f->severity]++;
    if (finding_json(f, o) != MRL_OK || mrl_json_append(found->list, json_incref(o)) != MRL_OK)
        found->failed = MRL_ERR_INVALID;
    json_decref(o);
}

static mrl_exit print_found(struct mrl_cli *cli, struct found *found)
{
    MRL_AUTO(json_t) answer = mrl_json_object();

    if (found->failed != MRL_OK ||
        mrl_json_set(answer, "findings", MRL_TAKE(found->list)) != MRL_OK ||
        mrl_json_set_int(answer, "errors", found->counts[MRL_LINT_ERROR]) != MRL_OK ||
        mrl_json_set_int(answer, "warnings", found->counts[MRL_LINT_WARNING]) != MRL_OK ||
        mrl_json_set_int(answer, "notes", found->counts[MRL_LINT_NOTE]) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the findings cannot be printed");
    return print(cli, answer);
}

static bool has_role(const struct mrl_policy_file *file, mrl_bytes name)
{
    for (size_t i = 0; i < file->count; i++)
        if (mrl_bytes_eq(file->roles[i].name, name))
            return true;
    return false;
}

static mrl_exit lint_text(struct mrl_cli *cli, const char *only, mrl_bytes text,
                          struct mrl_arena *arena)
{
    struct found found = {.list = mrl_json_array()};
    struct mrl_policy_file file = {0};
    struct mrl_lint_input in = {.only = mrl_str(only)};
    struct mrl_why why = {{0}};
    mrl_exit code;

    if (mrl_policy_file_read(text, arena, &file, &why) != MRL_OK)
        code = mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s", why.text);
    else if (only != NULL && !has_role(&file, in.only))
        code = mrl_cli_fail(cli, MRL_EXIT_REFUSED, "there is no role %s in the file", only);
    else {
        in.roles = file.roles;
        in.count = file.count;
        mrl_lint(&in, on_finding, &found);
        code = print_found(cli, &found);
    }
    json_decref(found.list);
    return code;
}

static mrl_exit lint_file(struct mrl_cli *cli, const char *path, const char *only)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_arena arena = {0};
    mrl_exit code;

    if (path[0] == '-' && path[1] == '\0')
        path = "/dev/stdin";
    MRL_EXIT_TRY(mrl_cli_file_read(cli, path, &text));
    code = lint_text(cli, only, mrl_buf_bytes(&text), &arena);
    mrl_arena_done(&arena);
    return code;
}

mrl_exit mrl_policy_lint(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *path = mrl_cli_value(given, "file"), *role = mrl_cli_value(given, "role");
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    if (path != NULL)
        return lint_file(cli, path, role);
    mrl_cli_target(&target, "/v1/policy/lint");
    mrl_cli_target_query(&target, "role", mrl_str(role));
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    return print(cli, answer.json);
}
