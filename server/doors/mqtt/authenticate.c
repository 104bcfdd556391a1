/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH packets: before CONNACK, and again on an open connection. MQTT 5.0 4.12
 *
 * The CONNECT that asked for it is kept, as AUTH packets follow it in the stream, and answered when
 * the proof is there. */
#include <stdlib.h>

#include "doors/mqtt/auth.h"
#include "doors/mqtt/client.h"

struct mrl_client_auth {
    struct mrl_auth *exchange;
    struct mrl_buf connect; /* until it is answered */
    bool proven;
};

void mrl_client_auth_free(struct mrl_client_auth *a)
{
    if (a == NULL)
        return;
    mrl_auth_free(a->exchange);
    mrl_buf_done(&a->connect);
    free(a);
}

bool mrl_client_is_proven(const struct mrl_client *c)
{
    return c->auth != NULL && c->auth->proven;
}

mrl_bytes mrl_client_auth_method(const struct mrl_client *c)
{
    return c->auth == NULL ? MRL_BYTES_NONE : mrl_str(mrl_auth_method(c->auth->exchange));
}

mrl_bytes mrl_client_kept_connect(const struct mrl_client *c)
{
    return c->auth == NULL ? MRL_BYTES_NONE : mrl_buf_bytes(&c->auth->connect);
}

void mrl_client_forget_connect(struct mrl_client *c)
{
    if (c->auth != NULL)
        mrl_buf_done(&c->auth->connect);
}

static mrl_err auth_new(const struct mrl_client *c, mrl_bytes method, struct mrl_client_auth **out)
{
    const struct mrl_auth_mechanism *m = mrl_auth_find(method);
    MRL_SCOPED(mrl_buf) binding = {0};
    struct mrl_auth_peer peer = {.certificate = mrl_conn_facts(c->conn)->fingerprint};
    enum mrl_tls_binding kind;
    struct mrl_client_auth *a;

    /* A pre-shared key proves itself by the handshake alone. */
    MRL_ENSURE(m != NULL && !mrl_conn_facts(c->conn)->has_psk, MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_conn_channel_binding(c->conn, &binding, &kind));
    peer.binding = mrl_buf_bytes(&binding);
    a = calloc(1, sizeof(*a));
    if (a == NULL)
        abort();
    a->exchange = mrl_auth_new(m, &peer);
    *out = a;
    return MRL_OK;
}

static void send_auth(struct mrl_client *c, uint8_t reason, mrl_bytes data)
{
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_AUTH, .auth = {.reason = reason}};
    struct mrl_mqtt_props *props = &p.auth.props;

    props->auth_method = mrl_client_auth_method(c);
    mrl_mqtt_set(props, MRL_MQTT_PROP_AUTH_METHOD);
    props->auth_data = data;
    if (data.len > 0)
        mrl_mqtt_set(props, MRL_MQTT_PROP_AUTH_DATA);
    if (mrl_client_send(c, &p) == MRL_ERR_LIMIT)
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE, "AUTH larger than the client takes");
}

/* --- before CONNACK */

static void refuse_proof(struct mrl_client *c, uint8_t reason, const char *why)
{
    const struct mrl_mqtt_connect as = {
        .version = MRL_MQTT_5,
        .props = {.request_problem_info = c->problem_info,
                  .maximum_packet_size = c->maximum_packet},
    };

    mrl_client_refuse(c, &as, reason, why);
}

void mrl_client_authenticate(struct mrl_client *c, const struct mrl_mqtt_connect *p, mrl_bytes raw)
{
    MRL_SCOPED(mrl_buf) answer = {0};
    mrl_err err = auth_new(c, p->props.auth_method, &c->auth);

    if (err != MRL_OK) { /* [MQTT-4.12.0-1] */
        mrl_client_refuse(c, p, MRL_MQTT_BAD_AUTH_METHOD,
                          "authentication method is not offered here");
        return;
    }
    c->version = p->version;
    c->problem_info = p->props.request_problem_info;
    c->maximum_packet = p->props.maximum_packet_size;
    if (mrl_auth_begin(c->auth->exchange, p->props.auth_data, &answer) != MRL_ERR_AGAIN ||
        mrl_buf_append(&c->auth->connect, raw) != MRL_OK) {
        mrl_client_refuse(c, p, MRL_MQTT_NOT_AUTHORIZED, "authentication data not understood");
        return;
    }
    c->state = MRL_CLIENT_AUTHENTICATING;
    send_auth(c, MRL_MQTT_CONTINUE_AUTHENTICATION, mrl_buf_bytes(&answer));
}

