/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys of the sealed columns: which there are, another one, all wrapped again. */
#include "api/request.h"
#include "audit/audit.h"
#include "store/seal_rotation.h"

static const char *const no_members[] = {NULL};

static json_t *key_json(struct mrl_api_request *r, const struct mrl_seal_key_info *k, bool seals)
{
    json_t *o = mrl_json_object();

    mrl_api_put_number(r, o, "number", k->number);
    mrl_api_put_flag(r, o, "seals", seals);
    mrl_api_put_time(r, o, "created", k->created_ms);
    mrl_api_put_time(r, o, "wrapped", k->wrapped_ms);
    mrl_api_put_number(r, o, "sealing_key", k->root);
    return o;
}

static json_t *rotation_json(struct mrl_api_request *r, const struct mrl_seal_progress *p)
{
    json_t *o = mrl_json_object();

    mrl_api_put_flag(r, o, "running", p->running);
    if (!p->running)
        return o;
    mrl_api_put_number(r, o, "data_key", p->data_key);
    mrl_api_put_time(r, o, "started", p->started_ms);
    mrl_api_put_text(r, o, "table", mrl_str(p->table));
    mrl_api_put_text(r, o, "column", mrl_str(p->column));
    mrl_api_put_number(r, o, "rows", (int64_t)p->seen);
    mrl_api_put_number(r, o, "sealed", (int64_t)p->sealed);
    mrl_api_put_number(r, o, "failed", (int64_t)p->failed);
    mrl_api_put_text(r, o, "failure", mrl_str(p->failure.text));
    return o;
}

static mrl_err answer_status(struct mrl_api_request *r, unsigned status)
{
    struct mrl_seal_key_info keys[MRL_SEAL_KEYS_MAX];
    struct mrl_seal_progress progress;
    size_t count;
    json_t *o, *list;

    MRL_TRY(mrl_seal_keys_list(r->api->store, &r->api->seal_root, keys, &count, &r->why));
    MRL_TRY(mrl_seal_rotation_progress(r->api->rotation, &progress, &r->why));
    o = mrl_json_object();
    list = mrl_json_array();
    for (size_t i = 0; i < count; i++)
        mrl_api_add(r, list, key_json(r, &keys[i], /*seals=*/i + 1 == count));
    mrl_api_put(r, o, "data_keys", list);
    mrl_api_put(r, o, "rotation", rotation_json(r, &progress));
    return mrl_api_answer(r, status, o);
}

mrl_err mrl_api_keys_status(struct mrl_api_request *r)
{
    return answer_status(r, 200);
}

struct entry {
    const struct mrl_api_request *r;
    enum mrl_audit_action action;
};

static mrl_err write_entry(void *context, struct mrl_tx *tx, uint32_t data_key)
{
    const struct entry *entry = context;
    const struct mrl_audit_detail detail = MRL_AUDIT_INT("data_key", data_key);
    struct mrl_audit_event e = mrl_actor_event(&entry->r->actor, entry->action, MRL_BYTES_NONE);

    e.details = &detail;
    e.details_count = 1;
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err read_nothing(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;

    return mrl_api_body(r, no_members, &body);
}

mrl_err mrl_api_keys_rotate(struct mrl_api_request *r)
{
    struct entry entry = {r, MRL_AUDIT_KEYS_ROTATION_STARTED};
    const struct mrl_seal_also also = {write_entry, &entry};

    MRL_TRY(read_nothing(r));
    MRL_TRY(mrl_seal_rotation_begin(r->api->rotation, &also, &r->why));
    if (r->api->rotation_begun != NULL)
        r->api->rotation_begun(r->api->rotation_context);
    return answer_status(r, 202);
}

mrl_err mrl_api_keys_rewrap(struct mrl_api_request *r)
{
    struct entry entry = {r, MRL_AUDIT_KEYS_REWRAPPED};
    const struct mrl_seal_also also = {write_entry, &entry};

    MRL_TRY(read_nothing(r));
    MRL_TRY(
        mrl_seal_keys_rewrap(r->api->store, &r->api->seal_root, &also, /*count=*/NULL, &r->why));
    return answer_status(r, 200);
}
