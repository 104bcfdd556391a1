/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe.h"

#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "crypto/cert.h"
#include "devices/internal.h"
#include "devices/wipe_table.h"

static const struct mrl_migration migrations[] = {
    {"wipe", 1,
     "CREATE TABLE wipes ("
     " nonce TEXT NOT NULL PRIMARY KEY,"
     " device TEXT NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),"
     " ordered INTEGER NOT NULL,"
     " expires INTEGER NOT NULL,"
     " answered INTEGER NOT NULL,"
     " certificate BLOB NOT NULL,"
     " message BLOB NOT NULL,"
     " signature BLOB NOT NULL);"
     "CREATE INDEX wipes_by_device ON wipes (device, ordered);"
     "CREATE INDEX wipes_by_state ON wipes (state, expires);"
     "CREATE TABLE wipe_certificates ("
     " nonce TEXT NOT NULL,"
     " fingerprint BLOB NOT NULL,"
     " not_after INTEGER NOT NULL,"
     " spki BLOB NOT NULL,"
     " PRIMARY KEY (nonce, fingerprint));"},
};
const struct mrl_migration_list mrl_wipe_migrations = {migrations, MRL_COUNT(migrations)};

const char *mrl_wipe_state_name(enum mrl_wipe_state s)
{
    static const char *const names[] = {
        [MRL_WIPE_ORDERED] = "ordered",
        [MRL_WIPE_ANSWERED] = "answered",
        [MRL_WIPE_WITHDRAWN] = "withdrawn",
        [MRL_WIPE_EXPIRED] = "expired",
    };
    return (size_t)s < MRL_COUNT(names) && names[s] != NULL ? names[s] : "unknown";
}

bool mrl_wipe_find(struct mrl_registry *r, const struct mrl_fingerprint *certificate, int64_t now_s,
                   struct mrl_wipe_order *out)
{
    return mrl_wipe_table_find(r->wipes, certificate, now_s, out);
}

/* --- ordering --- */

/* A credential without a certificate, or one that cannot be read, has nothing to sign with. */
static mrl_err add_certificate(struct mrl_tx *tx, const char *nonce, mrl_bytes der, uint64_t *count)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    const struct mrl_cert_facts *f;

    if (mrl_cert_from_der(der, &cert) != MRL_OK)
        return MRL_OK;
    f = mrl_cert_facts(cert);
    MRL_ENSURE(f->spki.len <= MRL_KEY_SPKI_MAX, MRL_ERR_LIMIT);
    (*count)++;
    return mrl_tx_exec(
        tx,
        "INSERT INTO wipe_certificates (nonce, fingerprint, not_after, spki) VALUES ($1, $2, $3, "
        "$4)",
        MRL_ARGS(MRL_TEXT(mrl_str(nonce)), MRL_BLOB(mrl_fingerprint_bytes(&f->fingerprint)),
                 MRL_INT(f->not_after), MRL_BLOB(f->spki)),
        NULL);
}

