/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/maker_enrol.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/idevid.h"
#include "devices/device.h"
#include "devices/hardware.h"
#include "onboarding/enrol_internal.h"
#include "onboarding/grant.h"
#include "onboarding/introduce.h"
#include "onboarding/maker_claim.h"
#include "onboarding/outage.h"
#include "onboarding/terms.h"

struct enrolling {
    struct mrl_onboarding *o;
    struct mrl_enrolment e; /* with the device it is */
    struct mrl_introduction who;
    struct mrl_maker_claim claim;
    struct mrl_actor actor;
    char auth[sizeof("certificate:") + 2 * MRL_SHA256_SIZE];
    const struct mrl_profile *profile;
    struct mrl_csr_facts request; /* spki: of the key that is to be certified */
    struct mrl_why *why;
};

/* ---- the request ---- */

static bool is_empty_name(mrl_bytes name)
{
    return mrl_bytes_eq(name, MRL_LIT("\x30\x00"));
}

/* Devices of 802.1AR repeat their own subject, or its serialNumber, or say nothing: who they are
 * stands in the handshake. */
static mrl_err check_subject(const struct enrolling *g)
{
    const struct mrl_cert_facts *own = mrl_cert_facts(g->who.leaf);
    const struct mrl_csr_facts *f = &g->request;
    mrl_bytes asked, has;

    if (is_empty_name(f->subject) || mrl_bytes_eq(f->subject, own->subject) ||
        (f->name.cn_count == 1 && mrl_bytes_eq(f->name.cn, g->e.device)))
        return MRL_OK;
    if (f->name.cn_count == 0 && mrl_idevid_serial(f->subject, &asked) == MRL_OK &&
        mrl_idevid_serial(own->subject, &has) == MRL_OK && mrl_bytes_eq(asked, has))
        return MRL_OK;
    return mrl_fail(g->why, MRL_ERR_INVALID,
                    "subject of the request is neither CN=%.*s nor that of the certificate",
                    MRL_FMT(g->e.device));
}

static mrl_err check_names(const struct enrolling *g)
{
    MRL_TRY(mrl_enrol_check_name_change(&g->request, g->why));
    MRL_TRY(check_subject(g));
    if (mrl_bytes_eq(g->request.san, mrl_cert_facts(g->who.leaf)->san))
        return MRL_OK;
    return mrl_enrol_check_san(g->o, &g->e, &g->request, g->why);
}

/* Its key and signature count for nothing when the key is made here. RFC 7030 4.4.1 */
static mrl_err read_any(const struct enrolling *g, struct mrl_csr **csr)
{
    enum mrl_csr_reason reason;

    if (g->e.made_spki.len == 0)
        return mrl_grant_read_key(g->e.request, csr, g->why);
    if (mrl_csr_from_body(g->e.request, csr, &reason) == MRL_OK)
        return MRL_OK;
    return mrl_fail(g->why, MRL_ERR_INVALID, "%s: %s", mrl_csr_reason_name(reason),
                    mrl_csr_reason_text(reason));
}

static mrl_err read_request(struct enrolling *g, struct mrl_csr **csr)
{
    bool made_here = g->e.made_spki.len > 0;

    MRL_TRY(read_any(g, csr));
    g->request = *mrl_csr_facts(*csr);
    if (made_here)
        g->request.spki = g->e.made_spki;
    MRL_TRY(check_names(g));
    MRL_TRY(mrl_terms_check_key(g->profile, &g->request, g->why));
    return mrl_terms_check_binding(g->profile, g->e.binding, &g->request, /*first=*/true, g->why);
}

/* ---- the decision ---- */

struct look {
    const struct mrl_maker_claim *claim;
    struct mrl_maker_verdict verdict;
    struct mrl_why *why;
};

static mrl_err look_at_claim(struct mrl_tx *tx, void *context)
{
    struct look *l = context;

    return mrl_maker_claim_judge(tx, l->claim, mrl_wall_s(), &l->verdict, l->why);
}

/* A key that a maker gave to another device is nobody else's. */
static mrl_err check_key(struct mrl_tx *tx, const struct enrolling *g)
{
    uint8_t key[MRL_SHA256_SIZE];
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_sha256(g->request.spki, key));
    err = mrl_tx_query_one(
        tx, "SELECT device FROM maker_identities WHERE key = $1 AND device <> $2",
        MRL_ARGS(MRL_BLOB(mrl_bytes_of(key, sizeof(key))), MRL_TEXT(g->e.device)), &rows);
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    return mrl_fail(g->why, MRL_ERR_EXISTS, "this key is that of device %.*s; make a new one",
                    MRL_FMT(mrl_row_bytes(rows, 0)));
}

