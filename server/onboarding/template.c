/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/template.h"

#include <stdlib.h>

#include "onboarding/pattern.h"

struct parameter {
    mrl_bytes name;
    mrl_bytes pattern;
    mrl_bytes fallback;
    bool has_fallback;
};

struct mrl_template {
    json_t *json; /* all views below are into it */
    struct parameter parameters[MRL_TEMPLATE_PARAMETERS_MAX];
    size_t count;
    mrl_bytes device, group;
    json_t *attributes, *configuration; /* borrowed from json; NULL: none */
    bool expects;
    struct mrl_template_hook hook;
};

enum { SHOWN = 64 }; /* bytes of a name that nobody checked, in a sentence */

static const struct mrl_json_limits limits = {.bytes = MRL_TEMPLATE_BODY_MAX, .depth = 4};

static mrl_bytes key_of(void *iterator)
{
    return mrl_str(json_object_iter_key(iterator));
}

static const struct parameter *find(const struct mrl_template *t, mrl_bytes name)
{
    for (size_t i = 0; i < t->count; i++)
        if (mrl_bytes_eq(t->parameters[i].name, name))
            return &t->parameters[i];
    return NULL;
}

/* --- filling in --- */

typedef mrl_bytes value_of(const void *context, mrl_bytes name);

/* text with each ${name} replaced; an unknown name stays empty and is told. */
static mrl_err fill_text(mrl_bytes text, value_of *get, const void *context, struct mrl_buf *out,
                         mrl_bytes *unknown)
{
    while (text.len > 0) {
        size_t at = mrl_bytes_find(text, '$', 0), end = mrl_bytes_find(text, '}', at);
        bool variable = at + 1 < text.len && text.data[at + 1] == '{' && end < text.len;
        mrl_bytes name, value;

        if (!variable) {
            at += at < text.len;
            MRL_TRY(mrl_buf_append(out, mrl_bytes_sub(text, 0, at)));
            text = mrl_bytes_sub(text, at, text.len);
            continue;
        }
        name = mrl_bytes_sub(text, at + 2, end - at - 2);
        value = get(context, name);
        if (value.data == NULL)
            *unknown = name;
        MRL_TRY(mrl_buf_append(out, mrl_bytes_sub(text, 0, at)));
        MRL_TRY(mrl_buf_append(out, value));
        text = mrl_bytes_sub(text, end + 1, text.len);
    }
    return MRL_OK;
}

/* --- reading --- */

static mrl_err read_parameter(struct mrl_template *t, mrl_bytes name, const json_t *spec,
                              struct mrl_why *why)
{
    static const char *const members[] = {"pattern", "default", NULL};
    struct parameter *p = &t->parameters[t->count];
    mrl_err err;

    if (t->count == MRL_TEMPLATE_PARAMETERS_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "parameters: at most %d",
                        MRL_TEMPLATE_PARAMETERS_MAX);
    if (!mrl_attribute_name_valid(name))
        return mrl_fail(why, MRL_ERR_INVALID, "parameters: %.*s is no name of a parameter",
                        MRL_FMT(name));
    MRL_TRY(mrl_json_only(spec, members, why));
    p->name = name;
    MRL_TRY(mrl_json_get_str(spec, "pattern", &p->pattern, why));
    MRL_TRY(mrl_pattern_check(p->pattern, "parameters", why));
    err = mrl_json_get_str(spec, "default", &p->fallback, why);
    MRL_TRY(mrl_json_optional(err));
    p->has_fallback = err == MRL_OK;
    if (p->has_fallback && !mrl_pattern_matches(p->pattern, p->fallback))
        return mrl_fail(why, MRL_ERR_INVALID, "parameters: the default of %.*s breaks its pattern",
                        MRL_FMT(name));
    t->count++;
    return MRL_OK;
}

