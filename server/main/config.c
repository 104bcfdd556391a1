/* SPDX-License-Identifier: Apache-2.0 */
#include "main/config.h"

#include "base/attr.h"

enum { YEAR_S = 366 * 86400 };

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
const char *const mrl_config_unlocks[] = {"file", "passphrase", "credential",
                                          "tpm",  "pkcs11",     NULL};
static const char *const denied_publish[] = {"disconnect", "acknowledge", NULL};
static const char *const curves[] = {"P-256", "P-384", NULL};

#define AT(field) offsetof(struct mrl_config, field)
#define KEY(section, key) (AT(section.key) - AT(section))

static const struct mrl_config_key server_keys[] = {
    {"state", MRL_CONFIG_STRING, KEY(server, state), NULL,
     "Folder of keys, store and socket; made by `merlond init`.", 1, 4000, NULL},
    {"user", MRL_CONFIG_STRING, KEY(server, user), "\"merlon\"",
     "Account the daemon runs as when it is started by root.", 1, 32, NULL},
    {"tenant", MRL_CONFIG_STRING, KEY(server, tenant), "\"default\"",
     "Part of the URI in every certificate; fixed at init.", 1, 64, NULL},
    {"node", MRL_CONFIG_STRING, KEY(server, node), "\"\"",
     "Name of this server in every audit entry; empty: the host name.", 0, 255, NULL},
    {"names", MRL_CONFIG_STRINGS, KEY(server, names), "[\"localhost\", \"127.0.0.1\", \"::1\"]",
     "DNS names and IP addresses under which devices reach this server: they stand in its "
     "certificate.",
     1, 32, NULL},
    {"workers", MRL_CONFIG_INTEGER, KEY(server, workers), "0",
     "Threads for connections; 0: one per core.", 0, 256, NULL},
    {"log_level", MRL_CONFIG_CHOICE, KEY(server, log_level), "\"info\"",
     "Least severe event that is logged.", 0, 0, log_levels},
};

static const struct mrl_config_key keys_keys[] = {
    {"program", MRL_CONFIG_STRING, KEY(keys, program), "\"\"",
     "Path of merlon-keys; empty: beside merlond.", 0, 4000, NULL},
    {"user", MRL_CONFIG_STRING, KEY(keys, user), "\"merlon-keys\"",
     "Account of the key process when merlond is started by root.", 1, 32, NULL},
    {"unlock", MRL_CONFIG_CHOICE, KEY(keys, unlock), "\"file\"", "What opens the key files.", 0, 0,
     mrl_config_unlocks},
    {"passphrase_file", MRL_CONFIG_STRING, KEY(keys, passphrase_file), "\"\"",
     "File with the passphrase, for unlock = \"passphrase\".", 0, 4000, NULL},
    {"credential", MRL_CONFIG_STRING, KEY(keys, credential), "\"merlon-unlock\"",
     "Name of the systemd credential, for unlock = \"credential\".", 1, 128, NULL},
    {"pin_file", MRL_CONFIG_STRING, KEY(keys, pin_file), "\"\"",
     "File with the PIN: for unlock = \"pkcs11\"; with \"tpm\" when one was given at init.", 0,
     1000, NULL},
    {"pin_credential", MRL_CONFIG_STRING, KEY(keys, pin_credential), "\"\"",
     "Name of the systemd credential with the PIN, instead of pin_file.", 0, 128, NULL},
    {"tpm_tcti", MRL_CONFIG_STRING, KEY(keys, tpm_tcti), "\"device:/dev/tpmrm0\"",
     "How to reach the TPM 2.0, for unlock = \"tpm\".", 1, 1000, NULL},
    {"tpm_pcrs", MRL_CONFIG_STRING, KEY(keys, tpm_pcrs), "\"\"",
     "PCRs whose values at init the key is bound to, such as \"sha256:7\"; empty: none.", 0, 128,
     NULL},
    {"pkcs11_module", MRL_CONFIG_STRING, KEY(keys, pkcs11_module), "\"\"",
     "Path of the vendor's module, for unlock = \"pkcs11\".", 0, 1000, NULL},
    {"pkcs11_token", MRL_CONFIG_STRING, KEY(keys, pkcs11_token), "\"\"", "Label of the token.", 0,
     32, NULL},
    {"pkcs11_key", MRL_CONFIG_STRING, KEY(keys, pkcs11_key), "\"merlon-unlock\"",
     "Label of the AES key in the token; init makes it when there is none.", 1, 128, NULL},
    {"pkcs11_env", MRL_CONFIG_STRINGS, KEY(keys, pkcs11_env), "[]",
     "NAME=VALUE for the module, which sees nothing else of the environment.", 0, 8, NULL},
    {"root_curve", MRL_CONFIG_CHOICE, KEY(keys, root_curve), "\"P-256\"",
     "Curve of the root CA made at init.", 0, 0, curves},
    {"issuing_curve", MRL_CONFIG_CHOICE, KEY(keys, issuing_curve), "\"P-256\"",
     "Curve of the issuing CA made at init.", 0, 0, curves},
    {"hold_audit", MRL_CONFIG_BOOL, KEY(keys, hold_audit), "false",
     "init makes the audit key in the token that opens the keystore (pkcs11 only).", 0, 0, NULL},
    {"issue_rate", MRL_CONFIG_INTEGER, KEY(keys, issue_rate), "1000",
     "Most certificates per second.", 1, 100000, NULL},
};

