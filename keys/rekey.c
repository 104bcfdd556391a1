/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/rekey.h"

#include "keys/keystore.h"
#include "keys/keystore_files.h"
#include "keys/sealed.h"
#include "keys/staging.h"

struct rekeying {
    const struct mrl_folder *from;
    struct mrl_staging second; /* all owned from here */
    struct mrl_kek old_kek;
    struct mrl_kek new_kek;
};

static void rekeying_done(struct rekeying *r)
{
    mrl_kek_done(&r->old_kek);
    mrl_kek_done(&r->new_kek);
    mrl_staging_done(&r->second);
}

static mrl_err seal_again(const struct rekeying *r, const char *name, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) plain = NULL;

    MRL_TRY(mrl_sealed_read(r->from, name, &r->old_kek, &plain, why));
    return mrl_sealed_create(&r->second.folder, name, &r->new_kek, mrl_secret_bytes(plain), why);
}

static mrl_err seal_all_again(const struct rekeying *r, struct mrl_why *why)
{
    struct mrl_folder_names all;

    MRL_TRY(mrl_folder_list(r->from, &all, why));
    for (size_t i = 0; i < all.count; i++)
        if (mrl_sealed_is(r->from, all.names[i]))
            MRL_TRY(seal_again(r, all.names[i], why));
    return MRL_OK;
}

static mrl_err copy_export_record(const struct rekeying *r, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) record = NULL;

    MRL_TRY(mrl_folder_read(r->from, MRL_KEYSTORE_EXPORT, &record, why));
    return mrl_folder_create(&r->second.folder, MRL_KEYSTORE_EXPORT, mrl_secret_bytes(record), why);
}

static mrl_err fill(struct rekeying *r, const struct mrl_unlock *to, struct mrl_why *why)
{
    MRL_TRY(mrl_kek_make(&r->second.folder, to, &r->new_kek, why));
    MRL_TRY(seal_all_again(r, why));
    return copy_export_record(r, why);
}

/* As a start of the daemon will open it. */
static mrl_err try_to_open(const struct mrl_folder *f, const struct mrl_unlock *u,
                           struct mrl_why *why)
{
    MRL_SCOPED(mrl_keystore) k = {0};

    return mrl_keystore_open(f, u, &k, why);
}

static mrl_err make_second(const struct mrl_folder *f, struct rekeying *r,
                           const struct mrl_unlock *to, struct mrl_why *why)
{
    MRL_TRY(mrl_staging_begin(f, &r->second, why));
    MRL_TRY(fill(r, to, why));
    MRL_TRY(try_to_open(&r->second.folder, to, why));
    return mrl_staging_commit(f, &r->second, why);
}

mrl_err mrl_rekey(const struct mrl_folder *f, const struct mrl_unlock *from,
                  const struct mrl_unlock *to, struct mrl_why *why)
{
    struct rekeying r = {.from = f, .second = {.folder = {.fd = -1}}};
    mrl_err err;

    MRL_TRY(try_to_open(f, from, why)); /* names what is damaged, before anything is made */
    err = mrl_keystore_kek(f, from, &r.old_kek, why);
    if (err == MRL_OK)
        err = make_second(f, &r, to, why);
    rekeying_done(&r);
    if (err != MRL_OK)
        (void)mrl_staging_drop(f, NULL); /* the first error says more; the next run drops it too */
    MRL_TRY(err);
    return mrl_staging_settle(f, why);
}
