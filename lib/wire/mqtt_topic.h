/* SPDX-License-Identifier: Apache-2.0 */
/* Topic names and filters (4.7, 4.8.2). Layer: wire. Thread: any. Nothing is copied.
 * "Filter" is a plain filter, without $share/group/, except in the first two functions. */
#ifndef MRL_WIRE_MQTT_TOPIC_H
#define MRL_WIRE_MQTT_TOPIC_H

#include "base/bytes.h"

/* A name: 1 to 65535 bytes of UTF-8 without U+0000, no wildcard. */
bool mrl_mqtt_topic_valid(mrl_bytes topic);
/* A filter, plain or shared: the same with wildcards as whole levels, # only as the last one. What
 * starts with $share/ must be a well-formed shared subscription, in 3.1.1 too: a filter has one
 * meaning at every door. */
bool mrl_mqtt_filter_valid(mrl_bytes filter);
/* $share/group/plain: true, the two parts. Anything else: false, group empty, *plain = filter.
 * filter must be valid. Judge access by *plain. */
bool mrl_mqtt_share_split(mrl_bytes filter, mrl_bytes *group, mrl_bytes *plain);

/* Does a valid filter match a valid topic? A leading wildcard never matches a topic that starts
 * with $ [MQTT-4.7.2-1]. Linear in the lengths. */
bool mrl_mqtt_filter_matches(mrl_bytes filter, mrl_bytes topic);
/* Is every topic that `narrow` matches matched by `wide`? Exact for valid filters, linear. A
 * SUBSCRIBE is within a grant only when the grant covers its filter. */
bool mrl_mqtt_filter_covers(mrl_bytes wide, mrl_bytes narrow);
bool mrl_mqtt_has_wildcard(mrl_bytes filter);

/* The levels from left to right; "/a" has the levels "" and "a". */
struct mrl_mqtt_levels {
    mrl_bytes rest;
    bool more;
};
static inline struct mrl_mqtt_levels mrl_mqtt_levels_of(mrl_bytes topic)
{
    return (struct mrl_mqtt_levels){topic, true};
}
bool mrl_mqtt_level_next(struct mrl_mqtt_levels *it, mrl_bytes *level); /* false: no more */

#endif
