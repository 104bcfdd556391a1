/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/bundles.h"

#include <stdlib.h>
#include <string.h>

#include "access/name.h"
#include "base/clock.h"
#include "base/hex.h"
#include "store/tx.h"

struct entering {
    struct mrl_write write;
    const struct mrl_bundle_version *version;
    mrl_bytes roots;
};

static mrl_bytes bytes_of(const struct mrl_bundle_version *v)
{
    return mrl_bytes_of(v->bytes, sizeof(v->bytes));
}

static mrl_err run_enter(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct entering *e = MRL_CONTAINER(w, struct entering, write);

    return mrl_tx_exec(
        tx,
        "INSERT INTO ca_bundles (version, roots, created) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_BLOB(bytes_of(e->version)), MRL_BLOB(e->roots), MRL_INT(mrl_wall_ms())), NULL);
}

mrl_err mrl_bundle_enter(struct mrl_store *s, const struct mrl_bundle_version *version,
                         mrl_bytes roots)
{
    struct entering e = {.write = {.run = run_enter}, version, roots};

    return mrl_store_write(s, &e.write);
}

mrl_err mrl_bundle_read(mrl_bytes text, struct mrl_bundle_version *out)
{
    struct mrl_bundle_version v = {{0}};

    MRL_ENSURE(mrl_unhex(text, v.bytes, sizeof(v.bytes)) == MRL_OK, MRL_ERR_MALFORMED);
    *out = v;
    return MRL_OK;
}

struct report {
    struct mrl_write write;
    struct mrl_name device;
    struct mrl_bundle_version version;
};

/* Only of devices that are known: whoever reports is one, or was one a moment ago. */
static mrl_err run_report(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct report *r = MRL_CONTAINER(w, struct report, write);

    return mrl_tx_exec(
        tx,
        "INSERT INTO ca_bundle_reports (device, version, changed)"
        " SELECT id, $2, $3 FROM devices WHERE id = $1"
        " ON CONFLICT (device) DO UPDATE SET version = excluded.version, changed = excluded.changed"
        " WHERE ca_bundle_reports.version <> excluded.version",
        MRL_ARGS(MRL_TEXT(mrl_name_bytes(&r->device)), MRL_BLOB(bytes_of(&r->version)),
                 MRL_INT(mrl_wall_ms())),
        NULL);
}

static void report_done(struct mrl_write *w, mrl_err result)
{
    (void)result; /* the device says it again */
    free(MRL_CONTAINER(w, struct report, write));
}

void mrl_bundle_report(struct mrl_store *s, mrl_bytes device,
                       const struct mrl_bundle_version *version)
{
    struct report *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->write = (struct mrl_write){.run = run_report, .done = report_done};
    r->version = *version;
    if (mrl_name_set(&r->device, device))
        mrl_store_submit(s, &r->write);
    else
        free(r);
}

struct telling {
    mrl_bytes device;
    struct mrl_bundle_told *out;
};

static mrl_err run_told(struct mrl_tx *tx, void *context)
{
    const struct telling *t = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_bytes version;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT r.version, r.changed, b.version IS NOT NULL FROM "
                             "ca_bundle_reports r LEFT JOIN ca_bundles b ON b.version = r.version "
                             "WHERE r.device = $1",
                             MRL_ARGS(MRL_TEXT(t->device)), &rows));
    version = mrl_row_bytes(rows, 0);
    MRL_ENSURE(version.len == sizeof(t->out->version.bytes), MRL_ERR_CORRUPT);
    memcpy(t->out->version.bytes, version.data, version.len);
    t->out->since_ms = mrl_row_int(rows, 1);
    t->out->served = mrl_row_int(rows, 2) != 0;
    return MRL_OK;
}

mrl_err mrl_bundle_told(struct mrl_store *s, mrl_bytes device, struct mrl_bundle_told *out)
{
    struct telling t = {device, out};

    return mrl_store_read(s, run_told, &t);
}
