/* SPDX-License-Identifier: Apache-2.0 */
/* Many devices at once. */
#include "api/request.h"
#include "devices/device.h"

static const char *const members[] = {"devices", "group", "reason", NULL};

static mrl_err read_ids(struct mrl_api_request *r, const json_t *array, mrl_bytes **out)
{
    size_t count = json_array_size(array);

    if (count == 0 || count > MRL_DEVICE_STEPS_MAX)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "devices: 1 to %d", MRL_DEVICE_STEPS_MAX);
    *out = mrl_arena_alloc(mrl_exchange_arena(r->x), count * sizeof(**out));
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(array, i);

        if (!json_is_string(id))
            return mrl_fail(&r->why, MRL_ERR_INVALID, "devices: each is a text");
        (*out)[i] = mrl_bytes_of(json_string_value(id), json_string_length(id));
    }
    return MRL_OK;
}

static mrl_err revoke(struct mrl_api_request *r, const json_t *devices, mrl_bytes group,
                      mrl_bytes reason, size_t *count)
{
    mrl_bytes *ids;

    if (group.len > 0)
        return mrl_device_change_group(r->api->registry, &r->actor, group, MRL_DEVICE_REVOKE,
                                       reason, count, &r->why);
    MRL_TRY(read_ids(r, devices, &ids));
    *count = json_array_size(devices);
    return mrl_device_change_many(r->api->registry, &r->actor, ids, *count, MRL_DEVICE_REVOKE,
                                  reason, &r->why);
}

mrl_err mrl_api_revoke_many(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    json_t *devices = NULL, *o;
    mrl_bytes group, reason;
    size_t count = 0;

    MRL_TRY(mrl_api_body(r, members, &body));
    MRL_TRY(mrl_json_optional(mrl_json_get_array(body, "devices", &devices, &r->why)));
    MRL_TRY(mrl_api_text_optional(r, body, "group", &group));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &reason));
    if ((devices != NULL) == (group.len > 0))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "give one of devices and group");
    MRL_TRY(revoke(r, devices, group, reason, &count));
    o = mrl_json_object();
    mrl_api_put_number(r, o, "devices", (int64_t)count);
    return mrl_api_answer(r, 200, o);
}
