/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that come in by another port. */
#include "base/clock.h"
#include "doors/mqtt/client.h"
#include "onboarding/introduce.h"

/* The handshake was that of another door. */
static enum mrl_tls_refusal judge_introduced(const struct mrl_mqtt_door *d, mrl_bytes certificates)
{
    struct mrl_introduction i;
    struct mrl_why why;
    bool may = mrl_introduction_read(d->config.onboarding->makers, certificates, mrl_wall_s(), &i,
                                     &why) == MRL_OK &&
               i.maker.jitp;

    mrl_introduction_done(&i);
    return may ? MRL_TLS_ACCEPTED : MRL_TLS_UNREGISTERED;
}

static enum mrl_tls_refusal judge(const struct mrl_mqtt_door *d, const struct mrl_tls_facts *facts)
{
    enum mrl_tls_refusal refusal;

    if (facts == NULL || !facts->has_certificate)
        return MRL_TLS_NO_CERTIFICATE;
    refusal = mrl_mqtt_door_judge(d->config.registry, &facts->fingerprint);
    if (refusal == MRL_TLS_UNREGISTERED && facts->introduced.len > 0)
        return judge_introduced(d, facts->introduced);
    return refusal == MRL_TLS_ACCEPTED_ONCE ? MRL_TLS_ACCEPTED : refusal;
}

static enum mrl_tls_refusal ask(struct mrl_client *c)
{
    const struct mrl_tls_facts *facts = mrl_conn_facts(c->conn);
    const struct mrl_conn_closed closed = {
        .end = MRL_END_REFUSED, .refusal = judge(c->door, facts), .facts = facts};

    if (closed.refusal != MRL_TLS_ACCEPTED)
        mrl_client_note_refused(c, &closed);
    return closed.refusal;
}

enum mrl_tls_refusal mrl_mqtt_door_ask(struct mrl_mqtt_door *d, struct mrl_conn *conn)
{
    struct mrl_client *c = mrl_client_new(d);
    enum mrl_tls_refusal refusal;

    c->conn = conn;
    refusal = ask(c);
    mrl_client_drop(c);
    return refusal;
}

void mrl_mqtt_door_take(struct mrl_mqtt_door *d, struct mrl_conn *conn)
{
    struct mrl_client *c = mrl_client_new(d);

    c->conn = conn;
    mrl_conn_set_kind(conn, &mrl_client_kind);
    mrl_conn_set_user(conn, c);
    if (ask(c) == MRL_TLS_ACCEPTED) {
        mrl_client_kind.on_open(conn);
        return;
    }
    c->state = MRL_CLIENT_ENDING;
    mrl_conn_close_saying(conn, MRL_WS_POLICY);
}
