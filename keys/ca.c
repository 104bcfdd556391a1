/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/ca.h"

#include <stdio.h>

#include "crypto/cert_build.h"
#include "keys/ca_internal.h"

#define DAY INT64_C(86400)
enum { LABEL = 32, BACKDATE_S = 3600 /* devices whose clock is behind still accept the CA */ };

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- certificates --- */

mrl_err mrl_ca_build_root(const struct mrl_key *key, int64_t now, struct mrl_cert **out,
                          struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_ROOT_CA,
                                 .cn = MRL_LIT("Merlon Root CA"),
                                 .not_before = now - BACKDATE_S,
                                 .not_after = now + MRL_CA_ROOT_DAYS * DAY};

    mrl_serial_random(p.serial);
    MRL_TRY(mrl_cert_build(&p, NULL, key, &der, why));
    return mrl_cert_from_der(mrl_buf_bytes(&der), out);
}

/* p without its key, serial and end, which is not later than that of the issuer. */
static mrl_err build_under(struct mrl_cert_profile *p, const struct mrl_key *subject,
                           const struct mrl_generation *issuer, struct mrl_cert **out,
                           struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};

    MRL_TRY(mrl_key_to_spki(subject, &spki));
    p->spki = mrl_buf_bytes(&spki);
    p->not_after = earlier(p->not_after, mrl_cert_facts(issuer->cert)->not_after);
    mrl_serial_random(p->serial);
    MRL_TRY(mrl_cert_build(p, issuer->cert, issuer->key, &der, why));
    return mrl_cert_from_der(mrl_buf_bytes(&der), out);
}

mrl_err mrl_ca_build_issuing(mrl_bytes cn, const struct mrl_key *subject,
                             const struct mrl_generation *issuer, int64_t now,
                             struct mrl_cert **out, struct mrl_why *why)
{
    struct mrl_cert_profile p = {.kind = MRL_CERT_ISSUING_CA,
                                 .cn = cn,
                                 .not_before = now - BACKDATE_S,
                                 .not_after = now + MRL_CA_ISSUING_DAYS * DAY};

    return build_under(&p, subject, issuer, out, why);
}

/* One root certified by another, for as long as both live. RFC 4210 4.4 */
static mrl_err build_link(const struct mrl_generation *subject, const struct mrl_generation *issuer,
                          int64_t now, struct mrl_cert_list *to, struct mrl_why *why)
{
    MRL_AUTO(mrl_cert) link = NULL;
    struct mrl_cert_profile p = {.kind = MRL_CERT_LINK_CA,
                                 .cn = mrl_cert_facts(subject->cert)->cn,
                                 .not_before = now - BACKDATE_S,
                                 .not_after = mrl_cert_facts(subject->cert)->not_after};

    MRL_TRY(build_under(&p, subject->key, issuer, &link, why));
    return mrl_cert_list_add(to, MRL_TAKE(link));
}

/* --- the keystore --- */

mrl_err mrl_ca_open(const struct mrl_ca_store *s, struct mrl_ca_opened *out, struct mrl_why *why)
{
    MRL_TRY(mrl_keystore_open(s->folder, s->unlock, &out->keystore, why));
    return mrl_keystore_kek(s->folder, s->unlock, &out->kek, why);
}

void mrl_ca_opened_done(struct mrl_ca_opened *o)
{
    mrl_keystore_done(&o->keystore);
    mrl_kek_done(&o->kek);
}

mrl_err mrl_ca_next_number(const struct mrl_generations *all, enum mrl_ca_kind kind, uint8_t *out,
                           struct mrl_why *why)
{
    const struct mrl_generation *newest = mrl_generation_newest(all, kind);

    *out = newest == NULL ? 1 : (uint8_t)(newest->number + 1);
    if (*out > MRL_KEYS_GENERATION_MOST || all->count == MRL_KEYS_GENERATIONS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "there are %zu CAs: drop old ones first", all->count);
    return MRL_OK;
}

void mrl_ca_issuing_name(uint8_t number, char to[static MRL_CA_NAME])
{
    if (number == 1)
        (void)snprintf(to, MRL_CA_NAME, "Merlon Issuing CA");
    else
        (void)snprintf(to, MRL_CA_NAME, "Merlon Issuing CA %u", number);
}