static mrl_err run_claim(struct mrl_tx *tx, void *context, struct mrl_why *why)
{
    const struct enrolling *g = context;
    bool waits;

    MRL_TRY(check_key(tx, g));
    MRL_TRY(mrl_maker_claim_tx(tx, &g->claim, mrl_wall_s(), &waits, why));
    MRL_ENSURE(!waits, MRL_ERR_AGAIN); /* an operator was faster: the approval is gone again */
    MRL_TRY(mrl_terms_admit_tx(tx, g->profile, g->e.device, why));
    return mrl_device_activate_tx(tx, &g->actor, g->e.device, why);
}

static mrl_err give(struct enrolling *g, struct mrl_buf *der)
{
    const struct mrl_grant wish = {
        .kind = MRL_PRINCIPAL_DEVICE,
        .id = g->e.device,
        .spki = g->request.spki,
        .actor = &g->actor,
        .action = MRL_AUDIT_DEVICE_ENROLLED,
        .profile = g->profile,
        .before = run_claim,
        .context = g,
        .proof = g->e.proof,
        .maker = g->claim.certificate,
    };

    return mrl_grant_write(g->o, &wish, der, g->why);
}

/* ---- waiting ---- */

struct waiting {
    struct mrl_write write;
    const struct enrolling *g;
    struct mrl_registry_update *update;
    bool waits;
};

static mrl_err run_waiting(struct mrl_tx *tx, struct mrl_write *w)
{
    struct waiting *j = MRL_CONTAINER(w, struct waiting, write);

    MRL_TRY(mrl_maker_claim_tx(tx, &j->g->claim, mrl_wall_s(), &j->waits, j->g->why));
    MRL_ENSURE(j->waits, MRL_ERR_BUSY); /* approved in the meantime: nothing is used up here */
    return mrl_registry_stage(tx, MRL_PRINCIPAL_DEVICE, j->g->e.device, &j->update);
}

static void publish_waiting(struct mrl_write *w)
{
    const struct waiting *j = MRL_CONTAINER(w, struct waiting, write);

    mrl_registry_publish(j->g->o->registry, j->update);
}

/* The device is made and its request written; MRL_ERR_AGAIN. */
static mrl_err wait(struct enrolling *g)
{
    struct waiting j = {.write = {.run = run_waiting, .committed = publish_waiting, .why = g->why},
                        .g = g};
    mrl_err err = mrl_store_write(g->o->store, &j.write);

    mrl_registry_update_free(j.update);
    return err == MRL_OK ? MRL_ERR_AGAIN : err;
}

/* ---- the answer was lost ---- */

struct repetition {
    const struct enrolling *g;
    struct mrl_buf *der;
};

/* Whoever proves its hardware is not given one that was got without. */
static bool is_proven(const struct enrolling *g, mrl_bytes der)
{
    struct mrl_fingerprint fp;

    return g->e.proof == NULL ||
           (mrl_fingerprint_of(der, &fp) == MRL_OK && mrl_hardware_is_held(g->o->registry, &fp));
}

static mrl_err find_unused(struct mrl_tx *tx, void *context)
{
    const struct repetition *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    uint8_t key[MRL_SHA256_SIZE];

    MRL_TRY(mrl_sha256(r->g->request.spki, key));
    MRL_TRY(mrl_tx_query_one(
        tx,
        "SELECT der FROM credentials WHERE key = $1 AND kind = $2 AND principal = $3"
        " AND state = $4 AND seen = 0 AND not_after > $5 ORDER BY created DESC LIMIT 1",
        MRL_ARGS(MRL_BLOB(mrl_bytes_of(key, sizeof(key))), MRL_INT(MRL_PRINCIPAL_DEVICE),
                 MRL_TEXT(r->g->e.device), MRL_INT(MRL_CREDENTIAL_ACTIVE), MRL_INT(mrl_wall_s())),
        &rows));
    MRL_ENSURE(is_proven(r->g, mrl_row_bytes(rows, 0)), MRL_ERR_NOT_FOUND);
    return mrl_buf_append(r->der, mrl_row_bytes(rows, 0));
}

/* An approval is for one enrolment, and a device may lose its answer: with the same key it gets the
 * certificate that it got and never used. */
static bool answer_again(struct enrolling *g, struct mrl_buf *der)
{
    struct repetition r = {g, der};
    struct mrl_audit_event e = mrl_actor_event(&g->actor, MRL_AUDIT_ENROL_REPEATED, g->e.device);

    if (mrl_store_read(g->o->store, find_unused, &r) != MRL_OK)
        return false;
    mrl_audit_note(g->o->audit, &e);
    return true;
}

