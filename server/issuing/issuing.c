/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/issuing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "devices/denied_key.h"
#include "issuing/ca_view.h"

struct mrl_issuing {
    struct mrl_issuing_config config;
    struct mrl_arena arena;             /* names and keys below */
    _Atomic(struct mrl_ca_view *) view; /* owned, with all that were before it */
    pthread_mutex_t refreshing;         /* one at a time makes another view */
    mrl_bytes audit_key;
    mrl_bytes tenant;
    struct mrl_keys_issue server; /* its names, ready to be asked for */
    pthread_mutex_t lock;
    struct mrl_server_identity present; /* under lock */
};

static const struct {
    enum mrl_keys_kind keys_kind;
    const char *uri_name;
} kinds[] = {
    [MRL_PRINCIPAL_DEVICE] = {MRL_KEYS_DEVICE, "device"},
    [MRL_PRINCIPAL_APPLICATION] = {MRL_KEYS_APPLICATION, "app"},
    [MRL_PRINCIPAL_OPERATOR] = {MRL_KEYS_OPERATOR, "operator"},
    [MRL_PRINCIPAL_CLAIM] = {MRL_KEYS_CLAIM, "claim"},
};

static uint64_t life_of(const struct mrl_issuing *i, enum mrl_principal_kind kind)
{
    if (kind == MRL_PRINCIPAL_DEVICE)
        return i->config.device_life_s;
    return kind == MRL_PRINCIPAL_APPLICATION ? i->config.application_life_s
                                             : i->config.operator_life_s;
}

/* The key process lives by the clock of the machine and would refuse, or worse, not. */
static mrl_err check_clock(struct mrl_why *why)
{
    if (!mrl_clock_is_doubted())
        return MRL_OK;
    return mrl_fail(why, MRL_ERR_BUSY,
                    "the clock of the server jumped: nothing is issued until it is right");
}

static const struct mrl_ca_view *view_of(const struct mrl_issuing *i)
{
    return atomic_load(&i->view);
}

/* Who signs, and for how long: not for longer than the CA itself lives. */
static mrl_err set_terms(const struct mrl_issuing *i, struct mrl_keys_issue *want, uint64_t life_s,
                         struct mrl_why *why)
{
    const struct mrl_ca_view *v = view_of(i);
    int64_t now = mrl_wall_s();
    int64_t end = mrl_cert_facts(v->intermediates.certs[0])->not_after;

    if (now >= end)
        return mrl_fail(why, MRL_ERR_BUSY,
                        "issuing CA %u has ended: activate another one (docs/operate/ca.md)",
                        v->issuing);
    want->generation = v->issuing;
    want->not_before = now - MRL_ISSUING_BACKDATE_S;
    want->not_after = now + (int64_t)life_s < end ? now + (int64_t)life_s : end;
    return MRL_OK;
}

/* Two thirds of the life that is left: of a CA near its end that is shorter than was asked for. */
static int64_t renewal_of(const struct mrl_keys_issue *want)
{
    int64_t since = want->not_before + MRL_ISSUING_BACKDATE_S;

    return want->not_after - (want->not_after - since) / 3;
}

/* An IP address becomes one of want->ip, anything else a DNS name. */
static mrl_err add_name(struct mrl_issuing *i, mrl_bytes name, struct mrl_why *why)
{
    char text[MRL_KEYS_DNS_MAX + 1];
    uint8_t ip[16];
    size_t len = 0;

    if (!mrl_bytes_to_cstr(name, text, sizeof(text)) || name.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "server name of %zu bytes: 1 to %d are possible",
                        name.len, MRL_KEYS_DNS_MAX);
    if (inet_pton(AF_INET, text, ip) == 1)
        len = 4;
    else if (inet_pton(AF_INET6, text, ip) == 1)
        len = 16;
    if (len > 0 ? i->server.ip_count == MRL_KEYS_NAMES_MAX
                : i->server.dns_count == MRL_KEYS_NAMES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "more than %d server names of one kind",
                        MRL_KEYS_NAMES_MAX);
    if (len > 0)
        i->server.ip[i->server.ip_count++] = mrl_arena_copy(&i->arena, mrl_bytes_of(ip, len));
    else
        i->server.dns[i->server.dns_count++] = mrl_arena_copy(&i->arena, name);
    return MRL_OK;
}

