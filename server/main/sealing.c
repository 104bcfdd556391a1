/* SPDX-License-Identifier: Apache-2.0 */
#include "main/sealing.h"

#include "keys/text.h"

static mrl_err wrap(void *context, mrl_bytes name, mrl_bytes key, struct mrl_buf *wrapped,
                    struct mrl_why *why)
{
    return mrl_keys_wrap(context, name, key, wrapped, why);
}

static mrl_err unwrap(void *context, mrl_bytes name, mrl_bytes wrapped, struct mrl_secret **key,
                      struct mrl_why *why)
{
    return mrl_keys_unwrap(context, name, wrapped, key, why);
}

static uint32_t root_of(mrl_bytes wrapped)
{
    uint32_t number;

    return mrl_keys_wrapped_by(wrapped, &number) == MRL_OK ? number : 0;
}

struct mrl_seal_root mrl_sealing_root(struct mrl_keys_client *keys)
{
    return (struct mrl_seal_root){keys, wrap, unwrap, root_of};
}
