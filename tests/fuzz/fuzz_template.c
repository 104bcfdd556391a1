/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "onboarding/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A template, a line feed that stands in no JSON of one line, and a value for its parameter "a":
 * what it makes is an id, a group and a set of attributes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_template_device) d = {0};
    MRL_AUTO(mrl_template) t = NULL;
    struct mrl_parameter given = {.name = MRL_LIT("a")};
    struct mrl_why why = {""};
    mrl_bytes body;

    (void)mrl_bytes_split(mrl_bytes_of(data, size), '\n', &body, &given.value);
    if (mrl_template_read(body, &t, &why) != MRL_OK) {
        check(why.text[0] != '\0');
        return 0;
    }
    (void)mrl_hook_check(mrl_template_hook(t), NULL);
    if (mrl_template_fill(t, &given, 1, NULL, 0, &d, &why) != MRL_OK) {
        check(why.text[0] != '\0' && d.configuration == NULL);
        return 0;
    }
    check(mrl_name_valid(mrl_name_bytes(&d.id)));
    check(d.group.len == 0 || mrl_name_valid(mrl_name_bytes(&d.group)));
    check(mrl_attributes_valid(mrl_buf_bytes(&d.attributes)));
    check(json_is_object(d.configuration));
    return 0;
}
