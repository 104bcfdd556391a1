/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/issuing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/pkcs7.h"

struct mrl_issuing {
    struct mrl_issuing_config config;
    struct mrl_arena arena; /* names and keys below */
    struct mrl_cert_list roots;
    struct mrl_cert_list intermediates;
    struct mrl_buf cacerts;
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

static void set_life(struct mrl_keys_issue *want, uint64_t life_s)
{
    int64_t now = mrl_wall_s();

    want->not_before = now - MRL_ISSUING_BACKDATE_S;
    want->not_after = now + (int64_t)life_s;
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

static mrl_err take_info(struct mrl_issuing *i, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keys_info) info = {0};
    mrl_bytes certs[2];

    MRL_TRY(mrl_keys_info_get(i->config.keys, &info, why));
    certs[0] = info.facts.root_cert;
    certs[1] = info.facts.issuing_cert;
    i->audit_key = mrl_arena_copy(&i->arena, info.facts.audit_key);
    i->tenant = mrl_arena_copy(&i->arena, info.facts.tenant);
    if (add_cert(&i->roots, certs[0]) != MRL_OK || add_cert(&i->intermediates, certs[1]) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "the key process holds a CA certificate that cannot be read");
    return mrl_pkcs7_write(certs, MRL_COUNT(certs), &i->cacerts);
}

mrl_err mrl_issuing_new(const struct mrl_issuing_config *config, struct mrl_issuing **out,
                        struct mrl_why *why)
{
    MRL_AUTO(mrl_issuing) i = calloc(1, sizeof(*i));

    if (i == NULL)
        abort();
    (void)pthread_mutex_init(&i->lock, NULL); /* no attributes: cannot fail */
    i->config = *config;
    MRL_TRY(set_server_names(i, why));
    MRL_TRY(take_info(i, why));
    *out = MRL_TAKE(i);
    return MRL_OK;
}

void mrl_issuing_free(struct mrl_issuing *i)
{
    if (i == NULL)
        return;
    mrl_cert_list_done(&i->roots);
    mrl_cert_list_done(&i->intermediates);
    mrl_buf_done(&i->cacerts);
    mrl_server_identity_done(&i->present);
    (void)pthread_mutex_destroy(&i->lock);
    mrl_arena_done(&i->arena);
    free(i);
}

const struct mrl_cert_list *mrl_issuing_roots(const struct mrl_issuing *i)
{
    return &i->roots;
}

const struct mrl_cert_list *mrl_issuing_intermediates(const struct mrl_issuing *i)
{
    return &i->intermediates;
}

mrl_bytes mrl_issuing_cacerts(const struct mrl_issuing *i)
{
    return mrl_buf_bytes(&i->cacerts);
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
    set_life(&want, life_s > 0 ? life_s : life_of(i, kind));
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
    struct mrl_keys_issue want = i->server;

    MRL_TRY(check_clock(why));
    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &made.key, why));
    MRL_TRY(mrl_key_to_spki(made.key, &spki));
    want.spki = mrl_buf_bytes(&spki);
    set_life(&want, i->config.server_life_s);
    made.renew_at = want.not_after - (int64_t)(i->config.server_life_s / 3);
    MRL_TRY(mrl_keys_issue(i->config.keys, &want, &der, why));
    MRL_TRY(add_cert(&made.chain, mrl_buf_bytes(&der)));
    MRL_TRY(add_cert(&made.chain, mrl_cert_facts(i->intermediates.certs[0])->der));
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