static const struct mrl_config_key mqtt_keys[] = {
    {"listen", MRL_CONFIG_STRING, KEY(mqtt, listen), "\"*:8883\"",
     "Address and port; always mutual TLS.", 1, 128, NULL},
    {"packet_bytes", MRL_CONFIG_SIZE, KEY(mqtt, packet_bytes), "\"256KiB\"",
     "Largest packet taken.", 128, 268435460, NULL},
    {"connect_timeout", MRL_CONFIG_DURATION, KEY(mqtt, connect_timeout_s), "\"10s\"",
     "From the TLS handshake to CONNECT.", 1, 600, NULL},
    {"keep_alive_max", MRL_CONFIG_DURATION, KEY(mqtt, keep_alive_max_s), "\"20m\"",
     "Longest keep-alive; MQTT 5.0 clients are told when they ask for more or none.", 1, 43690,
     NULL},
    {"device_sessions", MRL_CONFIG_INTEGER, KEY(mqtt, device_sessions), "4",
     "Sessions one device may hold.", 1, 1000, NULL},
    {"application_sessions", MRL_CONFIG_INTEGER, KEY(mqtt, application_sessions), "1000",
     "Sessions one application may hold on one worker.", 1, 100000, NULL},
    {"subscriptions", MRL_CONFIG_INTEGER, KEY(mqtt, subscriptions), "100",
     "Subscriptions of one session.", 1, 100000, NULL},
    {"in_flight", MRL_CONFIG_INTEGER, KEY(mqtt, in_flight), "100",
     "Unacknowledged messages of one session, each way.", 1, 65535, NULL},
    {"denied_publish_311", MRL_CONFIG_CHOICE, KEY(mqtt, denied_publish_311), "\"disconnect\"",
     "What a PUBLISH of MQTT 3.1.1 above QoS 0 gets that no rule allows: the end of the "
     "connection, "
     "or an acknowledgement as if it had arrived.",
     0, 0, denied_publish},
    {"topic_aliases", MRL_CONFIG_INTEGER, KEY(mqtt, topic_aliases), "16",
     "Topic aliases of one connection, each way; 0: none.", 0, 256, NULL},
    {"server_reference", MRL_CONFIG_STRING, KEY(mqtt, server_reference), "\"\"",
     "Where MQTT 5.0 clients are sent when the server stops, such as \"other.example:8883\".", 0,
     1024, NULL},
    {"server_moved", MRL_CONFIG_BOOL, KEY(mqtt, server_moved), "false",
     "They should stay there: 0x9D instead of 0x9C.", 0, 0, NULL},
    {"drain", MRL_CONFIG_DURATION, KEY(mqtt, drain_s), "\"1s\"",
     "Time over which clients are sent away when the server stops.", 0, 600, NULL},
    {"response_topic", MRL_CONFIG_STRING, KEY(mqtt, response_topic), "\"devices/${id}/responses\"",
     "Told to clients that ask for Response Information and may subscribe below it; empty: none.",
     0, 256, NULL},
    {"queued_messages", MRL_CONFIG_INTEGER, KEY(mqtt, queued_messages), "1000",
     "Messages waiting in one session.", 1, 10000000, NULL},
    {"queued_bytes", MRL_CONFIG_SIZE, KEY(mqtt, queued_bytes), "\"1MiB\"",
     "Bytes waiting in one session.", 1024, INT64_C(1) << 40, NULL},
    {"session_expiry_max", MRL_CONFIG_DURATION, KEY(mqtt, session_expiry_s), "\"30d\"",
     "How long a session outlives its connection at most.", 0, UINT32_MAX, NULL},
    {"retained_messages", MRL_CONFIG_INTEGER, KEY(mqtt, retained_messages), "1000000",
     "Retained messages in all.", 0, INT64_C(1) << 32, NULL},
    {"retained_bytes", MRL_CONFIG_SIZE, KEY(mqtt, retained_bytes), "\"1GiB\"",
     "Bytes of retained messages in all.", 0, INT64_C(1) << 40, NULL},
    {"origins", MRL_CONFIG_STRINGS, KEY(mqtt, origins), "[]",
     "Origins of web pages that may speak MQTT over WebSocket, such as "
     "\"https://app.example.org\"; "
     "clients that are no browsers send none.",
     0, 64, NULL},
    {"psk", MRL_CONFIG_BOOL, KEY(mqtt, psk), "false",
     "Devices may come with a pre-shared key instead of a certificate.", 0, 0, NULL},
    {"proxies", MRL_CONFIG_STRINGS, KEY(mqtt, proxies), "[]",
     "Networks of load balancers, such as \"10.0.0.0/8\": from them a PROXY header is demanded, "
     "from others none is read.",
     0, 64, NULL},
};

