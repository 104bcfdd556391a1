/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read of a request is within its limits, and an answer to it can be written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mrl_ocsp_issuer issuer;
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_ocsp_request q;
    struct mrl_ocsp_answer a = {.issuer = &issuer, .this_update = 1, .next_update = 2};

    if (mrl_ocsp_read_request(mrl_bytes_of(data, size), &q) != MRL_OK)
        return 0;
    if ((unsigned)q.hash >= MRL_OCSP_HASHES || q.serial.len > MRL_OCSP_SERIAL_MAX ||
        q.name_hash.len != q.key_hash.len)
        abort();
    a.hash = q.hash;
    a.serial = q.serial;
    if (mrl_ocsp_answer_data(&a, &out) != MRL_OK)
        abort();
    return 0;
}
