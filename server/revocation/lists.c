/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/lists.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "revocation/files.h"

enum { SHARDS = 256, FULL = SHARDS, DELTA, LISTS };

/* The newest number is here before a list of that number is anywhere else. */
static const struct mrl_migration migrations[] = {
    {"crl", 1,
     "CREATE TABLE crl_numbers ("
     " ca BLOB NOT NULL PRIMARY KEY,"
     " number INTEGER NOT NULL,"
     " changed INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_lists_migrations = {migrations, MRL_COUNT(migrations)};

struct mrl_list_view {
    atomic_uint refs;
    struct rcu_head rcu;
    struct mrl_buf der; /* owned */
    uint64_t number;
    int64_t this_update, next_update;
};

struct mrl_lists {
    struct mrl_lists_config config;
    uint8_t ca[MRL_KEYS_CA_MAX];
    _Atomic(struct mrl_list_view *) at[LISTS];
    uint64_t base; /* number of the complete list; 0: none was built in this run */
    int64_t base_time;
    uint64_t floor; /* no number may be below */
    bool changed[SHARDS], behind;
};

mrl_err mrl_lists_new(const struct mrl_lists_config *config, struct mrl_lists **out,
                      struct mrl_why *why)
{
    struct mrl_lists *l;

    if (config->ca.len < 8 || config->ca.len > MRL_KEYS_CA_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "a key identifier of a CA has 8 to %d bytes",
                        MRL_KEYS_CA_MAX);
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    l->config = *config;
    memcpy(l->ca, config->ca.data, config->ca.len);
    l->config.ca = mrl_bytes_of(l->ca, config->ca.len);
    *out = l;
    return MRL_OK;
}

void mrl_list_give_back(struct mrl_list_view *v)
{
    if (v == NULL || atomic_fetch_sub(&v->refs, 1) != 1)
        return;
    mrl_buf_done(&v->der);
    free(v);
}

void mrl_lists_free(struct mrl_lists *l)
{
    if (l == NULL)
        return;
    mrl_rcu_register();
    mrl_rcu_barrier();
    for (size_t i = 0; i < LISTS; i++)
        mrl_list_give_back(atomic_load(&l->at[i]));
    free(l);
}

static enum mrl_keys_crl_kind kind_of(size_t at)
{
    if (at < SHARDS)
        return MRL_KEYS_CRL_SHARD;
    return at == DELTA ? MRL_KEYS_CRL_DELTA : MRL_KEYS_CRL_FULL;
}

static void name_of(const struct mrl_lists *l, size_t at, char to[static MRL_KEYS_CRL_NAME_MAX])
{
    mrl_keys_crl_name(l->config.ca, kind_of(at), (uint8_t)at, to);
}

/* --- readers --- */

static bool read_shard(mrl_bytes text, size_t *at)
{
    static const char digits[] = "0123456789abcdef";
    const char *high, *low;

    if (text.len != 2 || text.data[0] == 0 || text.data[1] == 0)
        return false;
    high = strchr(digits, text.data[0]);
    low = strchr(digits, text.data[1]);
    if (high == NULL || low == NULL)
        return false;
    *at = (size_t)(high - digits) * 16 + (size_t)(low - digits);
    return true;
}

/* false: no list of this CA has such a name. */
static bool place_of(const struct mrl_lists *l, mrl_bytes name, size_t *at)
{
    char full[MRL_KEYS_CRL_NAME_MAX];
    mrl_bytes stem, ending = MRL_LIT(".crl");

    name_of(l, FULL, full);
    stem = mrl_bytes_sub(mrl_str(full), 0, strlen(full) - ending.len);
    if (!mrl_bytes_starts(name, stem) || name.len < stem.len + ending.len ||
        !mrl_bytes_eq(mrl_bytes_sub(name, name.len - ending.len, ending.len), ending))
        return false;
    name = mrl_bytes_sub(name, stem.len, name.len - stem.len - ending.len);
    *at = mrl_bytes_eq(name, MRL_LIT("-delta")) ? DELTA : FULL;
    if (name.len == 0 || *at == DELTA)
        return true;
    return name.data[0] == '-' && read_shard(mrl_bytes_sub(name, 1, SIZE_MAX), at);
}

struct mrl_list_view *mrl_list_get(struct mrl_lists *l, mrl_bytes name)
{
    struct mrl_list_view *v;
    size_t at;

    if (!place_of(l, name, &at))
        return NULL;
    mrl_rcu_read_begin();
    v = atomic_load_explicit(&l->at[at], memory_order_acquire);
    if (v != NULL)
        atomic_fetch_add(&v->refs, 1); /* ours is dropped after the readers have left */
    mrl_rcu_read_end();
    return v;
}

mrl_bytes mrl_list_bytes(const struct mrl_list_view *v)
{
    return mrl_buf_bytes(&v->der);
}

uint64_t mrl_list_number(const struct mrl_list_view *v)
{
    return v->number;
}

int64_t mrl_list_this_update(const struct mrl_list_view *v)
{
    return v->this_update;
}

int64_t mrl_list_next_update(const struct mrl_list_view *v)
{
    return v->next_update;
}

/* --- numbers --- */

struct numbering {
    struct mrl_write write;
    mrl_bytes ca;
    uint64_t number; /* in: the least; out: what it is */
};

static mrl_err run_numbering(struct mrl_tx *tx, struct mrl_write *w)
{
    struct numbering *n = MRL_CONTAINER(w, struct numbering, write);
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx,
        "INSERT INTO crl_numbers (ca, number, changed) VALUES ($1, $2, $3) "
        "ON CONFLICT (ca) DO UPDATE SET changed = $3, number = CASE "
        "WHEN crl_numbers.number >= $2 THEN crl_numbers.number + 1 ELSE $2 END RETURNING number",
        MRL_ARGS(MRL_BLOB(n->ca), MRL_INT(n->number), MRL_INT(mrl_wall_ms())), &rows));
    n->number = (uint64_t)mrl_row_int(rows, 0);
    return MRL_OK;
}

