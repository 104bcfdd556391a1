/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of an answer is its signature: the rest of it is made again, byte for byte, when it
 * is asked for. */
#include "revocation/answers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rcu_table.h"

enum { BUCKETS_FIRST = 64, KEY = MRL_STATUS_SERIAL + 1 };

/* A delegate; all stay until the end: there is a new one every few days. */
struct responder {
    struct responder *before;
    struct mrl_key *key;
    struct mrl_buf cert;
    uint8_t id[MRL_SHA1_SIZE];
    int64_t not_after, renew_at;
};

struct answer {
    struct cds_lfht_node node;
    struct rcu_head rcu;
    const struct responder *by;
    int64_t this_update, next_update;
    int64_t revoked;
    uint8_t key[KEY]; /* serial, hash */
    uint8_t reason;
    uint8_t len;
    uint8_t signature[];
};

struct mrl_answers {
    struct mrl_answers_config config;
    struct cds_lfht *kept;
    size_t buckets; /* for them; the owner's */
    _Atomic size_t count;
    _Atomic(struct responder *) responder;
};

mrl_err mrl_answers_new(const struct mrl_answers_config *config, struct mrl_answers **out)
{
    struct mrl_answers *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->config = *config;
    a->kept = mrl_rcu_table_new(BUCKETS_FIRST);
    a->buckets = BUCKETS_FIRST;
    if (a->kept == NULL)
        abort();
    *out = a;
    return MRL_OK;
}

static void reclaim(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct answer, rcu));
}

static void drop(struct mrl_answers *a, struct cds_lfht_node *node)
{
    if (cds_lfht_del(a->kept, node) != 0)
        return; /* somebody replaced it just now */
    atomic_fetch_sub(&a->count, 1);
    mrl_rcu_defer(&MRL_CONTAINER(node, struct answer, node)->rcu, reclaim);
}

/* Drops what ends before now. */
static void sweep(struct mrl_answers *a, int64_t now)
{
    struct cds_lfht_iter it;
    struct cds_lfht_node *node;

    mrl_rcu_read_begin();
    cds_lfht_for_each(a->kept, &it, node)
    {
        MRL_RCU_ACQUIRE(node);
        if (MRL_CONTAINER(node, struct answer, node)->next_update <= now)
            drop(a, node);
    }
    mrl_rcu_read_end();
}

/* Answers that others asked for are counted here as well, the next time. */
static void grow(struct mrl_answers *a)
{
    mrl_rcu_table_grow(a->kept, &a->buckets, atomic_load(&a->count));
}

void mrl_answers_sweep(struct mrl_answers *a, int64_t now)
{
    sweep(a, now);
    grow(a);
}

static void free_responder(struct responder *r)
{
    mrl_key_free(r->key);
    mrl_buf_done(&r->cert);
    free(r);
}

void mrl_answers_free(struct mrl_answers *a)
{
    if (a == NULL)
        return;
    mrl_rcu_register();
    sweep(a, INT64_MAX);
    mrl_rcu_barrier();
    (void)cds_lfht_destroy(a->kept, NULL); /* empty, and nobody looks */
    for (struct responder *r = atomic_load(&a->responder), *before; r != NULL; r = before) {
        before = r->before;
        free_responder(r);
    }
    free(a);
}

static mrl_err fill_responder(struct responder *r, mrl_bytes cert)
{
    MRL_AUTO(mrl_cert) parsed = NULL;
    const struct mrl_cert_facts *f;

    MRL_TRY(mrl_cert_from_der(cert, &parsed));
    f = mrl_cert_facts(parsed);
    MRL_ENSURE(f->ski.len == sizeof(r->id), MRL_ERR_INVALID); /* RFC 5280 4.2.1.2 (1) */
    memcpy(r->id, f->ski.data, sizeof(r->id));
    r->not_after = f->not_after;
    r->renew_at = f->not_after - (f->not_after - f->not_before) / 2;
    return mrl_buf_append(&r->cert, cert);
}

