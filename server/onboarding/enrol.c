/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/enrol.h"

#include "base/rcu.h"

#include "access/name.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/csr.h"
#include "crypto/name.h"
#include "devices/credential.h"
#include "devices/hardware.h"
#include "devices/snapshot.h"
#include "onboarding/enrol_internal.h"
#include "onboarding/grant.h"
#include "onboarding/outage.h"
#include "onboarding/terms.h"
#include "onboarding/token_approval.h"

static void note_refused(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                         enum mrl_audit_action action, const char *reason)
{
    /* Coarse, so that equal entries stay equal. */
    const struct mrl_audit_detail skew = MRL_AUDIT_INT("clock_skew", e->skew_s / 60 * 60);
    const struct mrl_audit_event event = {
        .action = action,
        .details = &skew,
        .details_count = mrl_enrol_skew_counts(e->skew_s),
        .outcome = MRL_AUDIT_DENIED,
        .actor = {.kind = MRL_ACTOR_UNKNOWN, .id = e->device},
        .source = e->source,
        .target = e->device,
        .reason = mrl_str(reason),
        .request = e->request_id,
    };

    mrl_audit_note(o->audit, &event);
}

/* Refused because of the request itself: says so, notes it. */
static enum mrl_enrol_refusal bad_request(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                          const struct mrl_why *why)
{
    note_refused(o, e, MRL_AUDIT_ENROL_REFUSED, why->text);
    return MRL_ENROL_BAD_REQUEST;
}

void mrl_enrol_note_refused(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                            const char *reason)
{
    note_refused(o, e, MRL_AUDIT_ENROL_REFUSED, reason);
}

mrl_err mrl_enrol_check_name_change(const struct mrl_csr_facts *facts, struct mrl_why *why)
{
    return facts->change_subject_name
               ? mrl_fail(why, MRL_ERR_INVALID,
                          "ChangeSubjectName: the name of a device does not change")
               : MRL_OK;
}

mrl_err mrl_enrol_check_san(const struct mrl_onboarding *o, const struct mrl_enrolment *e,
                            const struct mrl_csr_facts *facts, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) uri = {0};
    enum mrl_san_kind kind;
    struct mrl_san names;
    mrl_bytes value;

    MRL_TRY(mrl_issuing_uri(o->issuing, MRL_PRINCIPAL_DEVICE, e->device, &uri));
    if (mrl_san_start(facts->san, &names) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "subjectAltName of the request is malformed");
    while (mrl_san_next(&names, &kind, &value)) {
        if (kind != MRL_SAN_URI || !mrl_bytes_eq(value, mrl_buf_bytes(&uri)))
            return mrl_fail(why, MRL_ERR_INVALID, "subjectAltName may hold only %.*s",
                            MRL_FMT(mrl_buf_bytes(&uri)));
    }
    return MRL_OK;
}

struct grant {
    struct mrl_onboarding *o;
    const struct mrl_enrolment *e;
    struct mrl_actor actor;
    enum mrl_audit_action action;
    struct mrl_token_match token;
    bool once; /* so is its request, which has this name: */
    uint8_t request[MRL_SHA256_SIZE];
    int64_t late_s;
    struct mrl_why *why;
};

/* Whoever overheard a request and has a token gets nothing for it. One whose key is made here
 * counts for nothing; who shows a certificate proves with it that the key is there. */
static mrl_err use_token(struct mrl_tx *tx, struct grant *g)
{
    if (g->e->token.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_token_use_tx(tx, g->e->token, g->e->device, mrl_wall_s(), &g->token));
    MRL_ENSURE(g->token.verdict == MRL_TOKEN_GOOD, MRL_ERR_AUTH);
    return g->once ? mrl_token_request_tx(tx, g->request, g->why) : MRL_OK;
}

/* A group's token makes devices that were not known before and takes those that are expected.
 * Who works has a certificate to show, or an operator approves this one. */
static mrl_err make_device(struct mrl_tx *tx, struct grant *g)
{
    const struct mrl_device_new device = {.id = g->e->device, .group = mrl_str(g->token.group)};
    mrl_err err = MRL_OK;

    if (g->token.group[0] == '\0')
        return MRL_OK;
    if (!g->token.approval)
        err = mrl_device_check_expected_tx(tx, device.id, g->why);
    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return err;
    return mrl_device_expect_tx(tx, &g->actor, &device, g->why);
}

