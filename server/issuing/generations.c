/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/generations.h"

#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "store/tx.h"

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static const struct mrl_migration migrations[] = {
    {"ca", 1,
     "CREATE TABLE ca_generations ("
     " kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 2),"
     " number INTEGER NOT NULL,"
     " fingerprint BLOB NOT NULL,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),"
     " changed INTEGER NOT NULL,"
     " PRIMARY KEY (kind, number));"
     "CREATE TABLE ca_bundles ("
     " version BLOB NOT NULL PRIMARY KEY," /* SHA-256 of the message that EST serves */
     " roots BLOB NOT NULL,"               /* numbers of the roots in it, a byte each */
     " created INTEGER NOT NULL);"
     "CREATE TABLE ca_bundle_reports ("
     " device TEXT NOT NULL PRIMARY KEY,"
     " version BLOB NOT NULL,"
     " changed INTEGER NOT NULL);"},
    {"ca", 2, "ALTER TABLE ca_generations ADD COLUMN expiry_told INTEGER NOT NULL DEFAULT 0;"},
};
const struct mrl_migration_list mrl_ca_migrations = {migrations, MRL_COUNT(migrations)};

const char *mrl_ca_state_name(enum mrl_ca_state s)
{
    static const char *const names[MRL_CA_STATE_END_] = {
        [MRL_CA_PREPARED] = "prepared",
        [MRL_CA_ACTIVE] = "active",
        [MRL_CA_SUPERSEDED] = "superseded",
        [MRL_CA_RETIRED] = "retired",
    };

    return names[s];
}

const char *mrl_ca_kind_name(enum mrl_ca_kind k)
{
    return k == MRL_CA_ROOT ? "root" : "issuing";
}

mrl_err mrl_ca_kind_read(mrl_bytes text, enum mrl_ca_kind *out)
{
    for (int k = MRL_CA_ROOT; k < MRL_CA_KIND_END_; k++) {
        if (mrl_bytes_eq(text, mrl_str(mrl_ca_kind_name((enum mrl_ca_kind)k)))) {
            *out = (enum mrl_ca_kind)k;
            return MRL_OK;
        }
    }
    return MRL_ERR_INVALID;
}

const char *mrl_ca_name(enum mrl_ca_kind kind, uint8_t number, char memory[static MRL_CA_NAME_TEXT])
{
    (void)snprintf(memory, MRL_CA_NAME_TEXT, "%s-%u", mrl_ca_kind_name(kind), number);
    return memory;
}

static mrl_err append(struct mrl_tx *tx, struct mrl_audit_event *e,
                      const struct mrl_audit_detail *details, size_t count)
{
    e->details = details;
    e->details_count = count;
    return mrl_audit_append(tx, e, NULL);
}

/* --- what is there --- */

struct sync {
    struct mrl_write write;
    const struct mrl_keys_facts *facts;
    struct mrl_ca_rows *rows;
    struct mrl_why *why;
};

static mrl_err has_active(struct mrl_tx *tx, enum mrl_ca_kind kind, bool *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(
        tx, "SELECT number FROM ca_generations WHERE kind = $1 AND state = $2 LIMIT 1",
        MRL_ARGS(MRL_INT(kind), MRL_INT(MRL_CA_ACTIVE)), &rows);

    *out = err == MRL_OK;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err enter(struct mrl_tx *tx, struct mrl_ca_row *row)
{
    char target[MRL_CA_NAME_TEXT];
    struct mrl_audit_event e = mrl_actor_event(
        &system_actor, MRL_AUDIT_CA_PREPARED, mrl_str(mrl_ca_name(row->kind, row->number, target)));
    bool active;

    MRL_TRY(has_active(tx, row->kind, &active));
    row->state = active ? MRL_CA_PREPARED : MRL_CA_ACTIVE; /* the first one there is, is in use */
    row->changed_ms = mrl_wall_ms();
    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO ca_generations (kind, number, fingerprint, state, changed)"
                        " VALUES ($1, $2, $3, $4, $5)",
                        MRL_ARGS(MRL_INT(row->kind), MRL_INT(row->number),
                                 MRL_BLOB(mrl_bytes_of(row->fingerprint, MRL_SHA256_SIZE)),
                                 MRL_INT(row->state), MRL_INT(row->changed_ms)),
                        NULL));
    return active ? append(tx, &e, NULL, 0) : MRL_OK; /* that init made one is no step */
}

