/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "audit/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a peer sends: the entry is one strict JSON object within the limit, with exactly the
 * members it should have and its own number. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes all = mrl_bytes_of(data, size);
    const struct mrl_audit_detail detail = MRL_AUDIT_TEXT("detail", all);
    const struct mrl_audit_event e = {.action = MRL_AUDIT_PUBLISH_DENIED,
                                      .actor = {MRL_ACTOR_DEVICE, all, all},
                                      .source = all,
                                      .target = all,
                                      .reason = all,
                                      .time_ms = 1,
                                      .details = &detail,
                                      .details_count = 1};
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_audit_private private;
    json_t *root;

    if (mrl_audit_write_json(&e, 7, all, &private, &out) != MRL_OK || out.len > MRL_AUDIT_ENTRY_MAX)
        abort();
    root = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL || json_integer_value(json_object_get(root, "seq")) != 7 ||
        json_object_size(root) != (size == 0 ? 7U : 11U) + (size > MRL_AUDIT_SOURCE_MAX ? 1U : 0U))
        abort();
    json_decref(root);
    return 0;
}
