/* SPDX-License-Identifier: Apache-2.0 */
/* What all MQTT packets share: versions, types, reason codes, the fixed header, cursors. Layer:
 * wire. Thread: any. No heap, no I/O, no state: also for microcontrollers. Sections are those of
 * MQTT 5.0 (OASIS Standard, 7 March 2019) unless 3.1.1 is named. */
#ifndef MRL_WIRE_MQTT_FRAME_H
#define MRL_WIRE_MQTT_FRAME_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"

enum mrl_mqtt_version {
    MRL_MQTT_NONE = 0, /* before CONNECT */
    MRL_MQTT_311 = 4,
    MRL_MQTT_5 = 5,
};

/* Who sends. Bits, so that a table can say "either". */
enum mrl_mqtt_from {
    MRL_MQTT_FROM_CLIENT = 1,
    MRL_MQTT_FROM_SERVER = 2,
    MRL_MQTT_FROM_EITHER = 3,
};

/* 2.1.2 */
enum mrl_mqtt_type {
    MRL_MQTT_CONNECT = 1,
    MRL_MQTT_CONNACK,
    MRL_MQTT_PUBLISH,
    MRL_MQTT_PUBACK,
    MRL_MQTT_PUBREC,
    MRL_MQTT_PUBREL,
    MRL_MQTT_PUBCOMP,
    MRL_MQTT_SUBSCRIBE,
    MRL_MQTT_SUBACK,
    MRL_MQTT_UNSUBSCRIBE,
    MRL_MQTT_UNSUBACK,
    MRL_MQTT_PINGREQ,
    MRL_MQTT_PINGRESP,
    MRL_MQTT_DISCONNECT,
    MRL_MQTT_AUTH,
    MRL_MQTT_TYPES_
};

/* 2.4 */
enum mrl_mqtt_reason {
    MRL_MQTT_SUCCESS = 0x00, /* also normal disconnection, granted QoS 0 */
    MRL_MQTT_GRANTED_QOS_1 = 0x01,
    MRL_MQTT_GRANTED_QOS_2 = 0x02,
    MRL_MQTT_DISCONNECT_WITH_WILL = 0x04,
    MRL_MQTT_NO_MATCHING_SUBSCRIBERS = 0x10,
    MRL_MQTT_NO_SUBSCRIPTION_EXISTED = 0x11,
    MRL_MQTT_CONTINUE_AUTHENTICATION = 0x18,
    MRL_MQTT_REAUTHENTICATE = 0x19,
    MRL_MQTT_UNSPECIFIED_ERROR = 0x80,
    MRL_MQTT_MALFORMED_PACKET = 0x81,
    MRL_MQTT_PROTOCOL_ERROR = 0x82,
    MRL_MQTT_IMPLEMENTATION_ERROR = 0x83,
    MRL_MQTT_UNSUPPORTED_VERSION = 0x84,
    MRL_MQTT_CLIENT_ID_NOT_VALID = 0x85,
    MRL_MQTT_BAD_CREDENTIALS = 0x86,
    MRL_MQTT_NOT_AUTHORIZED = 0x87,
    MRL_MQTT_SERVER_UNAVAILABLE = 0x88,
    MRL_MQTT_SERVER_BUSY = 0x89,
    MRL_MQTT_BANNED = 0x8a,
    MRL_MQTT_SERVER_SHUTTING_DOWN = 0x8b,
    MRL_MQTT_BAD_AUTH_METHOD = 0x8c,
    MRL_MQTT_KEEP_ALIVE_TIMEOUT = 0x8d,
    MRL_MQTT_SESSION_TAKEN_OVER = 0x8e,
    MRL_MQTT_TOPIC_FILTER_INVALID = 0x8f,
    MRL_MQTT_TOPIC_NAME_INVALID = 0x90,
    MRL_MQTT_PACKET_ID_IN_USE = 0x91,
    MRL_MQTT_PACKET_ID_NOT_FOUND = 0x92,
    MRL_MQTT_RECEIVE_MAXIMUM_EXCEEDED = 0x93,
    MRL_MQTT_TOPIC_ALIAS_INVALID = 0x94,
    MRL_MQTT_PACKET_TOO_LARGE = 0x95,
    MRL_MQTT_MESSAGE_RATE_TOO_HIGH = 0x96,
    MRL_MQTT_QUOTA_EXCEEDED = 0x97,
    MRL_MQTT_ADMINISTRATIVE_ACTION = 0x98,
    MRL_MQTT_PAYLOAD_FORMAT_INVALID = 0x99,
    MRL_MQTT_RETAIN_NOT_SUPPORTED = 0x9a,
    MRL_MQTT_QOS_NOT_SUPPORTED = 0x9b,
    MRL_MQTT_USE_ANOTHER_SERVER = 0x9c,
    MRL_MQTT_SERVER_MOVED = 0x9d,
    MRL_MQTT_SHARED_NOT_SUPPORTED = 0x9e,
    MRL_MQTT_CONNECTION_RATE_EXCEEDED = 0x9f,
    MRL_MQTT_MAXIMUM_CONNECT_TIME = 0xa0,
    MRL_MQTT_SUBSCRIPTION_IDS_NOT_SUPPORTED = 0xa1,
    MRL_MQTT_WILDCARDS_NOT_SUPPORTED = 0xa2,
};

