/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from outside, by jansson, with limits (RFC 8259). Layer: base (own library `json`, so that
 * base itself needs no jansson). Thread: a json_t belongs to one thread. Memory exhaustion aborts.
 */
#ifndef MRL_BASE_JSON_H
#define MRL_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* MRL_AUTO(json_t) root = NULL;  drops the reference on every way out of the scope. */
static inline void json_t_free(struct json_t *json)
{
    json_decref(json);
}
MRL_AUTO_DEFINE(json_t);

/* For programs that read or write secrets as JSON: from here on all memory that jansson frees, its
 * parser's included, is wiped. Before the first use of anything else here. */
void mrl_json_wipe_what_is_freed(void);

struct mrl_json_limits {
    size_t bytes;
    size_t depth; /* {} and [] inside each other */
};
#define MRL_JSON_LIMITS_DEFAULT ((struct mrl_json_limits){1048576, 32})

/* One object or array, white space around it and nothing else. Refused: duplicate keys, bytes that
 * are not UTF-8, U+0000 in any spelling, numbers out of range (MRL_ERR_MALFORMED); more bytes or
 * depth (MRL_ERR_LIMIT). Gives *out, a new reference. */
mrl_err mrl_json_read(mrl_bytes text, const struct mrl_json_limits *limits, json_t **out,
                      struct mrl_why *why);
/* Appends the one spelling of json: keys sorted by bytes, no white space. MRL_ERR_LIMIT: the limit
 * of out, which is then unchanged. */
mrl_err mrl_json_write(const json_t *json, struct mrl_buf *out);

/* Members of an object by name. MRL_ERR_NOT_FOUND: absent; MRL_ERR_INVALID: obj is no object, or
 * the member has another type or is out of range. Views and json_t are borrowed from obj; out is
 * written only on success. */
mrl_err mrl_json_get_str(const json_t *obj, const char *key, mrl_bytes *out, struct mrl_why *why);
mrl_err mrl_json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                         struct mrl_why *why);
mrl_err mrl_json_get_bool(const json_t *obj, const char *key, bool *out, struct mrl_why *why);
mrl_err mrl_json_get_object(const json_t *obj, const char *key, json_t **out, struct mrl_why *why);
mrl_err mrl_json_get_array(const json_t *obj, const char *key, json_t **out, struct mrl_why *why);
/* MRL_OK when the get before failed only because the member is absent:
 *     MRL_TRY(mrl_json_optional(mrl_json_get_str(obj, "label", &label, why))); */
mrl_err mrl_json_optional(mrl_err got);
/* MRL_ERR_INVALID, naming it, when obj has a member that is not in keys (NULL at the end). */
mrl_err mrl_json_only(const json_t *obj, const char *const *keys, struct mrl_why *why);

/* Building. Each gives a new reference; never NULL. */
json_t *mrl_json_object(void);
json_t *mrl_json_array(void);
/* A present member is replaced. MRL_ERR_INVALID: text is not UTF-8 or holds a NUL, or obj is no
 * object. */
mrl_err mrl_json_set_str(json_t *obj, const char *key, mrl_bytes text);
mrl_err mrl_json_set_int(json_t *obj, const char *key, int64_t value);
mrl_err mrl_json_set_bool(json_t *obj, const char *key, bool value);
/* Take value, also on failure: MRL_TAKE it. */
mrl_err mrl_json_set(json_t *obj, const char *key, json_t *value);
mrl_err mrl_json_append(json_t *array, json_t *value);
mrl_err mrl_json_append_str(json_t *array, mrl_bytes text);

#endif
