/* SPDX-License-Identifier: Apache-2.0 */
/* A provisioning template: from the parameters a device sends to the device it becomes. Layer:
 * onboarding. Thread: any; a template does not change once read.
 *
 * It is a JSON object:
 *   {"parameters": {"SerialNumber": {"pattern": "SN-[0-9][0-9]*", "default": "..."}},
 *    "device": "meter-${SerialNumber}", "group": "meters", "attributes": {"site": "${Site}"},
 *    "devices": "new" or "expected", "configuration": {"interval": "60"},
 *    "hook": {"url": "https://factory.example/allow", "ca": PEM, "timeout_s": 5}}
 * Parameters that are not named there are refused, and each value must match its pattern. */
#ifndef MRL_ONBOARDING_TEMPLATE_H
#define MRL_ONBOARDING_TEMPLATE_H

#include "access/attributes.h"
#include "access/name.h"
#include "base/json.h"

enum {
    MRL_TEMPLATE_NAME_MAX = MRL_ATTRIBUTE_NAME_MAX,
    MRL_TEMPLATE_BODY_MAX = 16 << 10,
    MRL_TEMPLATE_PARAMETERS_MAX = 16,
    MRL_TEMPLATE_VALUE_MAX = 128, /* bytes of a value that a device sends */
    MRL_TEMPLATE_CONFIGURATION_MAX = 16,
    MRL_TEMPLATE_TEXT_MAX = 256, /* bytes of a value of the configuration, filled in */
    MRL_HOOK_URL_MAX = 512,
    MRL_HOOK_TIMEOUT_MAX_S = 5,
};

/* A name as it stands in a topic: that of an attribute (access/attributes.h). */
static inline bool mrl_template_name_valid(mrl_bytes name)
{
    return mrl_attribute_name_valid(name);
}

struct mrl_template;
/* MRL_ERR_INVALID, _MALFORMED, _LIMIT with what is wrong. Gives *out. */
mrl_err mrl_template_read(mrl_bytes body, struct mrl_template **out, struct mrl_why *why);
void mrl_template_free(struct mrl_template *t); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_template);

struct mrl_template_hook { /* views, as long as the template */
    mrl_bytes url;         /* empty: there is no hook */
    mrl_bytes ca;          /* PEM; empty only for a UNIX socket */
    uint64_t timeout_s;
};
const struct mrl_template_hook *mrl_template_hook(const struct mrl_template *t);
/* Only devices that an operator made known before may come. */
bool mrl_template_expects(const struct mrl_template *t);

struct mrl_parameter { /* borrowed */
    mrl_bytes name;
    mrl_bytes value;
};

struct mrl_template_device {
    struct mrl_name id;
    struct mrl_name group;     /* empty: none */
    struct mrl_buf attributes; /* a set of access/attributes.h */
    json_t *configuration;     /* name to text, for the device */
};
void mrl_template_device_done(struct mrl_template_device *d);

/* given first, then over: a value of over takes the place of one given under the same name.
 * Defaults stand for what neither has. MRL_ERR_INVALID with a sentence for the device's maker: a
 * parameter that is not of the template, missing, twice or against its pattern, or a result that is
 * no id, group or attribute. *out is filled on success only. */
mrl_err mrl_template_fill(const struct mrl_template *t, const struct mrl_parameter *given,
                          size_t count, const struct mrl_parameter *over, size_t over_count,
                          struct mrl_template_device *out, struct mrl_why *why);

#endif
