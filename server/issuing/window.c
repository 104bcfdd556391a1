/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/window.h"

#include "base/buf.h"
#include "issuing/issuing.h"

enum { SHARES = 8 }; /* of the third: as long is a window */

int64_t mrl_window_since(int64_t not_before, int64_t not_after)
{
    int64_t since = not_before + MRL_ISSUING_BACKDATE_S;

    return since < not_after ? since : not_before;
}

static mrl_err place(mrl_bytes key, const struct mrl_window_of *of, uint64_t *out)
{
    MRL_SCOPED(mrl_buf) text = {0};
    uint8_t mac[MRL_SHA256_SIZE];

    MRL_TRY(mrl_buf_append(&text, of->fingerprint)); /* 32 bytes: the rest is the id */
    MRL_TRY(mrl_buf_append(&text, of->device));
    MRL_TRY(mrl_hmac_sha256(key, mrl_buf_bytes(&text), mac));
    *out = 0;
    for (size_t i = 0; i < sizeof(*out); i++)
        *out = *out << 8 | mac[i];
    return MRL_OK;
}

mrl_err mrl_window_of(mrl_bytes key, const struct mrl_window_of *of, struct mrl_window *out)
{
    int64_t since = mrl_window_since(of->not_before, of->not_after);
    int64_t third = of->not_after > since ? (of->not_after - since) / 3 : 0;
    int64_t length = third / SHARES, room = third - third / 4 - length;
    uint64_t at;

    MRL_TRY(place(key, of, &at));
    out->start = of->not_after - third + (int64_t)(at % ((uint64_t)room + 1));
    out->end = out->start + length;
    return MRL_OK;
}
