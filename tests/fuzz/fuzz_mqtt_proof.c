/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "doors/mqtt/auth_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken has both parts, one behind the other; and without the key nothing is a proof. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mrl_auth_peer peer = {.binding = MRL_LIT("binding")};
    mrl_bytes in = mrl_bytes_of(data, size);
    struct mrl_auth_proof_answer a;
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_auth *auth = mrl_auth_new(&mrl_auth_proof, &peer);

    if (mrl_auth_proof_read(in, &a) == MRL_OK && 2 + a.certificate.len + a.signature.len != size)
        abort();
    if (mrl_auth_begin(auth, MRL_BYTES_NONE, &out) != MRL_ERR_AGAIN ||
        mrl_auth_step(auth, in, &out) == MRL_OK)
        abort();
    mrl_auth_free(auth);
    return 0;
}
