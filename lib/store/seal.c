/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are published by RCU: sealing and opening take no lock, and a key that was dropped is wiped
 * when the last thread that could use it has left. */
#include "store/seal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/rcu.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

enum {
    VERSION = 1,
    START = 16,
    HEADER = 1 + 4 + START + 8,
    /* Derived keys kept for opening, by the first byte of their start: one page each. */
    KEPT_STARTS = 64,
    AAD_MAX = 1 + 4 + 3 * 2 + 2 * MRL_SEAL_NAME_MAX + MRL_SEAL_ROW_MAX,
    SHOWN_ROW = 64, /* bytes of the row's key in a sentence */
};

_Static_assert(HEADER + MRL_AEAD_TAG == MRL_SEAL_OVERHEAD, "the overhead is header and tag");

/* What one start seals with under one data key. */
struct start_key {
    struct rcu_head rcu;
    uint8_t start[START];
    struct mrl_aead *aead;
    _Atomic uint64_t sealed;
};

struct data_key {
    struct rcu_head rcu;
    uint32_t number;
    struct mrl_secret *key;
    _Atomic(struct start_key *) own; /* seals */
    _Atomic(struct start_key *) kept[KEPT_STARTS];
};

struct mrl_sealer {
    uint64_t per_start;
    pthread_mutex_t changing; /* what keys[], newest and own point to; readers do not take it */
    _Atomic(struct data_key *) keys[MRL_SEAL_KEYS_MAX];
    _Atomic(struct data_key *) newest;
};

struct envelope {
    uint8_t version;
    uint32_t key;
    uint8_t start[START];
    uint64_t counter;
    mrl_bytes sealed; /* ciphertext and tag */
};

static void start_key_free(struct start_key *k)
{
    if (k == NULL)
        return;
    mrl_aead_free(k->aead);
    free(k);
}

static void reclaim_start_key(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    start_key_free(MRL_CONTAINER(head, struct start_key, rcu));
}

static void retire_start_key(struct start_key *k)
{
    if (k != NULL)
        mrl_rcu_defer(&k->rcu, reclaim_start_key);
}

static void data_key_free(struct data_key *k)
{
    if (k == NULL)
        return;
    start_key_free(atomic_load(&k->own));
    for (size_t i = 0; i < KEPT_STARTS; i++)
        start_key_free(atomic_load(&k->kept[i]));
    mrl_secret_free(k->key);
    free(k);
}

static void reclaim_data_key(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    data_key_free(MRL_CONTAINER(head, struct data_key, rcu));
}

static mrl_err start_key_new(const struct data_key *k, const uint8_t *start, struct start_key **out)
{
    MRL_AUTO(mrl_secret) key = NULL;
    MRL_AUTO(mrl_aead) aead = NULL;
    struct start_key *made;

    MRL_TRY(mrl_hkdf_sha256(mrl_secret_bytes(k->key), mrl_bytes_of(start, START),
                            MRL_LIT("merlon seal v1"), MRL_AEAD_KEY, &key));
    MRL_TRY(mrl_aead_new(key, &aead));
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        abort();
    memcpy(made->start, start, START);
    made->aead = MRL_TAKE(aead);
    *out = made;
    return MRL_OK;
}

static mrl_err own_key_new(const struct data_key *k, struct start_key **out)
{
    uint8_t start[START];

    mrl_random(start, sizeof(start));
    return start_key_new(k, start, out);
}

static mrl_err data_key_new(uint32_t number, struct mrl_secret *key, struct data_key **out)
{
    struct data_key *k = calloc(1, sizeof(*k));
    struct start_key *own = NULL;
    mrl_err err;

    if (k == NULL)
        abort();
    k->number = number;
    k->key = key;
    err = own_key_new(k, &own);
    if (err != MRL_OK) {
        data_key_free(k);
        return err;
    }
    atomic_store(&k->own, own);
    *out = k;
    return MRL_OK;
}

struct mrl_sealer *mrl_sealer_new(const struct mrl_seal_options *options)
{
    struct mrl_sealer *s = calloc(1, sizeof(*s));

    if (s == NULL || pthread_mutex_init(&s->changing, NULL) != 0)
        abort();
    s->per_start =
        options != NULL && options->per_start > 0 ? options->per_start : MRL_SEAL_PER_START;
    return s;
}

