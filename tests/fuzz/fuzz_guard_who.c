/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "guard/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now_ms(void)
{
    return 1000;
}

/* Who is to be let in, as an operator names them: nobody is kept out, and nothing makes it so. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mrl_guard_config config = {.source_ipv4_bits = 32,
                                                   .source_ipv6_bits = 64,
                                                   .network_ipv4_bits = 24,
                                                   .network_ipv6_bits = 48,
                                                   .block_ms = 1000,
                                                   .block_max_ms = 1000,
                                                   .sources = 512,
                                                   .principals = 512,
                                                   .now_ms = now_ms};
    struct mrl_guard *g = mrl_guard_new(&config);
    mrl_err err = mrl_guard_lift(g, mrl_bytes_of(data, size), NULL);

    if (err != MRL_ERR_INVALID && err != MRL_ERR_NOT_FOUND)
        abort();
    mrl_guard_free(g);
    return 0;
}
