/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/device.h"

#include <string.h>

#include "access/attributes.h"
#include "api/request.h"
#include "base/hex.h"
#include "crypto/key_hash.h"
#include "devices/credential.h"
#include "devices/hardware.h"
#include "devices/wipe.h"
#include "issuing/bundles.h"
#include "issuing/issuing.h"

static const char *const new_members[] = {"id",  "group",  "note", "attributes",
                                          "key", "serial", "ek",   NULL};
static const char *const edit_members[] = {"group",  "note", "attributes", "key",
                                           "serial", "ek",   NULL};
static const char *const step_members[] = {"reason", NULL};
static const char *const retire_members[] = {"reason", "wipe", NULL};

json_t *mrl_api_credentials(struct mrl_api_request *r, const struct mrl_credential_info *list,
                            size_t count)
{
    json_t *array = mrl_json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *o = mrl_json_object();

        mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&list[i].fingerprint));
        mrl_api_put_text(r, o, "kind", list[i].psk ? MRL_LIT("psk") : MRL_LIT("certificate"));
        mrl_api_put_hex(r, o, "serial", list[i].serial);
        mrl_api_put_text(r, o, "state", mrl_str(mrl_credential_state_name(list[i].state)));
        mrl_api_put_text(r, o, "reason", list[i].reason);
        mrl_api_put_time(r, o, "not_before", list[i].not_before * 1000);
        mrl_api_put_time(r, o, "not_after", list[i].not_after * 1000);
        mrl_api_put_flag(r, o, "hardware_held",
                         mrl_hardware_is_held(r->api->registry, &list[i].fingerprint));
        mrl_api_add(r, array, o);
    }
    return array;
}

static json_t *attributes_json(struct mrl_api_request *r, mrl_bytes set)
{
    json_t *o = mrl_json_object();
    mrl_bytes name, value;

    while (mrl_attributes_next(&set, &name, &value))
        mrl_api_put_text(r, o, mrl_arena_cstr(mrl_exchange_arena(r->x), name), value);
    return o;
}

static json_t *device_json(struct mrl_api_request *r, const struct mrl_device_info *d)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "id", d->id);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_device_state_name(d->life.state)));
    mrl_api_put_text(r, o, "group", d->group);
    mrl_api_put_text(r, o, "note", d->note);
    mrl_api_put_text(r, o, "reason", d->reason);
    if (d->attributes.len > 0)
        mrl_api_put(r, o, "attributes", attributes_json(r, d->attributes));
    mrl_api_put_time(r, o, "created", d->created_ms);
    mrl_api_put_time(r, o, "changed", d->changed_ms);
    return o;
}

static void put_expectation(struct mrl_api_request *r, json_t *o, const struct mrl_expectation *e)
{
    if (e->key.len > 0)
        mrl_api_put_hex(r, o, "key", e->key);
    if (e->serial.len > 0)
        mrl_api_put_text(r, o, "serial", e->serial);
    if (e->ek.len > 0)
        mrl_api_put_hex(r, o, "ek", e->ek);
}

static void on_shown(void *context, const struct mrl_device_info *d)
{
    struct mrl_api_page *page = context;
    json_t *o = device_json(page->r, d);

    put_expectation(page->r, o, &d->expectation);
    mrl_api_put(page->r, o, "credentials",
                mrl_api_credentials(page->r, d->credentials, d->credential_count));
    page->items = o;
}

static void put_base64(struct mrl_api_request *r, json_t *o, const char *name, mrl_bytes value)
{
    MRL_SCOPED(mrl_buf) text = {0};

    (void)mrl_base64_write(value, 0, &text); /* no limit set: cannot fail */
    mrl_api_put_text(r, o, name, mrl_buf_bytes(&text));
}

static void put_receipt(struct mrl_api_request *r, json_t *o, const struct mrl_wipe_info *w)
{
    mrl_api_put_time(r, o, "answered", w->answered_ms);
    mrl_api_put_hex(r, o, "certificate", w->certificate);
    mrl_api_put_text(r, o, "message", w->message);
    put_base64(r, o, "public_key", w->spki);
    put_base64(r, o, "signature", w->signature);
}

static void on_wipe(void *context, const struct mrl_wipe_info *w)
{
    struct mrl_api_page *page = context;
    json_t *o = mrl_json_object();

    mrl_api_put_text(page->r, o, "state", mrl_str(mrl_wipe_state_name(w->state)));
    mrl_api_put_text(page->r, o, "order", w->order);
    mrl_api_put_time(page->r, o, "ordered", w->ordered_ms);
    mrl_api_put_time(page->r, o, "expires", w->expires_ms);
    if (w->state == MRL_WIPE_ANSWERED)
        put_receipt(page->r, o, w);
    mrl_api_put(page->r, page->items, "wipe", o);
}