mrl_err mrl_answers_set_responder(struct mrl_answers *a, struct mrl_key *key, mrl_bytes cert)
{
    struct responder *r = calloc(1, sizeof(*r));
    mrl_err err;

    if (r == NULL)
        abort();
    r->key = key;
    err = fill_responder(r, cert);
    if (err != MRL_OK) {
        free_responder(r);
        return err;
    }
    r->before = atomic_load(&a->responder);
    atomic_store(&a->responder, r);
    return MRL_OK;
}

int64_t mrl_answers_renew_at(const struct mrl_answers *a)
{
    const struct responder *r = atomic_load(&a->responder);

    return r == NULL ? 0 : r->renew_at;
}

/* --- one answer --- */

static bool key_of(mrl_bytes serial, enum mrl_ocsp_hash hash, uint8_t key[static KEY])
{
    if (serial.len < 1 || serial.len > MRL_STATUS_SERIAL)
        return false;
    memset(key, 0, KEY);
    memcpy(&key[MRL_STATUS_SERIAL - serial.len], serial.data, serial.len);
    key[MRL_STATUS_SERIAL] = (uint8_t)hash;
    return true;
}

static int same_key(struct cds_lfht_node *node, const void *key)
{
    MRL_RCU_ACQUIRE(node);
    return memcmp(MRL_CONTAINER(node, struct answer, node)->key, key, KEY) == 0;
}

static mrl_err data_of(const struct mrl_answers *a, const struct answer *answer, mrl_bytes serial,
                       struct mrl_buf *out)
{
    const struct mrl_ocsp_answer text = {
        .issuer = &a->config.issuer,
        .hash = (enum mrl_ocsp_hash)answer->key[MRL_STATUS_SERIAL],
        .serial = serial,
        .revoked = answer->revoked,
        .reason = (enum mrl_crl_reason)answer->reason,
        .this_update = answer->this_update,
        .next_update = answer->next_update,
        .responder = mrl_bytes_of(answer->by->id, sizeof(answer->by->id)),
    };

    return mrl_ocsp_answer_data(&text, out);
}

static mrl_err sign(const struct mrl_answers *a, const uint8_t key[static KEY], mrl_bytes serial,
                    const struct mrl_status *status, int64_t now, struct answer **out)
{
    const struct responder *by = atomic_load(&a->responder);
    MRL_SCOPED(mrl_buf) data = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    struct answer draft = {.by = by, .this_update = now, .revoked = status->revoked};
    struct answer *made;

    MRL_ENSURE(by != NULL && now < by->not_after, MRL_ERR_STATE);
    draft.next_update = now + a->config.life_s;
    if (draft.next_update > by->not_after)
        draft.next_update = by->not_after; /* nobody could check it later */
    draft.reason = (uint8_t)status->reason;
    memcpy(draft.key, key, KEY);
    MRL_TRY(data_of(a, &draft, serial, &data));
    MRL_TRY(mrl_key_sign(by->key, mrl_buf_bytes(&data), &signature));
    MRL_ENSURE(signature.len <= UINT8_MAX, MRL_ERR_CRYPTO);
    made = malloc(sizeof(*made) + signature.len);
    if (made == NULL)
        abort();
    *made = draft;
    made->len = (uint8_t)signature.len;
    memcpy(made->signature, signature.data, signature.len);
    *out = made;
    return MRL_OK;
}

static bool says(const struct answer *answer, const struct mrl_status *status)
{
    return answer->revoked == status->revoked && answer->reason == (uint8_t)status->reason;
}

/* Reader. */
static struct cds_lfht_node *look_up(const struct mrl_answers *a, const uint8_t key[static KEY])
{
    struct cds_lfht_iter it;

    cds_lfht_lookup(a->kept, mrl_hash(mrl_bytes_of(key, KEY)), same_key, key, &it);
    return cds_lfht_iter_get_node(&it);
}

/* Reader. What takes the place of another needs none. */
static bool has_room(const struct mrl_answers *a, const uint8_t key[static KEY])
{
    return atomic_load(&a->count) < a->config.kept || look_up(a, key) != NULL;
}