static mrl_err add_certificates(struct mrl_tx *tx, const char *nonce, mrl_bytes device,
                                uint64_t *count)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT der FROM credentials WHERE kind = $1 AND principal = $2 AND "
                         "state = $3 AND not_after >= $4",
                         MRL_ARGS(MRL_INT(MRL_PRINCIPAL_DEVICE), MRL_TEXT(device),
                                  MRL_INT(MRL_CREDENTIAL_ACTIVE), MRL_INT(mrl_wall_s())),
                         &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(add_certificate(tx, nonce, mrl_row_bytes(rows, 0), count));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err append_ordered(struct mrl_tx *tx, const struct mrl_actor *actor, mrl_bytes device,
                              const char *nonce, int64_t until_ms)
{
    const struct mrl_audit_detail details[] = {MRL_AUDIT_INT("expires", until_ms / 1000),
                                               MRL_AUDIT_TEXT("order", mrl_str(nonce))};
    struct mrl_audit_event e = mrl_actor_event(actor, MRL_AUDIT_DEVICE_WIPE_ORDERED, device);

    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_wipe_order_tx(struct mrl_tx *tx, const struct mrl_actor *actor, mrl_bytes device,
                          int64_t until_ms)
{
    uint8_t random[MRL_WIPE_NONCE_SIZE];
    char nonce[MRL_WIPE_ORDER_TEXT];
    uint64_t certificates = 0;

    mrl_random(random, sizeof(random));
    mrl_hex(mrl_bytes_of(random, sizeof(random)), nonce);
    MRL_TRY(add_certificates(tx, nonce, device, &certificates));
    if (certificates == 0)
        return MRL_OK;
    MRL_TRY(
        mrl_tx_exec(tx,
                    "INSERT INTO wipes (nonce, device, state, ordered, expires, answered, "
                    "certificate, message, signature) VALUES ($1, $2, $3, $4, $5, 0, $6, $6, "
                    "$6)",
                    MRL_ARGS(MRL_TEXT(mrl_str(nonce)), MRL_TEXT(device), MRL_INT(MRL_WIPE_ORDERED),
                             MRL_INT(mrl_wall_ms()), MRL_INT(until_ms), MRL_BLOB(MRL_BYTES_NONE)),
                    NULL));
    return append_ordered(tx, actor, device, nonce, until_ms);
}

mrl_err mrl_wipe_withdraw_tx(struct mrl_tx *tx, mrl_bytes device)
{
    return mrl_tx_exec(
        tx, "UPDATE wipes SET state = $2 WHERE device = $1 AND state = $3",
        MRL_ARGS(MRL_TEXT(device), MRL_INT(MRL_WIPE_WITHDRAWN), MRL_INT(MRL_WIPE_ORDERED)), NULL);
}

/* --- what is open --- */

static mrl_err entry_of_row(const struct mrl_rows *rows, struct mrl_wipe_entry *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 0), spki = mrl_row_bytes(rows, 4);
    int64_t until_s = mrl_row_int(rows, 2) / 1000, not_after = mrl_row_int(rows, 3);
    struct mrl_wipe_order *order = &out->order;

    MRL_ENSURE(fingerprint.len == sizeof(out->certificate.bytes), MRL_ERR_CORRUPT);
    MRL_ENSURE(spki.len <= sizeof(order->spki), MRL_ERR_CORRUPT);
    MRL_ENSURE(mrl_bytes_to_cstr(mrl_row_bytes(rows, 1), order->order, sizeof(order->order)),
               MRL_ERR_CORRUPT);
    memcpy(out->certificate.bytes, fingerprint.data, fingerprint.len);
    memcpy(order->spki, spki.data, spki.len);
    order->spki_len = spki.len;
    order->until_s = not_after < until_s ? not_after + 1 : until_s; /* RFC 5280 4.1.2.5 */
    return mrl_sha256(spki, order->key);
}

#define OPEN                                                                     \
    "SELECT c.fingerprint, c.nonce, w.expires, c.not_after, c.spki FROM wipes w" \
    " JOIN wipe_certificates c ON c.nonce = w.nonce WHERE w.state = $1 AND w.expires > $2"

static mrl_err query_open(struct mrl_tx *tx, mrl_bytes device, struct mrl_rows **out)
{
    const struct mrl_value args[] = {MRL_INT(MRL_WIPE_ORDERED), MRL_INT(mrl_wall_ms()),
                                     MRL_TEXT(device)};

    if (device.len == 0)
        return mrl_tx_query(tx, OPEN, args, 2, out);
    return mrl_tx_query(tx, OPEN " AND w.device = $3", args, 3, out);
}