static void put_bundle(struct mrl_api_request *r, json_t *o, const struct mrl_bundle_told *told)
{
    const struct mrl_bundle_version *present = mrl_issuing_bundle(r->api->issuing);
    bool is_present = memcmp(present->bytes, told->version.bytes, sizeof(present->bytes)) == 0;
    json_t *bundle = mrl_json_object();

    mrl_api_put_hex(r, bundle, "version",
                    mrl_bytes_of(told->version.bytes, sizeof(told->version.bytes)));
    mrl_api_put_text(r, bundle, "state",
                     mrl_str(is_present     ? "present"
                             : told->served ? "earlier"
                                            : "unknown"));
    mrl_api_put_time(r, bundle, "since", told->since_ms);
    mrl_api_put(r, o, "trust_bundle", bundle);
}

/* What other modules know of the device, when they do. */
static mrl_err put_more(struct mrl_api_request *r, struct mrl_api_page *shown, mrl_bytes id)
{
    struct mrl_bundle_told told;
    mrl_err err = mrl_wipe_show(r->api->registry, id, on_wipe, shown, NULL);

    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return err;
    err = mrl_bundle_told(r->api->store, id, &told);
    if (err == MRL_OK)
        put_bundle(r, shown->items, &told);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* The device as it is now, after a change as well. */
static mrl_err answer_device(struct mrl_api_request *r, unsigned status, mrl_bytes id)
{
    struct mrl_api_page shown = {.r = r};
    mrl_err err;

    MRL_TRY(mrl_device_show(r->api->registry, id, on_shown, &shown, &r->why));
    err = put_more(r, &shown, id);
    if (err != MRL_OK) {
        json_decref(shown.items);
        return err;
    }
    return mrl_api_answer(r, status, shown.items);
}

mrl_err mrl_api_device_show(struct mrl_api_request *r)
{
    return answer_device(r, 200, r->variables[0]);
}

struct attribute_changes {
    struct mrl_attribute_change *at; /* in the arena; views into the body */
    size_t count;
};

/* A merge patch: null or "" takes an attribute away. RFC 7396 */
static mrl_err read_attributes(struct mrl_api_request *r, json_t *body,
                               struct attribute_changes *out)
{
    json_t *object = NULL, *value;
    const char *name;

    MRL_TRY(mrl_json_optional(mrl_json_get_object(body, "attributes", &object, &r->why)));
    out->at = mrl_arena_alloc(mrl_exchange_arena(r->x),
                              (json_object_size(object) + 1) * sizeof(*out->at));
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value) && !json_is_null(value))
            return mrl_fail(&r->why, MRL_ERR_INVALID, "attributes: %s: a text or null", name);
        out->at[out->count].name = mrl_str(name);
        out->at[out->count++].value =
            mrl_bytes_of(json_string_value(value), json_string_length(value));
    }
    return MRL_OK;
}

static mrl_err make_set(struct mrl_api_request *r, const struct attribute_changes *changes,
                        mrl_bytes *set)
{
    for (size_t i = 0; i < changes->count; i++) {
        MRL_SCOPED(mrl_buf) next = {0};

        MRL_TRY(
            mrl_attributes_with(*set, changes->at[i].name, changes->at[i].value, &next, &r->why));
        *set = mrl_arena_copy(mrl_exchange_arena(r->x), mrl_buf_bytes(&next));
    }
    return MRL_OK;
}

/* A public key or its hash. */
static mrl_err read_key(struct mrl_api_request *r, const json_t *object, const char *name,
                        mrl_bytes *out)
{
    uint8_t hash[MRL_SHA256_SIZE];
    struct mrl_why why = {""};
    mrl_bytes text;

    MRL_TRY(mrl_api_text_optional(r, object, name, &text));
    if (text.len == 0)
        return MRL_OK;
    if (mrl_key_hash_read(text, hash, &why) != MRL_OK)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "%s: %.180s", name, why.text);
    *out = mrl_arena_copy(mrl_exchange_arena(r->x), mrl_bytes_of(hash, sizeof(hash)));
    return MRL_OK;
}

static mrl_err read_expectation(struct mrl_api_request *r, const json_t *object,
                                struct mrl_expectation *out)
{
    MRL_TRY(read_key(r, object, "key", &out->key));
    MRL_TRY(mrl_api_text_optional(r, object, "serial", &out->serial));
    return read_key(r, object, "ek", &out->ek);
}

