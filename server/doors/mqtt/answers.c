/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/answers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/reader.h"
#include "doors/mqtt/client.h"

struct waiting {
    struct mrl_list link;
    struct mrl_client *client; /* NULL: gone */
    bool ready;
    mrl_err result;
    struct mrl_answer answer;
};

void mrl_answers_init(struct mrl_answers *a)
{
    mrl_list_init(&a->pubacks);
    mrl_list_init(&a->pubrecs);
    mrl_list_init(&a->others);
}

static void waiting_free(struct waiting *w)
{
    mrl_list_remove(&w->link);
    mrl_buf_done(&w->answer.codes);
    mrl_buf_done(&w->answer.wanted);
    free(w);
}

/* The receipt of one that is not ready frees it; one that waits behind others has none any more. */
static void disown(struct mrl_list *list)
{
    MRL_LIST_EACH(w, list, struct waiting, link)
    {
        if (w->ready) {
            waiting_free(w);
            continue;
        }
        mrl_list_remove(&w->link);
        w->client = NULL;
    }
}

void mrl_answers_drop(struct mrl_answers *a)
{
    disown(&a->pubacks);
    disown(&a->pubrecs);
    disown(&a->others);
}

static void send_wanted(struct mrl_client *c, mrl_bytes wanted)
{
    struct mrl_reader r = {wanted, 0};
    mrl_bytes filter;

    while (c->state == MRL_CLIENT_OPEN && mrl_read_blob16(&r, &filter) == MRL_OK) {
        mrl_session_send_retained(c->session, filter);
        mrl_client_tell_renewal(c, filter);
    }
}

static void refuse_codes(struct mrl_buf *codes)
{
    for (size_t i = 0; i < codes->len; i++) {
        if (codes->data[i] < MRL_MQTT_UNSPECIFIED_ERROR)
            codes->data[i] = MRL_MQTT_QUOTA_EXCEEDED;
    }
}

static void answer_subscribe(struct mrl_client *c, struct mrl_answer *a, mrl_err result)
{
    struct mrl_mqtt_packet p = {.type = a->type, .suback = {.packet_id = a->packet_id}};

    if (result != MRL_OK)
        refuse_codes(&a->codes);
    p.suback.codes = mrl_buf_bytes(&a->codes);
    if (mrl_client_send(c, &p) == MRL_ERR_LIMIT)
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE, "SUBACK larger than the client takes");
    if (result == MRL_OK)
        send_wanted(c, mrl_buf_bytes(&a->wanted));
}

static const char not_stored[] = "the message could not be stored";

/* Nothing was kept, so nothing is acknowledged: the client may send the same again. */
static void refuse(struct mrl_client *c, const struct mrl_answer *a)
{
    if (a->type == MRL_MQTT_PUBREC) /* unknown when the store refused the packet id itself */
        (void)mrl_session_release_qos2(c->session, a->packet_id);
    if (c->version == MRL_MQTT_311) /* it has no word for it [MQTT-3.3.5-2 of 3.1.1] */
        mrl_client_end(c, MRL_MQTT_QUOTA_EXCEEDED, not_stored);
    else
        mrl_client_send_ack(c, a->type, a->packet_id, MRL_MQTT_QUOTA_EXCEEDED, not_stored);
}

static void send_answer(struct mrl_client *c, struct mrl_answer *a, mrl_err result)
{
    if (c->state != MRL_CLIENT_OPEN)
        return;
    if (a->type == MRL_MQTT_SUBACK || a->type == MRL_MQTT_UNSUBACK)
        answer_subscribe(c, a, result);
    else if (result == MRL_OK)
        mrl_client_send_ack(c, a->type, a->packet_id, a->reason, a->why);
    else
        refuse(c, a);
}

static struct mrl_list *list_of(struct mrl_answers *a, enum mrl_mqtt_type type)
{
    if (type == MRL_MQTT_PUBACK)
        return &a->pubacks;
    return type == MRL_MQTT_PUBREC ? &a->pubrecs : &a->others;
}

static void leave(struct mrl_client *c, struct waiting *w)
{
    mrl_list_remove(&w->link);
    c->answers.waiting--;
    c->answers.waiting_pubacks -= w->answer.type == MRL_MQTT_PUBACK;
    if (w->answer.type == MRL_MQTT_CONNACK)
        mrl_client_attached(c, w->result);
    else
        send_answer(c, &w->answer, w->result);
    waiting_free(w);
}

/* A client that sends on without waiting is not read until the store has caught up. */
static void hold_back(struct mrl_client *c)
{
    unsigned most;
    bool much;

    if (c->state != MRL_CLIENT_OPEN)
        return;
    most = mrl_session_receive_maximum(c->session);
    much = c->answers.waiting >= (c->version == MRL_MQTT_5 ? 2 * most : most);
    if (much == c->held_back)
        return;
    c->held_back = much;
    if (much) {
        mrl_conn_pause(c->conn);
        return;
    }
    c->packet_ms = mrl_monotonic_ms(); /* silence while it was not read is none of the client's */
    if (!mrl_client_is_slowed(c))
        mrl_conn_resume(c->conn);
}

static void on_durable(void *context, mrl_err result)
{
    struct waiting *w = context;
    struct mrl_client *c = w->client;
    struct mrl_list *list;

    w->ready = true;
    w->result = result;
    if (c == NULL) {
        waiting_free(w);
        return;
    }
    list = list_of(&c->answers, w->answer.type);
    if (list == &c->answers.others)
        leave(c, w);
    else
        while (!mrl_list_empty(list) && MRL_CONTAINER(list->next, struct waiting, link)->ready)
            leave(c, MRL_CONTAINER(list->next, struct waiting, link));
    hold_back(c);
}

/* Nothing to wait for, but perhaps behind others of its kind. */
static void answer_now(struct mrl_client *c, struct waiting *w)
{
    struct mrl_list *list = list_of(&c->answers, w->answer.type);

    w->ready = true;
    if (list == &c->answers.others || list->next == &w->link)
        leave(c, w);
}

void mrl_client_answer(struct mrl_client *c, struct mrl_answer *answer, struct mrl_receipt *r)
{
    struct waiting *w;

    if (r == NULL && mrl_list_empty(list_of(&c->answers, answer->type))) {
        send_answer(c, answer, MRL_OK);
        mrl_buf_done(&answer->codes);
        mrl_buf_done(&answer->wanted);
        return;
    }
    w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    w->client = c;
    w->answer = *answer;
    mrl_list_add(list_of(&c->answers, answer->type), &w->link);
    c->answers.waiting++;
    c->answers.waiting_pubacks += answer->type == MRL_MQTT_PUBACK;
    if (r == NULL)
        answer_now(c, w);
    else
        mrl_receipt_then(r, on_durable, w);
    hold_back(c);
}
