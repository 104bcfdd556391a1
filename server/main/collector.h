/* SPDX-License-Identifier: Apache-2.0 */
/* Reaches the witnesses that the configuration names: once a second on a thread of its own, so that
 * a slow one delays neither checkpoints nor requests. Layer: main. Thread: main, except where
 * named. */
#ifndef MRL_MAIN_COLLECTOR_H
#define MRL_MAIN_COLLECTOR_H

#include "audit/witness.h"
#include "main/config.h"

struct mrl_collector;
/* *out is NULL when the configuration names none. Borrows all three until free. MRL_ERR_INVALID
 * with a sentence: configuration; MRL_ERR_IO: a root cannot be read. */
mrl_err mrl_collector_new(const struct mrl_config *config, struct mrl_store *store,
                          struct mrl_audit *a, struct mrl_collector **out, struct mrl_why *why);
void mrl_collector_free(struct mrl_collector *c); /* NULL is fine, here and below */
struct mrl_witnesses *mrl_collector_witnesses(const struct mrl_collector *c); /* NULL: none */

/* Asks each, at most five seconds each and the resolver's time. reason: why an operator lets the
 * daemon start although a witness has seen another log (an entry with it is written), or NULL.
 * Nothing once all were asked. MRL_ERR_CORRUPT: one has, and reason is NULL. */
mrl_err mrl_collector_check_start(struct mrl_collector *c, const char *reason, struct mrl_why *why);
mrl_err mrl_collector_start(struct mrl_collector *c);
void mrl_collector_tick(struct mrl_collector *c); /* once a second */
void mrl_collector_stop(struct mrl_collector *c); /* waits for the request under way */
/* After it: the last checkpoint is shown to those that answered. */
void mrl_collector_finish(struct mrl_collector *c);

#endif
