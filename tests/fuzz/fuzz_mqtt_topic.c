/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/mqtt_topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_validity(mrl_bytes text)
{
    if (mrl_mqtt_topic_valid(text) && mrl_mqtt_has_wildcard(text))
        abort();
    if (!mrl_mqtt_filter_valid(text))
        return;
    if (!mrl_mqtt_has_wildcard(text) && !mrl_mqtt_topic_valid(text))
        abort();
}

/* A plain filter, taken out of a shared one. */
static bool plain_of(mrl_bytes text, mrl_bytes *plain)
{
    mrl_bytes group;

    check_validity(text);
    if (!mrl_mqtt_filter_valid(text))
        return false;
    (void)mrl_mqtt_share_split(text, &group, plain);
    return true;
}

/* Input: wide LF narrow LF topic. What narrow matches, wide matches, if it says that it covers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes wide;
    mrl_bytes narrow;
    mrl_bytes topic;
    mrl_bytes rest;
    bool covers;

    (void)mrl_bytes_split(mrl_bytes_of(data, size), '\n', &wide, &rest);
    (void)mrl_bytes_split(rest, '\n', &narrow, &topic);
    if (!plain_of(wide, &wide) || !plain_of(narrow, &narrow))
        return 0;
    covers = mrl_mqtt_filter_covers(wide, narrow);
    if (!mrl_mqtt_filter_covers(wide, wide))
        abort();
    if (mrl_mqtt_topic_valid(narrow) && covers != mrl_mqtt_filter_matches(wide, narrow))
        abort(); /* a filter without wildcards is a topic */
    if (!mrl_mqtt_topic_valid(topic))
        return 0;
    if (covers && mrl_mqtt_filter_matches(narrow, topic) && !mrl_mqtt_filter_matches(wide, topic))
        abort();
    return 0;
}