static mrl_err set_server_names(struct mrl_issuing *i, struct mrl_why *why)
{
    for (size_t n = 0; n < i->config.server_name_count; n++)
        MRL_TRY(add_name(i, i->config.server_names[n], why));
    if (i->config.server_name_count == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a server needs at least one name or address");
    i->server.kind = MRL_KEYS_SERVER;
    i->server.id = MRL_LIT("merlond");
    return MRL_OK;
}

static mrl_err add_cert(struct mrl_cert_list *list, mrl_bytes der)
{
    MRL_AUTO(mrl_cert) cert = NULL;

    MRL_TRY(mrl_cert_from_der(der, &cert));
    return mrl_cert_list_add(list, MRL_TAKE(cert));
}

static mrl_err publish(struct mrl_issuing *i, struct mrl_ca_view **made)
{
    uint8_t memory[MRL_KEYS_GENERATIONS_MAX];

    MRL_TRY(mrl_bundle_enter(i->config.store, &(*made)->bundle,
                             mrl_ca_view_root_numbers(*made, memory)));
    (*made)->before = atomic_load(&i->view);
    atomic_store(&i->view, MRL_TAKE(*made));
    return MRL_OK;
}

static bool says_the_same(const struct mrl_ca_view *a, const struct mrl_ca_view *b)
{
    if (a == NULL || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->cas[i].state != b->cas[i].state || a->cas[i].has_key != b->cas[i].has_key)
            return false;
    return true; /* a number never stands for another certificate: mrl_ca_sync */
}

static mrl_err take_cas(struct mrl_issuing *i, const struct mrl_keys_facts *facts,
                        struct mrl_why *why)
{
    MRL_AUTO(mrl_ca_view) made = NULL;
    struct mrl_ca_rows states = {0};

    MRL_TRY(mrl_ca_sync(i->config.store, facts, &states, why));
    MRL_TRY(mrl_ca_view_new(facts, &states, &made, why));
    if (says_the_same(view_of(i), made))
        return MRL_OK;
    return publish(i, &made);
}

mrl_err mrl_issuing_refresh(struct mrl_issuing *i, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keys_info) info = {0};
    mrl_err err;

    MRL_TRY(mrl_keys_info_get(i->config.keys, &info, why));
    (void)pthread_mutex_lock(&i->refreshing); /* our own, not recursive: cannot fail */
    err = take_cas(i, &info.facts, why);
    (void)pthread_mutex_unlock(&i->refreshing);
    return err;
}

static mrl_err take_info(struct mrl_issuing *i, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keys_info) info = {0};

    MRL_TRY(mrl_keys_info_get(i->config.keys, &info, why));
    i->audit_key = mrl_arena_copy(&i->arena, info.facts.audit_key);
    i->tenant = mrl_arena_copy(&i->arena, info.facts.tenant);
    return take_cas(i, &info.facts, why);
}

mrl_err mrl_issuing_new(const struct mrl_issuing_config *config, struct mrl_issuing **out,
                        struct mrl_why *why)
{
    MRL_AUTO(mrl_issuing) i = calloc(1, sizeof(*i));

    if (i == NULL)
        abort();
    (void)pthread_mutex_init(&i->lock, NULL); /* no attributes: cannot fail */
    i->config = *config;
    (void)pthread_mutex_init(&i->refreshing, NULL); /* no attributes: cannot fail */
    MRL_TRY(set_server_names(i, why));
    MRL_TRY(take_info(i, why));
    *out = MRL_TAKE(i);
    return MRL_OK;
}

static void free_views(struct mrl_ca_view *v)
{
    while (v != NULL) {
        struct mrl_ca_view *before = v->before;

        mrl_ca_view_free(v);
        v = before;
    }
}

void mrl_issuing_free(struct mrl_issuing *i)
{
    if (i == NULL)
        return;
    free_views(atomic_load(&i->view));
    mrl_server_identity_done(&i->present);
    (void)pthread_mutex_destroy(&i->refreshing);
    (void)pthread_mutex_destroy(&i->lock);
    mrl_arena_done(&i->arena);
    free(i);
}

