/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/facts.h"

#include "audit/event.h"

static mrl_bytes text_of(const json_t *value)
{
    return json_is_string(value) ? mrl_bytes_of(json_string_value(value), json_string_length(value))
                                 : MRL_BYTES_NONE;
}

static mrl_bytes member(const json_t *o, const char *name)
{
    return text_of(json_object_get(o, name));
}

static void open_value(const struct mrl_audit_row *row, mrl_bytes field, mrl_bytes *value)
{
    const struct mrl_audit_opening *o = mrl_audit_opening_of(row->opened, field);

    if (o != NULL)
        *value = o->value;
}

static void open_values(const struct mrl_audit_row *row, struct mrl_audit_facts *f)
{
    open_value(row, MRL_LIT("actor.id"), &f->actor);
    open_value(row, MRL_LIT("target"), &f->target);
}

mrl_err mrl_audit_facts_parse(const struct mrl_audit_row *row, struct mrl_audit_facts *out)
{
    struct mrl_audit_facts f = {0};
    const json_t *actor;

    f.root = json_loadb((const char *)row->json.data, row->json.len, JSON_REJECT_DUPLICATES, NULL);
    MRL_ENSURE(f.root != NULL, MRL_ERR_CORRUPT);
    actor = json_object_get(f.root, "actor");
    f.action = member(f.root, "action");
    f.kind = member(actor, "kind");
    f.actor = member(actor, "id");
    f.target = member(f.root, "target");
    f.outcome = member(f.root, "outcome");
    f.time_ms = json_integer_value(json_object_get(f.root, "time"));
    f.seq = (uint64_t)json_integer_value(json_object_get(f.root, "seq"));
    open_values(row, &f);
    *out = f;
    return MRL_OK;
}

mrl_err mrl_audit_facts_read(const struct mrl_audit_row *row, struct mrl_audit_facts *out)
{
    struct mrl_audit_scan s;

    if (mrl_audit_scan(row->json, &s) != MRL_OK)
        return mrl_audit_facts_parse(row, out);
    *out = (struct mrl_audit_facts){.action = s.action,
                                    .kind = s.kind,
                                    .actor = s.actor,
                                    .target = s.target,
                                    .outcome = s.outcome,
                                    .time_ms = s.time_ms,
                                    .seq = s.seq};
    open_values(row, out);
    return MRL_OK;
}

void mrl_audit_facts_done(struct mrl_audit_facts *f)
{
    json_decref(f->root);
    f->root = NULL;
}
