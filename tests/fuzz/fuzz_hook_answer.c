/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "onboarding/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Only an object with a true allowProvisioning is a yes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_hook_answer) a = {0};
    struct mrl_why why = {""};

    if (mrl_hook_read_answer(mrl_bytes_of(data, size), &a, &why) != MRL_OK) {
        check(why.text[0] != '\0' && a.json == NULL && a.count == 0);
        return 0;
    }
    check(json_is_true(json_object_get(a.json, "allowProvisioning")));
    check(a.count <= MRL_TEMPLATE_PARAMETERS_MAX);
    return 0;
}