static const struct mrl_config_key quota_keys[] = {
    {"connects", MRL_CONFIG_INTEGER, KEY(quota, connects), "60",
     "Connects a minute of one device; more is flapping. 0: any number.", 0, 1000000, NULL},
    {"messages", MRL_CONFIG_INTEGER, KEY(quota, messages), "100",
     "Messages a second from one device, ten times that at once. 0: any number.", 0, 10000000,
     NULL},
    {"bytes", MRL_CONFIG_SIZE, KEY(quota, bytes), "\"1MiB\"",
     "Bytes a second from one device, ten times that at once. 0: any number.", 0, INT64_C(1) << 40,
     NULL},
    {"flood", MRL_CONFIG_DURATION, KEY(quota, flood_s), "\"5m\"",
     "A device that sends faster than it may for so long without a break is disconnected. 0: "
     "never.",
     0, 86400, NULL},
    {"retained", MRL_CONFIG_INTEGER, KEY(quota, retained), "1000",
     "Retained messages of one device.", 0, INT64_C(1) << 32, NULL},
    {"retained_bytes", MRL_CONFIG_SIZE, KEY(quota, retained_bytes), "\"10MiB\"",
     "Bytes of retained messages of one device.", 0, INT64_C(1) << 40, NULL},
    {"source_connects", MRL_CONFIG_INTEGER, KEY(quota, source_connects), "3000",
     "Connections a minute from one source, those that proved good not counted. 0: any number.", 0,
     10000000, NULL},
    {"source_failures", MRL_CONFIG_INTEGER, KEY(quota, source_failures), "300",
     "Handshakes a minute from one source without a certificate of ours; more block it. 0: any.", 0,
     10000000, NULL},
    {"network_connects", MRL_CONFIG_INTEGER, KEY(quota, network_connects), "12000",
     "The same as source_connects for all sources of a network.", 0, 10000000, NULL},
    {"network_failures", MRL_CONFIG_INTEGER, KEY(quota, network_failures), "1500",
     "The same as source_failures for all sources of a network.", 0, 10000000, NULL},
    {"token_failures", MRL_CONFIG_INTEGER, KEY(quota, token_failures), "30",
     "Wrong enrolment tokens a minute from one source; more block its enrolments. 0: any.", 0,
     10000000, NULL},
    {"source_ipv4_bits", MRL_CONFIG_INTEGER, KEY(quota, source_ipv4_bits), "32",
     "Addresses that are equal in so many bits are one source.", 8, 32, NULL},
    {"source_ipv6_bits", MRL_CONFIG_INTEGER, KEY(quota, source_ipv6_bits), "64",
     "The same for IPv6.", 16, 128, NULL},
    {"network_ipv4_bits", MRL_CONFIG_INTEGER, KEY(quota, network_ipv4_bits), "24",
     "Sources that are equal in so many bits are one network.", 8, 32, NULL},
    {"network_ipv6_bits", MRL_CONFIG_INTEGER, KEY(quota, network_ipv6_bits), "48",
     "The same for IPv6.", 16, 128, NULL},
    {"block", MRL_CONFIG_DURATION, KEY(quota, block_s), "\"10s\"",
     "How long somebody is kept out the first time; each further time is twice as long.", 1, 86400,
     NULL},
    {"block_max", MRL_CONFIG_DURATION, KEY(quota, block_max_s), "\"10m\"",
     "The longest of these times, and how quiet it must be for the next one to be the first again.",
     1, 86400, NULL},
    {"remembered", MRL_CONFIG_INTEGER, KEY(quota, remembered), "16384",
     "Sources, and likewise devices, whose recent connects are remembered.", 512, 16777216, NULL},
    {"exempt", MRL_CONFIG_STRINGS, KEY(quota, exempt), "[\"127.0.0.0/8\", \"::1\"]",
     "Networks whose addresses are no sources: load balancers, this machine.", 0,
     MRL_CONFIG_EXEMPT_MAX, NULL},
};