static mrl_err run_grant(struct mrl_tx *tx, void *context, struct mrl_why *why)
{
    struct grant *g = context;

    MRL_TRY(use_token(tx, g));
    if (g->token.approval)
        MRL_TRY(mrl_token_approval_use_tx(tx, g->e->device, &g->token));
    MRL_TRY(make_device(tx, g));
    MRL_TRY(mrl_terms_admit_tx(tx, mrl_terms_profile(g->o, g->e), g->e->device, why));
    return mrl_device_activate_tx(tx, &g->actor, g->e->device, why);
}

static enum mrl_enrol_refusal refusal_of(struct grant *g, mrl_err err)
{
    if (err == MRL_OK)
        return MRL_ENROL_OK;
    if (err == MRL_ERR_AUTH) {
        note_refused(g->o, g->e, MRL_AUDIT_TOKEN_REFUSED, mrl_token_verdict_name(g->token.verdict));
        (void)mrl_fail(g->why, err, "token refused");
        return MRL_ENROL_NOT_AUTHENTIC;
    }
    if (err == MRL_ERR_AGAIN)
        return MRL_ENROL_WAITING;
    note_refused(g->o, g->e, MRL_AUDIT_ENROL_REFUSED,
                 g->why->text[0] != '\0' ? g->why->text : mrl_err_name(err));
    mrl_outage_tell(err, g->why);
    if (err == MRL_ERR_STATE || err == MRL_ERR_LIMIT || err == MRL_ERR_NOT_FOUND ||
        err == MRL_ERR_DENIED || err == MRL_ERR_EXISTS)
        return MRL_ENROL_FORBIDDEN;
    return err == MRL_ERR_INVALID ? MRL_ENROL_BAD_REQUEST : MRL_ENROL_UNAVAILABLE;
}

static mrl_err grant(struct grant *g, const struct mrl_csr_facts *facts, struct mrl_buf *der)
{
    const struct mrl_grant wish = {
        .kind = MRL_PRINCIPAL_DEVICE,
        .id = g->e->device,
        .spki = facts->spki,
        .actor = &g->actor,
        .action = g->action,
        .token = mrl_str(g->token.id),
        .late_s = g->late_s,
        .skew_s = g->e->skew_s,
        .profile = mrl_terms_profile(g->o, g->e),
        .before = run_grant,
        .context = g,
        .proof = g->e->proof,
    };

    return mrl_grant_write(g->o, &wish, der, g->why);
}

static struct grant grant_for(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                              mrl_bytes auth, enum mrl_audit_action action, struct mrl_why *why)
{
    return (struct grant){
        .o = o,
        .e = e,
        .actor = {.kind = MRL_ACTOR_DEVICE,
                  .id = e->device,
                  .auth = auth,
                  .source = e->source,
                  .request = e->request_id},
        .action = action,
        .why = why,
    };
}

struct token_look {
    const struct mrl_enrolment *e;
    struct mrl_token_match match;
    bool answered; /* it gave this device a certificate before */
    struct mrl_fingerprint certificate;
};

