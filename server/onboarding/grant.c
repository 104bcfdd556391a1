/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/grant.h"

#include "audit/audit.h"

#include "base/hex.h"
#include "crypto/idevid.h"
#include "devices/credential.h"
#include "devices/denied_key.h"
#include "devices/expectation.h"
#include "devices/hardware.h"

static mrl_err refuse_request(enum mrl_csr_reason reason, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_INVALID, "%s: %s", mrl_csr_reason_name(reason),
                    mrl_csr_reason_text(reason));
}

static void count_refused(enum mrl_csr_reason reason)
{
    if (reason == MRL_CSR_BAD_SIGNATURE)
        mrl_key_refused(MRL_KEY_REFUSED_UNPROVEN);
    else
        mrl_key_refused(reason == MRL_CSR_WEAK_KEY ? MRL_KEY_REFUSED_TYPE : MRL_KEY_REFUSED_BROKEN);
}

static mrl_err check_key(const struct mrl_csr *csr, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    enum mrl_csr_reason reason;

    if (mrl_csr_check(csr, &key, &reason) == MRL_OK)
        return MRL_OK;
    count_refused(reason);
    return refuse_request(reason, why);
}

mrl_err mrl_grant_read_key(mrl_bytes body, struct mrl_csr **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    enum mrl_csr_reason reason;

    if (mrl_csr_from_body(body, &csr, &reason) != MRL_OK)
        return refuse_request(reason, why);
    MRL_TRY(check_key(csr, why));
    *out = MRL_TAKE(csr);
    return MRL_OK;
}

mrl_err mrl_grant_read_names(mrl_bytes body, mrl_bytes id, struct mrl_csr **out,
                             struct mrl_why *why)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    const struct mrl_csr_facts *facts;
    enum mrl_csr_reason reason;

    if (mrl_csr_from_body(body, &csr, &reason) != MRL_OK)
        return refuse_request(reason, why);
    facts = mrl_csr_facts(csr);
    if (facts->name.cn_count != 1 || !mrl_bytes_eq(facts->name.cn, id))
        return mrl_fail(why, MRL_ERR_INVALID, "subject of the request is not CN=%.*s", MRL_FMT(id));
    *out = MRL_TAKE(csr);
    return MRL_OK;
}

mrl_err mrl_grant_read_request(mrl_bytes body, mrl_bytes id, struct mrl_csr **out,
                               struct mrl_why *why)
{
    MRL_AUTO(mrl_csr) csr = NULL;

    MRL_TRY(mrl_grant_read_names(body, id, &csr, why));
    MRL_TRY(check_key(csr, why));
    *out = MRL_TAKE(csr);
    return MRL_OK;
}

struct grant_job {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_hardware *hardware;
    const struct mrl_grant *grant;
    const struct mrl_cert_facts *cert;
    struct mrl_registry_update *update;
    struct mrl_why *why;
};

static mrl_err append_entry(struct mrl_tx *tx, const struct grant_job *j)
{
    char fingerprint[2 * MRL_SHA256_SIZE + 1], serial[2 * MRL_SERIAL_MAX + 1];
    struct mrl_audit_detail details[10];
    size_t count = 0;
    struct mrl_audit_event event = mrl_actor_event(j->grant->actor, j->grant->action, j->grant->id);

    MRL_ENSURE(j->cert->serial.len <= MRL_SERIAL_MAX, MRL_ERR_INVALID);
    mrl_hex(mrl_fingerprint_bytes(&j->cert->fingerprint), fingerprint);
    mrl_hex(j->cert->serial, serial);
    if (mrl_enrol_skew_counts(j->grant->skew_s))
        details[count++] = MRL_AUDIT_INT("clock_skew", j->grant->skew_s);
    details[count++] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    if (j->grant->late_s > 0)
        details[count++] = MRL_AUDIT_INT("late", j->grant->late_s);
    details[count++] = MRL_AUDIT_INT("not_after", j->cert->not_after);
    if (j->grant->profile != NULL)
        details[count++] = MRL_AUDIT_TEXT("profile", j->grant->profile->name);
    details[count++] = MRL_AUDIT_TEXT("serial", mrl_str(serial));
    if (j->grant->token.len > 0)
        details[count++] = MRL_AUDIT_TEXT("token", j->grant->token);
    event.details = details;
    event.details_count = count;
    MRL_TRY(mrl_audit_digest(
        tx,
        "SELECT fingerprint, serial, kind, principal, not_before, not_after, state, reason, "
        "created, changed FROM credentials WHERE fingerprint = $1",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&j->cert->fingerprint))), &event.after));
    return mrl_audit_append(tx, &event, NULL);
}

