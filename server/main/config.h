/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of the daemon: one struct, filled from one file by one table. Layer: main. */
#ifndef MRL_MAIN_CONFIG_H
#define MRL_MAIN_CONFIG_H

#include "base/config.h"
#include "export/export.h"
#include "issuing/profile.h"

enum { MRL_TELEMETRY_MAPPINGS_MAX = 64, MRL_CONFIG_WITNESSES_MAX = 16, MRL_CONFIG_EXEMPT_MAX = 64 };

enum mrl_denied_publish { MRL_DENIED_DISCONNECT, MRL_DENIED_ACKNOWLEDGE };
enum mrl_export_from { MRL_EXPORT_FROM_OLDEST, MRL_EXPORT_FROM_NEWEST };
/* Choices of `unlock`: the names of keys/unlock_kind.h, in the order of the table. */
extern const char *const mrl_config_unlocks[];

struct mrl_config {
    struct {
        mrl_bytes state;
        mrl_bytes user;
        mrl_bytes tenant;
        mrl_bytes node;
        struct mrl_config_strings names;
        int64_t workers;
        int log_level;
    } server;
    struct {
        mrl_bytes program;
        mrl_bytes user;
        int unlock;
        mrl_bytes passphrase_file;
        mrl_bytes credential;
        mrl_bytes pin_file;
        mrl_bytes pin_credential;
        mrl_bytes tpm_tcti;
        mrl_bytes tpm_pcrs;
        mrl_bytes pkcs11_module;
        mrl_bytes pkcs11_token;
        mrl_bytes pkcs11_key;
        struct mrl_config_strings pkcs11_env;
        int root_curve;
        int issuing_curve;
        bool hold_audit;
        int64_t issue_rate;
    } keys;
    struct {
        mrl_bytes listen;
        uint64_t packet_bytes;
        uint64_t connect_timeout_s;
        uint64_t keep_alive_max_s;
        int64_t device_sessions;
        int64_t application_sessions;
        int64_t subscriptions;
        int64_t in_flight;
        int denied_publish_311; /* enum mrl_denied_publish */
        int64_t topic_aliases;
        mrl_bytes response_topic;
        mrl_bytes server_reference;
        bool server_moved;
        uint64_t drain_s;
        int64_t queued_messages;
        uint64_t queued_bytes;
        uint64_t session_expiry_s;
        int64_t retained_messages;
        uint64_t retained_bytes;
        struct mrl_config_strings origins;
        struct mrl_config_strings proxies;
        bool psk;
    } mqtt;
    struct {
        int64_t connects;
        int64_t messages;
        uint64_t bytes;
        uint64_t flood_s;
        int64_t retained;
        uint64_t retained_bytes;
        int64_t source_connects;
        int64_t source_failures;
        int64_t network_connects;
        int64_t network_failures;
        int64_t token_failures;
        int64_t source_ipv4_bits;
        int64_t source_ipv6_bits;
        int64_t network_ipv4_bits;
        int64_t network_ipv6_bits;
        uint64_t block_s;
        uint64_t block_max_s;
        int64_t remembered;
        struct mrl_config_strings exempt;
    } quota;
    struct {
        uint64_t wipe_within_s;
    } devices;
    struct {
        mrl_bytes listen;
        uint64_t body_bytes;
        uint64_t grace_s;
        int64_t waiting;
        int64_t waiting_of_source;
        struct mrl_config_strings proxies;
    } enrolment;
    struct {
        mrl_bytes listen;
        mrl_bytes socket;
    } management;
    struct {
        uint64_t device_life_s;
        uint64_t application_life_s;
        uint64_t operator_life_s;
        uint64_t server_life_s;
    } issuing;
    struct {
        struct mrl_config_strings ek_roots;
        struct mrl_config_strings required_groups;
        uint64_t challenge_life_s;
    } attestation;
    struct {
        mrl_bytes listen;
        mrl_bytes url;
        uint64_t list_life_s;
        uint64_t list_every_s;
        uint64_t delta_every_s;
        uint64_t answer_life_s;
        int64_t answers;
    } revocation;
    struct {
        uint64_t handshake_timeout_s;
        int64_t handshakes;
        uint64_t ticket_life_s;
        int64_t tickets;
    } tls;
    struct mrl_config_telemetry {
        mrl_bytes topic;
        mrl_bytes field;
        mrl_bytes metric;
        mrl_bytes help;
        int64_t series;
    } telemetry[MRL_TELEMETRY_MAPPINGS_MAX];
    size_t telemetry_count;
    struct {
        uint64_t keep_s;
        uint64_t witness_lag_s;
        bool require_witness;
    } audit;
    struct mrl_config_witness {
        mrl_bytes vkey;
        mrl_bytes url;
        mrl_bytes root;
    } witness[MRL_CONFIG_WITNESSES_MAX];
    size_t witness_count;
    struct mrl_config_export {
        mrl_bytes name;
        int type; /* enum mrl_export_kind */
        int from;
        bool reveal;
        int64_t lag_alarm;
        uint64_t timeout_s;
        mrl_bytes path;
        mrl_bytes server;
        mrl_bytes ca_file;
        mrl_bytes certificate_file;
        mrl_bytes key_file;
        bool bare_close;
        uint64_t confirm_s;
        mrl_bytes hostname;
        mrl_bytes sd_id;
        uint64_t message_bytes;
    } exports[MRL_EXPORTS_MAX];
    size_t export_count;
    struct mrl_config_profile {
        mrl_bytes name;
        uint64_t life_s;
        struct mrl_config_strings groups;
        struct mrl_config_strings keys;
        int proof; /* enum mrl_profile_proof */
        bool csrattrs;
        bool one_line;
        bool serverkeygen;
    } profiles[MRL_PROFILES_MAX];
    size_t profile_count;
};

extern const struct mrl_config_schema mrl_config_schema;

#endif
