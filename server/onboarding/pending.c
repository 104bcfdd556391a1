/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/pending.h"

#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "store/tx.h"

enum { LOST_KEPT_S = 90 * 86400 }; /* past their end */

mrl_err mrl_pending_token_make(struct mrl_pending_token *out)
{
    MRL_AUTO(mrl_secret) bytes = mrl_secret_new(MRL_PENDING_TOKEN_BYTES);
    MRL_SCOPED(mrl_buf) encoded = {.secret = true};

    mrl_random(mrl_secret_data(bytes), MRL_PENDING_TOKEN_BYTES);
    MRL_TRY(mrl_sha256(mrl_secret_bytes(bytes), out->hash));
    MRL_TRY(mrl_base64url_write(mrl_secret_bytes(bytes), &encoded));
    out->text = mrl_secret_copy(mrl_buf_bytes(&encoded));
    return MRL_OK;
}

void mrl_pending_token_done(struct mrl_pending_token *t)
{
    mrl_secret_free(t->text);
    t->text = NULL;
}

/* MRL_ERR_AUTH: not the text of any token. */
static mrl_err hash_text(mrl_bytes text, uint8_t hash[static MRL_SHA256_SIZE])
{
    MRL_SCOPED(mrl_buf) bytes = {.limit = MRL_PENDING_TOKEN_BYTES, .secret = true};

    MRL_ENSURE(text.len == MRL_PENDING_TOKEN_TEXT, MRL_ERR_AUTH);
    MRL_ENSURE(mrl_base64url_read(text, &bytes) == MRL_OK, MRL_ERR_AUTH);
    return mrl_sha256(mrl_buf_bytes(&bytes), hash);
}

static mrl_err check_room(struct mrl_tx *tx, mrl_bytes claim, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT COUNT(*) FROM provisioning_pending"
                             " WHERE claim = $1 AND device = '' AND expires > $2",
                             MRL_ARGS(MRL_TEXT(claim), MRL_INT(mrl_wall_s())), &rows));
    if (mrl_row_int(rows, 0) >= MRL_PENDING_MAX)
        return mrl_fail(why, MRL_ERR_BUSY,
                        "%d certificates of this claim wait to be registered already",
                        MRL_PENDING_MAX);
    return MRL_OK;
}

mrl_err mrl_pending_add_tx(struct mrl_tx *tx, const struct mrl_pending_token *token,
                           mrl_bytes claim, const struct mrl_cert_facts *certificate,
                           struct mrl_why *why)
{
    MRL_TRY(check_room(tx, claim, why));
    return mrl_tx_exec(tx,
                       "INSERT INTO provisioning_pending"
                       " (fingerprint, token, claim, der, created, expires, serial, not_after)"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                       MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&certificate->fingerprint)),
                                MRL_BLOB(mrl_bytes_of(token->hash, sizeof(token->hash))),
                                MRL_TEXT(claim), MRL_BLOB(certificate->der), MRL_INT(mrl_wall_ms()),
                                MRL_INT(mrl_wall_s() + MRL_PENDING_LIFE_S),
                                MRL_BLOB(certificate->serial), MRL_INT(certificate->not_after)),
                       NULL);
}

void mrl_pending_done(struct mrl_pending *p)
{
    mrl_buf_done(&p->der);
    mrl_buf_done(&p->answer);
}

static mrl_err pending_of_row(const struct mrl_rows *rows, struct mrl_pending *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 0), asked = mrl_row_bytes(rows, 3);

    MRL_ENSURE(fingerprint.len == sizeof(out->certificate.bytes), MRL_ERR_CORRUPT);
    MRL_ENSURE(asked.len == 0 || asked.len == sizeof(out->asked), MRL_ERR_CORRUPT);
    memcpy(out->certificate.bytes, fingerprint.data, fingerprint.len);
    if (asked.len > 0)
        memcpy(out->asked, asked.data, asked.len);
    (void)mrl_name_set(&out->device, mrl_row_bytes(rows, 2)); /* empty: it waits */
    MRL_TRY(mrl_buf_append(&out->answer, mrl_row_bytes(rows, 4)));
    return mrl_buf_append(&out->der, mrl_row_bytes(rows, 1));
}

/* The look-up is by the hash of the whole text: what a timing could tell is a hash nobody can turn
 * back. */
mrl_err mrl_pending_find_tx(struct mrl_tx *tx, mrl_bytes token, mrl_bytes claim,
                            struct mrl_pending *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    uint8_t hash[MRL_SHA256_SIZE];
    mrl_err err;

    MRL_TRY(hash_text(token, hash));
    err =
        mrl_tx_query_one(tx,
                         "SELECT fingerprint, der, device, asked, answer FROM provisioning_pending"
                         " WHERE token = $1 AND claim = $2 AND expires > $3",
                         MRL_ARGS(MRL_BLOB(mrl_bytes_of(hash, sizeof(hash))), MRL_TEXT(claim),
                                  MRL_INT(mrl_wall_s())),
                         &rows);
    MRL_ENSURE(err != MRL_ERR_NOT_FOUND, MRL_ERR_AUTH);
    MRL_TRY(err);
    return pending_of_row(rows, out);
}

mrl_err mrl_pending_take_tx(struct mrl_tx *tx, const struct mrl_fingerprint *certificate,
                            mrl_bytes device, const uint8_t asked[static MRL_SHA256_SIZE],
                            mrl_bytes answer)
{
    uint64_t taken;

    MRL_TRY(mrl_tx_exec(tx,
                        "UPDATE provisioning_pending SET device = $2, asked = $3, answer = $5"
                        " WHERE fingerprint = $1 AND device = '' AND expires > $4",
                        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(certificate)), MRL_TEXT(device),
                                 MRL_BLOB(mrl_bytes_of(asked, MRL_SHA256_SIZE)),
                                 MRL_INT(mrl_wall_s()), MRL_TEXT(answer)),
                        &taken));
    return taken == 1 ? MRL_OK : MRL_ERR_STATE;
}

mrl_err mrl_pending_any_over_tx(struct mrl_tx *tx, int64_t now)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    return mrl_tx_query_one(tx,
                            "SELECT expires FROM provisioning_pending WHERE expires <= $1 LIMIT 1",
                            MRL_ARGS(MRL_INT(now)), &rows);
}

/* A row made before serials were kept tells outsiders nothing. */
static mrl_err keep_lost(struct mrl_tx *tx, int64_t now)
{
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM provisioning_lost WHERE not_after < $1",
                        MRL_ARGS(MRL_INT(now - LOST_KEPT_S)), NULL));
    return mrl_tx_exec(
        tx,
        "INSERT INTO provisioning_lost (fingerprint, serial, not_after, der, changed)"
        " SELECT fingerprint, serial, not_after, der, $2 FROM provisioning_pending"
        " WHERE expires <= $1 AND device = '' AND serial IS NOT NULL"
        " ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_INT(now), MRL_INT(mrl_wall_ms())), NULL);
}

mrl_err mrl_pending_expire_tx(struct mrl_tx *tx, int64_t now, uint64_t *waited)
{
    MRL_TRY(keep_lost(tx, now));
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM provisioning_pending WHERE expires <= $1 AND device <> ''",
                        MRL_ARGS(MRL_INT(now)), NULL));
    return mrl_tx_exec(tx, "DELETE FROM provisioning_pending WHERE expires <= $1",
                       MRL_ARGS(MRL_INT(now)), waited);
}
