/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/provision.h"

#include <stdio.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/writer.h"
#include "devices/credential.h"
#include "onboarding/claim.h"
#include "onboarding/grant.h"
#include "onboarding/hook.h"
#include "onboarding/outage.h"
#include "onboarding/pending.h"
#include "onboarding/templates.h"
#include "onboarding/terms.h"
#include "onboarding/token.h"

enum { NAME_BYTES = 16 };

static const struct {
    unsigned status;
    const char *code;
} answers[MRL_PROVISION_REFUSAL_COUNT_] = {
    [MRL_PROVISION_OK] = {200, "OK"},
    [MRL_PROVISION_BAD_REQUEST] = {400, "InvalidParameters"},
    [MRL_PROVISION_BAD_TOKEN] = {400, "InvalidCertificateOwnershipToken"},
    [MRL_PROVISION_DENIED] = {403, "AccessDenied"},
    [MRL_PROVISION_CONFLICT] = {409, "ResourceConflict"},
    [MRL_PROVISION_THROTTLED] = {429, "Throttling"},
    [MRL_PROVISION_UNAVAILABLE] = {503, "ServiceUnavailable"},
};

unsigned mrl_provision_status(enum mrl_provision_refusal r)
{
    return answers[r].status;
}

const char *mrl_provision_code(enum mrl_provision_refusal r)
{
    return answers[r].code;
}

/* --- what both have in common --- */

/* Who the log says it was. */
struct author {
    char auth[sizeof("certificate:") + 2 * MRL_SHA256_SIZE];
    struct mrl_actor actor;
};

static void author_of(const struct mrl_provision_from *from, struct author *out)
{
    struct mrl_writer w = mrl_writer_on(out->auth, sizeof(out->auth));
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(from->certificate), hex);
    mrl_put_text(&w, "certificate:%s", hex);
    out->actor = (struct mrl_actor){.kind = MRL_ACTOR_CLAIM,
                                    .id = from->claim,
                                    .auth = mrl_bytes_of(out->auth, w.len),
                                    .source = from->source};
}

void mrl_provision_note_refused(struct mrl_provisioning *p, const struct mrl_provision_from *from,
                                mrl_bytes target, const char *reason)
{
    struct mrl_audit_event e;
    struct author author;

    author_of(from, &author);
    e = mrl_actor_event(&author.actor, MRL_AUDIT_PROVISIONING_REFUSED, target);
    e.outcome = MRL_AUDIT_DENIED;
    e.reason = mrl_str(reason);
    mrl_audit_note(p->onboarding->audit, &e);
}

static enum mrl_provision_refusal refusal_of(mrl_err err)
{
    static const enum mrl_provision_refusal of[MRL_ERR_COUNT_] = {
        [MRL_ERR_MALFORMED] = MRL_PROVISION_BAD_REQUEST,
        [MRL_ERR_INVALID] = MRL_PROVISION_BAD_REQUEST,
        [MRL_ERR_DENIED] = MRL_PROVISION_DENIED,
        [MRL_ERR_AUTH] = MRL_PROVISION_DENIED,
        [MRL_ERR_LIMIT] = MRL_PROVISION_DENIED,
        [MRL_ERR_NOT_FOUND] = MRL_PROVISION_DENIED,
        [MRL_ERR_STATE] = MRL_PROVISION_DENIED,
        [MRL_ERR_EXISTS] = MRL_PROVISION_CONFLICT,
        [MRL_ERR_BUSY] = MRL_PROVISION_THROTTLED,
    };

    return err != MRL_OK && of[err] == MRL_PROVISION_OK ? MRL_PROVISION_UNAVAILABLE : of[err];
}

/* Says no, and notes it. reason: what the log says, when that is more than the device is told. */
static enum mrl_provision_refusal refuse(struct mrl_provisioning *p,
                                         const struct mrl_provision_from *from, mrl_bytes target,
                                         enum mrl_provision_refusal refusal, struct mrl_why *why,
                                         const char *reason)
{
    if (why->text[0] == '\0')
        mrl_why_set(why, refusal == MRL_PROVISION_UNAVAILABLE ? "not possible now, try again later"
                                                              : "refused");
    mrl_provision_note_refused(p, from, target, reason[0] != '\0' ? reason : why->text);
    return refusal;
}