mrl_err mrl_ca_make_key(const struct mrl_ca_store *s, enum mrl_key_type type,
                        struct mrl_generation *g, struct mrl_why *why)
{
    char label[LABEL];

    if (!s->hold_key)
        return mrl_key_generate(type, &g->key, why);
    (void)snprintf(label, sizeof(label), "merlon-%s-%u",
                   g->kind == MRL_CA_ROOT ? "root" : "issuing", g->number);
    return mrl_held_make(s->unlock, type, label, &g->held, &g->key, why);
}

static mrl_err newest_root(const struct mrl_generations *all, const struct mrl_generation **out,
                           struct mrl_why *why)
{
    *out = mrl_generation_newest(all, MRL_CA_ROOT);
    if (*out == NULL || (*out)->key == NULL)
        return mrl_fail(why, MRL_ERR_NOT_FOUND,
                        "the key of the root is not in this keystore: use request-issuing, and "
                        "sign-request where it is");
    return MRL_OK;
}

mrl_err mrl_ca_new_issuing(const struct mrl_ca_store *s, enum mrl_key_type type, uint8_t *number,
                           struct mrl_why *why)
{
    MRL_SCOPED(mrl_ca_opened) o = {0};
    MRL_SCOPED(mrl_generation) g = {.kind = MRL_CA_ISSUING};
    const struct mrl_generation *root;
    char name[MRL_CA_NAME];

    MRL_TRY(mrl_ca_open(s, &o, why));
    MRL_TRY(newest_root(&o.keystore.cas, &root, why));
    MRL_TRY(mrl_ca_next_number(&o.keystore.cas, MRL_CA_ISSUING, &g.number, why));
    MRL_TRY(mrl_ca_make_key(s, type, &g, why));
    mrl_ca_issuing_name(g.number, name);
    MRL_TRY(mrl_ca_build_issuing(mrl_str(name), g.key, root, s->now, &g.cert, why));
    MRL_TRY(mrl_generation_save(s->folder, &o.kek, &g, why));
    *number = g.number;
    return MRL_OK;
}

mrl_err mrl_ca_new_root(const struct mrl_ca_store *s, enum mrl_key_type type, uint8_t *number,
                        struct mrl_why *why)
{
    MRL_SCOPED(mrl_ca_opened) o = {0};
    MRL_SCOPED(mrl_generation) g = {.kind = MRL_CA_ROOT};
    const struct mrl_generation *before;

    MRL_TRY(mrl_ca_open(s, &o, why));
    MRL_TRY(newest_root(&o.keystore.cas, &before, why));
    MRL_TRY(mrl_ca_next_number(&o.keystore.cas, MRL_CA_ROOT, &g.number, why));
    MRL_TRY(mrl_ca_make_key(s, type, &g, why));
    MRL_TRY(mrl_ca_build_root(g.key, s->now, &g.cert, why));
    MRL_TRY(build_link(&g, before, s->now, &g.links, why)); /* NewWithOld */
    MRL_TRY(build_link(before, &g, s->now, &g.links, why)); /* OldWithNew */
    MRL_TRY(mrl_generation_save(s->folder, &o.kek, &g, why));
    *number = g.number;
    return MRL_OK;
}

/* --- the end of one --- */

static mrl_err check_drop(const struct mrl_keystore *k, const struct mrl_generation *g,
                          struct mrl_why *why)
{
    if (g != mrl_generation_newest(&k->cas, g->kind))
        return MRL_OK;
    if (g->kind == MRL_CA_ISSUING)
        return mrl_fail(why, MRL_ERR_STATE, "issuing CA %u is the newest", g->number);
    if (!k->root_exported)
        return mrl_fail(why, MRL_ERR_STATE,
                        "root CA %u is the newest, and its key was not exported: nobody could sign "
                        "with it any more",
                        g->number);
    return MRL_OK;
}

mrl_err mrl_ca_drop(const struct mrl_ca_store *s, enum mrl_ca_kind kind, uint8_t number,
                    struct mrl_why *why)
{
    MRL_SCOPED(mrl_ca_opened) o = {0};
    const struct mrl_generation *g;

    MRL_TRY(mrl_ca_open(s, &o, why));
    g = mrl_generation_find(&o.keystore.cas, kind, number);
    if (g == NULL || number == 0)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no such CA in this keystore");
    MRL_TRY(check_drop(&o.keystore, g, why));
    return mrl_generation_drop(s->folder, &o.kek, g, why);
}