static mrl_err read_or_enter(struct mrl_tx *tx, struct mrl_ca_row *row, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(
        tx,
        "SELECT fingerprint, state, changed FROM ca_generations WHERE kind = $1 AND number = $2",
        MRL_ARGS(MRL_INT(row->kind), MRL_INT(row->number)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return enter(tx, row);
    MRL_TRY(err);
    if (!mrl_bytes_eq(mrl_row_bytes(rows, 0), mrl_bytes_of(row->fingerprint, MRL_SHA256_SIZE)))
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "the keystore holds another %s CA %u than the store knows: restore both "
                        "from one backup",
                        mrl_ca_kind_name(row->kind), row->number);
    row->state = (enum mrl_ca_state)mrl_row_int(rows, 1);
    row->changed_ms = mrl_row_int(rows, 2);
    return MRL_OK;
}

static mrl_err run_sync(struct mrl_tx *tx, struct mrl_write *w)
{
    struct sync *s = MRL_CONTAINER(w, struct sync, write);

    for (size_t i = 0; i < s->facts->generation_count; i++) {
        const struct mrl_keys_generation *g = &s->facts->generations[i];
        struct mrl_ca_row *row = &s->rows->at[i];

        *row = (struct mrl_ca_row){.kind = g->kind, .number = g->number};
        MRL_TRY(mrl_sha256(g->cert, row->fingerprint));
        MRL_TRY(read_or_enter(tx, row, s->why));
    }
    s->rows->count = s->facts->generation_count;
    return MRL_OK;
}

mrl_err mrl_ca_sync(struct mrl_store *store, const struct mrl_keys_facts *facts,
                    struct mrl_ca_rows *out, struct mrl_why *why)
{
    struct sync s = {.write = {.run = run_sync, .why = why}, facts, out, why};

    return mrl_store_write(store, &s.write);
}

/* --- steps --- */

struct stepping {
    struct mrl_write write;
    const struct mrl_actor *actor;
    const struct mrl_ca_step *step;
    struct mrl_why *why;
};

static mrl_err state_of(struct mrl_tx *tx, const struct mrl_ca_step *step, enum mrl_ca_state *out,
                        struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT state FROM ca_generations WHERE kind = $1 AND number = $2",
                         MRL_ARGS(MRL_INT(step->kind), MRL_INT(step->number)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "there is no %s CA %u", mrl_ca_kind_name(step->kind),
                        step->number);
    MRL_TRY(err);
    *out = (enum mrl_ca_state)mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err check_step(const struct mrl_ca_step *step, enum mrl_ca_state now,
                          struct mrl_why *why)
{
    const char *kind = mrl_ca_kind_name(step->kind);

    if (now == MRL_CA_RETIRED)
        return mrl_fail(why, MRL_ERR_STATE, "%s CA %u is retired", kind, step->number);
    if (now == MRL_CA_ACTIVE && step->to == MRL_CA_RETIRED)
        return mrl_fail(why, MRL_ERR_STATE, "%s CA %u is active: activate another one first", kind,
                        step->number);
    return MRL_OK;
}

static mrl_err set_state(struct mrl_tx *tx, const struct mrl_ca_step *step)
{
    if (step->to == MRL_CA_ACTIVE)
        MRL_TRY(mrl_tx_exec(
            tx, "UPDATE ca_generations SET state = $1, changed = $2 WHERE kind = $3 AND state = $4",
            MRL_ARGS(MRL_INT(MRL_CA_SUPERSEDED), MRL_INT(mrl_wall_ms()), MRL_INT(step->kind),
                     MRL_INT(MRL_CA_ACTIVE)),
            NULL));
    return mrl_tx_exec(
        tx, "UPDATE ca_generations SET state = $1, changed = $2 WHERE kind = $3 AND number = $4",
        MRL_ARGS(MRL_INT(step->to), MRL_INT(mrl_wall_ms()), MRL_INT(step->kind),
                 MRL_INT(step->number)),
        NULL);
}

static mrl_err run_step(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct stepping *s = MRL_CONTAINER(w, struct stepping, write);
    const struct mrl_ca_step *step = s->step;
    char target[MRL_CA_NAME_TEXT];
    struct mrl_audit_event e = mrl_actor_event(
        s->actor, step->to == MRL_CA_ACTIVE ? MRL_AUDIT_CA_ACTIVATED : MRL_AUDIT_CA_RETIRED,
        mrl_str(mrl_ca_name(step->kind, step->number, target)));
    enum mrl_ca_state now = MRL_CA_PREPARED;
    struct mrl_audit_detail details[2];

    MRL_TRY(state_of(tx, step, &now, s->why));
    MRL_TRY(check_step(step, now, s->why));
    if (now == step->to)
        return MRL_OK;
    MRL_TRY(set_state(tx, step));
    details[0] = MRL_AUDIT_INT("breaking", step->breaking);
    details[1] = MRL_AUDIT_TEXT("was", mrl_str(mrl_ca_state_name(now)));
    e.reason = step->reason;
    return append(tx, &e, details, MRL_COUNT(details));
}

mrl_err mrl_ca_take_step(struct mrl_store *store, const struct mrl_actor *actor,
                         const struct mrl_ca_step *step, struct mrl_why *why)
{
    struct stepping s = {.write = {.run = run_step, .why = why}, actor, step, why};

    return mrl_store_write(store, &s.write);
}
