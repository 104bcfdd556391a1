/* SPDX-License-Identifier: Apache-2.0 */
/* What one device may use up: a named set of limits. Layer: access. Thread: any; the limits that
 * hold for a principal never change, a change makes new ones.
 *
 * What holds is made of three layers: the defaults, over them what the group of a device was given,
 * over them what the device itself was given (access/quotas.h). */
#ifndef MRL_ACCESS_QUOTA_H
#define MRL_ACCESS_QUOTA_H

#include "base/buf.h"
#include "base/err.h"

enum mrl_quota_limit {
    MRL_QUOTA_CONNECTS,       /* a minute; 0: any number */
    MRL_QUOTA_MESSAGES,       /* a second, from the client; 0: any number */
    MRL_QUOTA_BYTES,          /* a second, from the client; 0: any number */
    MRL_QUOTA_IN_FLIGHT,      /* unacknowledged in one session, each way */
    MRL_QUOTA_QUEUE,          /* messages waiting in one session */
    MRL_QUOTA_QUEUE_BYTES,    /* bytes waiting in one session */
    MRL_QUOTA_SUBSCRIPTIONS,  /* of one session */
    MRL_QUOTA_RETAINED,       /* messages kept for all its topics */
    MRL_QUOTA_RETAINED_BYTES, /* bytes of these */
    MRL_QUOTA_PACKET,         /* bytes of the largest packet */
    MRL_QUOTA_SESSIONS,
    MRL_QUOTA_COUNT_
};

/* The rule of one limit: how it is written, and between what it lies. */
struct mrl_quota_rule {
    const char *name; /* "queue_bytes" */
    const char *per;  /* "/s", "/min", or "" */
    bool is_size;     /* KiB, MiB, GiB may be behind the number */
    uint64_t least;
    uint64_t most;
    uint64_t fallback; /* when no configuration says otherwise */
};
extern const struct mrl_quota_rule mrl_quota_rules[MRL_QUOTA_COUNT_];

/* false: there is no such limit. */
bool mrl_quota_limit_find(mrl_bytes name, enum mrl_quota_limit *out);
/* MRL_ERR_INVALID, with what is accepted: value lies outside of the rule. */
mrl_err mrl_quota_check(enum mrl_quota_limit limit, uint64_t value, struct mrl_why *why);
/* "64", "100/s", "1MiB/s", "unlimited" (a rate without limit). MRL_ERR_INVALID. */
mrl_err mrl_quota_parse(enum mrl_quota_limit limit, mrl_bytes text, uint64_t *out,
                        struct mrl_why *why);

/* Some of the limits, as an operator gave them to one target. */
struct mrl_quota_override {
    uint32_t given; /* sum of 1 << limit */
    uint64_t of[MRL_QUOTA_COUNT_];
};
static inline bool mrl_quota_gives(const struct mrl_quota_override *o, enum mrl_quota_limit limit)
{
    return (o->given & (1u << limit)) != 0;
}

/* All limits of a principal, shared by reference. */
struct mrl_quota {
    _Atomic unsigned refs;
    uint64_t of[MRL_QUOTA_COUNT_];
};
/* A copy of base (NULL: the fallbacks) with what over gives (NULL: nothing) on top. Gives one
 * reference; aborts on exhaustion of memory. */
const struct mrl_quota *mrl_quota_new(const struct mrl_quota *base,
                                      const struct mrl_quota_override *over);
const struct mrl_quota *mrl_quota_ref(const struct mrl_quota *q);
void mrl_quota_unref(const struct mrl_quota *q); /* NULL is fine */
bool mrl_quota_same(const struct mrl_quota *a, const struct mrl_quota *b);

#endif
