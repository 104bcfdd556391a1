/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT 5.0 client for small devices: no heap, no threads, no system calls. All memory, the clock
 * and the transport (normally TLS) come from the caller. Plain C11. Not re-entrant: one thread, and
 * callbacks may call publish and subscribe, but neither step nor init.
 *
 * Life: init, connect when the transport is open, then step whenever it is ready or
 * merlon_client_wait_ms is over. After any end (step returns neither MERLON_OK nor MERLON_AGAIN)
 * open a new transport and connect again. */
#ifndef MERLON_CLIENT_H
#define MERLON_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "merlon/status.h"

enum {
    MERLON_CLIENT_IN_FLIGHT = 16,     /* requests without an answer: QoS 1 and subscriptions */
    MERLON_CLIENT_ANSWER_MS = 10000,  /* for CONNACK and PINGRESP */
    MERLON_CLIENT_BUFFER_LEAST = 128, /* bytes of each buffer */
};

/* Neither call blocks. MERLON_OK with *done above 0; MERLON_AGAIN: nothing now; MERLON_CLOSED: the
 * other side ended it; MERLON_IO: it failed. */
struct merlon_transport {
    void *context;
    enum merlon_status (*read)(void *context, void *to, size_t cap, size_t *done);
    enum merlon_status (*write)(void *context, const void *from, size_t len, size_t *done);
};

struct merlon_message {
    const char *topic; /* not NUL-terminated */
    size_t topic_len;
    const void *payload;
    size_t payload_len;
    uint8_t qos; /* 0 or 1 */
    bool retain;
};

struct merlon_client;
struct merlon_client_events { /* any may be NULL */
    void *context;
    void (*connected)(void *context, bool session_present);
    /* Views are good for the call. QoS 1 is acknowledged when it returns. */
    void (*message)(void *context, const struct merlon_message *message);
    /* Answer to a publish with QoS 1 or a subscribe. reason below 0x80: done. */
    void (*acknowledged)(void *context, uint16_t packet_id, uint8_t reason);
};

struct merlon_client_config { /* borrowed for the life of the client */
    struct merlon_transport transport;
    struct merlon_client_events events;
    uint8_t *in; /* one packet of the server must fit: its size is announced as our limit */
    size_t in_size;
    uint8_t *out; /* packets on their way out */
    size_t out_size;
    const char *client_id; /* NUL-terminated UTF-8 */
    /* SHA-256 of the CA bundle that EST gave, 64 hex digits and NUL: the server knows then whom a
     * change of its CA would leave behind. NULL or "": not told */
    const char *trust_bundle;
    uint16_t keep_alive_s;     /* 0: none */
    uint32_t session_expiry_s; /* how long the server keeps the session without us; 0: not */
};

enum merlon_client_state { MERLON_CLIENT_IDLE, MERLON_CLIENT_CONNECTING, MERLON_CLIENT_OPEN };

struct merlon_client { /* private; here so that the caller can give the memory */
    const struct merlon_client_config *config;
    enum merlon_client_state state;
    size_t in_len;
    size_t out_at;
    size_t out_len;
    uint64_t sent_ms;  /* when a packet was written last */
    uint64_t asked_ms; /* when CONNECT or PINGREQ was written that has no answer yet */
    uint64_t now_ms;   /* of the running call */
    bool ping_open;
    bool clean_start; /* asked for in CONNECT */
    uint8_t reason;
    uint8_t maximum_qos;
    bool retain_available;
    uint16_t keep_alive_s; /* the server's choice, if it made one */
    uint16_t receive_maximum;
    uint32_t maximum_packet;
    uint16_t next_id;
    struct {
        uint16_t id; /* 0: free */
        bool publish;
    } in_flight[MERLON_CLIENT_IN_FLIGHT];
    uint16_t publishes; /* of in_flight */
};

/* MERLON_INVALID: a buffer below MERLON_CLIENT_BUFFER_LEAST, no transport, no client id. */
enum merlon_status merlon_client_init(struct merlon_client *c,
                                      const struct merlon_client_config *config);
/* Begins on a new transport; nothing of an earlier connection is left. Packet ids go on, so that
 * ids of messages kept by the caller stay distinct. clean_start: forget what the server kept.
 * MQTT 5.0 3.1 */
enum merlon_status merlon_client_connect(struct merlon_client *c, bool clean_start,
                                         uint64_t now_ms);
/* Moves what can be moved, calls the events. now_ms: any monotonic clock. MERLON_OK: something
 * happened, call again; MERLON_AGAIN: nothing more now. Anything else: over, see the list above. */
enum merlon_status merlon_client_step(struct merlon_client *c, uint64_t now_ms);
/* Bytes wait for the transport to take them. */
bool merlon_client_wants_write(const struct merlon_client *c);
/* Until step must be called even if the transport stays silent; UINT32_MAX: no need. */
uint32_t merlon_client_wait_ms(const struct merlon_client *c, uint64_t now_ms);

/* QoS 0: *packet_id is 0, done when written. QoS 1: *packet_id (not NULL) comes back in
 * acknowledged; the caller keeps the message until then and, after a reconnect with
 * session_present, gives it to merlon_client_publish_again. MERLON_FULL: no room, or too many
 * unanswered. */
enum merlon_status merlon_client_publish(struct merlon_client *c, const struct merlon_message *m,
                                         uint16_t *packet_id);
/* The same message with the same id and the DUP flag. MQTT 5.0 4.4 */
enum merlon_status merlon_client_publish_again(struct merlon_client *c,
                                               const struct merlon_message *m, uint16_t packet_id);
enum merlon_status merlon_client_subscribe(struct merlon_client *c, const char *filter, uint8_t qos,
                                           uint16_t *packet_id);
/* Puts DISCONNECT behind what waits; step until merlon_client_wants_write is false, then close. */
enum merlon_status merlon_client_disconnect(struct merlon_client *c, uint64_t now_ms);

enum merlon_client_state merlon_client_state(const struct merlon_client *c);
/* Reason code of the server's CONNACK or DISCONNECT, or of ours; 0: none. MQTT 5.0 2.4 */
uint8_t merlon_client_reason(const struct merlon_client *c);

#endif
