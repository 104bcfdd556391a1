/* SPDX-License-Identifier: Apache-2.0 */
/* The retained message of each topic, shared by all workers. Layer: messages. Thread: any; one
 * mutex, held only while the tree is walked and never across a call out. MQTT 5.0 3.3.1.3 */
#ifndef MRL_MESSAGES_RETAINED_H
#define MRL_MESSAGES_RETAINED_H

#include "base/err.h"
#include "messages/publication.h"

struct mrl_retained;

struct mrl_retained *mrl_retained_new(size_t most_topics, size_t most_bytes);
void mrl_retained_free(struct mrl_retained *r);

/* Keeps p (takes its own reference) as the retained message of its topic; an empty payload removes
 * what was there. MRL_ERR_LIMIT when a new topic or its bytes would pass a limit: the old state
 * stays. */
mrl_err mrl_retained_set(struct mrl_retained *r, const struct mrl_publication *p);

/* Could p be kept without its owner having more than these? A topic it holds is replaced, what
 * another one holds becomes its own; an empty payload always fits. */
bool mrl_retained_has_room(struct mrl_retained *r, const struct mrl_publication *p,
                           size_t most_messages, size_t most_bytes);

/* References to all unexpired retained messages under the filter, in *out (free the array, unref
 * each). */
size_t mrl_retained_select(struct mrl_retained *r, mrl_bytes filter, uint64_t now_ms,
                           struct mrl_publication ***out);
size_t mrl_retained_count(struct mrl_retained *r);

#endif
