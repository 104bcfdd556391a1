/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/device_log.h"

#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"
#include "devices/internal.h"

enum { HEX_SIZE = 2 * MRL_SHA256_SIZE + 1 };

static const struct mrl_migration migrations[] = {
    {"device_log", 1,
     "CREATE TABLE device_logs (device TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL,"
     " hash BLOB NOT NULL, changed INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_device_log_migrations = {migrations, MRL_COUNT(migrations)};

static mrl_err read_members(const json_t *o, struct mrl_device_log_head *out)
{
    struct mrl_device_log_head h;
    int64_t seq;
    mrl_bytes hash;

    MRL_TRY(mrl_json_get_int(o, "seq", 1, INT64_MAX, &seq, NULL));
    MRL_TRY(mrl_json_get_str(o, "hash", &hash, NULL));
    MRL_TRY(mrl_unhex(hash, h.hash, sizeof(h.hash)));
    h.seq = (uint64_t)seq;
    *out = h;
    return MRL_OK;
}

mrl_err mrl_device_log_read(mrl_bytes json, struct mrl_device_log_head *out)
{
    const struct mrl_json_limits limits = {MRL_DEVICE_LOG_HEAD_MAX, 1};
    MRL_AUTO(json_t) o = NULL;

    MRL_TRY(mrl_json_read(json, &limits, &o, NULL));
    return read_members(o, out) == MRL_OK ? MRL_OK : MRL_ERR_MALFORMED;
}

struct anchoring {
    struct mrl_write write;
    struct mrl_audit_event who; /* its texts are in texts */
    struct mrl_device_log_head head;
    struct mrl_buf texts[4];
};

static mrl_err find_anchor(struct mrl_tx *tx, mrl_bytes device, struct mrl_device_log_head *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_bytes hash;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT seq, hash FROM device_logs WHERE device = $1",
                             MRL_ARGS(MRL_TEXT(device)), &rows));
    hash = mrl_row_bytes(rows, 1);
    MRL_ENSURE(hash.len == sizeof(out->hash), MRL_ERR_CORRUPT);
    out->seq = (uint64_t)mrl_row_int(rows, 0);
    memcpy(out->hash, hash.data, sizeof(out->hash));
    return MRL_OK;
}

static mrl_err keep_anchor(struct mrl_tx *tx, const struct anchoring *a)
{
    return mrl_tx_exec(
        tx,
        "INSERT INTO device_logs (device, seq, hash, changed) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (device) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,"
        " changed = excluded.changed",
        MRL_ARGS(MRL_TEXT(a->who.target), MRL_INT(a->head.seq),
                 MRL_BLOB(mrl_bytes_of(a->head.hash, sizeof(a->head.hash))),
                 MRL_INT(mrl_wall_ms())),
        NULL);
}

/* anchored NULL: the head is a good one. */
static mrl_err append_entry(struct mrl_tx *tx, const struct anchoring *a,
                            const struct mrl_device_log_head *anchored)
{
    char hash[HEX_SIZE], before[HEX_SIZE];
    struct mrl_audit_detail details[4];
    struct mrl_audit_event e = a->who;
    size_t count = 0;

    e.action = anchored == NULL ? MRL_AUDIT_DEVICE_LOG_ANCHORED : MRL_AUDIT_DEVICE_LOG_ROLLED_BACK;
    e.outcome = anchored == NULL ? MRL_AUDIT_OK : MRL_AUDIT_FAILED;
    if (anchored != NULL) {
        mrl_hex(mrl_bytes_of(anchored->hash, sizeof(anchored->hash)), before);
        details[count++] = MRL_AUDIT_TEXT("anchored_hash", mrl_str(before));
        details[count++] = MRL_AUDIT_INT("anchored_seq", anchored->seq);
    }
    mrl_hex(mrl_bytes_of(a->head.hash, sizeof(a->head.hash)), hash);
    details[count++] = MRL_AUDIT_TEXT("device_hash", mrl_str(hash));
    details[count++] = MRL_AUDIT_INT("device_seq", a->head.seq);
    e.details = details;
    e.details_count = count;
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_anchor(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct anchoring *a = MRL_CONTAINER(w, struct anchoring, write);
    struct mrl_device_log_head anchored;
    mrl_err err = find_anchor(tx, a->who.target, &anchored);

    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return err;
    if (err == MRL_OK && anchored.seq == a->head.seq &&
        memcmp(anchored.hash, a->head.hash, sizeof(anchored.hash)) == 0)
        return MRL_OK;
    if (err == MRL_OK && a->head.seq <= anchored.seq)
        return append_entry(tx, a, &anchored);
    MRL_TRY(keep_anchor(tx, a));
    return append_entry(tx, a, NULL);
}

static void anchor_done(struct mrl_write *w, mrl_err result)
{
    struct anchoring *a = MRL_CONTAINER(w, struct anchoring, write);

    if (result != MRL_OK)
        mrl_log_error("device.log_not_anchored", MRL_FIELD("device", a->who.target),
                      MRL_FIELD_STR("why", mrl_err_name(result)));
    for (size_t i = 0; i < MRL_COUNT(a->texts); i++)
        mrl_buf_done(&a->texts[i]);
    free(a);
}

void mrl_device_log_anchor(struct mrl_registry *r, const struct mrl_audit_event *who,
                           const struct mrl_device_log_head *head)
{
    struct anchoring *a = calloc(1, sizeof(*a));
    mrl_bytes *texts[] = {&a->who.actor.id, &a->who.actor.auth, &a->who.source, &a->who.target};

    if (a == NULL)
        abort();
    a->write = (struct mrl_write){.run = run_anchor, .done = anchor_done};
    a->who = *who;
    a->head = *head;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        (void)mrl_buf_append(&a->texts[i], *texts[i]); /* no limit set: cannot fail */
        *texts[i] = mrl_buf_bytes(&a->texts[i]);
    }
    mrl_store_submit(r->store, &a->write);
}