static const struct mrl_config_key enrolment_keys[] = {
    {"listen", MRL_CONFIG_STRING, KEY(enrolment, listen), "\"*:8443\"",
     "Address and port of EST over HTTPS.", 1, 128, NULL},
    {"body_bytes", MRL_CONFIG_SIZE, KEY(enrolment, body_bytes), "\"64KiB\"",
     "Largest request body.", 1024, 1 << 24, NULL},
    {"waiting", MRL_CONFIG_INTEGER, KEY(enrolment, waiting), "1024",
     "Enrolments under way or waiting; more are answered with 503 and Retry-After.", 1, 4096, NULL},
    {"waiting_of_source", MRL_CONFIG_INTEGER, KEY(enrolment, waiting_of_source), "256",
     "The same from one address (of IPv6: a /64), answered with 429. 0: as many.", 0, 4096, NULL},
    {"grace", MRL_CONFIG_DURATION, KEY(enrolment, grace_s), "\"0d\"",
     "How long past its end a certificate still renews itself, and does nothing else.", 0,
     10 * (int64_t)YEAR_S, NULL},
    {"proxies", MRL_CONFIG_STRINGS, KEY(enrolment, proxies), "[]",
     "Networks of load balancers in front of this port, as in [mqtt].", 0, 64, NULL},
};

static const struct mrl_config_key management_keys[] = {
    {"listen", MRL_CONFIG_STRING, KEY(management, listen), "\"127.0.0.1:9443\"",
     "Address and port of the management API, HTTPS with an operator certificate.", 1, 128, NULL},
    {"socket", MRL_CONFIG_STRING, KEY(management, socket), "\"\"",
     "UNIX socket of the management API; empty: api.sock in the state folder.", 0, 100, NULL},
};

static const struct mrl_config_key issuing_keys[] = {
    {"device_life", MRL_CONFIG_DURATION, KEY(issuing, device_life_s), "\"180d\"",
     "Life of a device's certificate.", 1, 30 * (int64_t)YEAR_S, NULL},
    {"application_life", MRL_CONFIG_DURATION, KEY(issuing, application_life_s), "\"180d\"",
     "Life of an application's certificate.", 1, 10 * (int64_t)YEAR_S, NULL},
    {"operator_life", MRL_CONFIG_DURATION, KEY(issuing, operator_life_s), "\"90d\"",
     "Life of an operator's certificate.", 1, 2 * (int64_t)YEAR_S, NULL},
    {"server_life", MRL_CONFIG_DURATION, KEY(issuing, server_life_s), "\"30d\"",
     "Life of the server's own certificate, renewed by itself after two thirds.", 1,
     (int64_t)YEAR_S, NULL},
};

static const struct mrl_config_key devices_keys[] = {
    {"wipe_within", MRL_CONFIG_DURATION, KEY(devices, wipe_within_s), "\"30d\"",
     "How long a retired device may come for its wipe order and answer it; 0s: none is given.", 0,
     10 * (int64_t)YEAR_S, NULL},
};