/* Reader. The kept answer that says this and has more than so many hundredths of its life left. */
static struct answer *find(const struct mrl_answers *a, const uint8_t key[static KEY],
                           const struct mrl_status *status, int64_t now, int64_t left_percent)
{
    struct cds_lfht_node *node = look_up(a, key);
    struct answer *answer;

    if (node == NULL)
        return NULL;
    answer = MRL_CONTAINER(node, struct answer, node);
    if (!says(answer, status) || answer->this_update > now ||
        (answer->next_update - now) * 100 <= a->config.life_s * left_percent)
        return NULL;
    return answer;
}

/* Reader. Takes answer, in the place of the one with its key. */
static void keep(struct mrl_answers *a, struct answer *answer)
{
    struct cds_lfht_node *old;

    cds_lfht_node_init(&answer->node);
    MRL_RCU_RELEASE(&answer->node);
    old = cds_lfht_add_replace(a->kept, mrl_hash(mrl_bytes_of(answer->key, KEY)), same_key,
                               answer->key, &answer->node);
    if (old != NULL)
        mrl_rcu_defer(&MRL_CONTAINER(old, struct answer, node)->rcu, reclaim);
    else
        atomic_fetch_add(&a->count, 1);
}

static mrl_err write_answer(const struct mrl_answers *a, const struct answer *answer,
                            mrl_bytes serial, struct mrl_buf *out, struct mrl_answer_times *times)
{
    MRL_SCOPED(mrl_buf) data = {0};

    MRL_TRY(data_of(a, answer, serial, &data));
    *times = (struct mrl_answer_times){answer->this_update, answer->next_update};
    return mrl_ocsp_response(mrl_buf_bytes(&data), mrl_key_algorithm(answer->by->key),
                             mrl_bytes_of(answer->signature, answer->len),
                             mrl_buf_bytes(&answer->by->cert), out);
}

/* Reader. */
static mrl_err write_or_sign(struct mrl_answers *a, const uint8_t key[static KEY], mrl_bytes serial,
                             const struct mrl_status *status, int64_t now, struct mrl_buf *out,
                             struct mrl_answer_times *times)
{
    struct answer *answer = find(a, key, status, now, /*left_percent=*/25);
    bool foreseen = answer != NULL;
    mrl_err err;

    if (!foreseen)
        MRL_TRY(sign(a, key, serial, status, now, &answer));
    err = write_answer(a, answer, serial, out, times);
    if (foreseen)
        return err;
    if (has_room(a, key))
        keep(a, answer);
    else
        free(answer);
    return err;
}

mrl_err mrl_answers_write(struct mrl_answers *a, enum mrl_ocsp_hash hash, mrl_bytes serial,
                          const struct mrl_status *status, int64_t now, struct mrl_buf *out,
                          struct mrl_answer_times *times)
{
    uint8_t key[KEY];
    mrl_err err;

    MRL_ENSURE(key_of(serial, hash, key), MRL_ERR_INVALID);
    mrl_rcu_read_begin();
    err = write_or_sign(a, key, serial, status, now, out, times);
    mrl_rcu_read_end();
    return err;
}

bool mrl_answers_prepare(struct mrl_answers *a, mrl_bytes serial, const struct mrl_status *status,
                         int64_t now)
{
    struct answer *answer;
    uint8_t key[KEY];
    bool wanted;

    if (!key_of(serial, MRL_OCSP_SHA1, key) || status->expires <= now)
        return false;
    mrl_rcu_read_begin();
    wanted = find(a, key, status, now, /*left_percent=*/50) == NULL && has_room(a, key);
    mrl_rcu_read_end();
    if (!wanted || sign(a, key, serial, status, now, &answer) != MRL_OK)
        return false;
    mrl_rcu_read_begin();
    keep(a, answer);
    mrl_rcu_read_end();
    grow(a);
    return true;
}

size_t mrl_answers_count(const struct mrl_answers *a)
{
    return atomic_load(&a->count);
}
