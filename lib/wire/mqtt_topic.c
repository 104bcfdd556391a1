/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_topic.h"

#include "base/utf8.h"

static bool is_text(mrl_bytes b)
{
    /* [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3] */
    return b.len > 0 && b.len <= UINT16_MAX && mrl_bytes_find(b, 0, 0) == b.len &&
           mrl_utf8_valid(b);
}

bool mrl_mqtt_has_wildcard(mrl_bytes filter)
{
    return mrl_bytes_find(filter, '+', 0) < filter.len ||
           mrl_bytes_find(filter, '#', 0) < filter.len;
}

static bool is(mrl_bytes level, char c)
{
    return level.len == 1 && level.data[0] == (uint8_t)c;
}

static bool is_dollar(mrl_bytes level)
{
    return level.len > 0 && level.data[0] == '$';
}

bool mrl_mqtt_level_next(struct mrl_mqtt_levels *it, mrl_bytes *level)
{
    if (!it->more)
        return false;
    it->more = mrl_bytes_split(it->rest, '/', level, &it->rest);
    return true;
}

bool mrl_mqtt_topic_valid(mrl_bytes topic)
{
    return is_text(topic) && !mrl_mqtt_has_wildcard(topic); /* [MQTT-4.7.0-1] */
}

static bool plain_valid(mrl_bytes filter)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    mrl_bytes level;

    if (filter.len == 0)
        return false;
    while (mrl_mqtt_level_next(&it, &level)) {
        if (is(level, '#') && it.more)
            return false; /* [MQTT-4.7.1-1] */
        if (level.len > 1 && mrl_mqtt_has_wildcard(level))
            return false; /* [MQTT-4.7.1-2] */
    }
    return true;
}

static bool is_share(mrl_bytes filter)
{
    return mrl_bytes_starts(filter, MRL_LIT("$share/"));
}

bool mrl_mqtt_share_split(mrl_bytes filter, mrl_bytes *group, mrl_bytes *plain)
{
    *group = MRL_BYTES_NONE;
    *plain = filter;
    if (!is_share(filter))
        return false;
    (void)mrl_bytes_split(mrl_bytes_sub(filter, sizeof("$share/") - 1, SIZE_MAX), '/', group,
                          plain); /* a valid filter has the separator */
    return true;
}

bool mrl_mqtt_filter_valid(mrl_bytes filter)
{
    mrl_bytes group;
    mrl_bytes plain;

    if (!is_text(filter))
        return false;
    if (!mrl_mqtt_share_split(filter, &group, &plain))
        return plain_valid(filter);
    /* [MQTT-4.8.2-1], [MQTT-4.8.2-2] */
    return group.len > 0 && !mrl_mqtt_has_wildcard(group) && plain_valid(plain);
}

bool mrl_mqtt_filter_matches(mrl_bytes filter, mrl_bytes topic)
{
    struct mrl_mqtt_levels f = mrl_mqtt_levels_of(filter);
    struct mrl_mqtt_levels t = mrl_mqtt_levels_of(topic);
    mrl_bytes want;
    mrl_bytes have;
    bool first = true;

    while (mrl_mqtt_level_next(&f, &want)) {
        bool wild = is(want, '#') || is(want, '+');

        if (wild && first && is_dollar(topic))
            return false; /* [MQTT-4.7.2-1] */
        if (is(want, '#'))
            return true; /* 4.7.1.2: the parent level too */
        if (!mrl_mqtt_level_next(&t, &have) || (!wild && !mrl_bytes_eq(want, have)))
            return false;
        first = false;
    }
    return !t.more;
}

/* "#" as a whole matches at least one level, so it says the same as "+/#". */
static bool says_everything(mrl_bytes filter)
{
    return mrl_bytes_eq(filter, MRL_LIT("#")) || mrl_bytes_eq(filter, MRL_LIT("+/#"));
}

/* Does the level `wide`, not '#', take whatever the level `narrow` takes? */
static bool level_covers(mrl_bytes wide, mrl_bytes narrow)
{
    if (is(narrow, '#'))
        return false; /* would also match what ends before, or goes on after, this level */
    return is(wide, '+') || mrl_bytes_eq(wide, narrow);
}

bool mrl_mqtt_filter_covers(mrl_bytes wide, mrl_bytes narrow)
{
    struct mrl_mqtt_levels a = mrl_mqtt_levels_of(wide);
    struct mrl_mqtt_levels b = mrl_mqtt_levels_of(narrow);
    mrl_bytes want;
    mrl_bytes have;
    bool first = true;

    if (says_everything(wide))
        return !is_dollar(narrow); /* a leading wildcard in narrow takes no $ topics either */
    while (mrl_mqtt_level_next(&a, &want)) {
        if (is(want, '#'))
            return true;
        if (!mrl_mqtt_level_next(&b, &have) || !level_covers(want, have))
            return false;
        if (first && is(want, '+') && is_dollar(have))
            return false; /* [MQTT-4.7.2-1] */
        first = false;
    }
    return !b.more;
}
