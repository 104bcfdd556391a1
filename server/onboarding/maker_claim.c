/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/maker_claim.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "devices/denied_key.h"
#include "devices/device.h"
#include "store/tx.h"

/* What the store knows about the two. */
struct found {
    uint8_t key[MRL_SHA256_SIZE];
    bool key_known; /* the key is this device's */
    bool revoked;   /* and the device was revoked since */
    bool device_known;
    enum mrl_device_state state;
};

static mrl_err look_at_key(struct mrl_tx *tx, const struct mrl_maker_claim *c, struct found *f,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT device, maker, revoked FROM maker_identities WHERE key = $1",
                         MRL_ARGS(MRL_BLOB(mrl_bytes_of(f->key, sizeof(f->key)))), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    if (!mrl_bytes_eq(mrl_row_bytes(rows, 0), c->device))
        return mrl_fail(why, MRL_ERR_EXISTS, "the key of this certificate is that of device %.*s",
                        MRL_FMT(mrl_row_bytes(rows, 0)));
    if (!mrl_bytes_eq(mrl_row_bytes(rows, 1), mrl_name_bytes(&c->maker->name)))
        return mrl_fail(why, MRL_ERR_DENIED, "device %.*s is one of maker %.*s", MRL_FMT(c->device),
                        MRL_FMT(mrl_row_bytes(rows, 1)));
    f->key_known = true;
    f->revoked = mrl_row_int(rows, 2) != 0;
    return MRL_OK;
}

static mrl_err check_no_other_key(struct mrl_tx *tx, mrl_bytes device, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT maker FROM maker_identities WHERE device = $1",
                                   MRL_ARGS(MRL_TEXT(device)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    return mrl_fail(why, MRL_ERR_EXISTS, "device %.*s has another key, of maker %.*s",
                    MRL_FMT(device), MRL_FMT(mrl_row_bytes(rows, 0)));
}

static mrl_err look_at_device(struct mrl_tx *tx, const struct mrl_maker_claim *c, struct found *f)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT state FROM devices WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(c->device)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    f->device_known = true;
    f->state = (enum mrl_device_state)mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err has_certificates(struct mrl_tx *tx, mrl_bytes device, bool *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err =
        mrl_tx_query_one(tx,
                         "SELECT principal FROM credentials WHERE kind = $1 AND principal = $2"
                         " LIMIT 1",
                         MRL_ARGS(MRL_INT(MRL_PRINCIPAL_DEVICE), MRL_TEXT(device)), &rows);

    *out = err == MRL_OK;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err check_count(struct mrl_tx *tx, const struct mrl_maker_rule *maker,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT introduced FROM makers WHERE name = $1",
                                   MRL_ARGS(MRL_TEXT(mrl_name_bytes(&maker->name))), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, MRL_ERR_DENIED, "maker %s was removed", maker->name.text);
    MRL_TRY(err);
    if (maker->devices > 0 && (uint64_t)mrl_row_int(rows, 0) >= maker->devices)
        return mrl_fail(why, MRL_ERR_LIMIT, "maker %s has %llu devices, as many as it may",
                        maker->name.text, (unsigned long long)maker->devices);
    return MRL_OK;
}

/* Its key was never seen: may it claim the device all the same? */
static mrl_err check_new(struct mrl_tx *tx, const struct mrl_maker_claim *c, const struct found *f,
                         struct mrl_why *why)
{
    bool listed = c->maker->approve == MRL_MAKER_APPROVE_LISTED, has = false;

    if (!f->device_known && listed)
        return mrl_fail(why, MRL_ERR_DENIED, "device %.*s is not listed", MRL_FMT(c->device));
    if (!f->device_known)
        return check_count(tx, c->maker, why);
    MRL_TRY(has_certificates(tx, c->device, &has));
    if (!listed || f->state != MRL_DEVICE_EXPECTED || has)
        return mrl_fail(why, MRL_ERR_EXISTS, "device %.*s was made otherwise", MRL_FMT(c->device));
    return check_count(tx, c->maker, why);
}

static mrl_err check_state(struct mrl_tx *tx, const struct mrl_maker_claim *c,
                           const struct found *f, struct mrl_why *why)
{
    bool has = false;

    if (f->device_known && !mrl_device_may_enrol(f->state))
        return mrl_fail(why, MRL_ERR_STATE, "device %.*s is %s", MRL_FMT(c->device),
                        mrl_device_state_name(f->state));
    if (c->first)
        MRL_TRY(has_certificates(tx, c->device, &has));
    return has ? mrl_fail(why, MRL_ERR_STATE,
                          "device %.*s has a certificate of this server: it connects with that",
                          MRL_FMT(c->device))
               : MRL_OK;
}

static mrl_err look(struct mrl_tx *tx, const struct mrl_maker_claim *c, struct found *f,
                    struct mrl_why *why)
{
    MRL_TRY(mrl_key_vet(tx, c->certificate->spki, why));
    MRL_TRY(mrl_sha256(c->certificate->spki, f->key));
    MRL_TRY(look_at_key(tx, c, f, why));
    if (!f->key_known)
        MRL_TRY(check_no_other_key(tx, c->device, why));
    MRL_TRY(look_at_device(tx, c, f));
    if (!f->key_known)
        MRL_TRY(check_new(tx, c, f, why));
    return check_state(tx, c, f, why);
}

/* "maker:acme" */
struct introducer {
    char text[sizeof("maker:") + MRL_NAME_MAX];
};

/* Its text is in i. */
static struct mrl_approval_request request_of(const struct mrl_maker_claim *c, struct introducer *i)
{
    struct mrl_writer w = mrl_writer_on(i->text, sizeof(i->text));

    mrl_put_text(&w, "maker:%s", c->maker->name.text);
    return (struct mrl_approval_request){c->device, mrl_bytes_of(i->text, w.len), c->door};
}

mrl_err mrl_maker_claim_judge(struct mrl_tx *tx, const struct mrl_maker_claim *c, int64_t now,
                              struct mrl_maker_verdict *out, struct mrl_why *why)
{
    struct mrl_maker_verdict v = {.approval = MRL_APPROVAL_NONE};
    struct found f = {.key_known = false};
    struct introducer i;
    const struct mrl_approval_request request = request_of(c, &i);

    MRL_TRY(look(tx, c, &f, why));
    v.known = f.key_known;
    v.asks = f.revoked || c->maker->approve == MRL_MAKER_APPROVE_MANUAL;
    if (v.asks)
        MRL_TRY(mrl_approval_look(tx, &request, now, &v.approval));
    if (v.approval == MRL_APPROVAL_REFUSED)
        return mrl_fail(why, MRL_ERR_DENIED, "an operator refused device %.*s", MRL_FMT(c->device));
    *out = v;
    return MRL_OK;
}

/* --- writing --- */

static mrl_err insert_identity(struct mrl_tx *tx, const struct mrl_maker_claim *c)
{
    uint8_t key[MRL_SHA256_SIZE];

    MRL_TRY(mrl_sha256(c->certificate->spki, key));
    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO maker_identities (key, device, maker, fingerprint, created)"
                        " VALUES ($1, $2, $3, $4, $5)",
                        MRL_ARGS(MRL_BLOB(mrl_bytes_of(key, sizeof(key))), MRL_TEXT(c->device),
                                 MRL_TEXT(mrl_name_bytes(&c->maker->name)),
                                 MRL_BLOB(mrl_fingerprint_bytes(&c->certificate->fingerprint)),
                                 MRL_INT(mrl_wall_ms())),
                        NULL));
    return mrl_tx_exec(tx, "UPDATE makers SET introduced = introduced + 1 WHERE name = $1",
                       MRL_ARGS(MRL_TEXT(mrl_name_bytes(&c->maker->name))), NULL);
}

