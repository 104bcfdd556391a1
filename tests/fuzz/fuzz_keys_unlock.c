/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/hardware/blob.h"
#include "keys/unlock_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One meaning, one spelling: what reads must be written as the same bytes again. */
static void same_again(mrl_err written, mrl_bytes input, const struct mrl_writer *again)
{
    if (written != MRL_OK || !mrl_bytes_eq(input, mrl_bytes_of(again->data, again->len)))
        abort();
}

static void try_messages(mrl_bytes input, void *memory)
{
    struct mrl_writer w = mrl_writer_on(memory, MRL_UNLOCK_MESSAGE_MAX);
    struct mrl_unlock_request q;
    struct mrl_unlock_answer a;
    struct mrl_unlock_made m;

    if (mrl_unlock_read_request(input, &q) == MRL_OK)
        same_again(mrl_unlock_write_request(&q, &w), input, &w);
    w = mrl_writer_on(memory, MRL_UNLOCK_MESSAGE_MAX);
    if (mrl_unlock_read_answer(input, &a) == MRL_OK)
        same_again(mrl_unlock_write_answer(&a, &w), input, &w);
    w = mrl_writer_on(memory, MRL_UNLOCK_MESSAGE_MAX);
    if (mrl_unlock_read_made(input, &m) == MRL_OK)
        same_again(mrl_unlock_write_made(&m, &w), input, &w);
}

static void try_files(mrl_bytes input, void *memory)
{
    struct mrl_writer w = mrl_writer_on(memory, MRL_UNLOCK_MESSAGE_MAX);
    struct mrl_tpm_blob t;
    struct mrl_pkcs11_blob p;

    if (mrl_tpm_blob_read(input, &t) == MRL_OK)
        same_again(mrl_tpm_blob_write(&t, &w), input, &w);
    w = mrl_writer_on(memory, MRL_UNLOCK_MESSAGE_MAX);
    if (mrl_pkcs11_blob_read(input, &p) == MRL_OK)
        same_again(mrl_pkcs11_blob_write(&p, &w), input, &w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[MRL_UNLOCK_MESSAGE_MAX];
    mrl_bytes input = mrl_bytes_of(data, size);
    struct mrl_pcrs pcrs;

    try_messages(input, memory);
    try_files(input, memory);
    if (mrl_pcrs_read(input, &pcrs, NULL) == MRL_OK && !mrl_pcrs_valid(&pcrs))
        abort();
    return 0;
}
