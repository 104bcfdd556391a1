/* SPDX-License-Identifier: Apache-2.0 */
/* What all operations of the registry share. */
#include "devices/device.h"

#include "audit/digest.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "devices/internal.h"

mrl_err mrl_text_check(mrl_bytes text, size_t max, const char *what, struct mrl_why *why)
{
    if (text.len > max)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: longer than %zu bytes", what, max);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return mrl_fail(why, MRL_ERR_INVALID, "%s: has a control character", what);
    if (!mrl_utf8_valid(text))
        return mrl_fail(why, MRL_ERR_INVALID, "%s: is not UTF-8 text", what);
    return MRL_OK;
}

static mrl_err run_change(struct mrl_tx *tx, struct mrl_write *w)
{
    struct mrl_change *change = MRL_CONTAINER(w, struct mrl_change, write);

    MRL_TRY(change->run(tx, change));
    return mrl_registry_stage(tx, change->kind, change->id, &change->update);
}

static void publish_change(struct mrl_write *w)
{
    struct mrl_change *change = MRL_CONTAINER(w, struct mrl_change, write);

    mrl_registry_publish(change->registry, change->update);
}

mrl_err mrl_registry_write(struct mrl_registry *r, struct mrl_write *w, struct mrl_why *why)
{
    struct mrl_why of_store = {{0}}; /* the store writes it on every failure, also an empty one */
    mrl_err err;

    w->why = &of_store;
    err = mrl_store_write(r->store, w);
    w->why = NULL;
    if (err != MRL_OK && of_store.text[0] != '\0')
        return mrl_fail(why, err, "%s", of_store.text);
    return err;
}

mrl_err mrl_change_write(struct mrl_change *change)
{
    mrl_err err;

    change->write = (struct mrl_write){.run = run_change, .committed = publish_change};
    err = mrl_registry_write(change->registry, &change->write, change->why);
    mrl_registry_update_free(MRL_TAKE(change->update));
    return err;
}

/* By name, so that a further column does not change what older entries say; and without the note,
 * which is another envelope after each rotation of keys. */
#define LIFE " state, reason, created, changed"
/* For the same reason attributes are told behind the group, where nothing stands without them. */
#define PLACE " grp || CASE attributes WHEN '' THEN '' ELSE '/' || attributes END"

mrl_err mrl_registry_digest(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                            struct mrl_audit_digest *out)
{
    if (kind == MRL_PRINCIPAL_DEVICE)
        return mrl_audit_digest(tx,
                                "SELECT id," PLACE ", resume," LIFE " FROM devices WHERE id = $1",
                                MRL_ARGS(MRL_TEXT(id)), out);
    return mrl_audit_digest(
        tx, "SELECT kind, id, roles," LIFE " FROM accounts WHERE kind = $1 AND id = $2",
        MRL_ARGS(MRL_INT(kind), MRL_TEXT(id)), out);
}

mrl_err mrl_credential_digest(struct mrl_tx *tx, const struct mrl_fingerprint *f,
                              struct mrl_audit_digest *out)
{
    return mrl_audit_digest(
        tx, "SELECT " MRL_CREDENTIAL_DIGESTED " FROM credentials WHERE fingerprint = $1",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(f))), out);
}

mrl_err mrl_registry_revoke_all(struct mrl_registry *r, struct mrl_tx *tx,
                                enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes reason,
                                uint64_t *revoked, struct mrl_why *why)
{
    MRL_TRY(mrl_tx_exec(tx,
                        "UPDATE credentials SET state = $3, reason = $4, changed = $5 "
                        "WHERE kind = $1 AND principal = $2 AND state <> $3",
                        MRL_ARGS(MRL_INT(kind), MRL_TEXT(id), MRL_INT(MRL_CREDENTIAL_REVOKED),
                                 MRL_TEXT(reason), MRL_INT(mrl_wall_ms())),
                        revoked));
    return mrl_registry_run_also(r, tx, kind, id, why);
}
