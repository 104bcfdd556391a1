/* SPDX-License-Identifier: Apache-2.0 */
#include "main/columns.h"

/* clang-format off */
#define PUBLIC(table, column) {MRL_COLUMN_PUBLIC, {table, column, NULL, NULL}}
#define HASHED(table, column) {MRL_COLUMN_HASHED, {table, column, NULL, NULL}}
#define WRAPPED(table, column) {MRL_COLUMN_WRAPPED, {table, column, NULL, NULL}}
#define SEALED(table, column, number_key, text_key) \
    {MRL_COLUMN_SEALED, {table, column, number_key, text_key}}

/* Reasons of steps are public: they stand in the audit log, which is there to be read. */
const struct mrl_column mrl_columns[] = {
    PUBLIC("schema_migrations", "component"),
    PUBLIC("schema_migrations", "number"),
    PUBLIC("schema_migrations", "applied_ms"),

    PUBLIC("seal_keys", "number"),
    WRAPPED("seal_keys", "wrapped"),
    PUBLIC("seal_keys", "wrapped_ms"),
    PUBLIC("seal_keys", "created_ms"),
    PUBLIC("seal_rotation", "id"),
    PUBLIC("seal_rotation", "data_key"),
    PUBLIC("seal_rotation", "tbl"),
    PUBLIC("seal_rotation", "col"),
    PUBLIC("seal_rotation", "last"),
    PUBLIC("seal_rotation", "walked"),
    PUBLIC("seal_rotation", "seen"),
    PUBLIC("seal_rotation", "sealed"),
    PUBLIC("seal_rotation", "failed"),
    PUBLIC("seal_rotation", "failure"),
    PUBLIC("seal_rotation", "started_ms"),

    PUBLIC("audit_entries", "seq"),
    PUBLIC("audit_entries", "json"),
    SEALED("audit_entries", "private", "seq", NULL),
    PUBLIC("audit_tiles", "id"),
    HASHED("audit_tiles", "hashes"),
    PUBLIC("audit_checkpoints", "size"),
    PUBLIC("audit_checkpoints", "note"),
    PUBLIC("audit_checkpoints", "time"),
    PUBLIC("audit_checkpoints", "cosigned"),
    PUBLIC("audit_index", "id"),
    HASHED("audit_index", "entries"),
    PUBLIC("audit_epochs", "epoch"),
    PUBLIC("audit_epochs", "oldest"),
    PUBLIC("audit_epochs", "newest"),

    PUBLIC("device_logs", "device"),
    PUBLIC("device_logs", "seq"),
    PUBLIC("device_logs", "hash"),
    PUBLIC("device_logs", "changed"),
    PUBLIC("export_cursors", "sink"),
    PUBLIC("export_cursors", "seq"),
    PUBLIC("export_cursors", "changed"),

    PUBLIC("roles", "name"),
    PUBLIC("roles", "text"),
    PUBLIC("roles", "changed"),
    PUBLIC("role_rules", "role"),
    PUBLIC("role_rules", "position"),
    PUBLIC("role_rules", "actions"),
    PUBLIC("role_rules", "filter"),
    PUBLIC("role_rules", "withheld"),
    PUBLIC("role_bindings", "target_kind"),
    PUBLIC("role_bindings", "target"),
    PUBLIC("role_bindings", "role"),
    PUBLIC("role_bindings", "created"),

    PUBLIC("quotas", "target"),
    PUBLIC("quotas", "name"),
    PUBLIC("quotas", "value"),
    PUBLIC("quotas", "changed"),

    PUBLIC("devices", "id"),
    PUBLIC("devices", "grp"),
    PUBLIC("devices", "state"),
    PUBLIC("devices", "resume"),
    SEALED("devices", "note", NULL, "id"),
    PUBLIC("devices", "reason"),
    PUBLIC("devices", "attributes"),
    PUBLIC("devices", "created"),
    PUBLIC("devices", "changed"),
    PUBLIC("accounts", "kind"),
    PUBLIC("accounts", "id"),
    PUBLIC("accounts", "roles"),
    PUBLIC("accounts", "state"),
    SEALED("accounts", "note", "kind", "id"),
    PUBLIC("accounts", "reason"),
    PUBLIC("accounts", "created"),
    PUBLIC("accounts", "changed"),
    PUBLIC("credentials", "fingerprint"),
    PUBLIC("credentials", "serial"),
    PUBLIC("credentials", "kind"),
    PUBLIC("credentials", "principal"),
    PUBLIC("credentials", "not_before"),
    PUBLIC("credentials", "not_after"),
    PUBLIC("credentials", "state"),
    PUBLIC("credentials", "reason"),
    PUBLIC("credentials", "created"),
    PUBLIC("credentials", "changed"),
    PUBLIC("credentials", "der"),
    PUBLIC("credentials", "seen"),
    PUBLIC("credentials", "key"),

    PUBLIC("crl_numbers", "ca"),
    PUBLIC("crl_numbers", "number"),
    PUBLIC("crl_numbers", "changed"),

    PUBLIC("psks", "identity"),
    PUBLIC("psks", "fingerprint"),
    SEALED("psks", "secret", NULL, "identity"),
    PUBLIC("psk_digest_key", "id"),
    SEALED("psk_digest_key", "sealed", "id", NULL),

    HASHED("tokens", "hash"), /* SHA-256 of 32 random bytes */
    PUBLIC("tokens", "id"),
    PUBLIC("tokens", "device"),
    PUBLIC("tokens", "device_group"),
    PUBLIC("tokens", "created_ms"),
    PUBLIC("tokens", "expires"),
    PUBLIC("tokens", "uses"),
    PUBLIC("tokens", "used"),
    PUBLIC("tokens", "cancelled"),
    PUBLIC("token_answers", "token"), /* its id, not its text */
    PUBLIC("token_answers", "device"),
    PUBLIC("token_answers", "fingerprint"),

    PUBLIC("server_clock", "id"),
    PUBLIC("server_clock", "seen"),

    PUBLIC("renewals", "id"),
    PUBLIC("renewals", "grp"),
    PUBLIC("renewals", "per_hour"),
    PUBLIC("renewals", "state"),
    PUBLIC("renewals", "started"),
    PUBLIC("renewals", "ended"),
    PUBLIC("renewals", "last"),
    PUBLIC("renewals", "walked"),
    PUBLIC("renewals", "total"),
    PUBLIC("renewal_turns", "renewal"),
    PUBLIC("renewal_turns", "device"),
    PUBLIC("renewal_turns", "state"),
    PUBLIC("provisioning_templates", "name"),
    PUBLIC("provisioning_templates", "version"),
    PUBLIC("provisioning_templates", "body"),
    SEALED("provisioning_templates", "secret", NULL, "name"), /* of the hook */
    PUBLIC("provisioning_templates", "created"),
    PUBLIC("provisioning_templates", "changed"),
    PUBLIC("claims", "name"),
    PUBLIC("claims", "templates"),
    PUBLIC("claims", "uses"),
    PUBLIC("claims", "used"),
    PUBLIC("claims", "state"),
    PUBLIC("claims", "reason"),
    PUBLIC("claims", "fingerprint"),
    PUBLIC("claims", "serial"),
    PUBLIC("claims", "not_before"),
    PUBLIC("claims", "not_after"),
    PUBLIC("claims", "der"),
    PUBLIC("claims", "key"),
    PUBLIC("claims", "created"),
    PUBLIC("claims", "changed"),
    PUBLIC("provisioning_pending", "fingerprint"),
    HASHED("provisioning_pending", "token"), /* SHA-256 of 32 random bytes */
    PUBLIC("provisioning_pending", "claim"),
    PUBLIC("provisioning_pending", "der"),
    PUBLIC("provisioning_pending", "device"),
    PUBLIC("provisioning_pending", "asked"),
    PUBLIC("provisioning_pending", "answer"), /* what the template gives every device */
    PUBLIC("provisioning_pending", "created"),
    PUBLIC("provisioning_pending", "expires"),

    /* Who is subscribed to what, and how much waits, is needed to find it again; what was said is
     * sealed, the topic with it. */
    PUBLIC("mqtt_sessions", "id"),
    PUBLIC("mqtt_sessions", "kind"),
    PUBLIC("mqtt_sessions", "principal"),
    PUBLIC("mqtt_sessions", "client"),
    PUBLIC("mqtt_sessions", "expiry"),
    PUBLIC("mqtt_sessions", "ends"),
    PUBLIC("mqtt_sessions", "sent"),
    PUBLIC("mqtt_sessions", "will_delay"),
    PUBLIC("mqtt_sessions", "will_life"),
    PUBLIC("mqtt_sessions", "version"),
    SEALED("mqtt_sessions", "will", "id", NULL),
    PUBLIC("mqtt_subscriptions", "session"),
    PUBLIC("mqtt_subscriptions", "filter"),
    PUBLIC("mqtt_subscriptions", "options"),
    PUBLIC("mqtt_subscriptions", "identifier"),
    PUBLIC("mqtt_messages", "id"),
    PUBLIC("mqtt_messages", "expires"),
    SEALED("mqtt_messages", "sealed", "id", NULL),
    PUBLIC("mqtt_queue", "session"),
    PUBLIC("mqtt_queue", "seq"),
    PUBLIC("mqtt_queue", "message"),
    PUBLIC("mqtt_queue", "flags"),
    PUBLIC("mqtt_queue", "identifiers"),
    PUBLIC("mqtt_received", "session"),
    PUBLIC("mqtt_received", "packet"),
    PUBLIC("mqtt_clock", "id"),
    PUBLIC("mqtt_clock", "ahead"),
    PUBLIC("mqtt_retained", "id"),
    PUBLIC("mqtt_retained", "expires"),
    SEALED("mqtt_retained", "sealed", "id", NULL),
};
/* clang-format on */
const size_t mrl_columns_count = MRL_COUNT(mrl_columns);

size_t mrl_columns_sealed(struct mrl_seal_column *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < MRL_COUNT(mrl_columns); i++) {
        if (mrl_columns[i].class != MRL_COLUMN_SEALED)
            continue;
        if (n < max)
            out[n] = mrl_columns[i].at;
        n++;
    }
    return n;
}