/* The number of a file that an earlier run left; 0: none that can be read. */
static uint64_t number_of_file(const struct mrl_lists *l, size_t at)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_crl_facts facts;
    char name[MRL_KEYS_CRL_NAME_MAX];

    name_of(l, at, name);
    if (mrl_files_read(l->config.folder, name, &der) != MRL_OK ||
        mrl_crl_read(mrl_buf_bytes(&der), &facts) != MRL_OK)
        return 0;
    return facts.number;
}

/* Seconds since 1970, or one more than the last: so numbers grow although a store was restored
 * from a backup that is older than the lists that outsiders have. */
static mrl_err next_number(struct mrl_lists *l, uint64_t *out, struct mrl_why *why)
{
    struct numbering n = {.write = {.run = run_numbering, .why = why}, .ca = l->config.ca};
    int64_t now = mrl_wall_s();

    if (l->floor == 0) {
        uint64_t full = number_of_file(l, FULL), delta = number_of_file(l, DELTA);

        l->floor = 1 + (full > delta ? full : delta);
    }
    n.number = now > 0 && (uint64_t)now > l->floor ? (uint64_t)now : l->floor;
    MRL_TRY(mrl_store_write(l->config.store, &n.write));
    l->floor = n.number + 1;
    *out = n.number;
    return MRL_OK;
}

/* --- building --- */

static mrl_err sign_entries(struct mrl_lists *l, mrl_bytes entries, struct mrl_buf *nothing,
                            struct mrl_why *why)
{
    struct mrl_reader r = {entries, 0};

    while (mrl_reader_left(&r) > 0) {
        struct mrl_keys_crl want = {.step = MRL_KEYS_CRL_ADD};
        size_t start = r.at, end = r.at;
        mrl_bytes entry;

        while (mrl_reader_left(&r) > 0) {
            MRL_TRY(mrl_der_read(&r, MRL_DER_SEQUENCE, &entry));
            if (r.at - start > MRL_KEYS_CRL_ENTRIES_MAX)
                break;
            end = r.at;
        }
        r.at = end;
        want.entries = mrl_bytes_sub(entries, start, end - start);
        MRL_ENSURE(!atomic_load(l->config.stop), MRL_ERR_CLOSED);
        MRL_TRY(mrl_keys_sign_crl(l->config.keys, &want, nothing, why));
    }
    return MRL_OK;
}