static mrl_err look_at_token(struct mrl_tx *tx, void *context)
{
    struct token_look *look = context;
    int64_t now = mrl_wall_s();
    mrl_err err;

    MRL_TRY(mrl_token_judge(tx, look->e->token, look->e->device, now, &look->match));
    if (look->match.verdict != MRL_TOKEN_GOOD && look->match.verdict != MRL_TOKEN_USED)
        return MRL_OK;
    err = mrl_token_answer(tx, mrl_str(look->match.id), look->e->device, now, &look->certificate);
    look->answered = err == MRL_OK;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static enum mrl_enrol_refusal refuse_token(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                           enum mrl_token_verdict verdict, struct mrl_why *why)
{
    note_refused(o, e, MRL_AUDIT_TOKEN_REFUSED, mrl_token_verdict_name(verdict));
    (void)mrl_fail(why, MRL_ERR_AUTH,
                   "token refused"); /* which reason it was is for the log only */
    return MRL_ENROL_NOT_AUTHENTIC;
}

/* Before any work is done for a stranger: is the token good? It is judged again when it is used. */
static enum mrl_enrol_refusal check_token(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                          struct token_look *look, struct mrl_why *why)
{
    if (mrl_store_read(o->store, look_at_token, look) != MRL_OK) {
        (void)mrl_fail(why, MRL_ERR_IO, "the store does not answer, try again");
        return MRL_ENROL_UNAVAILABLE;
    }
    if ((look->match.verdict == MRL_TOKEN_GOOD || look->answered) && mrl_name_valid(e->device))
        return MRL_ENROL_OK;
    return refuse_token(o, e, look->match.verdict, why);
}

/* ---- the answer was lost ---- */

struct repetition {
    const struct mrl_csr_facts *facts;
    struct mrl_buf *der;
    bool same;
};

static void compare_key(void *context, const struct mrl_credential_info *credential, mrl_bytes der)
{
    struct repetition *r = context;
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};

    (void)credential;
    if (mrl_cert_from_der(der, &cert) != MRL_OK || mrl_cert_key(cert, &key) != MRL_OK ||
        mrl_key_to_spki(key, &spki) != MRL_OK)
        return;
    r->same =
        mrl_bytes_eq(mrl_buf_bytes(&spki), r->facts->spki) && mrl_buf_append(r->der, der) == MRL_OK;
}

/* Whose certificate it is, when it and the device are in order; else why not. */
static bool is_in_use(struct mrl_onboarding *o, const struct mrl_fingerprint *certificate,
                      uint64_t grace_s, struct mrl_name *id, const char **reason)
{
    const struct mrl_principal *p = NULL;
    enum mrl_judgement judged = MRL_JUDGED_UNKNOWN;
    bool good;

    mrl_rcu_read_begin();
    if (certificate != NULL)
        judged = mrl_registry_judge_renewal(o->registry, certificate, mrl_wall_s(),
                                            (int64_t)grace_s, &p);
    good = judged == MRL_JUDGED_ACCEPTED && mrl_name_set(id, p->subject.id);
    mrl_rcu_read_end();
    *reason = mrl_judgement_name(judged);
    return good;
}

