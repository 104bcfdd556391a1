/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that wait until what they acknowledge is durable. Layer: doors. Thread: the worker of the
 * client. PUBACKs leave in the order of their PUBLISH packets, PUBRECs too [MQTT-4.6.0-2],
 * [MQTT-4.6.0-3]; the others have no order and leave when they are ready. */
#ifndef MRL_DOORS_MQTT_ANSWERS_H
#define MRL_DOORS_MQTT_ANSWERS_H

#include "base/buf.h"
#include "base/list.h"
#include "messages/receipt.h"
#include "wire/mqtt.h"

struct mrl_client;

struct mrl_answers {
    struct mrl_list pubacks, pubrecs, others;
    unsigned waiting, waiting_pubacks;
};

/* What to answer when the store has it. */
struct mrl_answer {
    enum mrl_mqtt_type type;
    uint16_t packet_id;
    uint8_t reason;        /* of PUBACK, PUBREC, PUBCOMP */
    const char *why;       /* static text, or NULL: it says itself what it means */
    struct mrl_buf codes;  /* of SUBACK, UNSUBACK; taken */
    struct mrl_buf wanted; /* SUBACK: blob16 of each filter whose retained messages follow;
                              taken */
};

void mrl_answers_init(struct mrl_answers *a);
/* The client is gone: what waits answers nobody. */
void mrl_answers_drop(struct mrl_answers *a);

/* Takes r; NULL: nothing to wait for. */
void mrl_client_answer(struct mrl_client *c, struct mrl_answer *answer, struct mrl_receipt *r);

#endif