void mrl_grant_show_maker(const struct mrl_cert_facts *maker, struct mrl_shown *out)
{
    if (maker == NULL)
        return;
    out->maker_key = maker->spki;
    if (mrl_idevid_serial(maker->subject, &out->serial) != MRL_OK)
        out->serial = MRL_BYTES_NONE;
}

static mrl_err judge(struct mrl_tx *tx, const struct grant_job *j,
                     const struct mrl_credential_new *c, bool held)
{
    struct mrl_shown shown = {.renews = j->grant->action == MRL_AUDIT_DEVICE_REENROLLED,
                              .spki = c->spki,
                              .proof = j->grant->proof,
                              .held = held};

    if (c->kind != MRL_PRINCIPAL_DEVICE)
        return MRL_OK;
    mrl_grant_show_maker(j->grant->maker, &shown);
    return mrl_expectation_judge_tx(tx, c->id, &shown, j->why);
}

static mrl_err stage(struct mrl_tx *tx, struct grant_job *j,
                     const struct mrl_credential_new *credential)
{
    bool held = false;

    if (j->hardware != NULL)
        MRL_TRY(mrl_hardware_record_tx(j->hardware, tx, j->grant->actor, credential,
                                       j->grant->proof, &held, j->why));
    MRL_TRY(judge(tx, j, credential, held));
    MRL_TRY(mrl_registry_stage(tx, j->grant->kind, j->grant->id, &j->update));
    if (held)
        mrl_registry_update_hardware(j->update, &credential->fingerprint);
    return MRL_OK;
}

static mrl_err run_grant(struct mrl_tx *tx, struct mrl_write *w)
{
    struct grant_job *j = MRL_CONTAINER(w, struct grant_job, write);
    const struct mrl_credential_new credential = {
        .kind = j->grant->kind,
        .id = j->grant->id,
        .fingerprint = j->cert->fingerprint,
        .serial = j->cert->serial,
        .not_before = j->cert->not_before,
        .not_after = j->cert->not_after,
        .spki = j->cert->spki,
        .der = j->cert->der,
    };

    if (j->grant->before != NULL)
        MRL_TRY(j->grant->before(tx, j->grant->context, j->why));
    MRL_TRY(mrl_registry_credential_add(tx, &credential, j->why));
    if (j->grant->token.len > 0)
        MRL_TRY(mrl_token_answered_tx(tx, j->grant->token, j->grant->id, &j->cert->fingerprint));
    if (j->grant->kind == MRL_PRINCIPAL_DEVICE)
        MRL_TRY(mrl_renewals_renewed_tx(tx, j->grant->id));
    MRL_TRY(append_entry(tx, j));
    return stage(tx, j, &credential);
}

static void publish_grant(struct mrl_write *w)
{
    const struct grant_job *j = MRL_CONTAINER(w, struct grant_job, write);

    mrl_registry_publish(j->registry, j->update);
}

mrl_err mrl_grant_record(struct mrl_onboarding *o, const struct mrl_grant *g, mrl_bytes der,
                         struct mrl_why *why)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    struct grant_job j = {.write = {.run = run_grant, .committed = publish_grant, .why = why},
                          .registry = o->registry,
                          .hardware = o->hardware,
                          .grant = g,
                          .why = why};
    mrl_err err;

    MRL_TRY(mrl_cert_from_der(der, &cert));
    j.cert = mrl_cert_facts(cert);
    err = mrl_store_write(o->store, &j.write);
    mrl_registry_update_free(j.update);
    return err;
}

mrl_err mrl_grant_write(struct mrl_onboarding *o, const struct mrl_grant *g, struct mrl_buf *der,
                        struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) made = {0};

    MRL_TRY(mrl_issue(o->issuing, g->kind, g->id, g->spki,
                      g->profile != NULL ? g->profile->life_s : 0, &made, why));
    MRL_TRY(mrl_grant_record(o, g, mrl_buf_bytes(&made), why));
    return mrl_buf_append(der, mrl_buf_bytes(&made));
}
