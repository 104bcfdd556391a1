/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/policy_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a file says, the lint takes it, and every rule that cannot be is named. */
static void on_finding(void *context, const struct mrl_lint_finding *f)
{
    size_t *bad = context;

    if (f->text == NULL || f->text[0] == '\0' || f->suggestion == NULL)
        abort();
    if (f->severity == MRL_LINT_ERROR && f->rule > 0)
        ++*bad;
}

static size_t count_bad(const struct mrl_policy_file *file)
{
    size_t bad = 0;

    for (size_t i = 0; i < file->count; i++)
        for (size_t j = 0; j < file->roles[i].count; j++)
            bad += mrl_rule_check(&file->roles[i].rules[j], NULL) != MRL_OK;
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_policy_file file = {0};
    struct mrl_arena arena = {0};
    struct mrl_why why = {{0}};
    size_t bad = 0;

    if (mrl_policy_file_read(mrl_bytes_of(data, size), &arena, &file, &why) == MRL_OK) {
        struct mrl_lint_input in = {.roles = file.roles, .count = file.count};

        mrl_lint(&in, on_finding, &bad);
        if (bad < count_bad(&file))
            abort();
    } else if (why.text[0] == '\0') {
        abort();
    }
    mrl_arena_done(&arena);
    return 0;
}