static void note_repeated(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                          const struct token_look *look)
{
    char fingerprint[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[2];
    const struct mrl_audit_event event = {
        .action = MRL_AUDIT_ENROL_REPEATED,
        .outcome = MRL_AUDIT_OK,
        .actor = {.kind = MRL_ACTOR_DEVICE, .id = e->device},
        .source = e->source,
        .target = e->device,
        .request = e->request_id,
        .details = details,
        .details_count = MRL_COUNT(details),
    };

    mrl_hex(mrl_fingerprint_bytes(&look->certificate), fingerprint);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[1] = MRL_AUDIT_TEXT("token", mrl_str(look->match.id));
    mrl_audit_note(o->audit, &event);
}

/* A device that lost the answer asks again with token and key. It gets the certificate it has got,
 * and only when the request is bound to this very connection: so it holds the key now, and a
 * request that was overheard or kept is of no use. docs/decisions/0005 */
static bool answer_again(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                         const struct token_look *look, const struct mrl_csr_facts *facts,
                         struct mrl_buf *der)
{
    struct repetition r = {.facts = facts, .der = der};
    struct mrl_name id;
    const char *reason;

    if (!look->answered || !facts->has_challenge ||
        !is_in_use(o, &look->certificate, /*grace_s=*/0, &id, &reason) ||
        !mrl_bytes_eq(mrl_name_bytes(&id), e->device) ||
        (e->proof != NULL && !mrl_hardware_is_held(o->registry, &look->certificate)) ||
        mrl_credential_show(o->registry, &look->certificate, compare_key, &r, NULL) != MRL_OK ||
        !r.same)
        return false;
    note_repeated(o, e, look);
    return true;
}

/* ---- both enrolments ---- */

static mrl_err check_terms(const struct mrl_onboarding *o, const struct mrl_enrolment *e,
                           const struct mrl_csr_facts *facts, bool first, struct mrl_why *why)
{
    const struct mrl_profile *p = mrl_terms_profile(o, e);

    MRL_TRY(mrl_enrol_check_name_change(facts, why));
    MRL_TRY(mrl_terms_check_key(p, facts, why));
    return mrl_terms_check_binding(p, e->binding, facts, first, why);
}

struct request {
    struct mrl_csr *csr;
    struct mrl_csr_facts facts; /* spki: of the key that is to be certified */
};

static void request_done(struct request *r)
{
    mrl_csr_free(r->csr);
}

static mrl_err read_request(const struct mrl_enrolment *e, struct request *out, struct mrl_why *why)
{
    bool made_here = e->made_spki.len > 0;

    MRL_TRY(made_here ? mrl_grant_read_names(e->request, e->device, &out->csr, why)
                      : mrl_grant_read_request(e->request, e->device, &out->csr, why));
    out->facts = *mrl_csr_facts(out->csr);
    if (made_here)
        out->facts.spki = e->made_spki;
    return MRL_OK;
}

/* Its names are compared with those of the present certificate. */
static mrl_err read_renewal(const struct mrl_enrolment *e, struct request *out, struct mrl_why *why)
{
    if (e->made_spki.len > 0)
        return read_request(e, out, why);
    MRL_TRY(mrl_grant_read_key(e->request, &out->csr, why));
    out->facts = *mrl_csr_facts(out->csr);
    return MRL_OK;
}

static mrl_err check_request(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                             struct request *r, struct mrl_why *why)
{
    MRL_TRY(read_request(e, r, why));
    MRL_TRY(mrl_enrol_check_san(o, e, &r->facts, why));
    return check_terms(o, e, &r->facts, /*first=*/true, why);
}

static mrl_err name_request(struct grant *g, const struct mrl_csr *csr)
{
    g->once = g->e->made_spki.len == 0;
    return g->once ? mrl_csr_digest(csr, g->request) : MRL_OK;
}

static enum mrl_enrol_refusal spend_token(struct mrl_onboarding *o, struct token_look *look,
                                          const struct request *r, struct mrl_buf *der,
                                          struct mrl_why *why)
{
    const struct mrl_enrolment *e = look->e;
    char auth[sizeof("token:") + MRL_TOKEN_ID_TEXT];
    struct mrl_writer w = mrl_writer_on(auth, sizeof(auth));
    struct grant g;
    mrl_err err;

    mrl_put_text(&w, "token:%s", look->match.id);
    g = grant_for(o, e, mrl_bytes_of(auth, w.len), MRL_AUDIT_DEVICE_ENROLLED, why);
    g.token = look->match;
    err = name_request(&g, r->csr);
    if (err == MRL_OK && look->match.approval)
        err = mrl_token_approval_ask(o, &g.actor, &look->match, why);
    if (err != MRL_OK)
        return refusal_of(&g, err);
    err = grant(&g, &r->facts, der);
    /* Used since we looked: perhaps by a request of this device that it gave up waiting for. */
    if ((err == MRL_ERR_AUTH || err == MRL_ERR_EXISTS) &&
        mrl_store_read(o->store, look_at_token, look) == MRL_OK &&
        answer_again(o, e, look, &r->facts, der))
        return MRL_ENROL_OK;
    return refusal_of(&g, err);
}

enum mrl_enrol_refusal mrl_enrol(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                 struct mrl_buf *der, struct mrl_why *why)
{
    struct token_look look = {.e = e};
    enum mrl_enrol_refusal refusal = check_token(o, e, &look, why);
    MRL_SCOPED(request) r = {0};
    mrl_err err;

    if (refusal != MRL_ENROL_OK)
        return refusal;
    err = check_request(o, e, &r, why);
    if (err == MRL_OK && answer_again(o, e, &look, &r.facts, der))
        return MRL_ENROL_OK;
    if (look.match.verdict != MRL_TOKEN_GOOD)
        return refuse_token(o, e, look.match.verdict, why);
    return err == MRL_OK ? spend_token(o, &look, &r, der, why) : bad_request(o, e, why);
}

struct same_names {
    const struct mrl_csr_facts *facts;
    mrl_bytes device;
    bool same;
    bool provisional; /* the certificate has another name than the device */
};

/* RFC 7030 4.2.2: Subject and SubjectAltName are identical to those of the certificate being
 * renewed. */
static void compare_names(void *context, const struct mrl_credential_info *credential,
                          mrl_bytes der)
{
    struct same_names *s = context;
    MRL_AUTO(mrl_cert) cert = NULL;

    (void)credential;
    if (mrl_cert_from_der(der, &cert) != MRL_OK)
        return;
    s->provisional = !mrl_bytes_eq(mrl_cert_facts(cert)->cn, s->device);
    s->same = mrl_bytes_eq(s->facts->subject, mrl_cert_facts(cert)->subject) &&
              mrl_bytes_eq(s->facts->san, mrl_cert_facts(cert)->san);
}

static mrl_err check_same_names(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                const struct mrl_csr_facts *facts, struct mrl_why *why)
{
    struct same_names s = {.facts = facts, .device = e->device};

    MRL_TRY(mrl_credential_show(o->registry, e->present, compare_names, &s, why));
    /* One made before the device had a name (onboarding/provision.h), or by its maker, is renewed
     * to its name. */
    if (s.provisional && facts->name.cn_count == 1 && mrl_bytes_eq(facts->name.cn, e->device))
        return mrl_enrol_check_san(o, e, facts, why);
    if (!s.same)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "subject and subjectAltName must be those of the present certificate");
    return MRL_OK;
}

