/* SPDX-License-Identifier: Apache-2.0 */
/* A CONNECT with the certificate of a registered maker, which is nobody's credential yet: it waits,
 * unread, until a service thread has decided (onboarding/introduce.h). */
#include "doors/mqtt/client.h"

#include <stdlib.h>

#include "doors/admit.h"
#include "net/service.h"
#include "onboarding/introduce.h"

struct mrl_client_introduction {
    struct mrl_job job;
    struct mrl_message message;
    struct mrl_client *client;
    struct mrl_onboarding *onboarding;
    struct mrl_mailbox *mailbox;
    struct mrl_buf certificates; /* a copy: the connection may be gone before */
    char source[MRL_PEER_TEXT];
    mrl_err result;
    struct mrl_why why;
    struct mrl_place place;
    struct mrl_deferral deferral;
};

void mrl_client_introduction_free(struct mrl_client_introduction *i)
{
    if (i == NULL)
        return;
    mrl_place_leave(&i->place);
    mrl_buf_done(&i->certificates);
    free(i);
}

/* On a service thread. */
static void run(struct mrl_job *j)
{
    struct mrl_client_introduction *i = MRL_CONTAINER(j, struct mrl_client_introduction, job);
    const struct mrl_introducing what = {mrl_buf_bytes(&i->certificates), mrl_str(i->source)};

    i->result = mrl_introduce(i->onboarding, &what, &i->why);
    mrl_mailbox_post(i->mailbox, &i->message);
}

static void on_decided(struct mrl_message *m, void *owner)
{
    struct mrl_client_introduction *i = MRL_CONTAINER(m, struct mrl_client_introduction, message);
    struct mrl_client *c = i->client;

    (void)owner;
    mrl_place_leave(&i->place);
    if (c->conn == NULL) {
        c->state = MRL_CLIENT_ENDING;
        mrl_client_drop(c);
        return;
    }
    c->state = MRL_CLIENT_NEW;
    mrl_conn_resume(c->conn); /* shows the CONNECT again */
}

static void drop(struct mrl_message *m)
{
    struct mrl_client *c = MRL_CONTAINER(m, struct mrl_client_introduction, message)->client;

    c->state = MRL_CLIENT_ENDING;
    if (c->conn == NULL)
        mrl_client_drop(c);
}

static void refuse(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    static const uint8_t reasons[MRL_ERR_COUNT_] = {
        [MRL_ERR_AGAIN] = MRL_MQTT_SERVER_UNAVAILABLE, /* for it, for now */
        [MRL_ERR_BUSY] = MRL_MQTT_CONNECTION_RATE_EXCEEDED,
        [MRL_ERR_NO_SPACE] = MRL_MQTT_SERVER_UNAVAILABLE,
        [MRL_ERR_IO] = MRL_MQTT_SERVER_UNAVAILABLE,
    };
    const struct mrl_client_introduction *i = c->introduction;
    uint8_t reason = reasons[i->result];

    mrl_client_refuse(c, p, reason != 0 ? reason : MRL_MQTT_NOT_AUTHORIZED,
                      i->why.text[0] != '\0' ? i->why.text : mrl_err_name(i->result));
}

static struct mrl_client_introduction *make(struct mrl_client *c, mrl_bytes certificates)
{
    struct mrl_client_introduction *i = calloc(1, sizeof(*i));

    if (i == NULL)
        abort();
    i->job.run = run;
    i->message = (struct mrl_message){.handle = on_decided, .drop = drop};
    i->client = c;
    i->onboarding = c->door->config.onboarding;
    i->mailbox = c->door->config.mailbox;
    mrl_peer_format(mrl_conn_peer(c->conn), i->source);
    if (mrl_buf_append(&i->certificates, certificates) != MRL_OK)
        abort(); /* without a limit it fails only when memory is exhausted */
    return i;
}

unsigned mrl_client_wait_s(const struct mrl_client *c)
{
    return c->introduction != NULL ? c->introduction->deferral.wait_s : 0;
}

static bool has_place(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    struct mrl_client_introduction *i = c->introduction;

    if (mrl_place_take(i->onboarding->admission, mrl_conn_peer(c->conn), &i->place, &i->deferral))
        return true;
    mrl_client_count(c, MRL_COUNTER_ENROL_DEFERRED);
    mrl_client_refuse(c, p, MRL_MQTT_SERVER_BUSY, i->deferral.why);
    return false;
}

static void start(struct mrl_client *c, const struct mrl_mqtt_connect *p, mrl_bytes certificates)
{
    c->introduction = make(c, certificates);
    if (!has_place(c, p))
        return;
    if (mrl_service_submit(c->door->config.service, &c->introduction->job) != MRL_OK) {
        mrl_client_refuse(c, p, MRL_MQTT_SERVER_BUSY, "too much waits to be decided");
        return;
    }
    mrl_timer_cancel(&c->timer);
    c->state = MRL_CLIENT_INTRODUCING;
    mrl_conn_pause(c->conn);
}

bool mrl_client_introduce(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    const struct mrl_tls_facts *facts = mrl_conn_facts(c->conn);

    if (facts->introduced.len == 0 || c->state != MRL_CLIENT_NEW ||
        mrl_mqtt_door_judge(c->door->config.registry, &facts->fingerprint) != MRL_TLS_UNREGISTERED)
        return false;
    if (c->introduction == NULL)
        start(c, p, facts->introduced);
    else if (c->introduction->result != MRL_OK)
        refuse(c, p);
    else
        return false; /* it was in order and is not any more */
    return true;
}