static enum mrl_provision_refusal fail(struct mrl_provisioning *p,
                                       const struct mrl_provision_from *from, mrl_bytes target,
                                       mrl_err err, struct mrl_why *why, const char *reason)
{
    enum mrl_provision_refusal refusal = refuse(p, from, target, refusal_of(err), why, reason);

    mrl_outage_tell(err, why);
    return refusal;
}

/* --- a certificate --- */

struct certifying {
    struct mrl_write write;
    const struct mrl_provision_from *from;
    struct author author;
    mrl_bytes spki;
    char name[2 * NAME_BYTES + 1];
    const struct mrl_cert_facts *cert;
    struct mrl_pending_token token;
    struct mrl_why *why;
};

/* The key of a claim is in many hands, and one that is somebody's already would be in two. */
static mrl_err may_certify(struct mrl_tx *tx, const struct certifying *c)
{
    MRL_TRY(mrl_claim_judge_tx(tx, c->from->claim, c->why));
    MRL_TRY(mrl_claim_check_key_tx(tx, c->spki, c->why));
    return mrl_credential_check_key(tx, MRL_PRINCIPAL_DEVICE, MRL_BYTES_NONE, c->spki, c->why);
}

static mrl_err look_first(struct mrl_tx *tx, void *context)
{
    return may_certify(tx, context);
}

static mrl_err run_certify(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct certifying *c = MRL_CONTAINER(w, struct certifying, write);
    char fingerprint[2 * MRL_SHA256_SIZE + 1], serial[2 * MRL_SERIAL_MAX + 1];
    struct mrl_audit_event e =
        mrl_actor_event(&c->author.actor, MRL_AUDIT_PROVISIONING_CERTIFIED, mrl_str(c->name));
    struct mrl_audit_detail details[3];

    MRL_ENSURE(c->cert->serial.len <= MRL_SERIAL_MAX, MRL_ERR_INVALID);
    MRL_TRY(may_certify(tx, c));
    MRL_TRY(mrl_pending_add_tx(tx, &c->token, c->from->claim, c->cert, c->why));
    mrl_hex(mrl_fingerprint_bytes(&c->cert->fingerprint), fingerprint);
    mrl_hex(c->cert->serial, serial);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[1] = MRL_AUDIT_INT("not_after", c->cert->not_after);
    details[2] = MRL_AUDIT_TEXT("serial", mrl_str(serial));
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err read_csr(mrl_bytes body, struct mrl_csr **out, struct mrl_why *why)
{
    if (body.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "certificateSigningRequest is missing");
    return mrl_grant_read_key(body, out, why);
}

/* Claims know no labels. */
static const struct mrl_profile *profile_of(const struct mrl_onboarding *o)
{
    return mrl_profiles_find(o->profiles, MRL_BYTES_NONE);
}

/* A name of 128 random bits: no device has it, and none gets it. */
static mrl_err issue(struct mrl_onboarding *o, struct certifying *c, struct mrl_cert **out)
{
    MRL_SCOPED(mrl_buf) der = {0};
    uint8_t random[NAME_BYTES];

    mrl_random(random, sizeof(random));
    mrl_hex(mrl_bytes_of(random, sizeof(random)), c->name);
    MRL_TRY(mrl_issue(o->issuing, MRL_PRINCIPAL_DEVICE, mrl_str(c->name), c->spki,
                      profile_of(o)->life_s, &der, c->why));
    return mrl_cert_from_der(mrl_buf_bytes(&der), out);
}

static mrl_err certify(struct mrl_onboarding *o, struct certifying *c, mrl_bytes body,
                       struct mrl_provision_certificate *out)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;

    MRL_TRY(read_csr(body, &csr, c->why));
    c->spki = mrl_csr_facts(csr)->spki;
    MRL_TRY(mrl_terms_check_key(profile_of(o), mrl_csr_facts(csr), c->why));
    MRL_TRY(mrl_store_read(o->store, look_first, c));
    MRL_TRY(issue(o, c, &cert));
    MRL_TRY(mrl_pending_token_make(&c->token));
    c->cert = mrl_cert_facts(cert);
    MRL_TRY(mrl_store_write(o->store, &c->write));
    mrl_hex(mrl_fingerprint_bytes(&c->cert->fingerprint), out->id);
    out->token = MRL_TAKE(c->token.text);
    return mrl_cert_to_pem(cert, &out->pem);
}

