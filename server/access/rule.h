/* SPDX-License-Identifier: Apache-2.0 */
/* One rule as written: what it allows, on which topics, and how far. Layer: access. Thread: any. */
#ifndef MRL_ACCESS_RULE_H
#define MRL_ACCESS_RULE_H

#include "base/bytes.h"
#include "base/err.h"

/* Stored: a value never changes its meaning. */
enum mrl_topic_action { MRL_ALLOW_PUBLISH = 1, MRL_ALLOW_SUBSCRIBE = 2 };

/* What a PUBLISH, and the last one any session, may need beside its topic, and a rule may withhold.
 * Stored: a value never changes its meaning. */
enum mrl_right {
    MRL_RIGHT_RETAIN = 1, /* leaves a retained message */
    MRL_RIGHT_CLEAR = 2,  /* takes one away: retain with an empty payload. MQTT 5.0 3.3.1-6 */
    MRL_RIGHT_QOS1 = 4,
    MRL_RIGHT_QOS2 = 8,
    MRL_RIGHT_SOFT_KEY = 16, /* used by a session whose key is not proven to be in hardware */
};

enum {
    MRL_RULE_FILTER_MAX = 256, /* bytes of a rule's filter as written, variables not filled in */
    MRL_RULE_LEVELS_MAX = 32,
    MRL_RULE_VARIABLES_MAX = 4,
    MRL_ROLE_RULES_MAX = 256,
};

/* The actions (a sum of bits) on a topic filter in which a level may be ${id}, ${group} or
 * ${attr.NAME}. A rule gives all rights but those that it withholds (a sum of bits). */
struct mrl_rule {
    uint8_t actions;
    mrl_bytes filter;
    uint8_t withheld;
};
/* MRL_ERR_INVALID with a sentence: an unknown action or none; longer or deeper than the limits; not
 * a topic filter of MQTT 5.0 4.7 once the variables are filled in; a variable that is unknown or
 * only part of a level; first byte '$' (literally: "${id}/x" is fine); "$share"; a right withheld
 * that is unknown, or QoS 1 without QoS 2, or those of retaining where nothing may be published. */
mrl_err mrl_rule_check(const struct mrl_rule *rule, struct mrl_why *why);

/* What a PUBLISH needs: a sum of rights. */
static inline uint8_t mrl_publish_needs(uint8_t qos, bool retain, bool empty)
{
    uint8_t needs = 0;

    if (retain)
        needs = empty ? MRL_RIGHT_CLEAR : MRL_RIGHT_RETAIN;
    if (qos >= 1)
        needs |= MRL_RIGHT_QOS1;
    if (qos >= 2)
        needs |= MRL_RIGHT_QOS2;
    return needs;
}

static inline uint8_t mrl_max_qos(uint8_t withheld)
{
    if ((withheld & MRL_RIGHT_QOS1) != 0)
        return 0;
    return (withheld & MRL_RIGHT_QOS2) != 0 ? 1 : 2;
}
static inline uint8_t mrl_withheld_above(uint8_t max_qos)
{
    if (max_qos >= 2)
        return 0;
    return max_qos == 1 ? MRL_RIGHT_QOS2 : MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2;
}

/* A rule as a line, for the audit log and the command line: words with commas between (reading
 * takes
 * "+" as well), one space, the filter: "publish,subscribe,no-retain,max-qos=1 devices/${id}/#". The
 * words: publish, subscribe, no-retain, no-clear, max-qos=0 to max-qos=2. */
enum { MRL_RULE_TEXT_MAX = MRL_RULE_FILTER_MAX + 64 };
/* Into to, NUL-terminated; returns to. */
const char *mrl_rule_text(const struct mrl_rule *rule, char to[static MRL_RULE_TEXT_MAX]);
/* MRL_ERR_INVALID with a sentence, also where mrl_rule_check gives it. The filter is a view into
 * text. */
mrl_err mrl_rule_read(mrl_bytes text, struct mrl_rule *out, struct mrl_why *why);

#endif