enum {
    MRL_MQTT_MAX_REMAINING = 268435455,               /* 2.1.4 */
    MRL_MQTT_MAX_PACKET = MRL_MQTT_MAX_REMAINING + 5, /* with the fixed header */
};

/* Why a packet was refused, in the protocol's own terms. Strings are literals, never NULL. */
struct mrl_mqtt_fault {
    uint8_t reason; /* what to send in CONNACK or DISCONNECT of MQTT 5 */
    /* How to answer. MRL_MQTT_NONE: a CONNECT broken before its level was known, close silently.
     * A level we do not speak: 5 when above 5, else 3.1.1. */
    enum mrl_mqtt_version version;
    const char *statement; /* "MQTT-3.3.2-2", or a section number; of the version spoken */
    const char *text;      /* one phrase for log and reason string */
};

/* One packet, borrowed from the stream. */
struct mrl_mqtt_frame {
    enum mrl_mqtt_type type;
    uint8_t flags;  /* low half of the first byte, not judged yet */
    bool overlong;  /* Remaining Length in more bytes than needed: refused by read in MQTT 5 */
    mrl_bytes body; /* what follows the fixed header */
    size_t total;   /* fixed header and body */
};

/* Looks for one whole packet at the start of stream.
 * MRL_OK: *out is set; consume out->total bytes when done with the views.
 * MRL_ERR_AGAIN: incomplete; out->total alone is set: that many bytes are needed at least.
 * MRL_ERR_LIMIT: larger than max_packet (whole packet, 3.1.2.11.4), said as soon as the fixed
 *   header is there: answer 0x95.
 * MRL_ERR_MALFORMED: reserved type 0, or Remaining Length of more than 4 bytes: answer 0x81. */
mrl_err mrl_mqtt_frame(mrl_bytes stream, size_t max_packet, struct mrl_mqtt_frame *out);

/* 1.5.5. Fails with MRL_ERR_MALFORMED; *overlong tells a value in more bytes than needed. */
mrl_err mrl_mqtt_read_varint(struct mrl_reader *r, uint32_t *out, bool *overlong);
void mrl_mqtt_put_varint(struct mrl_writer *w, uint32_t v); /* overflow above 268435455 */

/* Walks a list inside a packet that was read (user properties, subscriptions, ...): set from the
 * view, then ask the matching _next until it says false. Borrows the view. */
struct mrl_mqtt_cursor {
    struct mrl_reader at;
};
static inline struct mrl_mqtt_cursor mrl_mqtt_cursor_on(mrl_bytes list)
{
    return (struct mrl_mqtt_cursor){{list, 0}};
}

/* The CONNACK return code of 3.1.1 for a reason code of 5.0. false: there is none, close without
 * CONNACK [MQTT-3.2.2-6 in 3.1.1]. */
bool mrl_mqtt_connack_code_311(uint8_t reason, uint8_t *out);
/* May a packet of this type, from there, hold this reason code? */
bool mrl_mqtt_reason_allowed(enum mrl_mqtt_version version, enum mrl_mqtt_type type,
                             enum mrl_mqtt_from from, uint8_t reason);
const char *mrl_mqtt_type_name(enum mrl_mqtt_type type); /* "CONNECT"; "?" for no type */

#endif