static const struct mrl_config_key attestation_keys[] = {
    {"ek_roots", MRL_CONFIG_STRINGS, KEY(attestation, ek_roots), "[]",
     "Files in PEM: the roots of the makers of TPMs whose hardware proofs are believed.", 0, 64,
     NULL},
    {"required_groups", MRL_CONFIG_STRINGS, KEY(attestation, required_groups), "[]",
     "Groups whose devices get a certificate only with a hardware proof; \"*\": all devices.", 0,
     64, NULL},
    {"challenge_life", MRL_CONFIG_DURATION, KEY(attestation, challenge_life_s), "\"2m\"",
     "Time a device has to answer the challenge of a hardware proof.", 1, 3600, NULL},
};

static const struct mrl_config_key revocation_keys[] = {
    {"listen", MRL_CONFIG_STRING, KEY(revocation, listen), "\"\"",
     "Address and port of plain HTTP for revocation lists and OCSP, such as \"*:80\"; empty: none.",
     0, 128, NULL},
    {"url", MRL_CONFIG_STRING, KEY(revocation, url), "\"\"",
     "Under which outsiders reach it, such as \"http://pki.example.org\": stands in certificates.",
     0, 128, NULL},
    {"list_life", MRL_CONFIG_DURATION, KEY(revocation, list_life_s), "\"1d\"",
     "How long a revocation list is good for.", 600, 30 * 86400, NULL},
    {"list_every", MRL_CONFIG_DURATION, KEY(revocation, list_every_s), "\"1h\"",
     "How often all lists are made anew; at most a quarter of list_life.", 10, 7 * 86400, NULL},
    {"delta_every", MRL_CONFIG_DURATION, KEY(revocation, delta_every_s), "\"10s\"",
     "Time between two delta lists, where something was revoked.", 1, 86400, NULL},
    {"answer_life", MRL_CONFIG_DURATION, KEY(revocation, answer_life_s), "\"12h\"",
     "How long an OCSP answer is good for; it is signed again after half of that.", 600, 7 * 86400,
     NULL},
    {"answers", MRL_CONFIG_INTEGER, KEY(revocation, answers), "200000",
     "OCSP answers of each CA that are signed before anybody asks, and kept.", 0, INT64_C(1) << 28,
     NULL},
};

static const struct mrl_config_key tls_keys[] = {
    {"handshake_timeout", MRL_CONFIG_DURATION, KEY(tls, handshake_timeout_s), "\"10s\"",
     "A handshake that takes longer is cut off.", 1, 600, NULL},
    {"handshakes", MRL_CONFIG_INTEGER, KEY(tls, handshakes), "1000",
     "Handshakes in progress on one worker.", 1, 1000000, NULL},
    {"ticket_life", MRL_CONFIG_DURATION, KEY(tls, ticket_life_s), "\"1d\"",
     "How long a session can be resumed.", 0, 7 * 86400, NULL},
    {"tickets", MRL_CONFIG_INTEGER, KEY(tls, tickets), "1000000",
     "Sessions remembered for resumption.", 1, INT64_C(1) << 32, NULL},
};

static const struct mrl_config_key audit_keys[] = {
    {"keep", MRL_CONFIG_DURATION, KEY(audit, keep_s), "\"0s\"",
     "Entries older than this go, in epochs of 4096, their hashes stay; 0s: none ever.", 0,
     100 * (int64_t)YEAR_S, NULL},
    {"witness_lag", MRL_CONFIG_DURATION, KEY(audit, witness_lag_s), "\"60s\"",
     "An entry that waits longer for the cosignature of a witness is an alarm.", 1, 7 * 86400,
     NULL},
    {"require_witness", MRL_CONFIG_BOOL, KEY(audit, require_witness), "false",
     "Refuse administrative changes while every witness is late, or one has seen another log.", 0,
     0, NULL},
};

#define WITNESS(field) offsetof(struct mrl_config_witness, field)
static const struct mrl_config_key witness_keys[] = {
    {"vkey", MRL_CONFIG_STRING, WITNESS(vkey), NULL,
     "Its verifier key, as `merlon-witness init` prints it.", 1, 383, NULL},
    {"url", MRL_CONFIG_STRING, WITNESS(url), NULL,
     "https://host:port/prefix, or unix:/path on this machine.", 1, 255, NULL},
    {"root", MRL_CONFIG_STRING, WITNESS(root), "\"\"",
     "File with the certificate (PEM) of the CA that its certificate is from; for https.", 0, 4000,
     NULL},
};

