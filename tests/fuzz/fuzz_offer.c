/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "device/agent/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const struct mrl_offer *o)
{
    if (good ? o->start_s < 1 || o->end_s < o->start_s : o->start_s != 0 || o->end_s != 0)
        abort();
}

/* What is taken is a window, and what is not changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes text = mrl_bytes_of(data, size);
    struct mrl_offer field = {0}, message = {0}, kept = {0};
    int64_t seconds = -1;

    check(mrl_offer_read_field(text, &field), &field);
    check(mrl_offer_read_message(text, &message) == MRL_OK, &message);
    check(mrl_offer_read(text, MRL_LIT("ab12"), &kept) == MRL_OK, &kept);
    if (mrl_offer_read_seconds(text, &seconds) ? seconds < 0 : seconds != -1)
        abort();
    return 0;
}