enum mrl_provision_refusal
mrl_provision_certify(struct mrl_provisioning *p, const struct mrl_provision_from *from,
                      mrl_bytes csr, struct mrl_provision_certificate *out, struct mrl_why *why)
{
    struct certifying c = {.write = {.run = run_certify, .why = why}, .from = from, .why = why};
    mrl_err err;

    author_of(from, &c.author);
    err = certify(p->onboarding, &c, csr, out);
    mrl_pending_token_done(&c.token);
    return err == MRL_OK ? MRL_PROVISION_OK : fail(p, from, MRL_BYTES_NONE, err, why, "");
}

void mrl_provision_certificate_done(struct mrl_provision_certificate *c)
{
    mrl_buf_done(&c->pem);
    mrl_secret_free(c->token);
    *c = (struct mrl_provision_certificate){0};
}

/* --- a device --- */

struct registering {
    struct mrl_provisioning *p;
    const struct mrl_provision_from *from;
    struct author author;
    mrl_bytes template_name;
    const struct mrl_provision_message *m;
    struct mrl_template_loaded loaded;
    struct mrl_pending pending;
    struct mrl_template_device device;
    struct mrl_buf answer;
    uint8_t asked[MRL_SHA256_SIZE];
    char hook_said[256]; /* when it did not allow it */
    struct mrl_why *why;
};

static void registering_done(struct registering *r)
{
    mrl_template_loaded_done(&r->loaded);
    mrl_pending_done(&r->pending);
    mrl_template_device_done(&r->device);
    mrl_buf_done(&r->answer);
}

/* Each part with its length in front: a value may hold any byte, NUL too. */
static mrl_err put_part(struct mrl_buf *to, mrl_bytes part)
{
    MRL_TRY(mrl_buf_printf(to, "%zu ", part.len));
    return mrl_buf_append(to, part);
}

static mrl_err hash_request(struct registering *r)
{
    MRL_SCOPED(mrl_buf) text = {0};

    MRL_TRY(put_part(&text, r->template_name));
    for (size_t i = 0; i < r->m->count; i++) {
        MRL_TRY(put_part(&text, r->m->parameters[i].name));
        MRL_TRY(put_part(&text, r->m->parameters[i].value));
    }
    return mrl_sha256(mrl_buf_bytes(&text), r->asked);
}

static mrl_err find_pending(struct mrl_tx *tx, void *context)
{
    struct registering *r = context;

    return mrl_pending_find_tx(tx, r->m->token, r->from->claim, &r->pending);
}

/* --- its hook --- */

static mrl_err put_hook_question(const struct registering *r, const struct mrl_cert *cert,
                                 struct mrl_hook_answer *answer)
{
    char claim[2 * MRL_SHA256_SIZE + 1], certificate[2 * MRL_SHA256_SIZE + 1];
    MRL_SCOPED(mrl_buf) pem = {0};
    struct mrl_hook_question q = {
        .claim = r->from->claim,
        .template = r->template_name,
        .client_id = r->from->client_id,
        .parameters = r->m->parameters,
        .count = r->m->count,
    };

    MRL_TRY(mrl_cert_to_pem(cert, &pem));
    mrl_hex(mrl_fingerprint_bytes(r->from->certificate), claim);
    mrl_hex(mrl_fingerprint_bytes(&r->pending.certificate), certificate);
    q.claim_certificate = mrl_str(claim);
    q.certificate = mrl_str(certificate);
    q.certificate_pem = mrl_buf_bytes(&pem);
    return mrl_hook_ask(mrl_template_hook(r->loaded.template), r->loaded.secret, &q, answer,
                        r->why);
}

/* Whatever is not a clear yes is a no; why it was none is for the log, not for the device. */
static mrl_err ask_hook(struct registering *r, struct mrl_hook_answer *answer)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    mrl_err err;

    if (mrl_template_hook(r->loaded.template)->url.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_cert_from_der(mrl_buf_bytes(&r->pending.der), &cert));
    err = put_hook_question(r, cert, answer);
    if (err == MRL_OK)
        return MRL_OK;
    (void)snprintf(r->hook_said, sizeof(r->hook_said), "hook %s: %.200s",
                   err == MRL_ERR_DENIED ? "refused" : "not asked", r->why->text);
    return mrl_fail(r->why, MRL_ERR_DENIED, "the pre-provisioning hook did not allow it");
}

