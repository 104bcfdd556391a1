/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct mrl_sealer *sealer(void)
{
    static struct mrl_sealer *s;
    struct mrl_secret *key;

    if (s != NULL)
        return s;
    key = mrl_secret_new(MRL_SEAL_KEY);
    memset(mrl_secret_data(key), 0x5a, MRL_SEAL_KEY);
    s = mrl_sealer_new(/*options=*/NULL);
    check(mrl_sealer_add(s, 1, key) == MRL_OK);
    return s;
}

/* Bytes nobody sealed are refused and leave nothing; the same bytes as a text, sealed and opened,
 * are the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mrl_seal_place at = {"fuzz", "bytes", MRL_LIT_INIT("1")};
    mrl_bytes input = mrl_bytes_of(data, size);
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    struct mrl_why why = {{0}};

    check(mrl_unseal(sealer(), &at, input, &plain, &why) == MRL_ERR_CORRUPT);
    check(plain.len == 0 && why.text[0] != '\0');
    check(mrl_seal(sealer(), &at, input, &sealed) == MRL_OK);
    check(mrl_unseal(sealer(), &at, mrl_buf_bytes(&sealed), &plain, &why) == MRL_OK);
    check(mrl_bytes_eq(mrl_buf_bytes(&plain), input));
    return 0;
}
