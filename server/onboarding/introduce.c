/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/introduce.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/der.h"
#include "devices/credential.h"
#include "devices/hardware.h"
#include "onboarding/grant.h"
#include "onboarding/maker_claim.h"
#include "onboarding/outage.h"

static mrl_err read_one(struct mrl_reader *r, struct mrl_cert **out)
{
    mrl_bytes whole;
    uint8_t tag;

    MRL_TRY(mrl_der_read_any(r, &tag, NULL, &whole));
    return mrl_cert_from_der(whole, out);
}

/* Those after the leaf are only a help: one that cannot be read helps nobody. */
static mrl_err read_all(mrl_bytes certificates, struct mrl_introduction *out)
{
    struct mrl_reader r = {certificates, 0};

    MRL_TRY(read_one(&r, &out->leaf));
    while (mrl_reader_left(&r) > 0) {
        struct mrl_cert *cert = NULL;

        MRL_TRY(read_one(&r, &cert));
        MRL_TRY(mrl_cert_list_add(&out->sent, cert));
    }
    return MRL_OK;
}

mrl_err mrl_introduction_read(struct mrl_makers *m, mrl_bytes certificates, int64_t now,
                              struct mrl_introduction *out, struct mrl_why *why)
{
    enum mrl_chain_reason reason;
    mrl_err err;

    *out = (struct mrl_introduction){.leaf = NULL};
    if (read_all(certificates, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_AUTH, "the certificates cannot be read");
    err = mrl_makers_find(m, out->leaf, &out->sent, now, &out->maker, &reason);
    if (err == MRL_ERR_STATE)
        return mrl_fail(why, MRL_ERR_AUTH, "the certificate leads to several makers");
    if (err != MRL_OK)
        return mrl_fail(why, MRL_ERR_AUTH, "the certificate is of no registered maker: %s",
                        mrl_chain_reason_name(reason));
    return mrl_maker_device_id(&out->maker, mrl_cert_facts(out->leaf), &out->device, why);
}

void mrl_introduction_done(struct mrl_introduction *i)
{
    mrl_cert_free(i->leaf);
    mrl_cert_list_done(&i->sent);
    *i = (struct mrl_introduction){.leaf = NULL};
}

/* ---- one job ---- */

struct job {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_hardware *hardware; /* NULL: nobody proves anything */
    struct mrl_maker_claim claim;
    bool waits;
    bool held; /* the key is proven to be in a TPM */
    struct mrl_registry_update *update;
    struct mrl_why *why;
};

static mrl_err record(struct mrl_tx *tx, const struct mrl_maker_claim *c)
{
    char fingerprint[2 * MRL_SHA256_SIZE + 1], serial[2 * MRL_SERIAL_MAX + 1];
    struct mrl_audit_detail details[4];
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_DEVICE_ENROLLED, c->device);

    mrl_hex(mrl_fingerprint_bytes(&c->certificate->fingerprint), fingerprint);
    mrl_hex(c->certificate->serial, serial);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[1] = MRL_AUDIT_TEXT("maker", mrl_name_bytes(&c->maker->name));
    details[2] = MRL_AUDIT_INT("not_after", c->certificate->not_after);
    details[3] = MRL_AUDIT_TEXT("serial", mrl_str(serial));
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

/* What is demanded of the certificates that are issued is demanded of this one, too. */
static mrl_err judge(struct mrl_tx *tx, struct job *j, const struct mrl_credential_new *c)
{
    struct mrl_shown shown = {.spki = c->spki};

    if (j->hardware != NULL)
        MRL_TRY(mrl_hardware_record_tx(j->hardware, tx, j->claim.actor, c, /*proof=*/NULL,
                                       &shown.held, j->why));
    j->held = shown.held;
    mrl_grant_show_maker(j->claim.certificate, &shown);
    return mrl_expectation_judge_tx(tx, c->id, &shown, j->why);
}

static mrl_err add_credential(struct mrl_tx *tx, struct job *j)
{
    const struct mrl_cert_facts *f = j->claim.certificate;
    const struct mrl_credential_new credential = {
        .kind = MRL_PRINCIPAL_DEVICE,
        .id = j->claim.device,
        .fingerprint = f->fingerprint,
        .serial = f->serial,
        .not_before = f->not_before,
        .not_after = f->not_after,
        .spki = f->spki,
        .der = f->der,
    };

    MRL_TRY(mrl_device_activate_tx(tx, j->claim.actor, j->claim.device, j->why));
    MRL_TRY(mrl_registry_credential_add(tx, &credential, j->why));
    MRL_TRY(judge(tx, j, &credential));
    return record(tx, &j->claim);
}

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct job *j = MRL_CONTAINER(w, struct job, write);

