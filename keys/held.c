/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/held.h"

#include <stdlib.h>

#include "keys/unlock_message.h"
#include "keys/unlock_process.h"

struct mrl_held {
    struct mrl_unlock_process *process; /* borrowed */
    struct mrl_buf reference;
};

void mrl_held_free(struct mrl_held *h)
{
    if (h == NULL)
        return;
    mrl_buf_done(&h->reference);
    free(h);
}

mrl_bytes mrl_held_reference(const struct mrl_held *h)
{
    return mrl_buf_bytes(&h->reference);
}

static mrl_err sign(void *context, mrl_bytes data, struct mrl_buf *out)
{
    const struct mrl_held *h = context;
    mrl_bytes name = mrl_bytes_sub(mrl_buf_bytes(&h->reference), 1, SIZE_MAX);

    return mrl_unlock_process_sign(h->process, name, data, out, NULL);
}

static struct mrl_held *new_held(const struct mrl_unlock *u)
{
    struct mrl_held *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    h->process = u->process;
    return h;
}

static mrl_err give(struct mrl_held **made, mrl_bytes spki, struct mrl_held **held,
                    struct mrl_key **key, struct mrl_why *why)
{
    const struct mrl_key_holder holder = {sign, *made};

    MRL_TRY(mrl_key_held(spki, &holder, key, why));
    *held = MRL_TAKE(*made);
    return MRL_OK;
}

mrl_err mrl_held_make(const struct mrl_unlock *u, enum mrl_key_type type, const char *label,
                      struct mrl_held **held, struct mrl_key **key, struct mrl_why *why)
{
    static const uint8_t types[] = {[MRL_KEY_P256] = MRL_UNLOCK_P256,
                                    [MRL_KEY_P384] = MRL_UNLOCK_P384,
                                    [MRL_KEY_ED25519] = MRL_UNLOCK_ED25519};
    MRL_AUTO(mrl_held) h = new_held(u);
    MRL_SCOPED(mrl_buf) spki = {0};
    uint8_t kind = (uint8_t)u->kind;

    if (u->process == NULL)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "keys go into the hardware that opens the keystore: rekey it to tpm or "
                        "pkcs11 first");
    MRL_TRY(mrl_buf_append(&h->reference, mrl_bytes_of(&kind, 1)));
    MRL_TRY(mrl_unlock_process_make_key(u->process, types[type], label, &h->reference, &spki, why));
    return give(&h, mrl_buf_bytes(&spki), held, key, why);
}

mrl_err mrl_held_open(const struct mrl_unlock *u, mrl_bytes reference, mrl_bytes spki,
                      struct mrl_held **held, struct mrl_key **key, struct mrl_why *why)
{
    MRL_AUTO(mrl_held) h = new_held(u);

    MRL_ENSURE(reference.len > 1 && mrl_unlock_kind_valid(reference.data[0]), MRL_ERR_CORRUPT);
    if (u->process == NULL || reference.data[0] != (uint8_t)u->kind)
        return mrl_fail(why, MRL_ERR_STATE,
                        "a signing key is in the %s, which must also open the keystore",
                        mrl_unlock_kind_name((enum mrl_unlock_kind)reference.data[0]));
    MRL_TRY(mrl_buf_append(&h->reference, reference));
    return give(&h, spki, held, key, why);
}
