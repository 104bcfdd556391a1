/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "audit/witness_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the private key 0x01 repeated: the corpus holds cosignatures of it. */
static const uint8_t public_key[] = {
    0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09, 0xf1, 0x95, 0xfd, 0x52, 0xdb, 0x2d, 0x3c, 0xba, 0x5d, 0x72,
    0xca, 0x67, 0x09, 0xbf, 0x1d, 0x94, 0x12, 0x1b, 0xf3, 0x74, 0x88, 0x01, 0xb4, 0x0f, 0x6f, 0x5c};

static void check_cosignature(mrl_bytes body)
{
    const mrl_bytes text = MRL_LIT("log\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    MRL_SCOPED(mrl_note_key) key = {0};
    MRL_SCOPED(mrl_buf) line = {0};
    uint64_t time;
    mrl_err err;

    if (mrl_note_key_make(MRL_LIT("w.example"), MRL_NOTE_COSIGNATURE,
                          mrl_bytes_of(public_key, sizeof(public_key)), &key) != MRL_OK)
        abort();
    err = mrl_witness_cosignature(body, text, &key, &line, &time);
    if ((err == MRL_OK) != (line.len > 0))
        abort();
    /* What is stored verifies by itself. */
    if (err == MRL_OK) {
        MRL_SCOPED(mrl_buf) again = {0};

        if (mrl_witness_cosignature(mrl_buf_bytes(&line), text, &key, &again, &time) != MRL_OK ||
            !mrl_bytes_eq(mrl_buf_bytes(&line), mrl_buf_bytes(&again)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes body = mrl_bytes_of(data, size);
    uint64_t told;

    if (mrl_witness_size(body, &told) == MRL_OK && told > INT64_MAX)
        abort();
    check_cosignature(body);
    return 0;
}
