/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

static void free_wiped(void *memory)
{
    mrl_wipe(memory, malloc_usable_size(memory)); /* of NULL: 0 */
    free(memory);
}

void mrl_json_wipe_what_is_freed(void)
{
    json_set_alloc_funcs(malloc, free_wiped);
}

/* Before the parser: it recurses, and its own limit is fixed. Brackets inside strings do not count;
 * text that is no JSON is for the parser to refuse. */
static size_t depth_of(mrl_bytes text)
{
    size_t depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!in_string && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return deepest;
}

mrl_err mrl_json_read(mrl_bytes text, const struct mrl_json_limits *limits, json_t **out,
                      struct mrl_why *why)
{
    json_error_t error;
    json_t *json;

    if (text.len > limits->bytes)
        return mrl_fail(why, MRL_ERR_LIMIT, "JSON is over %zu bytes", limits->bytes);
    if (depth_of(text) > limits->depth)
        return mrl_fail(why, MRL_ERR_LIMIT, "JSON is deeper than %zu", limits->depth);
    if (text.len == 0)
        return mrl_fail(why, MRL_ERR_MALFORMED, "JSON is empty");
    json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) /* the parser's own text quotes the input, which may hold a secret */
        return mrl_fail(why, MRL_ERR_MALFORMED, "not JSON: line %d, column %d", error.line,
                        error.column);
    *out = json;
    return MRL_OK;
}

static int append(const char *data, size_t len, void *out)
{
    return mrl_buf_append(out, mrl_bytes_of(data, len)) == MRL_OK ? 0 : -1;
}

mrl_err mrl_json_write(const json_t *json, struct mrl_buf *out)
{
    size_t before = out->len;

    if (json_dump_callback(json, append, out, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY) !=
        0) {
        out->len = before;
        return MRL_ERR_LIMIT;
    }
    return MRL_OK;
}

static mrl_err find(const json_t *obj, const char *key, json_t **out, struct mrl_why *why)
{
    if (!json_is_object(obj))
        return mrl_fail(why, MRL_ERR_INVALID, "not an object where %s is wanted", key);
    *out = json_object_get(obj, key);
    if (*out == NULL)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "%s is missing", key);
    return MRL_OK;
}

static mrl_err wrong_type(const char *key, const char *wanted, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_INVALID, "%s is not %s", key, wanted);
}

mrl_err mrl_json_get_str(const json_t *obj, const char *key, mrl_bytes *out, struct mrl_why *why)
{
    json_t *member = NULL;

    MRL_TRY(find(obj, key, &member, why));
    if (!json_is_string(member))
        return wrong_type(key, "a string", why);
    *out = mrl_bytes_of(json_string_value(member), json_string_length(member));
    return MRL_OK;
}

mrl_err mrl_json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                         struct mrl_why *why)
{
    json_t *member = NULL;
    int64_t value;

    MRL_TRY(find(obj, key, &member, why));
    if (!json_is_integer(member))
        return wrong_type(key, "an integer", why);
    value = json_integer_value(member);
    if (value < min || value > max)
        return mrl_fail(why, MRL_ERR_INVALID, "%s is not from %lld to %lld", key, (long long)min,
                        (long long)max);
    *out = value;
    return MRL_OK;
}

mrl_err mrl_json_get_bool(const json_t *obj, const char *key, bool *out, struct mrl_why *why)
{
    json_t *member = NULL;

    MRL_TRY(find(obj, key, &member, why));
    if (!json_is_boolean(member))
        return wrong_type(key, "true or false", why);
    *out = json_is_true(member);
    return MRL_OK;
}

mrl_err mrl_json_get_object(const json_t *obj, const char *key, json_t **out, struct mrl_why *why)
{
    json_t *member = NULL;

    MRL_TRY(find(obj, key, &member, why));
    if (!json_is_object(member))
        return wrong_type(key, "an object", why);
    *out = member;
    return MRL_OK;
}

mrl_err mrl_json_get_array(const json_t *obj, const char *key, json_t **out, struct mrl_why *why)
{
    json_t *member = NULL;

    MRL_TRY(find(obj, key, &member, why));
    if (!json_is_array(member))
        return wrong_type(key, "an array", why);
    *out = member;
    return MRL_OK;
}

mrl_err mrl_json_optional(mrl_err got)
{
    return got == MRL_ERR_NOT_FOUND ? MRL_OK : got;
}

static bool listed(const char *const *keys, const char *key)
{
    for (size_t i = 0; keys[i] != NULL; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

mrl_err mrl_json_only(const json_t *obj, const char *const *keys, struct mrl_why *why)
{
    json_t *walk = (json_t *)obj; /* jansson's iterator wants it so and changes nothing */

    if (!json_is_object(obj))
        return mrl_fail(why, MRL_ERR_INVALID, "not an object");
    for (void *i = json_object_iter(walk); i != NULL; i = json_object_iter_next(walk, i))
        if (!listed(keys, json_object_iter_key(i)))
            return mrl_fail(why, MRL_ERR_INVALID, "unknown member %.64s", json_object_iter_key(i));
    return MRL_OK;
}

static json_t *must(json_t *json)
{
    if (json == NULL)
        abort(); /* memory exhaustion */
    return json;
}

json_t *mrl_json_object(void)
{
    return must(json_object());
}

json_t *mrl_json_array(void)
{
    return must(json_array());
}

mrl_err mrl_json_set(json_t *obj, const char *key, json_t *value)
{
    return json_object_set_new(obj, key, value) == 0 ? MRL_OK : MRL_ERR_INVALID;
}

/* NULL: not UTF-8, or a NUL, which mrl_json_read would refuse. */
static json_t *string_of(mrl_bytes text)
{
    if (mrl_bytes_find(text, 0, 0) < text.len)
        return NULL;
    return json_stringn(text.len == 0 ? "" : (const char *)text.data, text.len);
}

mrl_err mrl_json_set_str(json_t *obj, const char *key, mrl_bytes text)
{
    return mrl_json_set(obj, key, string_of(text));
}

mrl_err mrl_json_set_int(json_t *obj, const char *key, int64_t value)
{
    return mrl_json_set(obj, key, must(json_integer(value)));
}

mrl_err mrl_json_set_bool(json_t *obj, const char *key, bool value)
{
    return mrl_json_set(obj, key, json_boolean(value));
}

mrl_err mrl_json_append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0 ? MRL_OK : MRL_ERR_INVALID;
}

mrl_err mrl_json_append_str(json_t *array, mrl_bytes text)
{
    return mrl_json_append(array, string_of(text));
}