/* Seconds past the end of the present certificate, 0 before. */
static int64_t late_by(struct mrl_onboarding *o, const struct mrl_fingerprint *present)
{
    const struct mrl_credential *c;
    const struct mrl_principal *p;
    int64_t late = 0;

    mrl_rcu_read_begin();
    if (mrl_snapshot_credential(o->registry, present, &c, &p))
        late = mrl_wall_s() - c->not_after;
    mrl_rcu_read_end();
    return late > 0 ? late : 0;
}

static enum mrl_enrol_refusal renew(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                    struct mrl_buf *der, struct mrl_why *why)
{
    char auth[sizeof("certificate:") + 2 * MRL_SHA256_SIZE];
    struct mrl_writer w = mrl_writer_on(auth, sizeof(auth));
    char hex[2 * MRL_SHA256_SIZE + 1];
    MRL_SCOPED(request) r = {0};
    struct grant g;

    if (read_renewal(e, &r, why) != MRL_OK || check_same_names(o, e, &r.facts, why) != MRL_OK ||
        check_terms(o, e, &r.facts, /*first=*/false, why) != MRL_OK)
        return bad_request(o, e, why);
    mrl_hex(mrl_fingerprint_bytes(e->present), hex);
    mrl_put_text(&w, "certificate:%s", hex);
    g = grant_for(o, e, mrl_bytes_of(auth, w.len), MRL_AUDIT_DEVICE_REENROLLED, why);
    g.late_s = late_by(o, e->present);
    return refusal_of(&g, grant(&g, &r.facts, der));
}

static enum mrl_enrol_refusal by_certificate(struct mrl_onboarding *o, struct mrl_enrolment *e,
                                             struct mrl_name *id, struct mrl_why *why)
{
    const char *reason;

    if (!is_in_use(o, e->present, o->grace_s, id, &reason)) {
        note_refused(o, e, MRL_AUDIT_ENROL_REFUSED, reason);
        (void)mrl_fail(why, MRL_ERR_AUTH, "a present certificate of the device is needed: %s",
                       reason);
        return MRL_ENROL_NOT_AUTHENTIC;
    }
    e->device = mrl_name_bytes(id);
    e->token = MRL_BYTES_NONE;
    return MRL_ENROL_OK;
}

enum mrl_enrol_refusal mrl_reenrol(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                   struct mrl_buf *der, struct mrl_why *why)
{
    struct mrl_enrolment known = *e;
    struct mrl_name id;
    enum mrl_enrol_refusal refusal = by_certificate(o, &known, &id, why);

    return refusal == MRL_ENROL_OK ? renew(o, &known, der, why) : refusal;
}

enum mrl_enrol_refusal mrl_enrol_admits(struct mrl_onboarding *o, struct mrl_enrolment *e,
                                        struct mrl_name *device, struct mrl_why *why)
{
    struct token_look look = {.e = e};

    return e->token.len == 0 ? by_certificate(o, e, device, why) : check_token(o, e, &look, why);
}