/* Filled twice when there is a hook: it is asked about nothing that breaks the template. */
static mrl_err make_device(struct registering *r)
{
    MRL_SCOPED(mrl_hook_answer) answer = {0};
    const struct mrl_provision_message *m = r->m;

    MRL_TRY(mrl_template_fill(r->loaded.template, m->parameters, m->count, NULL, 0, &r->device,
                              r->why));
    MRL_TRY(ask_hook(r, &answer));
    if (answer.count == 0)
        return MRL_OK;
    mrl_template_device_done(&r->device);
    return mrl_template_fill(r->loaded.template, m->parameters, m->count, answer.overrides,
                             answer.count, &r->device, r->why);
}

/* --- its transaction --- */

/* Whoever made it a token of its own wants it to come with that. */
static mrl_err check_own_token(struct mrl_tx *tx, const struct registering *r, mrl_bytes id)
{
    bool waits = false;

    MRL_TRY(mrl_token_waits_tx(tx, id, mrl_wall_s(), &waits));
    return waits ? mrl_fail(r->why, MRL_ERR_DENIED,
                            "device %.*s has a token of its own to come with", MRL_FMT(id))
                 : MRL_OK;
}

static mrl_err take_device(struct mrl_tx *tx, const struct registering *r)
{
    const struct mrl_device_new device = {.id = mrl_name_bytes(&r->device.id),
                                          .group = mrl_name_bytes(&r->device.group),
                                          .attributes = mrl_buf_bytes(&r->device.attributes)};
    mrl_err err = mrl_device_check_expected_tx(tx, device.id, r->why);

    if (err == MRL_ERR_NOT_FOUND && mrl_template_expects(r->loaded.template))
        return mrl_fail(r->why, MRL_ERR_DENIED, "device %.*s is not expected", MRL_FMT(device.id));
    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return err;
    MRL_TRY(check_own_token(tx, r, device.id));
    MRL_TRY(mrl_device_expect_tx(tx, &r->author.actor, &device, r->why));
    return mrl_device_activate_tx(tx, &r->author.actor, device.id, r->why);
}

static mrl_err append_entry(struct mrl_tx *tx, const struct registering *r)
{
    struct mrl_audit_event e = mrl_actor_event(&r->author.actor, MRL_AUDIT_PROVISIONING_REGISTERED,
                                               mrl_name_bytes(&r->device.id));
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_TEXT("template", r->template_name),
        MRL_AUDIT_INT("version", r->loaded.version),
    };

    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_register(struct mrl_tx *tx, void *context, struct mrl_why *why)
{
    struct registering *r = context;
    mrl_err err;

    MRL_TRY(mrl_claim_use_tx(tx, r->from->claim, why));
    MRL_TRY(take_device(tx, r));
    MRL_TRY(
        mrl_terms_admit_tx(tx, profile_of(r->p->onboarding), mrl_name_bytes(&r->device.id), why));
    err = mrl_pending_take_tx(tx, &r->pending.certificate, mrl_name_bytes(&r->device.id), r->asked,
                              mrl_buf_bytes(&r->answer));
    if (err == MRL_ERR_STATE)
        return mrl_fail(why, err, "this token was used meanwhile");
    MRL_TRY(err);
    return append_entry(tx, r);
}

static mrl_err grant(struct registering *r)
{
    const struct mrl_grant wish = {
        .kind = MRL_PRINCIPAL_DEVICE,
        .id = mrl_name_bytes(&r->device.id),
        .actor = &r->author.actor,
        .action = MRL_AUDIT_DEVICE_ENROLLED,
        .profile = profile_of(r->p->onboarding),
        .before = run_register,
        .context = r,
    };

    MRL_TRY(mrl_json_write(r->device.configuration, &r->answer));
    return mrl_grant_record(r->p->onboarding, &wish, mrl_buf_bytes(&r->pending.der), r->why);
}

static void set_offer(const struct registering *r, struct mrl_provision_thing *out)
{
    out->has_offer = mrl_offer_of(r->p->onboarding, mrl_name_bytes(&out->device),
                                  mrl_buf_bytes(&r->pending.der), &out->offer) == MRL_OK;
}