mrl_err mrl_wipe_each_tx(struct mrl_tx *tx, mrl_bytes device,
                         void (*each)(void *context, const struct mrl_wipe_entry *entry),
                         void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_wipe_entry entry;
    mrl_err err;

    MRL_TRY(query_open(tx, device, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_TRY(entry_of_row(rows, &entry));
        each(context, &entry);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* --- the answer --- */

struct answering {
    struct mrl_write write;
    struct mrl_registry *registry;
    struct mrl_audit_event who; /* its texts are in texts */
    struct mrl_buf texts[4];
    struct mrl_fingerprint certificate;
    struct mrl_buf order, message, signature;
    int64_t time_s;
    struct mrl_registry_update *update; /* NULL: nothing changed */
    void (*told)(void *context, mrl_err result);
    void *context;
};

static mrl_err read_state(struct mrl_tx *tx, mrl_bytes order, enum mrl_wipe_state *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT state FROM wipes WHERE nonce = $1",
                             MRL_ARGS(MRL_TEXT(order)), &rows));
    *out = (enum mrl_wipe_state)mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err append_answered(struct mrl_tx *tx, const struct answering *a)
{
    char certificate[2 * MRL_SHA256_SIZE + 1];
    MRL_SCOPED(mrl_buf) message = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    struct mrl_audit_detail details[5];
    struct mrl_audit_event e = a->who;

    MRL_TRY(mrl_base64_write(mrl_buf_bytes(&a->message), 0, &message));
    MRL_TRY(mrl_base64_write(mrl_buf_bytes(&a->signature), 0, &signature));
    mrl_hex(mrl_fingerprint_bytes(&a->certificate), certificate);
    details[0] = MRL_AUDIT_TEXT("certificate", mrl_str(certificate));
    details[1] = MRL_AUDIT_INT("device_time", a->time_s);
    details[2] = MRL_AUDIT_TEXT("order", mrl_buf_bytes(&a->order));
    details[3] = MRL_AUDIT_TEXT("signature", mrl_buf_bytes(&signature));
    details[4] = MRL_AUDIT_TEXT("signed", mrl_buf_bytes(&message));
    e.action = MRL_AUDIT_DEVICE_WIPED;
    e.outcome = MRL_AUDIT_OK;
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err keep_answer(struct mrl_tx *tx, const struct answering *a)
{
    return mrl_tx_exec(
        tx,
        "UPDATE wipes SET state = $2, answered = $3, certificate = $4, "
        "message = $5, signature = $6 WHERE nonce = $1",
        MRL_ARGS(MRL_TEXT(mrl_buf_bytes(&a->order)), MRL_INT(MRL_WIPE_ANSWERED),
                 MRL_INT(mrl_wall_ms()), MRL_BLOB(mrl_fingerprint_bytes(&a->certificate)),
                 MRL_BLOB(mrl_buf_bytes(&a->message)), MRL_BLOB(mrl_buf_bytes(&a->signature))),
        NULL);
}

static mrl_err run_answer(struct mrl_tx *tx, struct mrl_write *w)
{
    struct answering *a = MRL_CONTAINER(w, struct answering, write);
    enum mrl_wipe_state state;

    MRL_TRY(read_state(tx, mrl_buf_bytes(&a->order), &state));
    if (state == MRL_WIPE_ANSWERED)
        return MRL_OK;
    MRL_ENSURE(state == MRL_WIPE_ORDERED, MRL_ERR_STATE);
    MRL_TRY(keep_answer(tx, a));
    MRL_TRY(append_answered(tx, a));
    return mrl_registry_stage(tx, MRL_PRINCIPAL_DEVICE, a->who.target, &a->update);
}

static void tell(struct answering *a, mrl_err result)
{
    if (a->told != NULL)
        a->told(a->context, result);
    a->told = NULL;
}

/* Who sent it is told first: publishing ends its connection. */
static void answer_committed(struct mrl_write *w)
{
    struct answering *a = MRL_CONTAINER(w, struct answering, write);

    tell(a, MRL_OK);
    if (a->update != NULL)
        mrl_registry_publish(a->registry, a->update);
}

static void answer_done(struct mrl_write *w, mrl_err result)
{
    struct answering *a = MRL_CONTAINER(w, struct answering, write);

    tell(a, result);
    mrl_registry_update_free(a->update);
    for (size_t i = 0; i < MRL_COUNT(a->texts); i++)
        mrl_buf_done(&a->texts[i]);
    mrl_buf_done(&a->order);
    mrl_buf_done(&a->message);
    mrl_buf_done(&a->signature);
    free(a);
}

static void keep(struct mrl_buf *copy, mrl_bytes text)
{
    (void)mrl_buf_append(copy, text); /* no limit set: cannot fail */
}

static void keep_who(struct answering *a, const struct mrl_audit_event *who)
{
    mrl_bytes *texts[] = {&a->who.actor.id, &a->who.actor.auth, &a->who.source, &a->who.target};

    a->who = *who;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        keep(&a->texts[i], *texts[i]);
        *texts[i] = mrl_buf_bytes(&a->texts[i]);
    }
}

void mrl_wipe_answer(struct mrl_registry *r, const struct mrl_audit_event *who,
                     const struct mrl_fingerprint *certificate,
                     const struct mrl_wipe_receipt *receipt,
                     void (*done)(void *context, mrl_err result), void *context)
{
    struct answering *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->write =
        (struct mrl_write){.run = run_answer, .committed = answer_committed, .done = answer_done};
    a->registry = r;
    a->certificate = *certificate;
    a->time_s = receipt->time_s;
    a->told = done;
    a->context = context;
    keep_who(a, who);
    keep(&a->order, receipt->order);
    keep(&a->message, receipt->message);
    keep(&a->signature, mrl_buf_bytes(&receipt->signature));
    mrl_store_submit(r->store, &a->write);
}

/* --- showing --- */

struct showing {
    mrl_bytes device;
    mrl_wipe_visit *visit;
    void *context;
};

static enum mrl_wipe_state state_now(int64_t stored, int64_t expires_ms)
{
    if (stored == MRL_WIPE_ORDERED && expires_ms <= mrl_wall_ms())
        return MRL_WIPE_EXPIRED;
    return (enum mrl_wipe_state)stored;
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    struct showing *s = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_wipe_info info;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT w.nonce, state, ordered, expires, answered, message, signature, "
                         "certificate, c.spki FROM wipes w LEFT JOIN wipe_certificates c ON "
                         "c.nonce = w.nonce AND c.fingerprint = w.certificate "
                         "WHERE device = $1 ORDER BY ordered DESC LIMIT 1",
                         MRL_ARGS(MRL_TEXT(s->device)), &rows));
    MRL_TRY(mrl_rows_next(rows));
    info = (struct mrl_wipe_info){.order = mrl_row_bytes(rows, 0),
                                  .state = state_now(mrl_row_int(rows, 1), mrl_row_int(rows, 3)),
                                  .ordered_ms = mrl_row_int(rows, 2),
                                  .expires_ms = mrl_row_int(rows, 3),
                                  .answered_ms = mrl_row_int(rows, 4),
                                  .message = mrl_row_bytes(rows, 5),
                                  .signature = mrl_row_bytes(rows, 6),
                                  .certificate = mrl_row_bytes(rows, 7),
                                  .spki = mrl_row_bytes(rows, 8)};
    s->visit(s->context, &info);
    return MRL_OK;
}

mrl_err mrl_wipe_show(struct mrl_registry *r, mrl_bytes device, mrl_wipe_visit *visit,
                      void *context, struct mrl_why *why)
{
    struct showing s = {device, visit, context};
    mrl_err err =
        mrl_name_valid(device) ? mrl_store_read(r->store, run_show, &s) : MRL_ERR_NOT_FOUND;

    return err == MRL_ERR_NOT_FOUND ? mrl_fail(why, err, "this device has no wipe order") : err;
}
