/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/token_approval.h"

#include "base/clock.h"
#include "base/writer.h"
#include "devices/device.h"
#include "onboarding/approval.h"

/* "token:0123456789abcdef" */
struct introducer {
    char text[sizeof("token:") + MRL_TOKEN_ID_TEXT];
};

/* Its text is in i. */
static struct mrl_approval_request request_of(mrl_bytes device, const struct mrl_token_match *token,
                                              struct introducer *i)
{
    struct mrl_writer w = mrl_writer_on(i->text, sizeof(i->text));

    mrl_put_text(&w, "token:%s", token->id);
    return (struct mrl_approval_request){device, mrl_bytes_of(i->text, w.len), MRL_LIT("est")};
}

struct ask {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    const struct mrl_token_match *token;
    enum mrl_approval_state state;
    struct mrl_registry_update *update;
    struct mrl_why *why;
};

static mrl_err look(struct mrl_tx *tx, void *context)
{
    struct ask *a = context;
    struct introducer i;
    const struct mrl_approval_request request = request_of(a->actor->id, a->token, &i);

    return mrl_approval_look(tx, &request, mrl_wall_s(), &a->state);
}

/* Whoever holds a token shall not fill the list of what waits, nor the registry, with it. A device
 * that asked twice at once is on the list by now. */
static mrl_err check_room(struct mrl_tx *tx, struct ask *a,
                          const struct mrl_approval_request *request)
{
    int64_t open;

    MRL_TRY(mrl_approval_look(tx, request, mrl_wall_s(), &a->state));
    if (a->state != MRL_APPROVAL_NONE)
        return MRL_OK;
    MRL_TRY(mrl_approval_open(tx, request->introducer, mrl_wall_s(), &open));
    if (open >= a->token->left)
        return mrl_fail(a->why, MRL_ERR_LIMIT,
                        "as many devices wait for approval as this token has uses left");
    return MRL_OK;
}

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct ask *a = MRL_CONTAINER(w, struct ask, write);
    const struct mrl_device_new device = {.id = a->actor->id, .group = mrl_str(a->token->group)};
    struct introducer i;
    const struct mrl_approval_request request = request_of(a->actor->id, a->token, &i);

    MRL_TRY(check_room(tx, a, &request));
    if (device.group.len > 0)
        MRL_TRY(mrl_device_expect_tx(tx, a->actor, &device, a->why));
    MRL_TRY(mrl_approval_ask_tx(tx, a->actor, &request, mrl_wall_s(), &a->state, a->why));
    return mrl_registry_stage(tx, MRL_PRINCIPAL_DEVICE, a->actor->id, &a->update);
}

static void publish(struct mrl_write *w)
{
    const struct ask *a = MRL_CONTAINER(w, struct ask, write);

    mrl_registry_publish(a->registry, a->update);
}

static mrl_err verdict(const struct ask *a)
{
    if (a->state == MRL_APPROVAL_APPROVED)
        return MRL_OK;
    if (a->state == MRL_APPROVAL_REFUSED)
        return mrl_fail(a->why, MRL_ERR_DENIED, "an operator refused device %.*s",
                        MRL_FMT(a->actor->id));
    return mrl_fail(a->why, MRL_ERR_AGAIN, "device %.*s waits for approval: ask again later",
                    MRL_FMT(a->actor->id));
}

mrl_err mrl_token_approval_ask(struct mrl_onboarding *o, const struct mrl_actor *actor,
                               const struct mrl_token_match *token, struct mrl_why *why)
{
    struct ask a = {.write = {.run = run, .committed = publish, .why = why},
                    .registry = o->registry,
                    .actor = actor,
                    .token = token,
                    .why = why};
    mrl_err err = mrl_store_read(o->store, look, &a);

    if (err == MRL_OK && a.state == MRL_APPROVAL_NONE)
        err = mrl_store_write(o->store, &a.write);
    mrl_registry_update_free(a.update);
    return err == MRL_OK ? verdict(&a) : err;
}

mrl_err mrl_token_approval_use_tx(struct mrl_tx *tx, mrl_bytes device,
                                  const struct mrl_token_match *token)
{
    struct introducer i;
    const struct mrl_approval_request request = request_of(device, token, &i);
    mrl_err err = mrl_approval_use_tx(tx, &request, mrl_wall_s());

    return err == MRL_ERR_STATE ? MRL_ERR_AGAIN : err;
}