#define TELEMETRY(field) offsetof(struct mrl_config_telemetry, field)
static const struct mrl_config_key telemetry_keys[] = {
    {"topic", MRL_CONFIG_STRING, TELEMETRY(topic), NULL,
     "Topic filter; only messages of devices count.", 1, 256, NULL},
    {"field", MRL_CONFIG_STRING, TELEMETRY(field), "\"\"",
     "Member of the JSON payload, dots between levels; empty: the payload is the number.", 0, 128,
     NULL},
    {"metric", MRL_CONFIG_STRING, TELEMETRY(metric), NULL, "Name of the gauge.", 1, 128, NULL},
    {"help", MRL_CONFIG_STRING, TELEMETRY(help), "\"Reading of devices.\"",
     "HELP text of the gauge.", 1, 256, NULL},
    {"series", MRL_CONFIG_INTEGER, TELEMETRY(series), "1000",
     "Devices shown at most; further ones are counted only.", 1, 1000000, NULL},
};

static const char *const profile_proofs[] = {"if-present", "first", "always", NULL};
#define PROFILE(field) offsetof(struct mrl_config_profile, field)
static const struct mrl_config_key profile_keys[] = {
    {"name", MRL_CONFIG_STRING, PROFILE(name), NULL,
     "Label in /.well-known/est/LABEL/; \"default\" is that of requests without one.", 1,
     MRL_PROFILE_NAME_MAX, NULL},
    {"life", MRL_CONFIG_DURATION, PROFILE(life_s), "\"0s\"",
     "Life of its certificates; 0s: [issuing] device_life.", 0, 30 * (int64_t)YEAR_S, NULL},
    {"groups", MRL_CONFIG_STRINGS, PROFILE(groups), "[]",
     "Groups whose devices may use it; empty: every device.", 0, 64, NULL},
    {"keys", MRL_CONFIG_STRINGS, PROFILE(keys), "[\"P-256\", \"P-384\", \"Ed25519\", \"RSA\"]",
     "Kinds of keys that are certified; csrattrs asks for the first.", 1, MRL_PROFILE_KEYS_MAX,
     NULL},
    {"proof", MRL_CONFIG_CHOICE, PROFILE(proof), "\"if-present\"",
     "Which requests must carry the channel binding of their connection: those that have one "
     "anyway, first enrolments, always.",
     0, 0, profile_proofs},
    {"csrattrs", MRL_CONFIG_BOOL, PROFILE(csrattrs), "true",
     "Tell what a request should hold; false: csrattrs is an empty list.", 0, 0, NULL},
    {"one_line", MRL_CONFIG_BOOL, PROFILE(one_line), "false",
     "Base64 without line ends also in cacerts and csrattrs, for clients that read it so only.", 0,
     0, NULL},
    {"serverkeygen", MRL_CONFIG_BOOL, PROFILE(serverkeygen), "false",
     "Make keys for devices that ask for it.", 0, 0, NULL},
};

