/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/index.h"

#include <stdlib.h>
#include <string.h>

#include "audit/facts.h"
#include "base/reader.h"
#include "base/writer.h"

enum { BUCKET_BITS = 6, BUCKETS = 1 << BUCKET_BITS, KINDS = 4, PAIR = 8 + 2, KEY_TEXT_MAX = 4096 };

struct pair {
    uint64_t key;
    uint16_t place;
};
/* Actions and outcomes are few: their keys are not hashed for each entry. */
enum { KNOWN = 16, KNOWN_TEXT = 64 };
struct known {
    enum mrl_audit_index_kind kind;
    size_t len;
    uint8_t text[KNOWN_TEXT];
    uint64_t key;
};

struct mrl_audit_index {
    struct known known[KNOWN];
    size_t known_next;
    uint64_t epoch;
    int64_t oldest, newest;
    size_t count;
    struct pair pairs[MRL_AUDIT_EPOCH * KINDS];
};

mrl_err mrl_audit_index_key(enum mrl_audit_index_kind kind, mrl_bytes value, uint64_t *out)
{
    uint8_t text[KEY_TEXT_MAX], hash[MRL_SHA256_SIZE];
    struct mrl_writer w = mrl_writer_on(text, sizeof(text));
    struct mrl_reader r = {mrl_bytes_of(hash, sizeof(hash)), 0};
    mrl_bytes whole;

    mrl_put_u8(&w, (uint8_t)kind);
    mrl_put_bytes(&w, value);
    MRL_TRY(mrl_writer_end(&w, &whole));
    MRL_TRY(mrl_sha256(whole, hash));
    return mrl_read_u64(&r, out);
}

static unsigned bucket_of(uint64_t key)
{
    return (unsigned)(key >> (64 - BUCKET_BITS));
}

static int64_t row_of(uint64_t epoch, unsigned bucket)
{
    return (int64_t)(epoch << BUCKET_BITS | bucket);
}

/* --- making --- */

static const struct known *find_known(const struct mrl_audit_index *i,
                                      enum mrl_audit_index_kind kind, mrl_bytes value)
{
    for (size_t n = 0; n < KNOWN; n++)
        if (i->known[n].kind == kind &&
            mrl_bytes_eq(mrl_bytes_of(i->known[n].text, i->known[n].len), value))
            return &i->known[n];
    return NULL;
}

static void remember(struct mrl_audit_index *i, enum mrl_audit_index_kind kind, mrl_bytes value,
                     uint64_t key)
{
    struct known *k = &i->known[i->known_next++ % KNOWN];

    *k = (struct known){.kind = kind, .len = value.len, .key = key};
    memcpy(k->text, value.data, value.len);
}

static mrl_err key_of(struct mrl_audit_index *i, enum mrl_audit_index_kind kind, mrl_bytes value,
                      uint64_t *out)
{
    bool few = kind == MRL_AUDIT_BY_ACTION || kind == MRL_AUDIT_BY_OUTCOME;
    const struct known *known = few ? find_known(i, kind, value) : NULL;

    if (known != NULL) {
        *out = known->key;
        return MRL_OK;
    }
    MRL_TRY(mrl_audit_index_key(kind, value, out));
    if (few && value.len <= KNOWN_TEXT)
        remember(i, kind, value, *out);
    return MRL_OK;
}

static mrl_err add(struct mrl_audit_index *i, uint16_t place, enum mrl_audit_index_kind kind,
                   mrl_bytes value)
{
    if (value.len == 0)
        return MRL_OK;
    MRL_TRY(key_of(i, kind, value, &i->pairs[i->count].key));
    i->pairs[i->count++].place = place;
    return MRL_OK;
}

static mrl_err add_actor(struct mrl_audit_index *i, uint16_t place, const struct mrl_audit_facts *f)
{
    char text[KEY_TEXT_MAX - 1];
    struct mrl_writer w = mrl_writer_on(text, sizeof(text));
    mrl_bytes whole;

    if (f->actor.len == 0)
        return MRL_OK;
    mrl_put_bytes(&w, f->kind);
    mrl_put_u8(&w, ':');
    mrl_put_bytes(&w, f->actor);
    MRL_TRY(mrl_writer_end(&w, &whole));
    return add(i, place, MRL_AUDIT_BY_ACTOR, whole);
}

static mrl_err add_facts(struct mrl_audit_index *i, uint16_t place, const struct mrl_audit_facts *f)
{
    bool good = mrl_bytes_eq(f->outcome, mrl_str(mrl_audit_outcome_name(MRL_AUDIT_OK)));

    i->oldest = i->count == 0 || f->time_ms < i->oldest ? f->time_ms : i->oldest;
    i->newest = i->count == 0 || f->time_ms > i->newest ? f->time_ms : i->newest;
    MRL_TRY(add(i, place, MRL_AUDIT_BY_ACTION, f->action));
    MRL_TRY(add_actor(i, place, f));
    MRL_TRY(add(i, place, MRL_AUDIT_BY_TARGET, f->target));
    return good ? MRL_OK : add(i, place, MRL_AUDIT_BY_OUTCOME, f->outcome);
}

