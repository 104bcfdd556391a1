/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/ca_expiry.h"

#include <stdio.h>

#include "audit/audit.h"
#include "issuing/generations.h"
#include "store/tx.h"

enum { DAY_S = 86400, NEVER = 0 };
static const int64_t fixed_stages[] = {90, 30, 7, 1}; /* days */

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

size_t mrl_ca_ends(const struct mrl_issuing *i,
                   struct mrl_ca_end out[static MRL_KEYS_GENERATIONS_MAX])
{
    const struct mrl_ca_info *ca;
    size_t count = 0;

    for (size_t at = 0; (ca = mrl_issuing_ca(i, at)) != NULL; at++)
        if (ca->state == MRL_CA_ACTIVE)
            out[count++] = (struct mrl_ca_end){.kind = ca->kind,
                                               .number = ca->number,
                                               .not_after = mrl_cert_facts(ca->cert)->not_after};
    return count;
}

struct step {
    struct mrl_write write;
    const struct mrl_ca_end *ends;
    size_t count;
    int64_t life_days, now_s;
    unsigned warned;
};

/* The shortest distance that this CA is within, in days. */
static int64_t stage_of(const struct step *s, const struct mrl_ca_end *e)
{
    int64_t left_s = e->not_after - s->now_s;
    int64_t stage = left_s <= s->life_days * DAY_S ? s->life_days : NEVER;

    for (size_t i = 0; i < MRL_COUNT(fixed_stages); i++)
        if (left_s <= fixed_stages[i] * DAY_S && (stage == NEVER || fixed_stages[i] < stage))
            stage = fixed_stages[i];
    return stage;
}

static mrl_err read_told(struct mrl_tx *tx, const struct mrl_ca_end *e, int64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx, "SELECT expiry_told FROM ca_generations WHERE kind = $1 AND number = $2",
        MRL_ARGS(MRL_INT(e->kind), MRL_INT(e->number)), &rows));
    *out = mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err write_told(struct mrl_tx *tx, const struct mrl_ca_end *e, int64_t stage)
{
    return mrl_tx_exec(tx,
                       "UPDATE ca_generations SET expiry_told = $3 WHERE kind = $1 AND number = $2",
                       MRL_ARGS(MRL_INT(e->kind), MRL_INT(e->number), MRL_INT(stage)), NULL);
}

static mrl_err warn(struct mrl_tx *tx, const struct mrl_ca_end *e, int64_t stage)
{
    char target[MRL_CA_NAME_TEXT];
    struct mrl_audit_event event = mrl_actor_event(
        &system_actor, MRL_AUDIT_CA_EXPIRING, mrl_str(mrl_ca_name(e->kind, e->number, target)));
    const struct mrl_audit_detail details[] = {MRL_AUDIT_INT("days", stage),
                                               MRL_AUDIT_INT("not_after", e->not_after)};

    event.details = details;
    event.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &event, NULL);
}

/* A clock that was ahead must not hide what ends until it is there again: further away is written
 * down as well, and is no news. */
static mrl_err look_at(struct mrl_tx *tx, struct step *s, const struct mrl_ca_end *e)
{
    int64_t stage = stage_of(s, e), told = NEVER;

    MRL_TRY(read_told(tx, e, &told));
    if (stage == told)
        return MRL_OK;
    MRL_TRY(write_told(tx, e, stage));
    if (stage == NEVER || (told != NEVER && stage > told))
        return MRL_OK;
    s->warned++;
    return warn(tx, e, stage);
}

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct step *s = MRL_CONTAINER(w, struct step, write);

    s->warned = 0;
    for (size_t i = 0; i < s->count; i++)
        MRL_TRY(look_at(tx, s, &s->ends[i]));
    return MRL_OK;
}

mrl_err mrl_ca_expiry_step(struct mrl_store *store, const struct mrl_ca_end *ends, size_t count,
                           uint64_t life_s, int64_t now_s, unsigned *warned)
{
    struct step s = {.write = {.run = run},
                     .ends = ends,
                     .count = count,
                     .life_days = (int64_t)((life_s + DAY_S - 1) / DAY_S),
                     .now_s = now_s};
    mrl_err err = mrl_store_write(store, &s.write);

    *warned = err == MRL_OK ? s.warned : 0;
    return err;
}