/* clang-format off */
static const char *const export_types[] = {"file", "syslog", NULL};
static const char *const export_froms[] = {"oldest", "newest", NULL};
#define EXPORT(field) offsetof(struct mrl_config_export, field)
static const struct mrl_config_key export_keys[] = {
    {"name", MRL_CONFIG_STRING, EXPORT(name), NULL,
     "Fixed name of the sink: how far it got is kept under it.", 1, 32, NULL},
    {"type", MRL_CONFIG_CHOICE, EXPORT(type), NULL, "What takes the entries.", 0, 0, export_types},
    {"from", MRL_CONFIG_CHOICE, EXPORT(from), "\"oldest\"",
     "Where a sink begins that never ran: with the oldest entry, or behind the newest.", 0, 0,
     export_froms},
    {"reveal", MRL_CONFIG_BOOL, EXPORT(reveal), "false",
     "Entries leave with the values of their personal fields, which no erasure reaches there.", 0,
     0, NULL},
    {"lag_alarm", MRL_CONFIG_INTEGER, EXPORT(lag_alarm), "100000",
     "Entries the sink may be behind before the alarm is raised.", 1, INT64_C(1) << 40, NULL},
    {"timeout", MRL_CONFIG_DURATION, EXPORT(timeout_s), "\"30s\"",
     "A receiver that takes nothing for so long is given up; it is tried again.", 1, 600, NULL},
    {"path", MRL_CONFIG_STRING, EXPORT(path), "\"\"",
     "File of type = \"file\"; the daemon's account must be able to make it.", 0, 4000, NULL},
    {"server", MRL_CONFIG_STRING, EXPORT(server), "\"\"",
     "Receiver of type = \"syslog\": host:port; its certificate must hold the host.", 0, 260, NULL},
    {"ca_file", MRL_CONFIG_STRING, EXPORT(ca_file), "\"\"",
     "Certificates in PEM that the receiver's certificate must lead to.", 0, 4000, NULL},
    {"certificate_file", MRL_CONFIG_STRING, EXPORT(certificate_file), "\"\"",
     "Certificate shown to the receiver, then intermediates; empty: none.", 0, 4000, NULL},
    {"key_file", MRL_CONFIG_STRING, EXPORT(key_file), "\"\"", "Key of certificate_file, in PEM.", 0,
     4000, NULL},
    {"bare_close", MRL_CONFIG_BOOL, EXPORT(bare_close), "false",
     "The end of a connection confirms also without the receiver's close_notify.", 0, 0, NULL},
    {"confirm", MRL_CONFIG_DURATION, EXPORT(confirm_s), "\"10s\"",
     "How often the receiver has to confirm what it got; each time costs a connection.", 1, 3600,
     NULL},
    {"hostname", MRL_CONFIG_STRING, EXPORT(hostname), "\"\"",
     "HOSTNAME of the messages; empty: the first of [server] names.", 0, 255, NULL},
    {"sd_id", MRL_CONFIG_STRING, EXPORT(sd_id), "\"merlon@32473\"",
     "SD-ID of the structured data: a name, @ and your private enterprise number.", 1, 32, NULL},
    {"message_bytes", MRL_CONFIG_SIZE, EXPORT(message_bytes), "\"8KiB\"",
     "Largest message the receiver takes; longer entries are split.", 2048, 131072, NULL},
};

#define SECTION(name, help) {#name, help, name##_keys, MRL_COUNT(name##_keys), AT(name), 0, 0, 0}
/* clang-format on */
static const struct mrl_config_section sections[] = {
    SECTION(server, "The daemon itself."),
    SECTION(keys, "The key process."),
    SECTION(mqtt, "The MQTT door and its limits."),
    SECTION(quota, "What one device may use up, and one source; see docs/operate/limits.md."),
    SECTION(enrolment, "The enrolment door."),
    SECTION(management, "Where operators come in."),
    SECTION(issuing, "Certificates."),
    SECTION(devices, "The end of devices; see docs/operate/decommissioning.md."),
    SECTION(attestation, "Hardware proof with a TPM 2.0; see docs/operate/hardware-proof.md."),
    SECTION(revocation, "Revocation for outsiders: off while neither listen nor url is set."),
    SECTION(tls, "TLS of all doors."),
    {"telemetry", "Readings of devices as Prometheus gauges, one table a mapping.", telemetry_keys,
     MRL_COUNT(telemetry_keys), AT(telemetry), MRL_TELEMETRY_MAPPINGS_MAX,
     sizeof(struct mrl_config_telemetry), AT(telemetry_count)},
    SECTION(audit, "The audit log."),
    {"witness", "Who cosigns the audit log, one table each.", witness_keys, MRL_COUNT(witness_keys),
     AT(witness), MRL_CONFIG_WITNESSES_MAX, sizeof(struct mrl_config_witness), AT(witness_count)},
    {"export", "Where entries of the audit log go, one table a sink.", export_keys,
     MRL_COUNT(export_keys), AT(exports), MRL_EXPORTS_MAX, sizeof(struct mrl_config_export),
     AT(export_count)},
    {"profile",
     "What a label of EST gives and to whom, one table each; see docs/operate/enrolment.md.",
     profile_keys, MRL_COUNT(profile_keys), AT(profiles), MRL_PROFILES_MAX,
     sizeof(struct mrl_config_profile), AT(profile_count)},
};

const struct mrl_config_schema mrl_config_schema = {sections, MRL_COUNT(sections),
                                                    sizeof(struct mrl_config)};