static mrl_err read_parameters(struct mrl_template *t, struct mrl_why *why)
{
    json_t *all;

    MRL_TRY(mrl_json_get_object(t->json, "parameters", &all, why));
    for (void *i = json_object_iter(all); i != NULL; i = json_object_iter_next(all, i))
        MRL_TRY(read_parameter(t, key_of(i), json_object_iter_value(i), why));
    return MRL_OK;
}

static mrl_bytes known_name(const void *context, mrl_bytes name)
{
    return find(context, name) != NULL ? MRL_LIT("x") : MRL_BYTES_NONE;
}

/* Names what it uses, and only that. */
static mrl_err check_text(const struct mrl_template *t, const char *what, mrl_bytes text,
                          struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) filled = {0};
    mrl_bytes unknown = MRL_BYTES_NONE;

    if (text.len > MRL_TEMPLATE_TEXT_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: longer than %d bytes", what,
                        MRL_TEMPLATE_TEXT_MAX);
    MRL_TRY(fill_text(text, known_name, t, &filled, &unknown));
    if (unknown.data != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: there is no parameter '%.*s'", what,
                        (int)(unknown.len < SHOWN ? unknown.len : SHOWN),
                        (const char *)unknown.data);
    return MRL_OK;
}

static mrl_err read_texts(const struct mrl_template *t, const char *member, size_t most,
                          json_t **out, struct mrl_why *why)
{
    mrl_err err = mrl_json_get_object(t->json, member, out, why);

    MRL_TRY(mrl_json_optional(err));
    if (err != MRL_OK)
        return MRL_OK;
    if (json_object_size(*out) > most)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: at most %zu", member, most);
    for (void *i = json_object_iter(*out); i != NULL; i = json_object_iter_next(*out, i)) {
        mrl_bytes text;

        if (!mrl_attribute_name_valid(key_of(i)))
            return mrl_fail(why, MRL_ERR_INVALID, "%s: %.64s is no name", member,
                            json_object_iter_key(i));
        MRL_TRY(mrl_json_get_str(*out, json_object_iter_key(i), &text, why));
        MRL_TRY(check_text(t, member, text, why));
    }
    return MRL_OK;
}

static mrl_err read_hook(struct mrl_template *t, struct mrl_why *why)
{
    static const char *const members[] = {"url", "ca", "timeout_s", NULL};
    struct mrl_template_hook *h = &t->hook;
    int64_t timeout_s = MRL_HOOK_TIMEOUT_MAX_S;
    json_t *hook;
    mrl_err err = mrl_json_get_object(t->json, "hook", &hook, why);

    MRL_TRY(mrl_json_optional(err));
    if (err != MRL_OK)
        return MRL_OK;
    MRL_TRY(mrl_json_only(hook, members, why));
    MRL_TRY(mrl_json_get_str(hook, "url", &h->url, why));
    MRL_TRY(mrl_json_optional(mrl_json_get_str(hook, "ca", &h->ca, why)));
    MRL_TRY(mrl_json_optional(
        mrl_json_get_int(hook, "timeout_s", 1, MRL_HOOK_TIMEOUT_MAX_S, &timeout_s, why)));
    h->timeout_s = (uint64_t)timeout_s;
    if (h->url.len == 0 || h->url.len > MRL_HOOK_URL_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "hook: a url of 1 to %d bytes", MRL_HOOK_URL_MAX);
    return MRL_OK;
}

static mrl_err read_devices(struct mrl_template *t, struct mrl_why *why)
{
    mrl_bytes devices = MRL_LIT("new");

    MRL_TRY(mrl_json_optional(mrl_json_get_str(t->json, "devices", &devices, why)));
    t->expects = mrl_bytes_eq(devices, MRL_LIT("expected"));
    if (!t->expects && !mrl_bytes_eq(devices, MRL_LIT("new")))
        return mrl_fail(why, MRL_ERR_INVALID, "devices: \"new\" or \"expected\"");
    return MRL_OK;
}