static mrl_err record(struct mrl_tx *tx, const struct mrl_maker_claim *c)
{
    char fingerprint[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[3];
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_DEVICE_INTRODUCED, c->device);

    mrl_hex(mrl_fingerprint_bytes(&c->certificate->fingerprint), fingerprint);
    details[0] = MRL_AUDIT_TEXT("door", c->door);
    details[1] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[2] = MRL_AUDIT_TEXT("maker", mrl_name_bytes(&c->maker->name));
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

/* A listed device keeps the group its operator gave it. */
static mrl_err make_device(struct mrl_tx *tx, const struct mrl_maker_claim *c, struct mrl_why *why)
{
    const struct mrl_device_new device = {.id = c->device,
                                          .group = mrl_name_bytes(&c->maker->group)};

    if (c->maker->approve != MRL_MAKER_APPROVE_LISTED)
        MRL_TRY(mrl_device_expect_tx(tx, c->actor, &device, why));
    MRL_TRY(insert_identity(tx, c));
    return record(tx, c);
}

static mrl_err ask(struct mrl_tx *tx, const struct mrl_maker_claim *c, int64_t now, bool *waits,
                   struct mrl_why *why)
{
    struct introducer i;
    const struct mrl_approval_request request = request_of(c, &i);
    enum mrl_approval_state state;

    MRL_TRY(mrl_approval_ask_tx(tx, c->actor, &request, now, &state, why));
    *waits = state != MRL_APPROVAL_APPROVED;
    return *waits ? MRL_OK : mrl_approval_use_tx(tx, &request, now);
}

static mrl_err forget_revocation(struct mrl_tx *tx, mrl_bytes device)
{
    return mrl_tx_exec(tx, "UPDATE maker_identities SET revoked = 0 WHERE device = $1",
                       MRL_ARGS(MRL_TEXT(device)), NULL);
}

mrl_err mrl_maker_claim_tx(struct mrl_tx *tx, const struct mrl_maker_claim *c, int64_t now,
                           bool *waits, struct mrl_why *why)
{
    struct mrl_maker_verdict v;

    *waits = false;
    MRL_TRY(mrl_maker_claim_judge(tx, c, now, &v, why));
    if (!v.known)
        MRL_TRY(make_device(tx, c, why));
    if (v.asks)
        MRL_TRY(ask(tx, c, now, waits, why));
    return v.asks && !*waits ? forget_revocation(tx, c->device) : MRL_OK;
}

mrl_err mrl_maker_on_revoke(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                            mrl_bytes id, struct mrl_why *why)
{
    (void)context;
    (void)why;
    if (kind != MRL_PRINCIPAL_DEVICE)
        return MRL_OK;
    MRL_TRY(mrl_tx_exec(tx, "UPDATE maker_identities SET revoked = 1 WHERE device = $1",
                        MRL_ARGS(MRL_TEXT(id)), NULL));
    return mrl_approval_drop_tx(tx, id);
}
