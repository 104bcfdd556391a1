/* SPDX-License-Identifier: Apache-2.0 */
#include "main/outsiders.h"

#include <stdlib.h>

#include "doors/http/outside.h"
#include "revocation/changes.h"

enum { REQUEST_TIMEOUT_MS = 10000, IDLE_TIMEOUT_MS = 30000, HEAD_BYTES = 8192 };

struct mrl_outsiders {
    struct mrl_outsiders_config config;
    struct mrl_outside door;
    struct mrl_http_server *http;
    struct mrl_listener *listener;
};

mrl_err mrl_outsiders_new(const struct mrl_outsiders_config *config, struct mrl_outsiders **out)
{
    struct mrl_outsiders *o = calloc(1, sizeof(*o));
    struct mrl_http_server_config http = {
        .loop = config->loop,
        .conns = config->conns,
        .mailbox = config->mailbox,
        .service = config->service,
        .handler = mrl_outside_handle,
        .opaque_path = true,
        .head_bytes = HEAD_BYTES,
        .body_bytes = MRL_OUTSIDE_BODY,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
    };
    mrl_err err;

    if (o == NULL)
        abort();
    o->config = *config;
    o->door = (struct mrl_outside){config->revocation, config->metrics, config->index};
    http.context = &o->door;
    err = mrl_http_server_new(&http, &o->http);
    if (err != MRL_OK) {
        free(o);
        return err;
    }
    *out = o;
    return MRL_OK;
}

static bool admit(void *context, const struct mrl_peer *peer)
{
    static const enum mrl_counter counters[] = {[MRL_GUARD_TOO_FAST] = MRL_COUNTER_REFUSED_TOO_FAST,
                                                [MRL_GUARD_BLOCKED] = MRL_COUNTER_REFUSED_BLOCKED};
    const struct mrl_outsiders *o = context;
    enum mrl_guard_verdict verdict = mrl_guard_admit(o->config.guard, peer);

    if (verdict != MRL_GUARD_PASS)
        mrl_count(o->config.metrics, o->config.index, counters[verdict]);
    return verdict == MRL_GUARD_PASS;
}

static void accepted(void *context, int fd, const struct mrl_peer *peer)
{
    const struct mrl_outsiders *o = context;

    mrl_http_accept_plain(o->http, fd, peer);
}

mrl_err mrl_outsiders_listen(struct mrl_outsiders *o, struct mrl_address *address,
                             struct mrl_why *why)
{
    const struct mrl_listener_config config = {.loop = o->config.loop,
                                               .address = address,
                                               .context = o,
                                               .admit = admit,
                                               .accepted = accepted};

    MRL_TRY(mrl_listener_open(&config, &o->listener, why));
    *address = *mrl_listener_address(o->listener);
    return MRL_OK;
}

void mrl_outsiders_close(struct mrl_outsiders *o)
{
    if (o == NULL)
        return;
    mrl_listener_close(o->listener);
    o->listener = NULL;
}

void mrl_outsiders_stop(struct mrl_outsiders *o)
{
    if (o != NULL)
        mrl_http_server_stop(o->http);
}

void mrl_outsiders_free(struct mrl_outsiders *o)
{
    if (o == NULL)
        return;
    mrl_http_server_free(o->http);
    free(o);
}

bool mrl_revocation_wanted(const struct mrl_config *c)
{
    return c->revocation.listen.len > 0 || c->revocation.url.len > 0;
}

mrl_err mrl_revocation_check(const struct mrl_config *c, struct mrl_why *why)
{
    if (c->revocation.url.len > 0 && !mrl_keys_url_valid(c->revocation.url))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "[revocation] url is http://HOST[:PORT][/PATH] without / at the end");
    if (c->revocation.list_every_s > c->revocation.list_life_s / 4)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "[revocation] list_every is more than a quarter of list_life");
    return MRL_OK;
}

/* Ours, and nobody's credential in the registry: claims, and what was made for a holder of one and
 * never registered (onboarding/templates.c). */
static const char *const beside_the_registry[] = {
    MRL_CHANGES_SELECT("state", "reason", "claims"),
    MRL_CHANGES_SELECT("3", "'never registered'", "provisioning_lost"),
};

void mrl_revocation_of_config(const struct mrl_config *c, struct mrl_revocation_config *out)
{
    out->also = beside_the_registry;
    out->also_count = MRL_COUNT(beside_the_registry);
    out->has_url = c->revocation.url.len > 0;
    out->list_life_s = c->revocation.list_life_s;
    out->list_every_s = c->revocation.list_every_s;
    out->delta_every_s = c->revocation.delta_every_s;
    out->answer_life_s = c->revocation.answer_life_s;
    out->answers_kept = (size_t)c->revocation.answers;
}
