/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says besides its path: strictly, so that a typing mistake is no silent default. */
#include "api/request.h"
#include "wire/http1.h"

static const struct mrl_json_limits limits = {.bytes = 64 << 10, .depth = 8};

mrl_err mrl_api_body(struct mrl_api_request *r, const char *const *members, json_t **out)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes text = mrl_exchange_body(r->x);
    mrl_err err;

    if (text.len == 0) {
        *out = mrl_json_object();
        return MRL_OK;
    }
    err = mrl_json_read(text, &limits, &body, &r->why);
    if (err == MRL_ERR_LIMIT)
        return MRL_ERR_MALFORMED; /* too deep: its size the server has checked */
    MRL_TRY(err);
    if (!json_is_object(body))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "the body is an object");
    MRL_TRY(mrl_json_only(body, members, &r->why));
    *out = MRL_TAKE(body);
    return MRL_OK;
}

mrl_err mrl_api_text(struct mrl_api_request *r, const json_t *body, const char *name,
                     mrl_bytes *out)
{
    mrl_err err = mrl_json_get_str(body, name, out, &r->why);

    return err == MRL_ERR_NOT_FOUND
               ? mrl_fail(&r->why, MRL_ERR_INVALID, "member \"%s\" is missing", name)
               : err;
}

mrl_err mrl_api_text_optional(struct mrl_api_request *r, const json_t *body, const char *name,
                              mrl_bytes *out)
{
    mrl_err err = mrl_json_get_str(body, name, out, &r->why);

    if (err != MRL_ERR_NOT_FOUND)
        return err;
    r->why.text[0] = '\0';
    *out = MRL_BYTES_NONE;
    return MRL_OK;
}

mrl_err mrl_api_query_number(struct mrl_api_request *r, const char *name, uint64_t max,
                             uint64_t *out)
{
    mrl_bytes text;

    if (!mrl_exchange_query(r->x, name, &text))
        return MRL_OK;
    if (!mrl_bytes_to_u64(text, max, out))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "%s: a number up to %llu", name,
                        (unsigned long long)max);
    return MRL_OK;
}
