/* SPDX-License-Identifier: Apache-2.0 */
/* What was read and is written again with every field in quotes reads as the same. */
#include <stdlib.h>

#include "cli/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct mrl_buf *to, mrl_bytes bytes)
{
    if (mrl_buf_append(to, bytes) != MRL_OK)
        abort();
}

static void put_field(struct mrl_buf *to, mrl_bytes field)
{
    put(to, MRL_LIT("\""));
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] == '"')
            put(to, MRL_LIT("\""));
        put(to, mrl_bytes_sub(field, i, 1));
    }
    put(to, MRL_LIT("\""));
}

static mrl_err read_and_write(mrl_bytes text, struct mrl_buf *out)
{
    FILE *in = fmemopen((void *)text.data, text.len, "r");
    struct mrl_csv c;
    mrl_err err;

    if (in == NULL)
        abort();
    mrl_csv_init(&c, in);
    while ((err = mrl_csv_next(&c, NULL)) == MRL_OK) {
        for (size_t i = 0; i < c.count; i++) {
            put(out, i > 0 ? MRL_LIT(",") : MRL_BYTES_NONE);
            put_field(out, mrl_csv_field(&c, i));
        }
        put(out, MRL_LIT("\n"));
    }
    mrl_csv_done(&c);
    (void)fclose(in);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) once = {0};
    MRL_SCOPED(mrl_buf) twice = {0};

    if (size == 0)
        return 0;
    (void)read_and_write(mrl_bytes_of(data, size), &once); /* what came before an error counts */
    if (once.len == 0)
        return 0;
    if (read_and_write(mrl_buf_bytes(&once), &twice) != MRL_ERR_NOT_FOUND ||
        !mrl_bytes_eq(mrl_buf_bytes(&once), mrl_buf_bytes(&twice)))
        abort();
    return 0;
}