static void give(struct registering *r, struct mrl_provision_thing *out)
{
    out->device = r->device.id;
    set_offer(r, out);
    out->configuration = json_incref(r->device.configuration);
}

/* --- the whole of it --- */

/* Its answer was lost: the same request is told the same. */
static mrl_err tell_again(const struct registering *r, struct mrl_provision_thing *out)
{
    if (!mrl_secret_eq(mrl_bytes_of(r->asked, sizeof(r->asked)),
                       mrl_bytes_of(r->pending.asked, sizeof(r->pending.asked))))
        return MRL_ERR_AUTH;
    out->device = r->pending.device;
    set_offer(r, out);
    return mrl_json_read(mrl_buf_bytes(&r->pending.answer), &MRL_JSON_LIMITS_DEFAULT,
                         &out->configuration, NULL);
}

static mrl_err register_thing(struct registering *r, struct mrl_provision_thing *out)
{
    struct mrl_onboarding *o = r->p->onboarding;

    MRL_TRY(mrl_template_load(o->store, r->p->sealer, r->template_name, &r->loaded, r->why));
    MRL_TRY(make_device(r));
    MRL_TRY(grant(r));
    give(r, out);
    return MRL_OK;
}

static enum mrl_provision_refusal bad_token(struct registering *r)
{
    mrl_why_set(r->why, "certificateOwnershipToken is missing, unknown, used or expired");
    return refuse(r->p, r->from, r->template_name, MRL_PROVISION_BAD_TOKEN, r->why, "");
}

static enum mrl_provision_refusal run(struct registering *r, struct mrl_provision_thing *out)
{
    mrl_err err = hash_request(r);

    if (err == MRL_OK)
        err = mrl_store_read(r->p->onboarding->store, find_pending, r);
    if (err == MRL_OK && r->pending.device.len > 0) {
        err = tell_again(r, out);
        if (err == MRL_OK)
            return MRL_PROVISION_OK;
    }
    if (err == MRL_ERR_AUTH)
        return bad_token(r);
    if (err == MRL_OK)
        err = register_thing(r, out);
    if (err == MRL_OK)
        return MRL_PROVISION_OK;
    return fail(r->p, r->from,
                r->device.id.len > 0 ? mrl_name_bytes(&r->device.id) : r->template_name, err,
                r->why, r->hook_said);
}

enum mrl_provision_refusal
mrl_provision_register(struct mrl_provisioning *p, const struct mrl_provision_from *from,
                       mrl_bytes template, const struct mrl_provision_message *m,
                       struct mrl_provision_thing *out, struct mrl_why *why)
{
    struct registering r = {.p = p, .from = from, .template_name = template, .m = m, .why = why};
    enum mrl_provision_refusal refusal;

    author_of(from, &r.author);
    refusal = run(&r, out);
    registering_done(&r);
    return refusal;
}

void mrl_provision_thing_done(struct mrl_provision_thing *t)
{
    json_decref(t->configuration);
    *t = (struct mrl_provision_thing){0};
}

/* --- what nobody registered --- */

struct expiry {
    struct mrl_write write;
    int64_t now;
};

static mrl_err run_expire(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct expiry *x = MRL_CONTAINER(w, struct expiry, write);
    static const struct mrl_actor system = {.kind = MRL_ACTOR_SYSTEM,
                                            .id = MRL_LIT_INIT("merlond")};
    struct mrl_audit_event e =
        mrl_actor_event(&system, MRL_AUDIT_PROVISIONING_EXPIRED, MRL_BYTES_NONE);
    struct mrl_audit_detail detail;
    uint64_t waited = 0;

    MRL_TRY(mrl_pending_expire_tx(tx, x->now, &waited));
    if (waited == 0)
        return MRL_OK;
    detail = MRL_AUDIT_INT("count", waited);
    e.details = &detail;
    e.details_count = 1;
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err any_over(struct mrl_tx *tx, void *context)
{
    const struct expiry *x = context;

    return mrl_pending_any_over_tx(tx, x->now);
}

mrl_err mrl_provision_expire(struct mrl_provisioning *p)
{
    struct expiry x = {.write = {.run = run_expire}, .now = mrl_wall_s()};
    mrl_err err = mrl_store_read(p->onboarding->store, any_over, &x);

    if (err != MRL_OK)
        return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
    return mrl_store_write(p->onboarding->store, &x.write);
}
