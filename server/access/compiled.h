/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of a policy. Layer: access, internal. */
#ifndef MRL_ACCESS_COMPILED_H
#define MRL_ACCESS_COMPILED_H

#include <stdatomic.h>

#include "access/level.h"
#include "access/policy.h"
#include "base/arena.h"

struct mrl_compiled_rule {
    mrl_bytes filter;  /* as written */
    mrl_bytes literal; /* its leading levels without variables and wildcards: a cheap first test */
    mrl_bytes role;
    const struct mrl_level *levels;
    uint8_t level_count;
    uint8_t literal_count; /* levels in literal */
    uint8_t actions;
    uint8_t withheld;
};

struct mrl_policy {
    atomic_uint refs;
    struct mrl_arena arena; /* owns every text below */
    size_t count;
    struct mrl_compiled_rule rules[];
};

/* What a rule must not withhold from this subject, whatever it does. */
uint8_t mrl_subject_needs(const struct mrl_subject *who);
/* NULL: fit to be asked about. Else why it is denied whatever the rules say. */
const char *mrl_publish_barred(mrl_bytes topic);
/* *plain: the filter without $share/group/. */
const char *mrl_subscribe_barred(const struct mrl_subject *who, mrl_bytes filter, mrl_bytes *plain);
/* Does the filter of the rule match this topic, or cover this plain filter, that is not barred? */
bool mrl_rule_reaches(const struct mrl_compiled_rule *rule, const struct mrl_subject *who,
                      enum mrl_topic_action action, mrl_bytes topic);

#endif