static mrl_err read_all(struct mrl_template *t, struct mrl_why *why)
{
    static const char *const members[] = {"parameters", "device",        "group", "attributes",
                                          "devices",    "configuration", "hook",  NULL};

    if (!json_is_object(t->json))
        return mrl_fail(why, MRL_ERR_INVALID, "a template is an object");
    MRL_TRY(mrl_json_only(t->json, members, why));
    MRL_TRY(read_parameters(t, why));
    MRL_TRY(mrl_json_get_str(t->json, "device", &t->device, why));
    MRL_TRY(check_text(t, "device", t->device, why));
    MRL_TRY(mrl_json_optional(mrl_json_get_str(t->json, "group", &t->group, why)));
    MRL_TRY(check_text(t, "group", t->group, why));
    MRL_TRY(read_texts(t, "attributes", MRL_ATTRIBUTES_MAX, &t->attributes, why));
    MRL_TRY(read_texts(t, "configuration", MRL_TEMPLATE_CONFIGURATION_MAX, &t->configuration, why));
    MRL_TRY(read_devices(t, why));
    return read_hook(t, why);
}

mrl_err mrl_template_read(mrl_bytes body, struct mrl_template **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_template) t = calloc(1, sizeof(*t));
    mrl_err err;

    if (t == NULL)
        abort();
    MRL_TRY(mrl_json_read(body, &limits, &t->json, why));
    err = read_all(t, why);
    if (err == MRL_ERR_NOT_FOUND) /* a member that must be there */
        err = MRL_ERR_INVALID;
    MRL_TRY(err);
    *out = MRL_TAKE(t);
    return MRL_OK;
}

void mrl_template_free(struct mrl_template *t)
{
    if (t == NULL)
        return;
    json_decref(t->json);
    free(t);
}

const struct mrl_template_hook *mrl_template_hook(const struct mrl_template *t)
{
    return &t->hook;
}

bool mrl_template_expects(const struct mrl_template *t)
{
    return t->expects;
}

/* --- a device --- */

struct filling {
    const struct mrl_template *template;
    mrl_bytes values[MRL_TEMPLATE_PARAMETERS_MAX]; /* data NULL: not given */
};

static mrl_bytes filled_value(const void *context, mrl_bytes name)
{
    const struct filling *f = context;
    const struct parameter *p = find(f->template, name);

    return p != NULL ? f->values[p - f->template->parameters] : MRL_BYTES_NONE;
}

static mrl_err take_value(struct filling *f, const struct mrl_parameter *given, bool over,
                          struct mrl_why *why)
{
    const struct parameter *p = find(f->template, given->name);
    mrl_bytes *place;

    if (p == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "the template has no parameter %.*s",
                        (int)(given->name.len < SHOWN ? given->name.len : SHOWN),
                        (const char *)given->name.data);
    place = &f->values[p - f->template->parameters];
    if (place->data != NULL && !over)
        return mrl_fail(why, MRL_ERR_INVALID, "parameter %.*s stands twice", MRL_FMT(p->name));
    if (given->value.len > MRL_TEMPLATE_VALUE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "parameter %.*s is longer than %d bytes",
                        MRL_FMT(p->name), MRL_TEMPLATE_VALUE_MAX);
    if (!mrl_pattern_matches(p->pattern, given->value))
        return mrl_fail(why, MRL_ERR_INVALID, "parameter %.*s does not match its pattern",
                        MRL_FMT(p->name));
    *place = given->value.len > 0 ? given->value : MRL_LIT("");
    return MRL_OK;
}

