/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "crypto/key_hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A column of a list that an operator was sent by a factory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t hash[MRL_SHA256_SIZE];
    struct mrl_why why = {""};
    mrl_err err = mrl_key_hash_read(mrl_bytes_of(data, size), hash, &why);

    if (err != MRL_OK && (err != MRL_ERR_INVALID || why.text[0] == '\0'))
        abort();
    ERR_clear_error();
    return 0;
}
