/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reads as a list lies within the input, and its entries read one by one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes input = mrl_bytes_of(data, size);
    struct mrl_crl_facts facts;

    (void)mrl_crl_reason_of(input);
    if (mrl_crl_read(input, &facts) != MRL_OK)
        return 0;
    if (facts.issuer.data < data || facts.issuer.data + facts.issuer.len > data + size)
        abort();
    if (mrl_crl_entries_check(facts.entries) != MRL_OK)
        abort();
    return 0;
}
