/* SPDX-License-Identifier: Apache-2.0 */
/* One published message, shared by all its receivers. Layer: messages.
 * Thread: immutable after new except the reference count, so workers share it freely. */
#ifndef MRL_MESSAGES_PUBLICATION_H
#define MRL_MESSAGES_PUBLICATION_H

#include "base/attr.h"
#include "base/bytes.h"

struct mrl_publication {
    _Atomic unsigned refs;
    mrl_bytes topic;
    mrl_bytes payload;
    /* Forwarded unchanged to MQTT 5.0 receivers. MQTT 5.0 3.3.2.3 */
    mrl_bytes content_type;
    mrl_bytes response_topic;
    mrl_bytes correlation_data;
    mrl_bytes user_properties; /* encoded, in their order. MQTT 5.0 3.3.2-17, -18 */
    mrl_bytes owner;           /* whose retained message it is; empty: nobody's, or not retained */
    uint64_t expires_ms;       /* monotonic; 0: never */
    uint64_t origin;           /* number of the publishing session, for No Local; 0: none */
    bool has_content_type;     /* which may be empty, as correlation data may */
    bool has_correlation_data;
    bool has_payload_format;
    uint8_t payload_format;
    uint8_t qos;
    bool retain;
};

/* Copies `from` with all its bytes; the count starts at one. Aborts on exhaustion: doors bound the
 * size. */
struct mrl_publication *mrl_publication_new(const struct mrl_publication *from);
struct mrl_publication *mrl_publication_ref(const struct mrl_publication *p);
void mrl_publication_unref(const struct mrl_publication *p); /* NULL is fine */

/* Bytes it keeps in memory: what quotas count. */
size_t mrl_publication_size(const struct mrl_publication *p);
bool mrl_publication_expired(const struct mrl_publication *p, uint64_t now_ms);

#endif