static mrl_err decide(struct enrolling *g, struct mrl_buf *der)
{
    struct look l = {.claim = &g->claim, .why = g->why};

    MRL_TRY(mrl_store_read(g->o->store, look_at_claim, &l));
    if (l.verdict.asks && l.verdict.approval != MRL_APPROVAL_APPROVED && answer_again(g, der))
        return MRL_OK;
    if (l.verdict.approval == MRL_APPROVAL_PENDING)
        return MRL_ERR_AGAIN;
    if (!l.verdict.known && mrl_makers_wait_s(g->o->makers, &g->who.maker, mrl_wall_s()) > 0)
        return mrl_fail(g->why, MRL_ERR_TIMEOUT, "maker %s brings too many new devices in a minute",
                        g->who.maker.name.text);
    if (l.verdict.asks && l.verdict.approval != MRL_APPROVAL_APPROVED)
        return wait(g);
    return give(g, der);
}

/* ---- all of it ---- */

static enum mrl_enrol_refusal refusal_of(struct enrolling *g, mrl_err err)
{
    static const enum mrl_enrol_refusal table[MRL_ERR_COUNT_] = {
        [MRL_OK] = MRL_ENROL_OK,
        [MRL_ERR_AGAIN] = MRL_ENROL_WAITING,
        [MRL_ERR_TIMEOUT] = MRL_ENROL_TOO_MANY,
        [MRL_ERR_INVALID] = MRL_ENROL_BAD_REQUEST,
        [MRL_ERR_AUTH] = MRL_ENROL_NOT_AUTHENTIC,
        [MRL_ERR_DENIED] = MRL_ENROL_FORBIDDEN,
        [MRL_ERR_EXISTS] = MRL_ENROL_FORBIDDEN,
        [MRL_ERR_STATE] = MRL_ENROL_FORBIDDEN,
        [MRL_ERR_LIMIT] = MRL_ENROL_FORBIDDEN,
    };

    if (err == MRL_ERR_AGAIN)
        (void)mrl_fail(g->why, err, "device %.*s waits for approval: ask again later",
                       MRL_FMT(g->e.device));
    else if (err != MRL_OK)
        mrl_enrol_note_refused(g->o, &g->e,
                               g->why->text[0] != '\0' ? g->why->text : mrl_err_name(err));
    mrl_outage_tell(err, g->why);
    return table[err] != 0 ? table[err] : MRL_ENROL_UNAVAILABLE;
}

static void fill(struct enrolling *g)
{
    const struct mrl_cert_facts *facts = mrl_cert_facts(g->who.leaf);
    struct mrl_writer w = mrl_writer_on(g->auth, sizeof(g->auth));
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(&facts->fingerprint), hex);
    mrl_put_text(&w, "certificate:%s", hex);
    g->e.device = mrl_name_bytes(&g->who.device);
    g->profile = mrl_terms_profile(g->o, &g->e);
    g->actor = (struct mrl_actor){.kind = MRL_ACTOR_DEVICE,
                                  .id = g->e.device,
                                  .auth = mrl_bytes_of(g->auth, w.len),
                                  .source = g->e.source,
                                  .request = g->e.request_id};
    g->claim = (struct mrl_maker_claim){.maker = &g->who.maker,
                                        .device = g->e.device,
                                        .certificate = facts,
                                        .actor = &g->actor,
                                        .door = MRL_LIT("est")};
}

static mrl_err enrol(struct enrolling *g, struct mrl_buf *der)
{
    MRL_AUTO(mrl_csr) csr = NULL;

    fill(g);
    MRL_TRY(read_request(g, &csr));
    return decide(g, der);
}

static mrl_err look_who(struct enrolling *g)
{
    mrl_err err =
        mrl_introduction_read(g->o->makers, g->e.introduced, mrl_wall_s(), &g->who, g->why);

    return err == MRL_ERR_INVALID ? MRL_ERR_DENIED /* the certificate is wrong, not the request */
                                  : err;
}

enum mrl_enrol_refusal mrl_maker_admits(struct mrl_onboarding *o, struct mrl_enrolment *e,
                                        struct mrl_name *device, struct mrl_why *why)
{
    struct enrolling g = {.o = o, .e = *e, .why = why};
    enum mrl_enrol_refusal refusal = refusal_of(&g, look_who(&g));

    if (refusal == MRL_ENROL_OK) {
        *device = g.who.device;
        e->device = mrl_name_bytes(device);
    }
    mrl_introduction_done(&g.who);
    return refusal;
}

enum mrl_enrol_refusal mrl_maker_enrol(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                       struct mrl_buf *der, struct mrl_why *why)
{
    struct enrolling g = {.o = o, .e = *e, .why = why};
    enum mrl_enrol_refusal refusal;
    mrl_err err = look_who(&g);

    if (err == MRL_OK)
        err = enrol(&g, der);
    refusal = refusal_of(&g, err);
    mrl_introduction_done(&g.who);
    return refusal;
}