void mrl_sealer_free(struct mrl_sealer *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < MRL_SEAL_KEYS_MAX; i++)
        data_key_free(atomic_load(&s->keys[i]));
    (void)pthread_mutex_destroy(&s->changing); /* nobody uses it any more */
    free(s);
}

/* The slot of a number, or of a free one (number 0); NULL: there is none. */
static _Atomic(struct data_key *) *slot_of(struct mrl_sealer *s, uint32_t number)
{
    for (size_t i = 0; i < MRL_SEAL_KEYS_MAX; i++) {
        const struct data_key *k = atomic_load(&s->keys[i]);

        if ((k == NULL ? 0 : k->number) == number)
            return &s->keys[i];
    }
    return NULL;
}

static mrl_err place_key(struct mrl_sealer *s, struct data_key *k)
{
    const struct data_key *newest = atomic_load(&s->newest);
    _Atomic(struct data_key *) *slot = slot_of(s, 0);

    MRL_ENSURE(slot_of(s, k->number) == NULL, MRL_ERR_EXISTS);
    MRL_ENSURE(slot != NULL, MRL_ERR_LIMIT);
    atomic_store(slot, k);
    if (newest == NULL || newest->number < k->number)
        atomic_store(&s->newest, k);
    return MRL_OK;
}

mrl_err mrl_sealer_add(struct mrl_sealer *s, uint32_t number, struct mrl_secret *key)
{
    struct data_key *k = NULL;
    mrl_err err;

    if (number == 0 || mrl_secret_bytes(key).len != MRL_SEAL_KEY) {
        mrl_secret_free(key);
        return MRL_ERR_INVALID;
    }
    MRL_TRY(data_key_new(number, key, &k));
    (void)pthread_mutex_lock(&s->changing); /* our own, not recursive: cannot fail */
    err = place_key(s, k);
    (void)pthread_mutex_unlock(&s->changing);
    if (err != MRL_OK)
        data_key_free(k); /* nobody has seen it */
    return err;
}

static mrl_err take_key(struct mrl_sealer *s, uint32_t number, struct data_key **out)
{
    _Atomic(struct data_key *) *slot = number == 0 ? NULL : slot_of(s, number);

    MRL_ENSURE(slot != NULL, MRL_ERR_NOT_FOUND);
    MRL_ENSURE(atomic_load(slot) != atomic_load(&s->newest), MRL_ERR_STATE);
    *out = atomic_exchange(slot, NULL);
    return MRL_OK;
}

mrl_err mrl_sealer_drop(struct mrl_sealer *s, uint32_t number)
{
    struct data_key *k = NULL;
    mrl_err err;

    mrl_rcu_register();
    (void)pthread_mutex_lock(&s->changing);
    err = take_key(s, number, &k);
    (void)pthread_mutex_unlock(&s->changing);
    if (err == MRL_OK)
        mrl_rcu_defer(&k->rcu, reclaim_data_key);
    return err;
}

static uint32_t newest_number(const struct mrl_sealer *s)
{
    const struct data_key *k = atomic_load(&s->newest);

    return k == NULL ? 0 : k->number;
}

uint32_t mrl_sealer_newest(const struct mrl_sealer *s)
{
    uint32_t number;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    number = newest_number(s);
    mrl_rcu_read_end();
    return number;
}

/* Puts another start in the place of used, unless another thread did. */
static mrl_err draw_start(struct mrl_sealer *s, struct data_key *k, struct start_key *used)
{
    struct start_key *fresh = NULL;
    mrl_err err = MRL_OK;

    (void)pthread_mutex_lock(&s->changing);
    if (atomic_load(&k->own) == used)
        err = own_key_new(k, &fresh);
    if (fresh != NULL)
        retire_start_key(atomic_exchange(&k->own, fresh));
    (void)pthread_mutex_unlock(&s->changing);
    return err;
}

/* A pair of key and counter that nobody had before. */
static mrl_err take_counter(struct mrl_sealer *s, struct data_key *k, struct start_key **with,
                            uint64_t *counter)
{
    for (;;) {
        struct start_key *own = atomic_load_explicit(&k->own, memory_order_acquire);
        uint64_t n = atomic_fetch_add_explicit(&own->sealed, 1, memory_order_relaxed);

        if (n < s->per_start) {
            *with = own;
            *counter = n;
            return MRL_OK;
        }
        MRL_TRY(draw_start(s, k, own));
    }
}

