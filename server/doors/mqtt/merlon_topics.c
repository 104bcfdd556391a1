/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/merlon_topics.h"

#include "access/attributes.h"
#include "devices/device_log.h"
#include "devices/snapshot.h"
#include "doors/mqtt/provisioning.h"

typedef void on_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                        const mrl_bytes *variables);
typedef bool may_use(const struct mrl_subject *who, const mrl_bytes *variables);

struct row {
    const char *topic; /* "{name}" stands for one level */
    unsigned kinds;    /* sum of MRL_KIND_BIT */
    bool answered;     /* on /accepted and /rejected below it */
    may_use *may;      /* NULL: everybody of these kinds */
    on_publish *run;
};

static bool is_format(const struct mrl_subject *who, const mrl_bytes *variables)
{
    enum mrl_provision_format format;

    (void)who;
    return mrl_provision_format_parse(variables[0], &format);
}

/* The attributes of a claim are its templates. */
static bool is_template(const struct mrl_subject *who, const mrl_bytes *variables)
{
    enum mrl_provision_format format;

    return mrl_provision_format_parse(variables[1], &format) &&
           mrl_attributes_get(who->attributes, variables[0]).len > 0;
}

static const struct row rows[] = {
    {MRL_DEVICE_LOG_TOPIC, MRL_KIND_BIT(MRL_PRINCIPAL_DEVICE), false, NULL, mrl_client_on_log_head},
    {"$merlon/provisioning/certificates/create-from-csr/{format}",
     MRL_KIND_BIT(MRL_PRINCIPAL_CLAIM), true, is_format, mrl_client_on_create_from_csr},
    {"$merlon/provisioning/certificates/create/{format}", MRL_KIND_BIT(MRL_PRINCIPAL_CLAIM), true,
     is_format, mrl_client_on_create_keys},
    {"$merlon/provisioning/provisioning-templates/{template}/provision/{format}",
     MRL_KIND_BIT(MRL_PRINCIPAL_CLAIM), true, is_template, mrl_client_on_register_thing},
};

static bool matches(const char *pattern, mrl_bytes topic, mrl_bytes *variables)
{
    mrl_bytes left = mrl_str(pattern), want, have;
    bool more_want = true, more_have = true;
    size_t found = 0;

    while (more_want && more_have) {
        more_want = mrl_bytes_split(left, '/', &want, &left);
        more_have = mrl_bytes_split(topic, '/', &have, &topic);
        if (want.len > 0 && want.data[0] == '{')
            variables[found++] = have;
        else if (!mrl_bytes_eq(want, have))
            return false;
    }
    return more_want == more_have;
}

static const struct row *find(const struct mrl_subject *who, mrl_bytes topic,
                              mrl_bytes variables[static MRL_MERLON_VARIABLES_MAX])
{
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        const struct row *row = &rows[i];

        if ((row->kinds & MRL_KIND_BIT(who->kind)) != 0 && matches(row->topic, topic, variables) &&
            (row->may == NULL || row->may(who, variables)))
            return row;
    }
    return NULL;
}

bool mrl_merlon_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    mrl_bytes variables[MRL_MERLON_VARIABLES_MAX] = {{0}};
    const struct row *row;

    if (p->qos == 2 || !mrl_bytes_starts(p->topic, MRL_LIT("$merlon/")))
        return false;
    row = find(&c->subject, p->topic, variables);
    if (row == NULL || (row->answered && p->retain)) /* a question is not kept */
        return false;
    row->run(c, p, variables);
    return true;
}

static bool cut(mrl_bytes *topic, mrl_bytes suffix)
{
    if (!mrl_bytes_ends(*topic, suffix))
        return false;
    *topic = mrl_bytes_sub(*topic, 0, topic->len - suffix.len);
    return true;
}

bool mrl_merlon_may_subscribe(const struct mrl_subject *who, mrl_bytes filter, uint8_t *qos)
{
    mrl_bytes variables[MRL_MERLON_VARIABLES_MAX] = {{0}};
    const struct row *row;

    if (!cut(&filter, MRL_LIT("/accepted")) && !cut(&filter, MRL_LIT("/rejected")))
        return false;
    row = find(who, filter, variables);
    if (row == NULL || !row->answered)
        return false;
    if (*qos > 1)
        *qos = 1;
    return true;
}