static bool is_committed(mrl_bytes value)
{
    return mrl_bytes_starts(value, MRL_LIT("sha256:"));
}

struct making {
    struct mrl_tx *tx;
    struct mrl_audit_index *index;
    struct mrl_buf plain; /* owned: what was opened last */
};

/* Most entries have only a commitment to their source, which nobody searches for. */
static mrl_err read_facts(struct making *m, const struct mrl_audit_row *row,
                          struct mrl_audit_facts *out)
{
    struct mrl_audit_openings opened;
    const struct mrl_audit_row open = {row->seq, row->json, &opened, row->sealed};

    MRL_TRY(mrl_audit_facts_read(row, out));
    if (!is_committed(out->actor) && !is_committed(out->target))
        return MRL_OK;
    if (mrl_audit_open_row(m->tx, row, &m->plain, &opened, NULL) != MRL_OK)
        return MRL_OK; /* verification names it */
    mrl_audit_facts_done(out);
    return mrl_audit_facts_read(&open, out);
}

static mrl_err add_row(void *context, const struct mrl_audit_row *row)
{
    struct making *m = context;
    struct mrl_audit_facts facts;
    mrl_err err;

    if (read_facts(m, row, &facts) != MRL_OK)
        return MRL_OK; /* nothing to find it by: verification names it */
    err = add_facts(m->index, (uint16_t)((row->seq - 1) % MRL_AUDIT_EPOCH), &facts);
    mrl_audit_facts_done(&facts);
    return err;
}

static int by_key_and_place(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (int)x->place - (int)y->place;
}

mrl_err mrl_audit_index_new(struct mrl_tx *tx, uint64_t epoch, struct mrl_audit_index **out,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_audit_index) i = malloc(sizeof(*i));
    const struct mrl_audit_range all = {.from = epoch * MRL_AUDIT_EPOCH + 1,
                                        .to = (epoch + 1) * MRL_AUDIT_EPOCH};
    struct making m = {.tx = tx, .index = i};
    mrl_err err;

    if (i == NULL)
        abort();
    i->epoch = epoch;
    i->count = i->known_next = 0;
    memset(i->known, 0, sizeof(i->known));
    i->oldest = i->newest = 0;
    err = mrl_audit_walk_entries(tx, &all, add_row, &m, why);
    mrl_buf_done(&m.plain);
    MRL_TRY(err);
    qsort(i->pairs, i->count, sizeof(i->pairs[0]), by_key_and_place);
    *out = MRL_TAKE(i);
    return MRL_OK;
}

void mrl_audit_index_free(struct mrl_audit_index *i)
{
    free(i);
}

/* The pairs of a bucket from *at on, which moves past them. */
static mrl_err bucket_bytes(const struct mrl_audit_index *i, unsigned bucket, size_t *at,
                            struct mrl_buf *out)
{
    size_t end = *at;
    uint8_t *space = NULL;
    struct mrl_writer w;

    while (end < i->count && bucket_of(i->pairs[end].key) == bucket)
        end++;
    mrl_buf_clear(out);
    MRL_TRY(mrl_buf_reserve(out, (end - *at) * PAIR, &space));
    w = mrl_writer_on(space, (end - *at) * PAIR);
    for (; *at < end; (*at)++) {
        mrl_put_u64(&w, i->pairs[*at].key);
        mrl_put_u16(&w, i->pairs[*at].place);
    }
    mrl_buf_added(out, w.len);
    return MRL_OK;
}

mrl_err mrl_audit_index_write(struct mrl_tx *tx, const struct mrl_audit_index *i)
{
    MRL_SCOPED(mrl_buf) bytes = {0};
    size_t at = 0;

    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM audit_index WHERE id >= $1 AND id < $2",
                        MRL_ARGS(MRL_INT(row_of(i->epoch, 0)), MRL_INT(row_of(i->epoch + 1, 0))),
                        NULL));
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        MRL_TRY(bucket_bytes(i, bucket, &at, &bytes));
        if (bytes.len > 0)
            MRL_TRY(mrl_tx_exec(
                tx, "INSERT INTO audit_index (id, entries) VALUES ($1, $2)",
                MRL_ARGS(MRL_INT(row_of(i->epoch, bucket)), MRL_BLOB(mrl_buf_bytes(&bytes))),
                NULL));
    }
    return mrl_tx_exec(tx,
                       "INSERT INTO audit_epochs (epoch, oldest, newest) VALUES ($1, $2, $3)"
                       " ON CONFLICT (epoch) DO UPDATE SET oldest = $2, newest = $3",
                       MRL_ARGS(MRL_INT(i->epoch), MRL_INT(i->oldest), MRL_INT(i->newest)), NULL);
}

