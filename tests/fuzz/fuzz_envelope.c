/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "messages/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written back as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_SCOPED(mrl_buf) again = {0};
    struct mrl_publication p;

    if (mrl_envelope_read(mrl_bytes_of(data, size), &p) != MRL_OK)
        return 0;
    if (p.topic.len == 0 || p.qos > 2 || mrl_envelope_write(&p, &again) != MRL_OK ||
        !mrl_bytes_eq(mrl_buf_bytes(&again), mrl_bytes_of(data, size)))
        abort();
    return 0;
}