    MRL_TRY(mrl_maker_claim_tx(tx, &j->claim, mrl_wall_s(), &j->waits, j->why));
    if (!j->waits)
        MRL_TRY(add_credential(tx, j));
    MRL_TRY(mrl_registry_stage(tx, MRL_PRINCIPAL_DEVICE, j->claim.device, &j->update));
    if (j->held)
        mrl_registry_update_hardware(j->update, &j->claim.certificate->fingerprint);
    return MRL_OK;
}

static void publish(struct mrl_write *w)
{
    const struct job *j = MRL_CONTAINER(w, struct job, write);

    mrl_registry_publish(j->registry, j->update);
}

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

/* Reading first: who is refused, or still waits, costs no write. */
static mrl_err look(struct mrl_onboarding *o, struct job *j)
{
    struct look l = {.claim = &j->claim, .why = j->why};

    MRL_TRY(mrl_store_read(o->store, look_at_claim, &l));
    if (l.verdict.approval == MRL_APPROVAL_PENDING)
        return MRL_ERR_AGAIN;
    if (!l.verdict.known && mrl_makers_wait_s(o->makers, j->claim.maker, mrl_wall_s()) > 0)
        return mrl_fail(j->why, MRL_ERR_BUSY, "maker %s brings too many new devices in a minute",
                        j->claim.maker->name.text);
    return MRL_OK;
}

static mrl_err write(struct mrl_onboarding *o, struct job *j)
{
    mrl_err err = look(o, j);

    if (err == MRL_OK)
        err = mrl_store_write(o->store, &j->write);
    mrl_registry_update_free(MRL_TAKE(j->update));
    if (err == MRL_OK && j->waits)
        err = MRL_ERR_AGAIN;
    return err == MRL_ERR_AGAIN
               ? mrl_fail(j->why, err, "device %.*s waits for approval", MRL_FMT(j->claim.device))
               : err;
}

static void note_refused(struct mrl_onboarding *o, const struct mrl_actor *actor, mrl_err err,
                         const struct mrl_why *why)
{
    struct mrl_audit_event e = mrl_actor_event(actor, MRL_AUDIT_ENROL_REFUSED, actor->id);

    e.outcome = MRL_AUDIT_DENIED;
    e.reason = mrl_str(why->text[0] != '\0' ? why->text : mrl_err_name(err));
    mrl_audit_note(o->audit, &e);
}

static mrl_err introduce(struct mrl_onboarding *o, const struct mrl_introduction *i,
                         const struct mrl_actor *actor, struct mrl_why *why)
{
    struct job j = {
        .write = {.run = run, .committed = publish, .why = why},
        .registry = o->registry,
        .hardware = o->hardware,
        .claim = {.maker = &i->maker,
                  .device = mrl_name_bytes(&i->device),
                  .certificate = mrl_cert_facts(i->leaf),
                  .actor = actor,
                  .first = true,
                  .door = MRL_LIT("mqtt")},
        .why = why,
    };

    if (!i->maker.jitp)
        return mrl_fail(why, MRL_ERR_DENIED, "devices of maker %s enrol first", i->maker.name.text);
    return write(o, &j);
}

mrl_err mrl_introduce(struct mrl_onboarding *o, const struct mrl_introducing *in,
                      struct mrl_why *why)
{
    char auth[sizeof("certificate:") + 2 * MRL_SHA256_SIZE], hex[2 * MRL_SHA256_SIZE + 1];
    struct mrl_writer w = mrl_writer_on(auth, sizeof(auth));
    struct mrl_actor actor = {.kind = MRL_ACTOR_DEVICE, .source = in->source};
    struct mrl_introduction i;
    mrl_err err = mrl_introduction_read(o->makers, in->certificates, mrl_wall_s(), &i, why);

    if (i.leaf != NULL) {
        mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(i.leaf)->fingerprint), hex);
        mrl_put_text(&w, "certificate:%s", hex);
        actor.auth = mrl_bytes_of(auth, w.len);
    }
    actor.id = mrl_name_bytes(&i.device);
    if (err == MRL_OK)
        err = introduce(o, &i, &actor, why);
    else
        actor.kind = MRL_ACTOR_UNKNOWN;
    if (err != MRL_OK && err != MRL_ERR_AGAIN)
        note_refused(o, &actor, err, why);
    mrl_outage_tell(err, why);
    mrl_introduction_done(&i);
    return err;
}
