/* SPDX-License-Identifier: Apache-2.0 */
/* The objects that are found, written as an array and in lines, are found again. */
#include <stdlib.h>

#include "cli/json_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct mrl_buf *to, mrl_bytes bytes)
{
    if (mrl_buf_append(to, bytes) != MRL_OK)
        abort();
}

/* Each with between before it, but for the first. */
static mrl_err read_and_write(mrl_bytes text, mrl_bytes between, struct mrl_buf *out)
{
    FILE *in = fmemopen((void *)text.data, text.len, "r");
    struct mrl_json_rows r;
    json_t *row = NULL;
    size_t count = 0;
    mrl_err err;

    if (in == NULL)
        abort();
    mrl_json_rows_init(&r, in);
    while ((err = mrl_json_rows_next(&r, &row, NULL)) == MRL_OK || err == MRL_ERR_INVALID) {
        if (err == MRL_ERR_INVALID)
            continue;
        put(out, count++ > 0 ? between : MRL_BYTES_NONE);
        if (mrl_json_write(row, out) != MRL_OK)
            abort();
        json_decref(MRL_TAKE(row));
    }
    mrl_json_rows_done(&r);
    (void)fclose(in);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) array = {0};
    MRL_SCOPED(mrl_buf) lines = {0};
    MRL_SCOPED(mrl_buf) again = {0};

    if (size == 0)
        return 0;
    put(&array, MRL_LIT("["));
    (void)read_and_write(mrl_bytes_of(data, size), MRL_LIT(","), &array); /* up to an error */
    put(&array, MRL_LIT("]"));
    if (array.len > MRL_JSON_ROW_MAX)
        return 0; /* a number may be longer in its one spelling */
    if (read_and_write(mrl_buf_bytes(&array), MRL_LIT("\n"), &lines) != MRL_ERR_NOT_FOUND)
        abort();
    if (lines.len == 0)
        return 0;
    put(&again, MRL_LIT("["));
    if (read_and_write(mrl_buf_bytes(&lines), MRL_LIT(","), &again) != MRL_ERR_NOT_FOUND)
        abort();
    put(&again, MRL_LIT("]"));
    if (!mrl_bytes_eq(mrl_buf_bytes(&array), mrl_buf_bytes(&again)))
        abort();
    return 0;
}
