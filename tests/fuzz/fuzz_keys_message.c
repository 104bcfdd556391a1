/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A message that reads must be written as the same bytes again: one meaning, one spelling. */
static void same_again(mrl_bytes input, const struct mrl_writer *again)
{
    if (again->overflow || !mrl_bytes_eq(input, mrl_bytes_of(again->data, again->len)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[MRL_KEYS_MESSAGE_MAX];
    mrl_bytes input = mrl_bytes_of(data, size);
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_keys_request q;
    struct mrl_keys_answer a;

    if (mrl_keys_read_request(input, &q) == MRL_OK) {
        if (mrl_keys_write_request(&q, &w) != MRL_OK)
            abort();
        same_again(input, &w);
    }
    w = mrl_writer_on(memory, sizeof(memory));
    if (mrl_keys_read_answer(input, &a) == MRL_OK) {
        if (mrl_keys_write_answer(&a, &w) != MRL_OK)
            abort();
        same_again(input, &w);
    }
    return 0;
}
