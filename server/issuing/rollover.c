/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/rollover.h"

#include <string.h>

#include "access/name.h"
#include "base/clock.h"
#include "crypto/der.h"
#include "devices/credential.h"
#include "devices/state.h"
#include "store/tx.h"

const char *mrl_break_name(enum mrl_break b)
{
    static const char *const names[MRL_BREAK_COUNT_] = {
        [MRL_BREAK_NONE] = "none",
        [MRL_BREAK_CERTIFICATE] = "certificate",
        [MRL_BREAK_TRUST] = "trust",
        [MRL_BREAK_SILENT] = "silent",
    };

    return names[b];
}

struct check {
    const struct mrl_rollover *plan;
    mrl_bytes after;
    mrl_rollover_visit *visit; /* NULL: only counting is left to do */
    void *context;
    struct mrl_rollover_report *report;
    struct mrl_name device; /* the one whose rows are read; empty: none yet */
    bool stays;             /* a certificate of it is of a CA that stays */
    enum mrl_break trust;
};

/* RFC 5280 4.1: version, serial number, algorithm, issuer. */
static mrl_err read_issuer(mrl_bytes der, mrl_bytes *out)
{
    struct mrl_reader r = {der, 0}, cert, tbs;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &cert));
    MRL_TRY(mrl_der_enter(&cert, MRL_DER_SEQUENCE, &tbs));
    for (int i = 0; i < 3; i++)
        MRL_TRY(mrl_der_read_any(&tbs, NULL, NULL, NULL));
    return mrl_der_read_any(&tbs, NULL, NULL, out);
}

static bool is_of_going(const struct mrl_rollover *plan, mrl_bytes der)
{
    mrl_bytes issuer;

    if (read_issuer(der, &issuer) != MRL_OK)
        return true; /* nobody can be sure of it */
    for (size_t i = 0; i < plan->going_count; i++)
        if (mrl_bytes_eq(issuer, mrl_cert_facts(plan->going[i])->subject))
            return true;
    return false;
}

static enum mrl_break judge_trust(const struct mrl_rollover *plan, bool told, mrl_bytes roots)
{
    if (!plan->root_goes)
        return MRL_BREAK_NONE;
    if (!told)
        return MRL_BREAK_SILENT;
    for (size_t i = 0; i < plan->root_count; i++)
        if (mrl_bytes_find(roots, plan->roots[i], 0) < roots.len)
            return MRL_BREAK_NONE;
    return MRL_BREAK_TRUST;
}

static void end_device(struct check *c)
{
    mrl_bytes id = mrl_name_bytes(&c->device);
    enum mrl_break why = c->stays ? c->trust : MRL_BREAK_CERTIFICATE;

    if (id.len == 0)
        return;
    c->report->devices++;
    c->report->by_reason[why]++;
    if (why != MRL_BREAK_NONE && c->visit != NULL && mrl_bytes_cmp(id, c->after) > 0 &&
        !c->visit(c->context, id, why))
        c->visit = NULL;
}

/* id, certificate, version told, roots of that version */
static mrl_err take_row(struct check *c, const struct mrl_rows *rows)
{
    mrl_bytes id = mrl_row_bytes(rows, 0), der = mrl_row_bytes(rows, 1);

    if (der.len == 0) /* a pre-shared key: no CA is above it */
        return MRL_OK;
    if (!mrl_bytes_eq(id, mrl_name_bytes(&c->device))) {
        end_device(c);
        MRL_ENSURE(mrl_name_set(&c->device, id), MRL_ERR_CORRUPT);
        c->stays = false;
        c->trust = judge_trust(c->plan, !mrl_row_null(rows, 2), mrl_row_bytes(rows, 3));
    }
    c->stays |= !is_of_going(c->plan, der);
    return MRL_OK;
}

static mrl_err run(struct mrl_tx *tx, void *context)
{
    struct check *c = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(
        mrl_tx_query(tx,
                     "SELECT d.id, c.der, r.version, b.roots FROM devices d"
                     " JOIN credentials c ON c.kind = $1 AND c.principal = d.id AND c.state = $2"
                     " AND c.not_after > $3"
                     " LEFT JOIN ca_bundle_reports r ON r.device = d.id"
                     " LEFT JOIN ca_bundles b ON b.version = r.version"
                     " WHERE d.state <> $4 ORDER BY d.id",
                     MRL_ARGS(MRL_INT(MRL_PRINCIPAL_DEVICE), MRL_INT(MRL_CREDENTIAL_ACTIVE),
                              MRL_INT(mrl_wall_s()), MRL_INT(MRL_DEVICE_RETIRED)),
                     &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(take_row(c, rows));
    MRL_ENSURE(err == MRL_ERR_NOT_FOUND, err);
    end_device(c);
    return MRL_OK;
}

mrl_err mrl_rollover_check(struct mrl_store *s, const struct mrl_rollover *plan, mrl_bytes after,
                           mrl_rollover_visit *visit, void *context,
                           struct mrl_rollover_report *out)
{
    struct mrl_rollover_report report = {0};
    struct check c = {
        .plan = plan, .after = after, .visit = visit, .context = context, .report = &report};

    MRL_TRY(mrl_store_read(s, run, &c));
    *out = report;
    return MRL_OK;
}
