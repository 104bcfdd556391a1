/* SPDX-License-Identifier: Apache-2.0 */
/* The makers as workers read them: an immutable set behind one pointer (RCU). */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/der.h"
#include "crypto/idevid.h"
#include "crypto/path.h"
#include "onboarding/maker_internal.h"
#include "store/tx.h"

enum { MINUTE_S = 60 };

/* --- loading --- */

static void maker_done(struct mrl_maker *maker)
{
    mrl_cert_list_done(&maker->anchors);
    mrl_cert_list_done(&maker->helpers);
    mrl_buf_done(&maker->crl_bytes);
}

void mrl_maker_set_free(struct mrl_maker_set *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        maker_done(&s->makers[i]);
    free(s);
}

mrl_err mrl_maker_rule_of_row(const struct mrl_rows *rows, struct mrl_maker_rule *out)
{
    struct mrl_maker_rule r = {
        .id_from = (enum mrl_maker_id)mrl_row_int(rows, 3),
        .approve = (enum mrl_maker_approve)mrl_row_int(rows, 4),
        .jitp = mrl_row_int(rows, 5) != 0,
        .rate = (uint64_t)mrl_row_int(rows, 6),
        .devices = (uint64_t)mrl_row_int(rows, 7),
    };

    MRL_ENSURE(mrl_name_set(&r.name, mrl_row_bytes(rows, 0)), MRL_ERR_CORRUPT);
    MRL_ENSURE(mrl_row_bytes(rows, 1).len == 0 || mrl_name_set(&r.group, mrl_row_bytes(rows, 1)),
               MRL_ERR_CORRUPT);
    MRL_ENSURE(mrl_bytes_to_cstr(mrl_row_bytes(rows, 2), r.prefix, sizeof(r.prefix)),
               MRL_ERR_CORRUPT);
    *out = r;
    return MRL_OK;
}