static void nonce_of(uint64_t counter, uint8_t nonce[static MRL_AEAD_NONCE])
{
    struct mrl_writer w = mrl_writer_on(nonce, MRL_AEAD_NONCE);

    mrl_put_u32(&w, 0);
    mrl_put_u64(&w, counter);
}

mrl_bytes mrl_seal_row_number(int64_t key, char memory[static MRL_SEAL_NUMBER_MAX])
{
    uint64_t left = key < 0 ? -(uint64_t)key : (uint64_t)key;
    size_t at = MRL_SEAL_NUMBER_MAX;

    do {
        memory[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (key < 0)
        memory[--at] = '-';
    return mrl_bytes_of(&memory[at], MRL_SEAL_NUMBER_MAX - at);
}

static mrl_err check_place(const struct mrl_seal_place *at)
{
    MRL_ENSURE(strlen(at->table) <= MRL_SEAL_NAME_MAX && strlen(at->column) <= MRL_SEAL_NAME_MAX,
               MRL_ERR_INVALID);
    MRL_ENSURE(at->row.len <= MRL_SEAL_ROW_MAX, MRL_ERR_LIMIT);
    return MRL_OK;
}

/* at has passed check_place. */
static mrl_bytes aad_of(const struct mrl_seal_place *at, uint32_t key, uint8_t memory[AAD_MAX])
{
    struct mrl_writer w = mrl_writer_on(memory, AAD_MAX);

    mrl_put_u8(&w, VERSION);
    mrl_put_u32(&w, key);
    mrl_put_blob16(&w, mrl_str(at->table));
    mrl_put_blob16(&w, mrl_str(at->column));
    mrl_put_blob16(&w, at->row);
    return mrl_bytes_of(memory, w.len);
}

static mrl_err put_header(const struct data_key *k, const struct start_key *with, uint64_t counter,
                          struct mrl_buf *out)
{
    struct mrl_writer w;
    uint8_t *to;

    MRL_TRY(mrl_buf_reserve(out, HEADER, &to));
    w = mrl_writer_on(to, HEADER);
    mrl_put_u8(&w, VERSION);
    mrl_put_u32(&w, k->number);
    mrl_put_bytes(&w, mrl_bytes_of(with->start, START));
    mrl_put_u64(&w, counter);
    mrl_buf_added(out, HEADER);
    return MRL_OK;
}

static mrl_err seal_under(struct mrl_sealer *s, struct data_key *k, const struct mrl_seal_place *at,
                          mrl_bytes plain, struct mrl_buf *out)
{
    uint8_t memory[AAD_MAX], nonce[MRL_AEAD_NONCE];
    struct start_key *with;
    uint64_t counter;

    MRL_ENSURE(k != NULL, MRL_ERR_STATE);
    MRL_TRY(take_counter(s, k, &with, &counter));
    MRL_TRY(put_header(k, with, counter, out));
    nonce_of(counter, nonce);
    return mrl_aead_seal_with(with->aead, nonce, aad_of(at, k->number, memory), plain, out);
}

mrl_err mrl_seal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes plain,
                 struct mrl_buf *out)
{
    size_t before = out->len;
    mrl_err err;

    MRL_TRY(check_place(at));
    MRL_ENSURE(plain.len <= MRL_SEAL_PLAIN_MAX, MRL_ERR_LIMIT);
    mrl_rcu_register();
    mrl_rcu_read_begin();
    err = seal_under(s, atomic_load_explicit(&s->newest, memory_order_acquire), at, plain, out);
    mrl_rcu_read_end();
    if (err != MRL_OK)
        out->len = before;
    return err;
}

static mrl_err read_envelope(mrl_bytes sealed, struct envelope *out)
{
    struct mrl_reader r = {sealed, 0};
    struct envelope e;

    MRL_TRY(mrl_read_u8(&r, &e.version));
    MRL_ENSURE(e.version == VERSION, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_u32(&r, &e.key));
    MRL_TRY(mrl_read_into(&r, e.start, START));
    MRL_TRY(mrl_read_u64(&r, &e.counter));
    e.sealed = mrl_read_rest(&r);
    MRL_ENSURE(e.sealed.len >= MRL_AEAD_TAG, MRL_ERR_MALFORMED);
    *out = e;
    return MRL_OK;
}

mrl_err mrl_seal_key_of(mrl_bytes sealed, uint32_t *number)
{
    struct envelope e;

    MRL_TRY(read_envelope(sealed, &e));
    *number = e.key;
    return MRL_OK;
}

static struct data_key *find_key(struct mrl_sealer *s, uint32_t number)
{
    for (size_t i = 0; i < MRL_SEAL_KEYS_MAX; i++) {
        struct data_key *k = atomic_load_explicit(&s->keys[i], memory_order_acquire);

        if (k != NULL && k->number == number)
            return k;
    }
    return NULL;
}

/* Derives what is not kept and keeps it in the place of another start. */
static mrl_err opening_key(struct data_key *k, const uint8_t *start, const struct start_key **out)
{
    _Atomic(struct start_key *) *slot = &k->kept[start[0] % KEPT_STARTS];
    const struct start_key *kept = atomic_load_explicit(slot, memory_order_acquire);
    struct start_key *made = NULL;

    if (kept == NULL || memcmp(kept->start, start, START) != 0) {
        MRL_TRY(start_key_new(k, start, &made));
        retire_start_key(atomic_exchange(slot, made));
        kept = made; /* replaced meanwhile: it stays until this thread has left */
    }
    *out = kept;
    return MRL_OK;
}

static mrl_err fail_corrupt(const struct mrl_seal_place *at, const char *what, struct mrl_why *why)
{
    char row[SHOWN_ROW + 1];
    size_t len = at->row.len < SHOWN_ROW ? at->row.len : SHOWN_ROW;

    for (size_t i = 0; i < len; i++)
        row[i] = (char)(at->row.data[i] > ' ' && at->row.data[i] < 0x7f ? at->row.data[i] : '?');
    row[len] = '\0';
    return mrl_fail(why, MRL_ERR_CORRUPT, "table %.64s, column %.64s, row %s: %s", at->table,
                    at->column, row, what);
}

/* Where the plaintext goes: one of the two. */
struct plain {
    struct mrl_buf *buf;
    struct mrl_secret **secret;
};

static mrl_err decrypt(const struct start_key *with, const struct envelope *e,
                       const struct mrl_seal_place *at, struct plain to)
{
    uint8_t memory[AAD_MAX], nonce[MRL_AEAD_NONCE];
    mrl_bytes aad = aad_of(at, e->key, memory);

    nonce_of(e->counter, nonce);
    if (to.secret != NULL)
        return mrl_aead_open_secret_with(with->aead, nonce, aad, e->sealed, to.secret);
    return mrl_aead_open_with(with->aead, nonce, aad, e->sealed, to.buf);
}

static mrl_err open_envelope(struct mrl_sealer *s, const struct mrl_seal_place *at,
                             const struct envelope *e, struct plain to, struct mrl_why *why)
{
    struct data_key *k = find_key(s, e->key);
    const struct start_key *with;
    mrl_err err;

    if (k == NULL)
        return fail_corrupt(at, "sealed under a data key that does not exist here", why);
    MRL_TRY(opening_key(k, e->start, &with));
    err = decrypt(with, e, at, to);
    if (err == MRL_ERR_CRYPTO)
        return fail_corrupt(at, "changed, or of another place", why);
    return err;
}

static mrl_err unseal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                      struct plain to, struct mrl_why *why)
{
    struct envelope e;
    mrl_err err;

    MRL_TRY(check_place(at));
    if (read_envelope(sealed, &e) != MRL_OK)
        return fail_corrupt(at, "not an envelope", why);
    mrl_rcu_register();
    mrl_rcu_read_begin();
    err = open_envelope(s, at, &e, to, why);
    mrl_rcu_read_end();
    return err;
}

mrl_err mrl_unseal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                   struct mrl_buf *out, struct mrl_why *why)
{
    return unseal(s, at, sealed, (struct plain){.buf = out}, why);
}

mrl_err mrl_unseal_secret(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                          struct mrl_secret **out, struct mrl_why *why)
{
    return unseal(s, at, sealed, (struct plain){.secret = out}, why);
}
