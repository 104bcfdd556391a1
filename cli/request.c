/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request.h"

#include <string.h>

mrl_exit mrl_cli_body_set(struct mrl_cli *cli, json_t *body, const char *name, const char *value)
{
    if (value != NULL && mrl_json_set_str(body, name, mrl_str(value)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not text in UTF-8", name);
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_body_from(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                           const char *const *names, json_t *body)
{
    for (; *names != NULL; names++)
        MRL_EXIT_TRY(mrl_cli_body_set(cli, body, *names, mrl_cli_value(a, *names)));
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_body_list(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                           const char *option, const char *name, json_t *body)
{
    MRL_AUTO(json_t) list = mrl_json_array();
    const char *value;
    size_t at = 0;

    while ((value = mrl_cli_next(a, option, &at)) != NULL)
        if (mrl_json_append_str(list, mrl_str(value)) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s: not text in UTF-8", option);
    if (mrl_json_set(body, name, MRL_TAKE(list)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s cannot be sent", option);
    return MRL_EXIT_OK;
}

void mrl_cli_show_answer(struct mrl_cli *cli, const struct mrl_cli_answer *answer,
                         const struct mrl_cli_column *columns)
{
    if (answer->json == NULL)
        return;
    if (cli->json)
        mrl_cli_print_json(cli, answer->json);
    else
        mrl_cli_print_record(cli, columns, answer->json);
}

mrl_exit mrl_cli_show(struct mrl_cli *cli, mrl_bytes target, const struct mrl_cli_column *columns)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_get(cli, target, &answer));
    mrl_cli_show_answer(cli, &answer, columns);
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_show_list(struct mrl_cli *cli, mrl_bytes target,
                           const struct mrl_cli_column *columns, const char *what)
{
    MRL_AUTO(json_t) items = NULL;

    MRL_EXIT_TRY(mrl_cli_list(cli, target, /*max=*/0, &items));
    if (cli->json)
        mrl_cli_print_json(cli, items);
    else
        mrl_cli_print_table(cli, columns, items, what);
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_only_one(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                          const char *const *names, const char **name, const char **value)
{
    size_t given = 0;
    char all[128] = "";
    struct mrl_why text;

    for (size_t i = 0; names[i] != NULL; i++) {
        (void)mrl_fail(&text, MRL_ERR_INVALID, "%s%s--%s", all, i == 0 ? "" : " or ", names[i]);
        (void)mrl_bytes_to_cstr(mrl_str(text.text), all, sizeof(all)); /* short names of ours */
        if (!mrl_cli_has(a, names[i]))
            continue;
        *name = names[i];
        *value = mrl_cli_value(a, names[i]);
        given++;
    }
    if (given != 1)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give one of %s", all);
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_principal(struct mrl_cli *cli, const struct mrl_cli_arguments *a,
                           bool group_allowed, struct mrl_buf *out)
{
    static const char *const with_group[] = {"device", "group", "app", NULL};
    static const char *const without[] = {"device", "app", NULL};
    const char *name = NULL, *value = NULL;

    MRL_EXIT_TRY(mrl_cli_only_one(cli, a, group_allowed ? with_group : without, &name, &value));
    if (mrl_buf_printf(out, "%s:%s", strcmp(name, "app") == 0 ? "application" : name, value) !=
        MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s is too long", name);
    return MRL_EXIT_OK;
}
