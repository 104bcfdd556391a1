/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, and whether that is allowed. */
#include <unistd.h>

#include "api/request.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/rcu.h"
#include "base/writer.h"
#include "devices/snapshot.h"

enum { AUTH_TEXT = 96 };

static struct mrl_writer text_in_arena(struct mrl_api_request *r, size_t cap)
{
    return mrl_writer_on(mrl_arena_alloc(mrl_exchange_arena(r->x), cap), cap);
}

static mrl_bytes written(const struct mrl_writer *w)
{
    return mrl_bytes_of(w->data, w->len);
}

/* The kernel says who is behind a UNIX socket: root and the daemon's own account administer this
 * machine already. */
static void identify_local(struct mrl_api_request *r, const struct mrl_peer *peer)
{
    struct mrl_writer id = text_in_arena(r, AUTH_TEXT), auth = text_in_arena(r, AUTH_TEXT);
    bool trusted = peer->uid == 0 || peer->uid == (uint32_t)geteuid();

    mrl_put_text(&id, "local:uid=%u", peer->uid);
    mrl_put_text(&auth, "unix:uid=%u", peer->uid);
    r->actor.kind = trusted ? MRL_ACTOR_OPERATOR : MRL_ACTOR_UNKNOWN;
    r->actor.id = written(&id);
    r->actor.auth = written(&auth);
    r->roles = trusted ? MRL_OPERATOR_ROLES_ALL : 0;
}

/* Judged again for each request: a certificate revoked a moment ago is worth nothing on a
 * connection that is still open. */
static void identify_certificate(struct mrl_api_request *r, const struct mrl_fingerprint *f)
{
    struct mrl_writer auth = text_in_arena(r, AUTH_TEXT);
    const struct mrl_principal *p;
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(f), hex);
    mrl_put_text(&auth, "certificate:%s", hex);
    r->actor.auth = written(&auth);
    mrl_rcu_read_begin();
    if (mrl_registry_judge(r->api->registry, f, mrl_wall_s(), MRL_KIND_BIT(MRL_PRINCIPAL_OPERATOR),
                           &p) == MRL_JUDGED_ACCEPTED) {
        r->actor.kind = MRL_ACTOR_OPERATOR;
        r->roles = p->operator_roles;
    }
    if (p != NULL)
        r->actor.id = mrl_arena_copy(mrl_exchange_arena(r->x), p->subject.id);
    mrl_rcu_read_end();
}

void mrl_api_identify(struct mrl_api_request *r)
{
    const struct mrl_peer *peer = mrl_exchange_peer(r->x);
    const struct mrl_tls_facts *facts = mrl_exchange_facts(r->x);
    char *source = mrl_arena_alloc(mrl_exchange_arena(r->x), MRL_PEER_TEXT);

    mrl_peer_format(peer, source);
    r->actor = (struct mrl_actor){.kind = MRL_ACTOR_UNKNOWN,
                                  .source = mrl_str(source),
                                  .request = mrl_exchange_request_id(r->x)};
    r->roles = 0;
    if (facts == NULL && peer->kind == MRL_PEER_LOCAL)
        identify_local(r, peer);
    else if (facts != NULL && facts->has_certificate)
        identify_certificate(r, &facts->fingerprint);
}

/* Counters tell nothing about a device: who is on this machine may read them. A certificate that
 * is shown counts, though. */
static bool may_scrape(const struct mrl_api_request *r)
{
    const struct mrl_tls_facts *facts = mrl_exchange_facts(r->x);

    if (facts == NULL || !facts->has_certificate)
        return mrl_peer_is_loopback(mrl_exchange_peer(r->x));
    return mrl_access_operator_may(r->roles, MRL_MAY_READ_SERVER);
}

bool mrl_api_permitted(const struct mrl_api_request *r)
{
    int permission = r->route->permission;

    if (permission == MRL_API_SCRAPE)
        return may_scrape(r);
    if (permission == MRL_API_ANY_OPERATOR)
        return r->actor.kind == MRL_ACTOR_OPERATOR;
    return r->actor.kind == MRL_ACTOR_OPERATOR &&
           mrl_access_operator_may(r->roles, (enum mrl_permission)permission);
}

const char *mrl_api_permission_name(int permission)
{
    if (permission == MRL_API_ANY_OPERATOR)
        return "operator";
    return mrl_permission_name(permission == MRL_API_SCRAPE ? MRL_MAY_READ_SERVER
                                                            : (enum mrl_permission)permission);
}
