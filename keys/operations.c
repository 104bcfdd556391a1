/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/operations.h"

#include <stdio.h>

#include "base/clock.h"
#include "crypto/cert_build.h"
#include "crypto/weak_key.h"

void mrl_operation_done(struct mrl_operation *o)
{
    mrl_buf_done(&o->bytes);
    mrl_secret_free(MRL_TAKE(o->secret));
}

static mrl_err ping(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                    struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    (void)s;
    (void)q;
    (void)o;
    (void)a;
    (void)why;
    return MRL_OK;
}

static void tell(const struct mrl_generation *g, struct mrl_keys_generation *out)
{
    *out = (struct mrl_keys_generation){.kind = g->kind,
                                        .number = g->number,
                                        .has_key = g->key != NULL,
                                        .cert = mrl_cert_facts(g->cert)->der};
    for (size_t i = 0; i < g->links.count && i < MRL_KEYS_LINKS_MAX; i++)
        out->links[out->link_count++] = mrl_cert_facts(g->links.certs[i])->der;
}

static mrl_err info(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                    struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    const struct mrl_keystore *k = s->keystore;

    (void)q;
    (void)o;
    (void)why;
    a->facts = (struct mrl_keys_facts){
        .audit_key = mrl_bytes_of(k->audit_public, sizeof(k->audit_public)),
        .tenant = mrl_str(k->tenant),
        .landlock_abi = s->landlock_abi,
        .root_exported = k->root_exported,
        .served = s->served,
        .refused = s->refused,
        .malformed = s->malformed,
    };
    for (size_t i = 0; i < k->cas.count; i++)
        tell(&k->cas.at[i], &a->facts.generations[i]);
    a->facts.generation_count = k->cas.count;
    return MRL_OK;
}

static const enum mrl_cert_kind cert_kinds[MRL_KEYS_KIND_END_] = {
    [MRL_KEYS_DEVICE] = MRL_CERT_DEVICE,     [MRL_KEYS_APPLICATION] = MRL_CERT_APPLICATION,
    [MRL_KEYS_OPERATOR] = MRL_CERT_OPERATOR, [MRL_KEYS_SERVER] = MRL_CERT_SERVER,
    [MRL_KEYS_CLAIM] = MRL_CERT_APPLICATION, /* a client, too */
    [MRL_KEYS_OCSP] = MRL_CERT_OCSP,
};

_Static_assert((int)MRL_KEYS_ID_MAX <= (int)MRL_CN_MAX, "an id is also the common name");

struct revocation_urls {
    char crl[MRL_KEYS_CRL_URL_MAX];
    char ocsp[MRL_KEYS_URL_MAX + sizeof("/ocsp")];
};

/* Where outsiders find out: its shard, by its own serial, and the responder. */
static void say_revocation(const struct mrl_keys_server *s, const struct mrl_generation *ca,
                           struct mrl_cert_profile *p, struct revocation_urls *urls)
{
    mrl_bytes url = mrl_str(s->policy.limits.revocation_url);

    if (url.len == 0)
        return;
    mrl_keys_crl_url(url, mrl_cert_facts(ca->cert)->ski, MRL_KEYS_CRL_SHARD, p->serial[0],
                     urls->crl);
    (void)snprintf(urls->ocsp, sizeof(urls->ocsp), "%.*s/ocsp", MRL_FMT(url)); /* fits */
    p->crl_url = mrl_str(urls->crl);
    p->ocsp_url = mrl_str(urls->ocsp);
}

/* want has passed the policy: what is built here is only what it says. */
static mrl_err build(const struct mrl_keys_server *s, const struct mrl_generation *ca,
                     const struct mrl_keys_issue *want, struct mrl_buf *out, struct mrl_why *why)
{
    const struct mrl_keystore *k = s->keystore;
    struct mrl_cert_profile p = {.kind = cert_kinds[want->kind],
                                 .cn = want->id,
                                 .dns = {want->dns, want->dns_count},
                                 .ips = {want->ip, want->ip_count},
                                 .spki = want->spki,
                                 .not_before = want->not_before,
                                 .not_after = want->not_after};
    char uri_text[MRL_KEYS_URI_MAX];
    struct revocation_urls urls;
    mrl_bytes uri;

    if (want->kind < MRL_KEYS_SERVER) {
        MRL_TRY(mrl_keys_uri(want->kind, mrl_str(k->tenant), want->id, uri_text));
        uri = mrl_str(uri_text);
        p.uris = (struct mrl_names){&uri, 1};
    }
    mrl_serial_random(p.serial);
    if (want->kind != MRL_KEYS_OCSP && want->kind != MRL_KEYS_CLAIM) /* shown to Merlon only */
        say_revocation(s, ca, &p, &urls);
    return mrl_cert_build(&p, ca->cert, ca->key, out, why);
}

