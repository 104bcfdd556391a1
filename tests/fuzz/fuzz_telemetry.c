/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "watch/telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mrl_telemetry_mapping mappings[] = {
    {MRL_LIT_INIT("d/${id}/a"), MRL_LIT_INIT("x.y"), MRL_LIT_INIT("deep"), MRL_LIT_INIT(""), 2},
    {MRL_LIT_INIT("d/${id}/a"), MRL_LIT_INIT("x"), MRL_LIT_INIT("field"), MRL_LIT_INIT(""), 2},
    {MRL_LIT_INIT("d/+/a"), MRL_LIT_INIT(""), MRL_LIT_INIT("plain"), MRL_LIT_INIT(""), 2},
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Whatever a device sends: each mapping takes it or refuses it, one sample a device comes out of
 * what was taken, and never one that is no number. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_telemetry *t = NULL;
    MRL_SCOPED(mrl_buf) text = {0};
    unsigned refused, samples = 0;
    mrl_bytes line, rest;

    check(mrl_telemetry_new(mappings, MRL_COUNT(mappings), &t, NULL) == MRL_OK);
    refused =
        mrl_telemetry_observe(t, MRL_LIT("one"), MRL_LIT("d/one/a"), mrl_bytes_of(data, size));
    check(mrl_telemetry_write(t, &text) == MRL_OK);
    rest = mrl_buf_bytes(&text);
    while (mrl_bytes_split(rest, '\n', &line, &rest))
        samples += line.data[0] != '#';
    check(samples + refused == MRL_COUNT(mappings));
    check(text.data == NULL || (memmem(text.data, text.len, "nan", 3) == NULL &&
                                memmem(text.data, text.len, "inf", 3) == NULL));
    mrl_telemetry_free(t);
    return 0;
}
