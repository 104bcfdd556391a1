/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the daemon and their text form. Layer: watch.
 * Every counter is a row of the table below; labels are fixed text, so no peer can create a series
 * (a device id is never a label). Thread: each thread counts in its own shard without locks; any
 * thread may expose. */
#ifndef MRL_WATCH_METRICS_H
#define MRL_WATCH_METRICS_H

#include "base/buf.h"

/* X(id, name, labels, help); rows of one name stand together. */
#define MRL_COUNTERS(X)                                                                          \
    X(CONNECTIONS_OPENED, "merlon_connections_opened_total", "door=\"mqtt\"",                    \
      "Connections that were let in.")                                                           \
    X(HTTP_CONNECTIONS_OPENED, "merlon_connections_opened_total", "door=\"http\"", "")           \
    X(CONNECTIONS_CLOSED, "merlon_connections_closed_total", "door=\"mqtt\"",                    \
      "Connections that were let in and have ended.")                                            \
    X(HTTP_CONNECTIONS_CLOSED, "merlon_connections_closed_total", "door=\"http\"", "")           \
    X(REFUSED_NO_CERTIFICATE, "merlon_connections_refused_total", "reason=\"no-certificate\"",   \
      "Connections refused at a door, by reason.")                                               \
    X(REFUSED_UNKNOWN_CA, "merlon_connections_refused_total", "reason=\"unknown-ca\"", "")       \
    X(REFUSED_EXPIRED, "merlon_connections_refused_total", "reason=\"expired\"", "")             \
    X(REFUSED_NOT_YET_VALID, "merlon_connections_refused_total", "reason=\"not-yet-valid\"", "") \
    X(REFUSED_WRONG_EKU, "merlon_connections_refused_total", "reason=\"wrong-eku\"", "")         \
    X(REFUSED_REVOKED, "merlon_connections_refused_total", "reason=\"revoked\"", "")             \
    X(REFUSED_RETIRED, "merlon_connections_refused_total", "reason=\"retired\"", "")             \
    X(REFUSED_SUSPENDED, "merlon_connections_refused_total", "reason=\"suspended\"", "")         \
    X(REFUSED_UNREGISTERED, "merlon_connections_refused_total", "reason=\"unregistered\"", "")   \
    X(REFUSED_UNKNOWN_PSK, "merlon_connections_refused_total", "reason=\"unknown-psk\"", "")     \
    X(REFUSED_WRONG_PSK, "merlon_connections_refused_total", "reason=\"wrong-psk\"", "")         \
    X(REFUSED_PLAINTEXT, "merlon_connections_refused_total", "reason=\"plaintext\"", "")         \
    X(REFUSED_PROTOCOL, "merlon_connections_refused_total", "reason=\"protocol\"", "")           \
    X(REFUSED_LIMIT, "merlon_connections_refused_total", "reason=\"limit\"", "")                 \
    X(REFUSED_TOO_FAST, "merlon_connections_refused_total", "reason=\"too-fast\"", "")           \
    X(REFUSED_BLOCKED, "merlon_connections_refused_total", "reason=\"blocked\"", "")             \
    X(REFUSED_OTHER, "merlon_connections_refused_total", "reason=\"other\"", "")                 \
    X(HANDSHAKES_FULL, "merlon_tls_handshakes_total", "kind=\"full\"",                           \
      "Completed TLS handshakes.")                                                               \
    X(HANDSHAKES_RESUMED, "merlon_tls_handshakes_total", "kind=\"resumed\"", "")                 \
    X(MESSAGES_IN_QOS0, "merlon_mqtt_messages_received_total", "qos=\"0\"",                      \
      "PUBLISH packets accepted from clients.")                                                  \
    X(MESSAGES_IN_QOS1, "merlon_mqtt_messages_received_total", "qos=\"1\"", "")                  \
    X(MESSAGES_IN_QOS2, "merlon_mqtt_messages_received_total", "qos=\"2\"", "")                  \
    X(MESSAGES_OUT, "merlon_mqtt_messages_sent_total", "", "PUBLISH packets sent to clients.")   \
    X(MESSAGES_DROPPED, "merlon_mqtt_messages_dropped_total", "reason=\"queue-full\"",           \
      "Messages not delivered to one receiver.")                                                 \
    X(MESSAGES_EXPIRED, "merlon_mqtt_messages_dropped_total", "reason=\"expired\"", "")          \
    X(MESSAGES_TOO_LARGE, "merlon_mqtt_messages_dropped_total", "reason=\"too-large\"", "")      \
    X(MESSAGES_NOT_STORED, "merlon_mqtt_messages_dropped_total", "reason=\"not-stored\"", "")    \
    X(THROTTLED, "merlon_mqtt_throttled_total", "",                                              \
      "Times a client was read more slowly, because it sent faster than it may.")                \
    X(PUBLISH_DENIED, "merlon_access_denied_total", "action=\"publish\"",                        \
      "Requests denied by policy.")                                                              \
    X(SUBSCRIBE_DENIED, "merlon_access_denied_total", "action=\"subscribe\"", "")                \
    X(WIPE_REFUSED, "merlon_access_denied_total", "action=\"wipe-receipt\"", "")                 \
    X(API_DENIED, "merlon_access_denied_total", "action=\"api\"", "")                            \
    X(PACKETS_MALFORMED, "merlon_mqtt_packets_refused_total", "",                                \
      "Packets that broke the protocol; each ended its connection.")                             \
    X(ENROLLED, "merlon_enrolments_total", "kind=\"enrol\"", "Certificates issued over EST.")    \
    X(REENROLLED, "merlon_enrolments_total", "kind=\"reenrol\"", "")                             \
    X(ENROL_REFUSED, "merlon_enrolments_refused_total", "", "EST requests refused.")             \
    X(ENROL_DEFERRED, "merlon_enrolments_deferred_total", "",                                    \
      "EST requests sent away for a while: too many waited.")                                    \
    X(OCSP_ANSWERED, "merlon_ocsp_responses_total", "status=\"successful\"",                     \
      "OCSP requests answered.")                                                                 \
    X(OCSP_UNAUTHORIZED, "merlon_ocsp_responses_total", "status=\"unauthorized\"", "")           \
    X(OCSP_OTHER, "merlon_ocsp_responses_total", "status=\"other\"", "")                         \
    X(CRL_SENT, "merlon_crl_sent_total", "", "Revocation lists sent.")                           \
    X(PROVISIONED, "merlon_provisionings_total", "", "Devices registered over MQTT.")            \
    X(PROVISION_REFUSED, "merlon_provisionings_refused_total", "",                               \
      "Provisioning requests refused.")                                                          \
    X(API_REQUESTS, "merlon_api_requests_total", "", "Requests to the management API.")          \
    X(TELEMETRY_REFUSED, "merlon_telemetry_refused_total", "",                                   \
      "Readings not exposed: series cap reached, or no number at the named field.")

enum mrl_counter {
#define MRL_COUNTER_ID(id, name, labels, help) MRL_COUNTER_##id,
    MRL_COUNTERS(MRL_COUNTER_ID)
#undef MRL_COUNTER_ID
        MRL_COUNTER_COUNT_
};

struct mrl_metrics;
struct mrl_metrics *mrl_metrics_new(unsigned shards);
void mrl_metrics_free(struct mrl_metrics *m);

/* shard is below the count given to new and belongs to the calling thread. */
void mrl_count(struct mrl_metrics *m, unsigned shard, enum mrl_counter c);
/* Sum over all shards; monotonic per shard, not an instant across them. */
uint64_t mrl_counter_read(const struct mrl_metrics *m, enum mrl_counter c);

/* Prometheus text format 0.0.4: all counters. */
mrl_err mrl_metrics_write(const struct mrl_metrics *m, struct mrl_buf *out);
/* One family header, then samples; labels is the text between the braces, or "". For gauges of
 * other duties. */
mrl_err mrl_expose_family(struct mrl_buf *out, const char *name, const char *type,
                          const char *help);
mrl_err mrl_expose_sample(struct mrl_buf *out, const char *name, const char *labels, double value);

#endif