static mrl_err check_subject_key(const struct mrl_keystore *k, mrl_bytes spki, struct mrl_why *why)
{
    const struct mrl_key *own[MRL_KEYS_GENERATIONS_MAX + 1] = {k->audit};
    MRL_AUTO(mrl_key) subject = NULL;
    enum mrl_key_weakness weakness;
    size_t count = 1;

    for (size_t i = 0; i < k->cas.count; i++)
        if (k->cas.at[i].key != NULL)
            own[count++] = k->cas.at[i].key;
    MRL_TRY(mrl_key_from_spki(spki, &subject, why));
    weakness = mrl_key_weakness_of(subject, spki);
    if (weakness != MRL_KEY_SOUND)
        return mrl_fail(why, MRL_ERR_DENIED, "%s: %s", mrl_key_weakness_name(weakness),
                        mrl_key_weakness_text(weakness));
    return mrl_policy_check_key(subject, own, count, why);
}

static mrl_err issue(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                     struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    const struct mrl_keystore *k = s->keystore;
    const struct mrl_generation *ca =
        mrl_generation_find(&k->cas, MRL_CA_ISSUING, q->issue.generation);

    MRL_TRY(mrl_policy_take_token(&s->policy, mrl_monotonic_ms(), why));
    if (ca == NULL || ca->key == NULL)
        return mrl_fail(why, MRL_ERR_DENIED, "there is no key of an issuing CA %u",
                        q->issue.generation);
    MRL_TRY(mrl_policy_check_issue(&s->policy, &q->issue, mrl_wall_s(),
                                   mrl_cert_facts(ca->cert)->not_after, why));
    if (check_subject_key(k, q->issue.spki, why) != MRL_OK)
        return MRL_ERR_DENIED; /* weak, of another kind, or our own: why says which */
    MRL_TRY(build(s, ca, &q->issue, &o->bytes, why));
    a->bytes = mrl_buf_bytes(&o->bytes);
    return MRL_OK;
}

static mrl_err audit_key(const struct mrl_keystore *k, struct mrl_note_key *out)
{
    char origin[MRL_KEYS_ORIGIN_MAX];

    mrl_keys_audit_origin(mrl_str(k->tenant), origin);
    return mrl_note_key_make(mrl_str(origin), MRL_NOTE_ED25519,
                             mrl_bytes_of(k->audit_public, sizeof(k->audit_public)), out);
}

static mrl_err sign_checkpoint(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                               struct mrl_operation *o, struct mrl_keys_answer *a,
                               struct mrl_why *why)
{
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    MRL_SCOPED(mrl_note_key) own = {0};
    struct mrl_checkpoint c;
    mrl_bytes text;

    MRL_TRY(audit_key(s->keystore, &own));
    MRL_TRY(mrl_signed_advance(&s->policy.checkpoint, &q->checkpoint, &own, &c, why));
    MRL_TRY(mrl_checkpoint_text(&c, memory, &text));
    MRL_TRY(mrl_key_sign(s->keystore->audit, text, &o->bytes));
    a->bytes = mrl_buf_bytes(&o->bytes);
    return MRL_OK;
}

static mrl_err sign_crl(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                        struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    if (q->crl.step == MRL_KEYS_CRL_BEGIN)
        MRL_TRY(mrl_policy_take_token(&s->policy, mrl_monotonic_ms(), why));
    MRL_TRY(mrl_keys_crl_step(&s->crls, s->keystore, mrl_str(s->policy.limits.revocation_url),
                              &q->crl, &o->bytes, why));
    a->bytes = mrl_buf_bytes(&o->bytes);
    return MRL_OK;
}

static mrl_err wrap(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                    struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    (void)why;
    MRL_TRY(mrl_sealing_wrap(&s->keystore->sealing, q->wrap.context, q->wrap.key, &o->bytes));
    a->bytes = mrl_buf_bytes(&o->bytes);
    return MRL_OK;
}

static mrl_err unwrap(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                      struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    if (mrl_sealing_unwrap(&s->keystore->sealing, q->unwrap.context, q->unwrap.sealed,
                           &o->secret) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO,
                        "the wrapped key was changed, is for another context, or was not wrapped "
                        "by this keystore");
    a->bytes = mrl_secret_bytes(o->secret);
    return MRL_OK;
}

typedef mrl_err operation(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                          struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why);

static operation *const operations[MRL_KEYS_TYPE_END_] = {
    [MRL_KEYS_PING] = ping,         [MRL_KEYS_INFO] = info,
    [MRL_KEYS_ISSUE] = issue,       [MRL_KEYS_WRAP] = wrap,
    [MRL_KEYS_UNWRAP] = unwrap,     [MRL_KEYS_SIGN_CHECKPOINT] = sign_checkpoint,
    [MRL_KEYS_SIGN_CRL] = sign_crl,
};

mrl_err mrl_operation_run(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                          struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why)
{
    return operations[q->type](s, q, o, a, why); /* q was read: its type is one of these */
}
