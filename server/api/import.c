/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of a list of devices: all of it or nothing. */
#include "devices/import.h"

#include "api/request.h"

static const char *const members[] = {"devices", "dry_run", NULL};

static void read_row(struct mrl_api_request *r, json_t *value, struct mrl_import_row *row)
{
    r->why.text[0] = '\0';
    if (json_is_object(value))
        row->err = mrl_api_device_read(r, value, &row->device);
    else
        row->err = mrl_fail(&r->why, MRL_ERR_INVALID, "not an object");
    row->why = r->why;
}

static mrl_err read_rows(struct mrl_api_request *r, const json_t *body, struct mrl_import *out)
{
    json_t *array = NULL;
    mrl_err err = mrl_json_get_array(body, "devices", &array, &r->why);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "member \"devices\" is missing");
    MRL_TRY(err);
    MRL_TRY(mrl_json_optional(mrl_json_get_bool(body, "dry_run", &out->dry_run, &r->why)));
    out->count = json_array_size(array);
    if (out->count > MRL_IMPORT_MAX) /* before there is memory for them */
        return mrl_fail(&r->why, MRL_ERR_INVALID, "at most %d rows at once", MRL_IMPORT_MAX);
    out->rows = mrl_arena_alloc(mrl_exchange_arena(r->x), (out->count + 1) * sizeof(out->rows[0]));
    for (size_t i = 0; i < out->count; i++)
        read_row(r, json_array_get(array, i), &out->rows[i]);
    r->why.text[0] = '\0';
    return MRL_OK;
}

static void answer_refused(struct mrl_api_request *r, const struct mrl_import *import)
{
    json_t *errors = mrl_json_array();

    for (size_t i = 0; i < import->count; i++) {
        const struct mrl_import_row *row = &import->rows[i];
        json_t *o;

        if (row->err == MRL_OK)
            continue;
        o = mrl_json_object();
        mrl_api_put_number(r, o, "row", (int64_t)i);
        mrl_api_put_text(r, o, "detail", mrl_str(row->why.text));
        mrl_api_add(r, errors, o);
    }
    mrl_api_problem_errors(r, 422, "rows", errors);
}

mrl_err mrl_api_device_import(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_import import = {0};
    json_t *o;
    mrl_err err;

    MRL_TRY(mrl_api_body(r, members, &body));
    MRL_TRY(read_rows(r, body, &import));
    err = mrl_device_import(r->api->registry, &r->actor, &import, &r->why);
    if (err == MRL_ERR_INVALID && import.refused > 0) {
        answer_refused(r, &import);
        return MRL_OK;
    }
    MRL_TRY(err);
    o = mrl_json_object();
    mrl_api_put_number(r, o, "added", (int64_t)import.added);
    mrl_api_put_number(r, o, "unchanged", (int64_t)import.unchanged);
    return mrl_api_answer(r, 200, o);
}