/* --- reading --- */

/* Bytes of a bucket, borrowed from *rows; none when it has no row. */
static mrl_err read_bucket(struct mrl_tx *tx, uint64_t epoch, unsigned bucket,
                           struct mrl_rows **rows, mrl_bytes *out)
{
    mrl_err err = mrl_tx_query_one(tx, "SELECT entries FROM audit_index WHERE id = $1",
                                   MRL_ARGS(MRL_INT(row_of(epoch, bucket))), rows);

    *out = err == MRL_OK ? mrl_row_bytes(*rows, 0) : MRL_BYTES_NONE;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static uint64_t key_at(mrl_bytes pairs, size_t at)
{
    struct mrl_reader r = {mrl_bytes_sub(pairs, at * PAIR, PAIR), 0};
    uint64_t key = 0;

    (void)mrl_read_u64(&r, &key); /* at is inside: eight bytes are there */
    return key;
}

static size_t first_of(mrl_bytes pairs, uint64_t key)
{
    size_t low = 0, high = pairs.len / PAIR;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (key_at(pairs, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mrl_err set_place(struct mrl_audit_places *to, mrl_bytes pair)
{
    struct mrl_reader r = {mrl_bytes_sub(pair, PAIR - 2, 2), 0};
    uint16_t place;

    MRL_TRY(mrl_read_u16(&r, &place));
    MRL_ENSURE(place < MRL_AUDIT_EPOCH, MRL_ERR_CORRUPT);
    to->bits[place / 64] |= UINT64_C(1) << place % 64;
    return MRL_OK;
}

mrl_err mrl_audit_index_find(struct mrl_tx *tx, uint64_t epoch, uint64_t key,
                             struct mrl_audit_places *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_bytes pairs;

    MRL_TRY(read_bucket(tx, epoch, bucket_of(key), &rows, &pairs));
    MRL_ENSURE(pairs.len % PAIR == 0, MRL_ERR_CORRUPT);
    for (size_t at = first_of(pairs, key); at < pairs.len / PAIR && key_at(pairs, at) == key; at++)
        MRL_TRY(set_place(out, mrl_bytes_sub(pairs, at * PAIR, PAIR)));
    return MRL_OK;
}

mrl_err mrl_audit_index_compare(struct mrl_tx *tx, const struct mrl_audit_index *i)
{
    MRL_SCOPED(mrl_buf) bytes = {0};
    int64_t oldest, newest;
    size_t at = 0;
    mrl_err err;

    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        MRL_AUTO(mrl_rows) rows = NULL;
        mrl_bytes stored;

        MRL_TRY(read_bucket(tx, i->epoch, bucket, &rows, &stored));
        MRL_TRY(bucket_bytes(i, bucket, &at, &bytes));
        MRL_ENSURE(mrl_bytes_eq(stored, mrl_buf_bytes(&bytes)), MRL_ERR_CORRUPT);
    }
    err = mrl_audit_epoch_times(tx, i->epoch, &oldest, &newest);
    MRL_ENSURE(err != MRL_ERR_NOT_FOUND, MRL_ERR_CORRUPT);
    MRL_TRY(err);
    return oldest == i->oldest && newest == i->newest ? MRL_OK : MRL_ERR_CORRUPT;
}

mrl_err mrl_audit_indexed(struct mrl_tx *tx, uint64_t *from, uint64_t *to)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT COALESCE(MIN(epoch), 0), COALESCE(MAX(epoch) + 1, 0)"
                             " FROM audit_epochs",
                             MRL_NO_ARGS, &rows));
    *from = (uint64_t)mrl_row_int(rows, 0);
    *to = (uint64_t)mrl_row_int(rows, 1);
    return MRL_OK;
}

mrl_err mrl_audit_epoch_times(struct mrl_tx *tx, uint64_t epoch, int64_t *oldest, int64_t *newest)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT oldest, newest FROM audit_epochs WHERE epoch = $1",
                             MRL_ARGS(MRL_INT(epoch)), &rows));
    *oldest = mrl_row_int(rows, 0);
    *newest = mrl_row_int(rows, 1);
    return MRL_OK;
}

mrl_err mrl_audit_index_prune(struct mrl_tx *tx, uint64_t epoch)
{
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM audit_index WHERE id < $1",
                        MRL_ARGS(MRL_INT(row_of(epoch, 0))), NULL));
    return mrl_tx_exec(tx, "DELETE FROM audit_epochs WHERE epoch < $1", MRL_ARGS(MRL_INT(epoch)),
                       NULL);
}
