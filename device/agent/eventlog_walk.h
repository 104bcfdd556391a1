/* SPDX-License-Identifier: Apache-2.0 */
/* Following the chain of an event log, as anybody can who has the text. Layer: device, needs only
 * base and crypto (its own library eventlog, for the command line). Thread: any. */
#ifndef MRL_AGENT_EVENTLOG_WALK_H
#define MRL_AGENT_EVENTLOG_WALK_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"

enum { MRL_EVENTLOG_LINE_MAX = 2048 };

/* Start with {0}. */
struct mrl_eventlog_walk {
    uint64_t first; /* 0: no line yet */
    uint64_t seq;   /* of the last good line */
    uint8_t head[MRL_SHA256_SIZE];
};
/* The next file, oldest first. *good: bytes of whole good lines; less than text.len with MRL_OK is
 * half a line of a power cut. MRL_ERR_CORRUPT: why names the first line that is wrong. */
mrl_err mrl_eventlog_walk_text(struct mrl_eventlog_walk *w, mrl_bytes text, size_t *good,
                               struct mrl_why *why);
#endif