const struct mrl_cert_list *mrl_issuing_roots(const struct mrl_issuing *i)
{
    return &view_of(i)->roots;
}

const struct mrl_cert_list *mrl_issuing_intermediates(const struct mrl_issuing *i)
{
    return &view_of(i)->intermediates;
}

mrl_bytes mrl_issuing_cacerts(const struct mrl_issuing *i)
{
    return mrl_buf_bytes(&view_of(i)->cacerts);
}

const struct mrl_bundle_version *mrl_issuing_bundle(const struct mrl_issuing *i)
{
    return &view_of(i)->bundle;
}

uint8_t mrl_issuing_active(const struct mrl_issuing *i)
{
    return view_of(i)->issuing;
}

const struct mrl_ca_info *mrl_issuing_ca(const struct mrl_issuing *i, size_t at)
{
    const struct mrl_ca_view *v = view_of(i);

    return at < v->count ? &v->cas[at] : NULL;
}

/* --- steps of a rollover --- */

/* What only the daemon knows of the CA; the state is judged inside the transaction. */
static mrl_err check_step(const struct mrl_ca_view *v, const struct mrl_ca_step *step,
                          struct mrl_why *why)
{
    const struct mrl_ca_info *ca =
        step->number == 0 ? NULL : mrl_ca_view_find(v, step->kind, step->number);

    if (ca == NULL)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no %s CA %u in the keystore",
                        mrl_ca_kind_name(step->kind), step->number);
    if (step->to == MRL_CA_ACTIVE && step->kind == MRL_CA_ISSUING && !ca->has_key)
        return mrl_fail(why, MRL_ERR_STATE, "the key of issuing CA %u was dropped", step->number);
    for (size_t i = 0; i < v->count && step->to == MRL_CA_RETIRED && ca->kind == MRL_CA_ROOT; i++)
        if (v->cas[i].kind == MRL_CA_ISSUING && v->cas[i].root == ca->number &&
            v->cas[i].state != MRL_CA_RETIRED)
            return mrl_fail(why, MRL_ERR_STATE,
                            "issuing CA %u under root CA %u is not retired: retire it first",
                            v->cas[i].number, ca->number);
    return MRL_OK;
}

mrl_err mrl_issuing_step(struct mrl_issuing *i, const struct mrl_actor *actor,
                         const struct mrl_ca_step *step, struct mrl_why *why)
{
    MRL_TRY(check_step(view_of(i), step, why));
    MRL_TRY(mrl_ca_take_step(i->config.store, actor, step, why));
    return mrl_issuing_refresh(i, why);
}

static void add_to_plan(const struct mrl_ca_info *ca, bool goes, struct mrl_rollover *plan)
{
    if (ca->kind == MRL_CA_ISSUING && (goes || ca->state == MRL_CA_RETIRED))
        plan->going[plan->going_count++] = ca->cert;
    if (ca->kind == MRL_CA_ROOT && !goes && ca->state != MRL_CA_RETIRED)
        plan->roots[plan->root_count++] = ca->number;
    plan->root_goes |= ca->kind == MRL_CA_ROOT && goes;
}

mrl_err mrl_issuing_plan(const struct mrl_issuing *i, enum mrl_ca_kind kind, uint8_t number,
                         struct mrl_rollover *out, struct mrl_why *why)
{
    const struct mrl_ca_view *v = view_of(i);
    struct mrl_rollover plan = {0};
    bool any = false;

    for (size_t n = 0; n < v->count; n++) {
        const struct mrl_ca_info *ca = &v->cas[n];
        bool goes =
            number == 0 ? ca->state == MRL_CA_SUPERSEDED : ca->kind == kind && ca->number == number;

        any |= goes;
        add_to_plan(ca, goes, &plan);
    }
    if (!any)
        return number == 0
                   ? mrl_fail(why, MRL_ERR_NOT_FOUND, "no CA is superseded: nothing would change")
                   : mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no %s CA %u",
                              mrl_ca_kind_name(kind), number);
    *out = plan;
    return MRL_OK;
}

