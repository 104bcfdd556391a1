/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/response.h"

#include "wire/mqtt_topic.h"

static const mrl_bytes id_variable = MRL_LIT_INIT("${id}");

static mrl_err fill(mrl_bytes pattern, mrl_bytes id, struct mrl_buf *out)
{
    struct mrl_mqtt_levels levels = mrl_mqtt_levels_of(pattern);
    mrl_bytes level;

    while (mrl_mqtt_level_next(&levels, &level)) {
        if (out->len > 0)
            MRL_TRY(mrl_buf_append(out, MRL_LIT("/")));
        MRL_TRY(mrl_buf_append(out, mrl_bytes_eq(level, id_variable) ? id : level));
    }
    return MRL_OK;
}

mrl_err mrl_response_topic_check(mrl_bytes pattern, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) topic = {0};

    if (pattern.len == 0)
        return MRL_OK;
    MRL_TRY(fill(pattern, MRL_LIT("x"), &topic));
    if (!mrl_mqtt_topic_valid(mrl_buf_bytes(&topic)) || pattern.data[0] == '/' ||
        mrl_bytes_find(mrl_buf_bytes(&topic), '$', 0) < topic.len)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "[mqtt] response_topic is not a topic with ${id} as a whole level");
    return MRL_OK;
}

bool mrl_response_topic(mrl_bytes pattern, const struct mrl_policy *policy,
                        const struct mrl_subject *who, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) filter = {0};
    uint8_t qos = 0; /* any will do */

    if (pattern.len == 0 || fill(pattern, who->id, out) != MRL_OK ||
        mrl_buf_printf(&filter, "%.*s/#", MRL_FMT(mrl_buf_bytes(out))) != MRL_OK)
        return false;
    return mrl_policy_may_subscribe(policy, who, mrl_buf_bytes(&filter), &qos);
}