/* true: the proof is there. */
static bool on_proof(struct mrl_client *c, const struct mrl_mqtt_auth *p)
{
    MRL_SCOPED(mrl_buf) answer = {0};
    mrl_err err;

    if (p->reason != MRL_MQTT_CONTINUE_AUTHENTICATION) { /* [MQTT-4.12.0-3] */
        refuse_proof(c, MRL_MQTT_PROTOCOL_ERROR, "AUTH that does not continue");
        return false;
    }
    if (!mrl_bytes_eq(p->props.auth_method, mrl_client_auth_method(c))) { /* [MQTT-4.12.0-5] */
        refuse_proof(c, MRL_MQTT_BAD_AUTH_METHOD, "another authentication method");
        return false;
    }
    err = mrl_auth_step(c->auth->exchange, p->props.auth_data, &answer);
    if (err == MRL_ERR_AGAIN)
        send_auth(c, MRL_MQTT_CONTINUE_AUTHENTICATION, mrl_buf_bytes(&answer));
    else if (err != MRL_OK) /* [MQTT-4.12.0-4] */
        refuse_proof(c, MRL_MQTT_NOT_AUTHORIZED, "proof does not hold");
    return err == MRL_OK;
}

/* Between CONNECT and CONNACK a client may send AUTH and DISCONNECT only [MQTT-3.1.2-30]. */
static bool on_early_packet(struct mrl_client *c, const struct mrl_mqtt_packet *p)
{
    if (p->type == MRL_MQTT_AUTH)
        return on_proof(c, &p->auth);
    if (p->type == MRL_MQTT_DISCONNECT)
        mrl_client_end(c, MRL_MQTT_SUCCESS, "client disconnected");
    else
        refuse_proof(c, MRL_MQTT_PROTOCOL_ERROR, "packet before CONNACK that is not AUTH");
    return false;
}

void mrl_client_on_early_data(struct mrl_client *c, struct mrl_buf *in)
{
    struct mrl_mqtt_fault fault = {.reason = MRL_MQTT_MALFORMED_PACKET, .text = "malformed packet"};
    struct mrl_mqtt_packet packet;
    struct mrl_mqtt_frame frame;
    mrl_err err = mrl_mqtt_frame(mrl_buf_bytes(in), c->door->config.limits->packet_bytes, &frame);

    if (err == MRL_ERR_AGAIN)
        return;
    if (err == MRL_OK)
        err = mrl_mqtt_read(&frame, c->version, MRL_MQTT_FROM_CLIENT, &packet, &fault);
    if (err != MRL_OK) {
        mrl_client_count(c, MRL_COUNTER_PACKETS_MALFORMED);
        refuse_proof(c, fault.reason, fault.text);
        return;
    }
    c->auth->proven = on_early_packet(c, &packet);
    mrl_buf_consume(in, frame.total);
    if (c->auth->proven)
        mrl_client_on_connect(c, in);
}

/* --- on an open connection */

static void go_on(struct mrl_client *c, mrl_err err, const struct mrl_buf *answer)
{
    if (err == MRL_ERR_AGAIN) {
        send_auth(c, MRL_MQTT_CONTINUE_AUTHENTICATION, mrl_buf_bytes(answer));
    } else if (err == MRL_OK) {
        send_auth(c, MRL_MQTT_SUCCESS, MRL_BYTES_NONE);
        mrl_client_proved(c);
    } else if (err == MRL_ERR_STATE) {
        mrl_client_end(c, MRL_MQTT_PROTOCOL_ERROR, "AUTH that no exchange expects");
    } else { /* [MQTT-4.12.1-2] */
        mrl_client_denied(c, MRL_AUDIT_CONNECTION_PROVED, c->subject.id, "proof does not hold");
        mrl_client_end(c, MRL_MQTT_NOT_AUTHORIZED, "proof does not hold");
    }
}

void mrl_client_on_auth(struct mrl_client *c, const struct mrl_mqtt_auth *p)
{
    MRL_SCOPED(mrl_buf) answer = {0};
    mrl_err err;

    if (c->auth == NULL) { /* [MQTT-4.12.0-7] */
        mrl_client_end(c, MRL_MQTT_PROTOCOL_ERROR, "AUTH without an authentication method");
        return;
    }
    if (!mrl_bytes_eq(p->props.auth_method, mrl_client_auth_method(c))) { /* [MQTT-4.12.1-1] */
        mrl_client_end(c, MRL_MQTT_BAD_AUTH_METHOD, "another authentication method");
        return;
    }
    err = p->reason == MRL_MQTT_REAUTHENTICATE
              ? mrl_auth_begin(c->auth->exchange, p->props.auth_data, &answer)
              : mrl_auth_step(c->auth->exchange, p->props.auth_data, &answer);
    go_on(c, err, &answer);
}
