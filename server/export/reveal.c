/* SPDX-License-Identifier: Apache-2.0 */
#include "export/reveal.h"

#include "base/json.h"

static bool is_object(mrl_bytes json)
{
    return json.len > 2 && json.data[0] == '{' && json.data[json.len - 1] == '}';
}

/* A value that is no text stays closed: it must not stop the entries behind it. */
static void add_opening(json_t *opened, const struct mrl_audit_opening *o)
{
    char field[MRL_AUDIT_FIELD_MAX + 1];

    if (mrl_bytes_to_cstr(o->field, field, sizeof(field)))
        (void)mrl_json_set_str(opened, field, o->value);
}

mrl_err mrl_export_reveal(const struct mrl_audit_row *row, struct mrl_buf *out)
{
    MRL_AUTO(json_t) opened = mrl_json_object();

    for (size_t i = 0; i < row->opened->count; i++)
        add_opening(opened, &row->opened->at[i]);
    if (json_object_size(opened) == 0 || !is_object(row->json))
        return mrl_buf_append(out, row->json);
    MRL_TRY(mrl_buf_append(out, mrl_bytes_sub(row->json, 0, row->json.len - 1)));
    MRL_TRY(mrl_buf_append(out, MRL_LIT(",\"opened\":")));
    MRL_TRY(mrl_json_write(opened, out));
    return mrl_buf_append(out, MRL_LIT("}"));
}