static struct mrl_list_view *new_view(uint64_t number, int64_t now, int64_t life_s)
{
    struct mrl_list_view *v = calloc(1, sizeof(*v));

    if (v == NULL)
        abort();
    atomic_init(&v->refs, 1);
    v->number = number;
    v->this_update = now;
    v->next_update = now + life_s;
    return v;
}

static mrl_err sign(struct mrl_lists *l, size_t at, mrl_bytes entries, struct mrl_list_view *v,
                    struct mrl_why *why)
{
    struct mrl_keys_crl want = {.step = MRL_KEYS_CRL_BEGIN,
                                .ca = l->config.ca,
                                .kind = kind_of(at),
                                .shard = (uint8_t)(at < SHARDS ? at : 0),
                                .number = v->number,
                                .base = at == DELTA ? l->base : 0,
                                .this_update = v->this_update,
                                .next_update = v->next_update,
                                .entries_len = entries.len};
    const struct mrl_keys_crl finish = {.step = MRL_KEYS_CRL_END};
    MRL_SCOPED(mrl_buf) head = {0};
    MRL_SCOPED(mrl_buf) end = {0};

    MRL_TRY(mrl_keys_sign_crl(l->config.keys, &want, &head, why));
    MRL_TRY(sign_entries(l, entries, &end, why));
    MRL_TRY(mrl_keys_sign_crl(l->config.keys, &finish, &end, why));
    return mrl_crl_assemble(mrl_buf_bytes(&head), entries, mrl_buf_bytes(&end), &v->der);
}

static void reclaim(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    mrl_list_give_back(MRL_CONTAINER(head, struct mrl_list_view, rcu));
    mrl_rcu_reclaim_done();
}

static mrl_err publish(struct mrl_lists *l, size_t at, uint64_t number, int64_t now,
                       mrl_bytes entries, struct mrl_why *why)
{
    int64_t life_s = at == DELTA ? l->config.delta_life_s : l->config.life_s;
    struct mrl_list_view *v = new_view(number, now, life_s), *old;
    char name[MRL_KEYS_CRL_NAME_MAX];
    mrl_err err = atomic_load(l->config.stop) ? MRL_ERR_CLOSED : sign(l, at, entries, v, why);

    name_of(l, at, name);
    if (err == MRL_OK)
        err = mrl_files_replace(l->config.folder, name, mrl_buf_bytes(&v->der), why);
    if (err != MRL_OK) {
        mrl_list_give_back(v);
        return err;
    }
    old = atomic_exchange_explicit(&l->at[at], v, memory_order_acq_rel);
    if (old != NULL)
        mrl_rcu_defer(&old->rcu, reclaim);
    return MRL_OK;
}

/* Entries of all shards, each in a memory of its own. */
struct entries {
    struct mrl_buf of[SHARDS];
};

static void entries_done(struct entries *e)
{
    for (size_t i = 0; i < SHARDS; i++)
        mrl_buf_done(&e->of[i]);
}

static size_t shard_of(mrl_bytes serial)
{
    return serial.len < MRL_STATUS_SERIAL ? 0 : serial.data[0];
}

/* RFC 5280 3.3: an entry stays until it was on one complete list after its certificate expired. */
static bool listed(const struct mrl_lists *l, const struct mrl_status *s)
{
    return s->revoked != 0 && (l->base_time == 0 || s->expires >= l->base_time);
}

static mrl_err collect(struct mrl_lists *l, struct entries *e)
{
    struct mrl_status status;
    mrl_bytes serial;
    size_t at = 0;

    while (mrl_statuses_next(l->config.statuses, &at, &serial, &status)) {
        if (!listed(l, &status))
            continue;
        MRL_TRY(mrl_crl_entry(serial, status.revoked, status.reason, &e->of[shard_of(serial)]));
        status.in_base = true;
        MRL_TRY(mrl_statuses_put(l->config.statuses, serial, &status));
    }
    return MRL_OK;
}

