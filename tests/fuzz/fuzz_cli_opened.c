/* SPDX-License-Identifier: Apache-2.0 */
/* An entry and what a proof says opens it, a line each: whatever it says, reading ends well, and
 * what was checked can be merged. */
#include <stdlib.h>

#include "cli/audit_opened.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_AUTO(json_t) entry = NULL;
    MRL_AUTO(json_t) opened = NULL;
    struct mrl_why why;
    mrl_bytes first, second;

    (void)mrl_bytes_split(mrl_bytes_of(data, size), '\n', &first,
                          &second); /* else second is empty */
    if (mrl_json_read(first, &MRL_JSON_LIMITS_DEFAULT, &entry, NULL) != MRL_OK ||
        mrl_json_read(second, &MRL_JSON_LIMITS_DEFAULT, &opened, NULL) != MRL_OK)
        return 0;
    if (mrl_audit_opened_check(entry, opened, &why) == MRL_OK &&
        mrl_audit_opened_merge(entry, opened) != MRL_OK)
        abort();
    return 0;
}