static mrl_err take_values(struct filling *f, const struct mrl_parameter *given, size_t count,
                           const struct mrl_parameter *over, size_t over_count, struct mrl_why *why)
{
    const struct mrl_template *t = f->template;

    for (size_t i = 0; i < count; i++)
        MRL_TRY(take_value(f, &given[i], /*over=*/false, why));
    for (size_t i = 0; i < over_count; i++)
        MRL_TRY(take_value(f, &over[i], /*over=*/true, why));
    for (size_t i = 0; i < t->count; i++) {
        if (f->values[i].data != NULL)
            continue;
        if (!t->parameters[i].has_fallback)
            return mrl_fail(why, MRL_ERR_INVALID, "parameter %.*s is missing",
                            MRL_FMT(t->parameters[i].name));
        f->values[i] = t->parameters[i].fallback;
    }
    return MRL_OK;
}

static mrl_err fill_name(const struct filling *f, mrl_bytes text, const char *what,
                         struct mrl_name *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) filled = {0};
    mrl_bytes unknown;

    MRL_TRY(fill_text(text, filled_value, f, &filled, &unknown));
    MRL_TRY(mrl_name_check(mrl_buf_bytes(&filled), what, why));
    (void)mrl_name_set(out, mrl_buf_bytes(&filled)); /* checked a line above */
    return MRL_OK;
}

static mrl_err fill_attributes(const struct filling *f, struct mrl_buf *out, struct mrl_why *why)
{
    json_t *all = f->template->attributes;

    for (void *i = json_object_iter(all); i != NULL; i = json_object_iter_next(all, i)) {
        MRL_SCOPED(mrl_buf) value = {0};
        MRL_SCOPED(mrl_buf) set = {0};
        mrl_bytes text = MRL_BYTES_NONE, unknown;

        MRL_TRY(mrl_json_get_str(all, json_object_iter_key(i), &text, why));
        MRL_TRY(fill_text(text, filled_value, f, &value, &unknown));
        MRL_TRY(
            mrl_attributes_with(mrl_buf_bytes(out), key_of(i), mrl_buf_bytes(&value), &set, why));
        mrl_buf_clear(out);
        MRL_TRY(mrl_buf_append(out, mrl_buf_bytes(&set)));
    }
    return MRL_OK;
}

static mrl_err fill_configuration(const struct filling *f, json_t *out, struct mrl_why *why)
{
    json_t *all = f->template->configuration;

    for (void *i = json_object_iter(all); i != NULL; i = json_object_iter_next(all, i)) {
        MRL_SCOPED(mrl_buf) value = {.limit = MRL_TEMPLATE_TEXT_MAX};
        mrl_bytes text = MRL_BYTES_NONE, unknown;

        MRL_TRY(mrl_json_get_str(all, json_object_iter_key(i), &text, why));
        if (fill_text(text, filled_value, f, &value, &unknown) != MRL_OK)
            return mrl_fail(why, MRL_ERR_INVALID, "configuration: longer than %d bytes",
                            MRL_TEMPLATE_TEXT_MAX);
        MRL_TRY(mrl_json_set_str(out, json_object_iter_key(i), mrl_buf_bytes(&value)));
    }
    return MRL_OK;
}

void mrl_template_device_done(struct mrl_template_device *d)
{
    mrl_buf_done(&d->attributes);
    json_decref(d->configuration);
    *d = (struct mrl_template_device){0};
}

mrl_err mrl_template_fill(const struct mrl_template *t, const struct mrl_parameter *given,
                          size_t count, const struct mrl_parameter *over, size_t over_count,
                          struct mrl_template_device *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_template_device) d = {.configuration = mrl_json_object()};
    struct filling f = {.template = t};

    MRL_TRY(take_values(&f, given, count, over, over_count, why));
    MRL_TRY(fill_name(&f, t->device, "device id", &d.id, why));
    if (t->group.len > 0)
        MRL_TRY(fill_name(&f, t->group, "group", &d.group, why));
    MRL_TRY(fill_attributes(&f, &d.attributes, why));
    MRL_TRY(fill_configuration(&f, d.configuration, why));
    *out = d;
    d = (struct mrl_template_device){0};
    return MRL_OK;
}