mrl_err mrl_maker_cas_read(struct mrl_tx *tx, mrl_bytes maker, struct mrl_cert_list *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT der FROM maker_cas WHERE maker = $1 ORDER BY position",
                         MRL_ARGS(MRL_TEXT(maker)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_cert *cert = NULL;

        MRL_ENSURE(mrl_cert_from_der(mrl_row_bytes(rows, 0), &cert) == MRL_OK, MRL_ERR_CORRUPT);
        MRL_TRY(mrl_cert_list_add(out, cert));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static bool is_self_signed(const struct mrl_cert *c)
{
    return mrl_cert_verify_signature(c, c) == MRL_OK;
}

/* Moves each certificate to where it belongs. */
static mrl_err sort(struct mrl_cert_list *all, struct mrl_maker *maker)
{
    bool any = false;

    for (size_t i = 0; i < all->count; i++)
        any |= is_self_signed(all->certs[i]);
    for (size_t i = 0; i < all->count; i++) {
        bool anchor = !any || is_self_signed(all->certs[i]);

        MRL_TRY(
            mrl_cert_list_add(anchor ? &maker->anchors : &maker->helpers, MRL_TAKE(all->certs[i])));
    }
    maker->partial = !any;
    return MRL_OK;
}

mrl_err mrl_maker_crls_split(mrl_bytes all, mrl_bytes out[static MRL_MAKER_CRLS_MAX], size_t *count)
{
    struct mrl_reader r = {all, 0};
    size_t n = 0;
    uint8_t tag;

    while (mrl_reader_left(&r) > 0) {
        MRL_ENSURE(n < MRL_MAKER_CRLS_MAX, MRL_ERR_LIMIT);
        MRL_TRY(mrl_der_read_any(&r, &tag, NULL, &out[n]));
        n++;
    }
    *count = n;
    return MRL_OK;
}

static mrl_err load_maker(struct mrl_tx *tx, const struct mrl_rows *rows, struct mrl_maker *out)
{
    MRL_SCOPED(mrl_cert_list) all = {0};

    MRL_TRY(mrl_maker_rule_of_row(rows, &out->rule));
    MRL_TRY(mrl_maker_cas_read(tx, mrl_name_bytes(&out->rule.name), &all));
    MRL_TRY(sort(&all, out));
    MRL_TRY(mrl_buf_append(&out->crl_bytes, mrl_row_bytes(rows, MRL_MAKER_COLUMN_COUNT)));
    return mrl_maker_crls_split(mrl_buf_bytes(&out->crl_bytes), out->crls, &out->crl_count);
}

static mrl_err load_all(struct mrl_tx *tx, struct mrl_maker_set *s)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT " MRL_MAKER_COLUMNS ", crls FROM makers ORDER BY name",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_ENSURE(s->count < MRL_MAKERS_MAX, MRL_ERR_CORRUPT);
        MRL_TRY(load_maker(tx, rows, &s->makers[s->count++]));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_maker_set_load(struct mrl_tx *tx, struct mrl_maker_set **out)
{
    MRL_AUTO(mrl_maker_set) s = NULL;
    MRL_AUTO(mrl_rows) rows = NULL;
    size_t count;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM makers", MRL_NO_ARGS, &rows));
    count = (size_t)mrl_row_int(rows, 0);
    MRL_ENSURE(count <= MRL_MAKERS_MAX, MRL_ERR_CORRUPT);
    s = calloc(1, sizeof(*s) + count * sizeof(s->makers[0]));
    if (s == NULL)
        abort();
    MRL_TRY(load_all(tx, s));
    *out = MRL_TAKE(s);
    return MRL_OK;
}

/* --- publishing --- */

static void reclaim(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    mrl_maker_set_free(MRL_CONTAINER(head, struct mrl_maker_set, rcu));
}

void mrl_makers_publish(struct mrl_makers *m, struct mrl_maker_set *set)
{
    struct mrl_maker_set *old = atomic_exchange_explicit(&m->now, set, memory_order_acq_rel);

    mrl_rcu_register();
    if (old != NULL)
        mrl_rcu_defer(&old->rcu, reclaim);
}

static mrl_err load_first(struct mrl_tx *tx, void *context)
{
    return mrl_maker_set_load(tx, context);
}

mrl_err mrl_makers_open(struct mrl_store *store, struct mrl_makers **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_makers) m = calloc(1, sizeof(*m));
    struct mrl_maker_set *set = NULL;

    if (m == NULL)
        abort();
    m->store = store;
    (void)pthread_mutex_init(&m->lock, NULL); /* no attributes: cannot fail */
    if (mrl_store_read(store, load_first, &set) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "a stored maker cannot be read");
    atomic_init(&m->now, set);
    *out = MRL_TAKE(m);
    return MRL_OK;
}

void mrl_makers_free(struct mrl_makers *m)
{
    if (m == NULL)
        return;
    mrl_maker_set_free(atomic_load(&m->now));
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* --- whose is it? --- */

static bool names(const struct mrl_cert_list *cas, mrl_bytes issuer)
{
    for (size_t i = 0; i < cas->count; i++)
        if (mrl_bytes_eq(mrl_cert_facts(cas->certs[i])->subject, issuer))
            return true;
    return false;
}

/* Cheap: a signature is checked only for who names a CA of the maker as issuer, itself or by what
 * it sent along. */
static bool may_be_of(const struct mrl_maker *maker, const struct mrl_cert *leaf,
                      const struct mrl_cert_list *sent)
{
    mrl_bytes issuer = mrl_cert_facts(leaf)->issuer;

    if (names(&maker->anchors, issuer) || names(&maker->helpers, issuer))
        return true;
    for (size_t i = 0; i < sent->count; i++) {
        issuer = mrl_cert_facts(sent->certs[i])->issuer;
        if (names(&maker->anchors, issuer) || names(&maker->helpers, issuer))
            return true;
    }
    return false;
}

static mrl_err verify(const struct mrl_maker *maker, const struct mrl_cert *leaf,
                      const struct mrl_cert_list *sent, int64_t now, enum mrl_chain_reason *reason)
{
    const struct mrl_path path = {
        .leaf = leaf,
        .sent = sent,
        .known = &maker->helpers,
        .anchors = &maker->anchors,
        .partial = maker->partial,
        .crls = maker->crls,
        .crl_count = maker->crl_count,
        .purpose = MRL_PURPOSE_CLIENT,
        .at_time = now,
    };

    return mrl_path_verify(&path, reason);
}

static mrl_err find(const struct mrl_maker_set *s, const struct mrl_cert *leaf,
                    const struct mrl_cert_list *sent, int64_t now, struct mrl_maker_rule *out,
                    enum mrl_chain_reason *reason)
{
    const struct mrl_maker *found = NULL;
    enum mrl_chain_reason why = MRL_CHAIN_OTHER;
    bool claimed = false;

    for (size_t i = 0; i < s->count; i++) {
        if (!may_be_of(&s->makers[i], leaf, sent))
            continue;
        claimed = true;
        if (verify(&s->makers[i], leaf, sent, now, &why) != MRL_OK) {
            *reason = why;
            continue;
        }
        MRL_ENSURE(found == NULL, MRL_ERR_STATE);
        found = &s->makers[i];
    }
    if (found == NULL)
        return claimed ? MRL_ERR_AUTH : MRL_ERR_NOT_FOUND;
    *reason = MRL_CHAIN_OK;
    *out = found->rule;
    return MRL_OK;
}

mrl_err mrl_makers_find(struct mrl_makers *m, const struct mrl_cert *leaf,
                        const struct mrl_cert_list *sent, int64_t now, struct mrl_maker_rule *out,
                        enum mrl_chain_reason *reason)
{
    mrl_err err;

    *reason = MRL_CHAIN_FOREIGN_CA;
    mrl_rcu_read_begin();
    err = find(atomic_load_explicit(&m->now, memory_order_acquire), leaf, sent, now, out, reason);
    mrl_rcu_read_end();
    return err;
}

/* --- which device? --- */

static mrl_err name_of_module(const struct mrl_cert_facts *facts, struct mrl_buf *out)
{
    char hex[2 * MRL_HARDWARE_SERIAL_MAX + 1];
    struct mrl_hardware_module module;

    MRL_TRY(mrl_idevid_hardware(facts->san, &module));
    mrl_hex(module.serial, hex);
    return mrl_buf_append(out, mrl_str(hex));
}

static mrl_err name_in(const struct mrl_maker_rule *maker, const struct mrl_cert_facts *facts,
                       struct mrl_buf *out)
{
    mrl_bytes serial;

    if (maker->id_from == MRL_MAKER_ID_HARDWARE)
        return name_of_module(facts, out);
    if (maker->id_from == MRL_MAKER_ID_CN) {
        MRL_ENSURE(facts->cn.len > 0, MRL_ERR_NOT_FOUND);
        return mrl_buf_append(out, facts->cn);
    }
    MRL_TRY(mrl_idevid_serial(facts->subject, &serial));
    return mrl_buf_append(out, serial);
}

mrl_err mrl_maker_device_id(const struct mrl_maker_rule *maker, const struct mrl_cert_facts *facts,
                            struct mrl_name *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) id = {0};

    MRL_TRY(mrl_buf_append(&id, mrl_str(maker->prefix)));
    if (name_in(maker, facts, &id) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the certificate names no device: %s is missing, "
                        "doubled or not clean text",
                        mrl_maker_id_name(maker->id_from));
    if (!mrl_name_set(out, mrl_buf_bytes(&id)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "what the certificate names cannot be the id of a device: up to %d of "
                        "A-Z a-z 0-9 . _ : -, prefix included",
                        MRL_NAME_MAX);
    return MRL_OK;
}

/* --- how fast? --- */

/* Its place, or a free one. There are as many as makers; those of removed ones are taken over. */
static size_t rate_of(struct mrl_makers *m, mrl_bytes maker, int64_t minute)
{
    size_t free = MRL_MAKERS_MAX;

    for (size_t i = 0; i < MRL_MAKERS_MAX; i++) {
        if (mrl_bytes_eq(mrl_name_bytes(&m->rates[i].maker), maker))
            return i;
        if (free == MRL_MAKERS_MAX && m->rates[i].minute != minute)
            free = i;
    }
    return free;
}

uint64_t mrl_makers_wait_s(struct mrl_makers *m, const struct mrl_maker_rule *maker, int64_t now)
{
    int64_t minute = now / MINUTE_S;
    uint64_t wait = 0;
    size_t i;

    (void)pthread_mutex_lock(&m->lock); /* our own, not recursive: cannot fail */
    i = rate_of(m, mrl_name_bytes(&maker->name), minute);
    if (i < MRL_MAKERS_MAX && m->rates[i].minute != minute) {
        m->rates[i].maker = maker->name;
        m->rates[i].minute = minute;
        m->rates[i].count = 0;
    }
    if (i == MRL_MAKERS_MAX || m->rates[i].count >= maker->rate)
        wait = (uint64_t)(MINUTE_S - now % MINUTE_S);
    else
        m->rates[i].count++;
    (void)pthread_mutex_unlock(&m->lock);
    return wait;
}
