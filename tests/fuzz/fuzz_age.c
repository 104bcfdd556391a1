/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <stdlib.h>

#include "crypto/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mrl_err count(void *context, mrl_bytes data)
{
    *(size_t *)context += data.len;
    return MRL_OK;
}

/* A whole file, in two pieces; the identity is the one that the corpus was encrypted to. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MRL_AUTO(mrl_secret) identity = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"));
    MRL_AUTO(mrl_age_reader) reader = NULL;
    mrl_bytes all = mrl_bytes_of(data, size);
    size_t released = 0;
    mrl_err err = mrl_age_reader_new(identity, (struct mrl_age_sink){count, &released}, &reader);

    if (err == MRL_OK)
        err = mrl_age_read(reader, mrl_bytes_sub(all, 0, size / 2));
    if (err == MRL_OK)
        err = mrl_age_read(reader, mrl_bytes_sub(all, size / 2, size));
    if (err == MRL_OK)
        err = mrl_age_reader_end(reader);
    if (released > size || mrl_age_reader_end(reader) == MRL_OK || ERR_peek_error() != 0)
        abort();
    if (err != MRL_OK && mrl_age_read(reader, all) == MRL_OK && size > 0)
        abort();
    return 0;
}
