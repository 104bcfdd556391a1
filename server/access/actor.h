/* SPDX-License-Identifier: Apache-2.0 */
/* Who does something, as every operation of the duties takes it and the audit log records it.
 * Layer: access. Thread: any. Views, borrowed for the call. */
#ifndef MRL_ACCESS_ACTOR_H
#define MRL_ACCESS_ACTOR_H

#include "audit/event.h"

struct mrl_actor {
    enum mrl_audit_actor_kind kind;
    mrl_bytes id;
    mrl_bytes auth;    /* how it proved that: "certificate:<fingerprint>", "unix:uid=0" */
    mrl_bytes source;  /* address as text, may be empty */
    mrl_bytes request; /* request id, may be empty */
};

/* An entry about what actor did to target; the caller adds reason, outcome and details. */
static inline struct mrl_audit_event mrl_actor_event(const struct mrl_actor *actor,
                                                     enum mrl_audit_action action, mrl_bytes target)
{
    return (struct mrl_audit_event){
        .action = action,
        .actor = {actor->kind, actor->id, actor->auth},
        .source = actor->source,
        .target = target,
        .request = actor->request,
    };
}

#endif