static mrl_err publish_shards(struct mrl_lists *l, uint64_t number, int64_t now,
                              const struct entries *e, bool only_changed, struct mrl_why *why)
{
    for (size_t i = 0; l->config.shards && i < SHARDS; i++)
        if (!only_changed || l->changed[i])
            MRL_TRY(publish(l, i, number, now, mrl_buf_bytes(&e->of[i]), why));
    return MRL_OK;
}

static mrl_err publish_full(struct mrl_lists *l, uint64_t number, int64_t now,
                            const struct entries *e, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) all = {0};
    size_t len = 0;
    uint8_t *room;

    for (size_t i = 0; i < SHARDS; i++)
        len += e->of[i].len;
    MRL_TRY(mrl_buf_reserve(&all, len, &room));
    for (size_t i = 0; i < SHARDS; i++)
        MRL_TRY(mrl_buf_append(&all, mrl_buf_bytes(&e->of[i])));
    return publish(l, FULL, number, now, mrl_buf_bytes(&all), why);
}

static void caught_up(struct mrl_lists *l)
{
    memset(l->changed, 0, sizeof(l->changed));
    l->behind = false;
}

void mrl_lists_changed(struct mrl_lists *l, mrl_bytes serial)
{
    l->changed[shard_of(serial)] = true;
    l->behind = true;
}

bool mrl_lists_are_behind(const struct mrl_lists *l)
{
    return l->behind;
}

static mrl_err build(struct mrl_lists *l, struct entries *e, struct mrl_why *why)
{
    int64_t now = mrl_wall_s(), before = l->base_time;
    uint64_t number;

    MRL_TRY(next_number(l, &number, why));
    MRL_TRY(collect(l, e));
    MRL_TRY(publish_full(l, number, now, e, why));
    MRL_TRY(publish_shards(l, number, now, e, /*only_changed=*/false, why));
    l->base = number;
    l->base_time = now;
    mrl_statuses_purge(l->config.statuses, before); /* these were on a list after they expired */
    caught_up(l);
    return MRL_OK;
}

mrl_err mrl_lists_build(struct mrl_lists *l, struct mrl_why *why)
{
    struct entries e = {0};
    mrl_err err = build(l, &e, why);

    entries_done(&e);
    if (err != MRL_OK) {
        l->base = 0; /* what is marked as listed is not: no delta before the next of all */
        return err;
    }
    return mrl_lists_build_delta(l, why);
}

/* What the base has not, and all of the shards that changed. */
static mrl_err collect_delta(const struct mrl_lists *l, struct entries *e, struct mrl_buf *delta)
{
    struct mrl_status status;
    mrl_bytes serial;
    size_t at = 0;

    while (mrl_statuses_next(l->config.statuses, &at, &serial, &status)) {
        if (!listed(l, &status))
            continue;
        if (!status.in_base)
            MRL_TRY(mrl_crl_entry(serial, status.revoked, status.reason, delta));
        if (l->changed[shard_of(serial)])
            MRL_TRY(mrl_crl_entry(serial, status.revoked, status.reason, &e->of[shard_of(serial)]));
    }
    return MRL_OK;
}

static mrl_err build_delta(struct mrl_lists *l, struct entries *e, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) delta = {0};
    int64_t now = mrl_wall_s();
    uint64_t number;

    MRL_ENSURE(l->base != 0, MRL_ERR_STATE);
    MRL_TRY(next_number(l, &number, why));
    MRL_TRY(collect_delta(l, e, &delta));
    MRL_TRY(publish(l, DELTA, number, now, mrl_buf_bytes(&delta), why));
    MRL_TRY(publish_shards(l, number, now, e, /*only_changed=*/true, why));
    caught_up(l);
    return MRL_OK;
}

mrl_err mrl_lists_build_delta(struct mrl_lists *l, struct mrl_why *why)
{
    struct entries e = {0};
    mrl_err err = build_delta(l, &e, why);

    entries_done(&e);
    return err;
}
