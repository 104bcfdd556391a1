/* SPDX-License-Identifier: Apache-2.0 */
/* Response Information: the topic under which a client may have answers sent to it. Layer: doors.
 * Thread: any. MQTT 5.0 3.2.2.3.15 */
#ifndef MRL_DOORS_MQTT_RESPONSE_H
#define MRL_DOORS_MQTT_RESPONSE_H

#include "access/policy.h"
#include "base/buf.h"
#include "base/err.h"

/* pattern is a topic name in which whole levels may be ${id}; empty: none is given. MRL_ERR_INVALID
 * with a sentence. */
mrl_err mrl_response_topic_check(mrl_bytes pattern, struct mrl_why *why);

/* The topic of this client into *out, which must be empty. false: none is configured, or the policy
 * does not let it subscribe to all below. */
bool mrl_response_topic(mrl_bytes pattern, const struct mrl_policy *policy,
                        const struct mrl_subject *who, struct mrl_buf *out);

#endif
