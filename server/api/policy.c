/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may do, and why. */
#include "access/explain.h"
#include "access/roles.h"
#include "api/request.h"
#include "base/rcu.h"
#include "devices/snapshot.h"
#include "wire/mqtt_topic.h"

struct question {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    bool hardware_held; /* of the session that is asked about */
    struct mrl_policy_question policy;
};

static mrl_err query_text(struct mrl_api_request *r, const char *name, mrl_bytes *out)
{
    return mrl_exchange_query(r->x, name, out)
               ? MRL_OK
               : mrl_fail(&r->why, MRL_ERR_INVALID, "parameter %s is missing", name);
}

static mrl_err read_principal(struct mrl_api_request *r, struct question *q)
{
    struct mrl_role_target target;
    mrl_bytes text;

    MRL_TRY(query_text(r, "principal", &text));
    MRL_TRY(mrl_role_target_parse(text, &target, &r->why));
    if (target.kind == MRL_ROLE_TO_GROUP)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "principal: device:ID or application:ID");
    q->kind = target.kind == MRL_ROLE_TO_DEVICE ? MRL_PRINCIPAL_DEVICE : MRL_PRINCIPAL_APPLICATION;
    q->id = target.name;
    return MRL_OK;
}

static mrl_err read_hardware(struct mrl_api_request *r, struct question *q)
{
    mrl_bytes held;

    if (!mrl_exchange_query(r->x, "hardware_held", &held))
        return MRL_OK;
    q->hardware_held = mrl_bytes_eq(held, MRL_LIT("true"));
    if (!q->hardware_held && !mrl_bytes_eq(held, MRL_LIT("false")))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "hardware_held: true or false");
    return MRL_OK;
}

/* How it would be published, or which QoS is asked for. */
static mrl_err read_message(struct mrl_api_request *r, struct mrl_policy_question *q)
{
    uint64_t qos = 0;
    mrl_bytes retain;

    MRL_TRY(mrl_api_query_number(r, "qos", 2, &qos));
    q->qos = (uint8_t)qos;
    if (!mrl_exchange_query(r->x, "retain", &retain))
        return MRL_OK;
    q->retain = mrl_bytes_eq(retain, MRL_LIT("keep")) || mrl_bytes_eq(retain, MRL_LIT("clear"));
    q->empty = mrl_bytes_eq(retain, MRL_LIT("clear"));
    if (!q->retain || q->action != MRL_ALLOW_PUBLISH)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "retain: keep or clear, with publish");
    return MRL_OK;
}

static mrl_err read_question(struct mrl_api_request *r, struct question *q)
{
    mrl_bytes action;

    MRL_TRY(read_principal(r, q));
    MRL_TRY(query_text(r, "action", &action));
    MRL_TRY(query_text(r, "topic", &q->policy.topic));
    if (mrl_bytes_eq(action, MRL_LIT("publish")))
        q->policy.action = MRL_ALLOW_PUBLISH;
    else if (mrl_bytes_eq(action, MRL_LIT("subscribe")))
        q->policy.action = MRL_ALLOW_SUBSCRIBE;
    else
        return mrl_fail(&r->why, MRL_ERR_INVALID, "action: publish or subscribe");
    if (q->policy.action == MRL_ALLOW_PUBLISH ? !mrl_mqtt_topic_valid(q->policy.topic)
                                              : !mrl_mqtt_filter_valid(q->policy.topic))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "topic: not one of MQTT");
    MRL_TRY(read_hardware(r, q));
    return read_message(r, &q->policy);
}

static json_t *seen_json(struct mrl_api_request *r, const struct mrl_rule_seen *seen)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "role", seen->role);
    mrl_api_put_text(r, o, "filter", seen->filter);
    mrl_api_put_text(r, o, "filled", mrl_rule_filled(seen));
    return o;
}

static void put_reason(struct mrl_api_request *r, json_t *o, const struct question *q,
                       const struct mrl_policy_reason *reason)
{
    mrl_api_put_flag(r, o, "allowed", reason->allowed);
    mrl_api_put_text(r, o, "role", reason->rule.role);
    mrl_api_put_text(r, o, "filter", reason->rule.filter);
    mrl_api_put_text(r, o, "filled", mrl_rule_filled(&reason->rule));
    mrl_api_put_text(r, o, "reason", mrl_str(reason->text));
    if (reason->allowed && q->policy.action == MRL_ALLOW_SUBSCRIBE)
        mrl_api_put_number(r, o, "qos", reason->qos);
    if (reason->nearest.role.len == 0)
        return;
    mrl_api_put(r, o, "nearest", seen_json(r, &reason->nearest));
    mrl_api_put_text(r, o, "difference", mrl_str(reason->difference.text));
}

/* What the state adds to the answer of the rules; empty: nothing. */
static const char *note_of(const struct mrl_principal *p)
{
    static const char *const of_device[MRL_DEVICE_RETIRED + 1] = {
        [MRL_DEVICE_EXPECTED] = "it has not enrolled yet, so it cannot connect",
        [MRL_DEVICE_QUARANTINED] = "in quarantine the role device-quarantined stands in place of "
                                   "all others",
        [MRL_DEVICE_SUSPENDED] = "it is suspended and may not connect, whatever the rules say",
        [MRL_DEVICE_RETIRED] = "it is retired and never connects again",
    };

    if (p->subject.kind == MRL_PRINCIPAL_DEVICE)
        return of_device[p->device_state];
    return p->account_state == MRL_ACCOUNT_DISABLED
               ? "it is disabled and may not connect, whatever the rules say"
               : NULL;
}

/* Between begin and end of a read: what the policy points at may go afterwards. */
static json_t *explain(struct mrl_api_request *r, const struct question *q,
                       const struct mrl_principal *p)
{
    json_t *o = mrl_json_object();
    struct mrl_policy_reason reason;
    bool is_device = q->kind == MRL_PRINCIPAL_DEVICE;
    struct mrl_subject who = p->subject;

    who.hardware_held = q->hardware_held;
    mrl_policy_explain(p->policy, &who, &q->policy, &reason);
    put_reason(r, o, q, &reason);
    mrl_api_put_text(r, o, "note", mrl_str(note_of(p)));
    mrl_api_put_text(r, o, "state",
                     mrl_str(is_device ? mrl_device_state_name(p->device_state)
                                       : mrl_account_state_name(p->account_state)));
    mrl_api_put_flag(r, o, "may_connect",
                     is_device ? mrl_device_may_connect(p->device_state)
                               : p->account_state == MRL_ACCOUNT_ACTIVE);
    return o;
}

mrl_err mrl_api_explain(struct mrl_api_request *r)
{
    const struct mrl_principal *p;
    struct question q = {0};
    json_t *o = NULL;

    MRL_TRY(read_question(r, &q));
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(r->api->registry, q.kind, q.id);
    if (p != NULL)
        o = explain(r, &q, p);
    mrl_rcu_read_end();
    return o != NULL ? mrl_api_answer(r, 200, o)
                     : mrl_fail(&r->why, MRL_ERR_NOT_FOUND, "no %s %.*s",
                                mrl_principal_kind_name(q.kind), MRL_FMT(q.id));
}