static mrl_err edit_expectation(struct mrl_api_request *r, const json_t *body, mrl_bytes id)
{
    struct mrl_expectation_change c = {.key = json_object_get(body, "key") != NULL,
                                       .serial = json_object_get(body, "serial") != NULL,
                                       .ek = json_object_get(body, "ek") != NULL};

    if (!c.key && !c.serial && !c.ek)
        return MRL_OK;
    MRL_TRY(read_expectation(r, body, &c.to));
    return mrl_device_set_expectation(r->api->registry, &r->actor, id, &c, &r->why);
}

mrl_err mrl_api_device_read(struct mrl_api_request *r, json_t *object, struct mrl_device_new *out)
{
    struct attribute_changes attributes = {0};
    struct mrl_device_new device = {0};

    MRL_TRY(mrl_json_only(object, new_members, &r->why));
    MRL_TRY(mrl_api_text(r, object, "id", &device.id));
    MRL_TRY(mrl_api_text_optional(r, object, "group", &device.group));
    MRL_TRY(mrl_api_text_optional(r, object, "note", &device.note));
    MRL_TRY(read_attributes(r, object, &attributes));
    MRL_TRY(make_set(r, &attributes, &device.attributes));
    MRL_TRY(read_expectation(r, object, &device.expectation));
    *out = device;
    return MRL_OK;
}

mrl_err mrl_api_device_add(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_device_new device;

    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(mrl_api_device_read(r, body, &device));
    MRL_TRY(mrl_device_add(r->api->registry, &r->actor, &device, &r->why));
    return answer_device(r, 201, device.id);
}

static void on_listed(void *context, const struct mrl_device_info *d)
{
    struct mrl_api_page *page = context;

    if (mrl_api_page_take(page, d->id))
        mrl_api_add(page->r, page->items, device_json(page->r, d));
}

mrl_err mrl_api_device_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    struct mrl_device_query query = {0};
    mrl_bytes state;

    MRL_TRY(mrl_api_page_start(r, &page));
    query.after = page.after;
    query.limit = page.limit + 1;
    (void)mrl_exchange_query(r->x, "group", &query.group); /* absent: any */
    if (mrl_exchange_query(r->x, "state", &state) && !mrl_device_state_parse(state, &query.state))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "state: unknown");
    MRL_TRY(mrl_device_list(r->api->registry, &query, on_listed, &page, &r->why));
    return mrl_api_page_answer(&page);
}

/* Members that are absent stay as they are; "" takes the value away. */
mrl_err mrl_api_device_edit(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    const mrl_bytes id = r->variables[0];
    struct attribute_changes attributes = {0};
    mrl_bytes group, note;

    MRL_TRY(mrl_api_body(r, edit_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "group", &group));
    MRL_TRY(mrl_api_text_optional(r, body, "note", &note));
    MRL_TRY(read_attributes(r, body, &attributes));
    if (json_object_get(body, "group") != NULL)
        MRL_TRY(mrl_device_set_group(r->api->registry, &r->actor, id, group, &r->why));
    if (json_object_get(body, "note") != NULL)
        MRL_TRY(mrl_device_set_note(r->api->registry, &r->actor, id, note, &r->why));
    if (attributes.count > 0)
        MRL_TRY(mrl_device_set_attributes(r->api->registry, &r->actor, id, attributes.at,
                                          attributes.count, &r->why));
    MRL_TRY(edit_expectation(r, body, id));
    return answer_device(r, 200, id);
}

static mrl_err retire(struct mrl_api_request *r, const json_t *body, mrl_bytes reason)
{
    const mrl_bytes id = r->variables[0];
    bool wipe = false;

    MRL_TRY(mrl_json_optional(mrl_json_get_bool(body, "wipe", &wipe, &r->why)));
    if (wipe)
        return mrl_device_retire_and_wipe(r->api->registry, &r->actor, id, reason, &r->why);
    return mrl_device_change(r->api->registry, &r->actor, id, MRL_DEVICE_RETIRE, reason, &r->why);
}

mrl_err mrl_api_device_step(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    const enum mrl_device_action action = (enum mrl_device_action)r->route->argument;
    const bool retires = action == MRL_DEVICE_RETIRE;
    const mrl_bytes id = r->variables[0];
    mrl_bytes reason;

    MRL_TRY(mrl_api_body(r, retires ? retire_members : step_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &reason));
    MRL_TRY(retires ? retire(r, body, reason)
                    : mrl_device_change(r->api->registry, &r->actor, id, action, reason, &r->why));
    return answer_device(r, 200, id);
}
