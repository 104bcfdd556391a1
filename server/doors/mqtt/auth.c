/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/auth.h"

#include <stdlib.h>
#include <string.h>

#include "doors/mqtt/auth_proof.h"

static const struct mrl_auth_mechanism *const mechanisms[] = {&mrl_auth_proof};

struct mrl_auth {
    const struct mrl_auth_mechanism *mechanism;
    struct mrl_auth_peer peer;
    struct mrl_buf binding; /* the peer's */
    void *state;            /* of the running exchange; NULL: none */
};

const struct mrl_auth_mechanism *mrl_auth_find(mrl_bytes name)
{
    for (size_t i = 0; i < MRL_COUNT(mechanisms); i++) {
        if (mrl_bytes_eq(mrl_str(mechanisms[i]->name), name))
            return mechanisms[i];
    }
    return NULL;
}

struct mrl_auth *mrl_auth_new(const struct mrl_auth_mechanism *m, const struct mrl_auth_peer *peer)
{
    struct mrl_auth *a = calloc(1, sizeof(*a));

    if (a == NULL || mrl_buf_append(&a->binding, peer->binding) != MRL_OK)
        abort();
    a->mechanism = m;
    a->peer = *peer;
    a->peer.binding = mrl_buf_bytes(&a->binding);
    return a;
}

static void end_exchange(struct mrl_auth *a)
{
    free(a->state);
    a->state = NULL;
}

void mrl_auth_free(struct mrl_auth *a)
{
    if (a == NULL)
        return;
    end_exchange(a);
    mrl_buf_done(&a->binding);
    free(a);
}

const char *mrl_auth_method(const struct mrl_auth *a)
{
    return a->mechanism->name;
}

mrl_err mrl_auth_begin(struct mrl_auth *a, mrl_bytes data, struct mrl_buf *answer)
{
    mrl_err err;

    MRL_ENSURE(a->state == NULL, MRL_ERR_STATE);
    a->state = calloc(1, a->mechanism->state_size);
    if (a->state == NULL)
        abort();
    err = a->mechanism->begin(a->state, &a->peer, data, answer);
    if (err != MRL_ERR_AGAIN)
        end_exchange(a);
    return err;
}

mrl_err mrl_auth_step(struct mrl_auth *a, mrl_bytes data, struct mrl_buf *answer)
{
    mrl_err err;

    MRL_ENSURE(a->state != NULL, MRL_ERR_STATE);
    err = a->mechanism->step(a->state, &a->peer, data, answer);
    if (err != MRL_ERR_AGAIN)
        end_exchange(a);
    return err;
}
