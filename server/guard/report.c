/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/report.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const char *const kind_names[MRL_GUARD_KIND_COUNT_] = {
    [MRL_GUARD_SOURCE] = "source",           [MRL_GUARD_NETWORK] = "network",
    [MRL_GUARD_ENROLMENT] = "enrolment",     [MRL_GUARD_DEVICE] = "device",
    [MRL_GUARD_APPLICATION] = "application",
};

static const struct {
    const char *name, *meaning;
    enum mrl_audit_action action;
} reasons[MRL_GUARD_REASON_COUNT_] = {
    [MRL_GUARD_FAILURES] = {"failures", "too many handshakes without a known certificate",
                            MRL_AUDIT_SOURCE_BLOCKED},
    [MRL_GUARD_TOKENS] = {"tokens", "too many wrong enrolment tokens", MRL_AUDIT_SOURCE_BLOCKED},
    [MRL_GUARD_FLAPPING] = {"flapping", "connects too often", MRL_AUDIT_DEVICE_FLAPPING},
    [MRL_GUARD_FLOODING] = {"flooding", "sends too fast for too long", MRL_AUDIT_DEVICE_FLOODING},
};

const char *mrl_guard_kind_name(enum mrl_guard_kind kind)
{
    return (size_t)kind < MRL_GUARD_KIND_COUNT_ ? kind_names[kind] : "unknown";
}

const char *mrl_guard_reason_name(enum mrl_guard_reason reason)
{
    return (size_t)reason < MRL_GUARD_REASON_COUNT_ ? reasons[reason].name : "unknown";
}

static bool is_principal(const struct mrl_guard_key *key)
{
    return key->kind == MRL_GUARD_DEVICE || key->kind == MRL_GUARD_APPLICATION;
}

void mrl_guard_key_text(const struct mrl_guard_key *key, char to[static MRL_GUARD_TEXT])
{
    const char *kind = mrl_guard_kind_name((enum mrl_guard_kind)key->kind);
    struct mrl_peer peer = {.kind = key->bytes[0]};
    char host[MRL_PEER_TEXT];

    if (is_principal(key)) {
        (void)snprintf(to, MRL_GUARD_TEXT, "%s:%.*s", kind, (int)key->len,
                       (const char *)key->bytes);
        return;
    }
    memcpy(peer.ip, &key->bytes[1], sizeof(peer.ip));
    mrl_peer_format_host(&peer, host);
    (void)snprintf(to, MRL_GUARD_TEXT, "%s:%s", kind, host);
}

/* Of a source the address is a personal field: it stands as the source, and nowhere else. */
static struct mrl_audit_event event_of(const struct mrl_guard_key *key, mrl_bytes source)
{
    const char *kind = mrl_guard_kind_name((enum mrl_guard_kind)key->kind);
    struct mrl_audit_event event = {
        .outcome = MRL_AUDIT_DENIED, .source = source, .target = mrl_str(kind)};

    if (is_principal(key)) {
        event.actor.kind = key->kind == MRL_GUARD_DEVICE ? MRL_ACTOR_DEVICE : MRL_ACTOR_APPLICATION;
        event.actor.id = event.target = mrl_bytes_of(key->bytes, key->len);
    }
    return event;
}

void mrl_guard_report_block(struct mrl_audit *audit, const struct mrl_guard_key *key,
                            const struct mrl_guard_entry *e, mrl_bytes source, uint64_t now_ns)
{
    struct mrl_audit_event event = event_of(key, source);
    const uint64_t seconds = (e->blocked_until_ns - now_ns) / MRL_SECOND_NS;
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("seconds", seconds),
        MRL_AUDIT_INT("strikes", e->strikes),
    };
    char text[MRL_GUARD_TEXT];

    event.action = reasons[e->reason].action;
    event.reason = mrl_str(reasons[e->reason].meaning);
    event.details = details;
    event.details_count = MRL_COUNT(details);
    mrl_guard_key_text(key, text);
    mrl_log_warn("guard.blocked", MRL_FIELD_STR("who", text),
                 MRL_FIELD_STR("why", reasons[e->reason].meaning),
                 MRL_FIELD_INT("seconds", seconds), MRL_FIELD_INT("strikes", e->strikes));
    if (audit == NULL)
        return;
    if (is_principal(key)) /* few and far between, as each block is longer than the last */
        mrl_audit_record(audit, &event, /*done=*/NULL, NULL);
    else
        mrl_audit_note(audit, &event);
}

void mrl_guard_report_fast(struct mrl_audit *audit, const struct mrl_guard_key *key,
                           uint32_t refused, mrl_bytes source)
{
    struct mrl_audit_event event = event_of(key, source);
    const struct mrl_audit_detail details[] = {MRL_AUDIT_INT("refused", refused)};
    char text[MRL_GUARD_TEXT];

    event.action = MRL_AUDIT_SOURCE_LIMITED;
    event.reason = MRL_LIT("too many connects in a minute");
    event.details = details;
    event.details_count = MRL_COUNT(details);
    mrl_guard_key_text(key, text);
    mrl_log_warn("guard.limited", MRL_FIELD_STR("who", text), MRL_FIELD_INT("refused", refused));
    if (audit != NULL)
        mrl_audit_note(audit, &event);
}
