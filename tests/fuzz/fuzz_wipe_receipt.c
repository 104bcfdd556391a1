/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "devices/wipe_receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken lies inside the text and is signed; what is not changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mrl_wipe_receipt r = {0};
    mrl_err err = mrl_wipe_receipt_read(mrl_bytes_of(data, size), &r);

    if (err != MRL_OK ? r.message.len != 0
                      : r.message.data != data || r.message.len >= size || r.time_s < 0 ||
                            r.signature.len == 0)
        abort();
    mrl_wipe_receipt_done(&r);
    return 0;
}
