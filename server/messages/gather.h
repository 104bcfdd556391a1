/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and what must become durable together with them (the packet id of a QoS 2 publisher, the
 * end of a will or of a member of a share) when its receivers are on several workers: their entries
 * come back to the worker that published and go in one batch. Layer: messages, inside this folder.
 * Thread: begin and end on the worker that publishes; answer on the others. */
#ifndef MRL_MESSAGES_GATHER_H
#define MRL_MESSAGES_GATHER_H

#include "base/list.h"

struct mrl_gather;
struct mrl_hub;
struct mrl_op;

/* This operation of h and all entries made from here to end become durable together, also with what
 * the operation waits for already. */
struct mrl_gather *mrl_gather_begin(struct mrl_hub *h, struct mrl_op *with);
void mrl_gather_end(struct mrl_gather *g);

/* One more worker is asked; it answers once, with its entries or none. */
struct mrl_gather *mrl_gather_ask(struct mrl_gather *g);
void mrl_gather_answer(struct mrl_gather *g, struct mrl_list *ops);

#endif
