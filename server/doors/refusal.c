/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/refusal.h"

#include "base/hex.h"
#include "base/writer.h"
#include "doors/skew.h"

static const enum mrl_tls_refusal refusals[MRL_JUDGEMENT_COUNT_] = {
    [MRL_JUDGED_ACCEPTED] = MRL_TLS_ACCEPTED,    [MRL_JUDGED_UNKNOWN] = MRL_TLS_UNREGISTERED,
    [MRL_JUDGED_EXPIRED] = MRL_TLS_EXPIRED,      [MRL_JUDGED_NOT_YET_VALID] = MRL_TLS_NOT_YET_VALID,
    [MRL_JUDGED_REVOKED] = MRL_TLS_REVOKED,      [MRL_JUDGED_SUPERSEDED] = MRL_TLS_REVOKED,
    [MRL_JUDGED_NOT_ACTIVE] = MRL_TLS_REVOKED,   [MRL_JUDGED_SUSPENDED] = MRL_TLS_SUSPENDED,
    [MRL_JUDGED_RETIRED] = MRL_TLS_RETIRED,      [MRL_JUDGED_DISABLED] = MRL_TLS_SUSPENDED,
    [MRL_JUDGED_WRONG_KIND] = MRL_TLS_WRONG_EKU,
};

enum mrl_tls_refusal mrl_refusal_of(enum mrl_judgement judged)
{
    return refusals[judged];
}

static const enum mrl_counter counters[MRL_TLS_REFUSAL_COUNT_] = {
    [MRL_TLS_ACCEPTED] = MRL_COUNTER_REFUSED_OTHER,
    [MRL_TLS_ACCEPTED_ONCE] = MRL_COUNTER_REFUSED_OTHER,
    [MRL_TLS_NO_CERTIFICATE] = MRL_COUNTER_REFUSED_NO_CERTIFICATE,
    [MRL_TLS_UNKNOWN_CA] = MRL_COUNTER_REFUSED_UNKNOWN_CA,
    [MRL_TLS_EXPIRED] = MRL_COUNTER_REFUSED_EXPIRED,
    [MRL_TLS_NOT_YET_VALID] = MRL_COUNTER_REFUSED_NOT_YET_VALID,
    [MRL_TLS_WRONG_EKU] = MRL_COUNTER_REFUSED_WRONG_EKU,
    [MRL_TLS_BAD_SIGNATURE] = MRL_COUNTER_REFUSED_UNKNOWN_CA,
    [MRL_TLS_REVOKED] = MRL_COUNTER_REFUSED_REVOKED,
    [MRL_TLS_RETIRED] = MRL_COUNTER_REFUSED_RETIRED,
    [MRL_TLS_SUSPENDED] = MRL_COUNTER_REFUSED_SUSPENDED,
    [MRL_TLS_UNREGISTERED] = MRL_COUNTER_REFUSED_UNREGISTERED,
    [MRL_TLS_UNKNOWN_PSK] = MRL_COUNTER_REFUSED_UNKNOWN_PSK,
    [MRL_TLS_WRONG_PSK] = MRL_COUNTER_REFUSED_WRONG_PSK,
    [MRL_TLS_PLAINTEXT] = MRL_COUNTER_REFUSED_PLAINTEXT,
    [MRL_TLS_PROTOCOL] = MRL_COUNTER_REFUSED_PROTOCOL,
    [MRL_TLS_TIMEOUT] = MRL_COUNTER_REFUSED_OTHER,
};

enum mrl_counter mrl_refusal_counter(enum mrl_tls_refusal refusal)
{
    return counters[refusal];
}

bool mrl_refusal_is_of_stranger(const struct mrl_conn_closed *closed)
{
    static const bool strangers[MRL_TLS_REFUSAL_COUNT_] = {
        [MRL_TLS_NO_CERTIFICATE] = true, [MRL_TLS_UNKNOWN_CA] = true,
        [MRL_TLS_BAD_SIGNATURE] = true,  [MRL_TLS_UNREGISTERED] = true,
        [MRL_TLS_UNKNOWN_PSK] = true,    [MRL_TLS_WRONG_PSK] = true,
        [MRL_TLS_PLAINTEXT] = true,      [MRL_TLS_PROTOCOL] = true,
    };

    return closed->end == MRL_END_REFUSED && strangers[closed->refusal];
}

static const char *reason_of(const struct mrl_conn_closed *closed, unsigned status, const char *why)
{
    if (status != 0)
        return why;
    return closed->end == MRL_END_REFUSED ? mrl_tls_refusal_name(closed->refusal)
                                          : mrl_conn_end_name(closed->end);
}

static void put_identity(struct mrl_registry *r, const struct mrl_tls_facts *facts,
                         struct mrl_writer *w)
{
    if (facts->psk_identity != NULL) {
        mrl_put_text(w, "psk:%s", facts->psk_identity);
        return;
    }
    mrl_rcu_read_begin();
    mrl_put_text(w, "psk:%.*s", MRL_FMT(mrl_psk_identity(r, &facts->fingerprint)));
    mrl_rcu_read_end();
}

mrl_bytes mrl_auth_text(struct mrl_registry *r, const struct mrl_tls_facts *facts,
                        char memory[static MRL_AUTH_TEXT])
{
    struct mrl_writer w = mrl_writer_on(memory, MRL_AUTH_TEXT);
    char hex[2 * MRL_SHA256_SIZE + 1];

    if (facts == NULL)
        return MRL_BYTES_NONE;
    if (facts->showed_certificate) {
        mrl_hex(mrl_fingerprint_bytes(&facts->fingerprint), hex);
        mrl_put_text(&w, "certificate:%s", hex);
    } else if (facts->has_psk || facts->psk_identity != NULL) {
        put_identity(r, facts, &w);
    }
    return mrl_bytes_of(memory, w.len);
}

void mrl_refusal_note(struct mrl_registry *r, struct mrl_audit *audit, struct mrl_metrics *metrics,
                      unsigned shard, mrl_bytes door, const struct mrl_peer *peer,
                      const struct mrl_conn_closed *closed, unsigned status, const char *why)
{
    char source[MRL_PEER_TEXT], auth[MRL_AUTH_TEXT];
    struct mrl_audit_detail details[1 + MRL_SKEW_DETAILS_MAX] = {MRL_AUDIT_TEXT("door", door)};
    struct mrl_audit_event e = {
        .action = MRL_AUDIT_CONNECTION_REFUSED,
        .outcome = MRL_AUDIT_DENIED,
        .reason = mrl_str(reason_of(closed, status, why)),
        .details = details,
        .details_count = 1 + mrl_skew_details(r, closed, &details[1]),
    };

    mrl_peer_format(peer, source);
    e.source = mrl_str(source);
    e.actor.auth = mrl_auth_text(/*r=*/NULL, closed->facts, auth); /* no keys at these doors */
    mrl_audit_note(audit, &e);
    mrl_count(metrics, shard,
              status != 0 ? MRL_COUNTER_REFUSED_PROTOCOL : mrl_refusal_counter(closed->refusal));
}
