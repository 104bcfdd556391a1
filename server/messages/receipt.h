/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits until something is durable, and for how many parts of it. Layer: messages. Thread:
 * made and finished on the worker of home; held and let go on any. */
#ifndef MRL_MESSAGES_RECEIPT_H
#define MRL_MESSAGES_RECEIPT_H

#include "base/err.h"
#include "net/mailbox.h"

struct mrl_receipt;

/* Held once, by the maker. home is borrowed. */
struct mrl_receipt *mrl_receipt_new(struct mrl_mailbox *home);
/* One more part to wait for: a hold somebody has allows another. */
struct mrl_receipt *mrl_receipt_hold(struct mrl_receipt *r);
/* Takes one hold; NULL is fine. result: of that part; the first error stays. */
void mrl_receipt_let_go(struct mrl_receipt *r, mrl_err result);
/* Takes the maker's hold. done is called once, on home's worker and never before this returns:
 * when all parts are let go, or with MRL_ERR_CLOSED when home's mailbox is freed before. */
void mrl_receipt_then(struct mrl_receipt *r, void (*done)(void *context, mrl_err result),
                      void *context);

#endif