mrl_bytes mrl_issuing_audit_key(const struct mrl_issuing *i)
{
    return i->audit_key;
}

mrl_err mrl_issuing_uri(const struct mrl_issuing *i, enum mrl_principal_kind kind, mrl_bytes id,
                        struct mrl_buf *out)
{
    return mrl_buf_printf(out, "urn:merlon:%.*s:%s:%.*s", MRL_FMT(i->tenant), kinds[kind].uri_name,
                          MRL_FMT(id));
}

mrl_err mrl_issue(struct mrl_issuing *i, enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes spki,
                  uint64_t life_s, struct mrl_buf *der, struct mrl_why *why)
{
    struct mrl_keys_issue want = {.kind = kinds[kind].keys_kind, .id = id, .spki = spki};

    MRL_TRY(check_clock(why));
    MRL_TRY(mrl_key_vet_now(i->config.store, spki, why)); /* nothing is signed for such a key */
    MRL_TRY(set_terms(i, &want, life_s > 0 ? life_s : life_of(i, kind), why));
    return mrl_keys_issue(i->config.keys, &want, der, why);
}

static mrl_err keep_identity(struct mrl_issuing *i, const struct mrl_server_identity *made)
{
    MRL_SCOPED(mrl_server_identity) old = {0};
    struct mrl_server_identity copy;

    MRL_TRY(mrl_server_identity_copy(made, &copy));
    (void)pthread_mutex_lock(&i->lock);
    old = i->present;
    i->present = copy;
    (void)pthread_mutex_unlock(&i->lock);
    return MRL_OK;
}

mrl_err mrl_issuing_present_identity(struct mrl_issuing *i, struct mrl_server_identity *out)
{
    mrl_err err = MRL_ERR_STATE;

    (void)pthread_mutex_lock(&i->lock);
    if (i->present.key != NULL)
        err = mrl_server_identity_copy(&i->present, out);
    (void)pthread_mutex_unlock(&i->lock);
    return err;
}

mrl_err mrl_issuing_server_identity(struct mrl_issuing *i, struct mrl_server_identity *out,
                                    struct mrl_why *why)
{
    MRL_SCOPED(mrl_server_identity) made = {0};
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    const struct mrl_cert_list *between = mrl_issuing_intermediates(i);
    struct mrl_keys_issue want = i->server;

    MRL_TRY(check_clock(why));
    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &made.key, why));
    MRL_TRY(mrl_key_to_spki(made.key, &spki));
    want.spki = mrl_buf_bytes(&spki);
    MRL_TRY(set_terms(i, &want, i->config.server_life_s, why));
    made.renew_at = renewal_of(&want);
    MRL_TRY(mrl_keys_issue(i->config.keys, &want, &der, why));
    MRL_TRY(add_cert(&made.chain, mrl_buf_bytes(&der)));
    for (size_t n = 0; n < between->count; n++)
        MRL_TRY(add_cert(&made.chain, mrl_cert_facts(between->certs[n])->der));
    MRL_TRY(keep_identity(i, &made));
    *out = made;
    made = (struct mrl_server_identity){0};
    return MRL_OK;
}

void mrl_server_identity_done(struct mrl_server_identity *s)
{
    mrl_key_free(s->key);
    mrl_cert_list_done(&s->chain);
    *s = (struct mrl_server_identity){0};
}

mrl_err mrl_server_identity_copy(const struct mrl_server_identity *from,
                                 struct mrl_server_identity *out)
{
    MRL_SCOPED(mrl_server_identity) copy = {.renew_at = from->renew_at};
    MRL_AUTO(mrl_secret) pkcs8 = NULL;

    MRL_TRY(mrl_key_to_pkcs8(from->key, &pkcs8));
    MRL_TRY(mrl_key_from_pkcs8(mrl_secret_bytes(pkcs8), &copy.key));
    for (size_t i = 0; i < from->chain.count; i++)
        MRL_TRY(add_cert(&copy.chain, mrl_cert_facts(from->chain.certs[i])->der));
    *out = copy;
    copy = (struct mrl_server_identity){0};
    return MRL_OK;
}
