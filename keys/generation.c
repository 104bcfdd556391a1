/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/generation.h"

#include <stdio.h>

#include "keys/keystore_files.h"
#include "keys/sealed.h"

enum { VERSION = 1, NAME = 32, FILE_MAX = 32 << 10 };
enum where { ELSEWHERE, HERE, IN_HARDWARE, WHERE_END_ };

void mrl_generation_done(struct mrl_generation *g)
{
    mrl_key_free(g->key);
    mrl_held_free(g->held);
    mrl_cert_free(g->cert);
    mrl_cert_list_done(&g->links);
    *g = (struct mrl_generation){0};
}

void mrl_generations_done(struct mrl_generations *all)
{
    for (size_t i = 0; i < all->count; i++)
        mrl_generation_done(&all->at[i]);
    *all = (struct mrl_generations){0};
}

static bool is_before(const struct mrl_generation *a, const struct mrl_generation *b)
{
    return a->kind != b->kind ? a->kind < b->kind : a->number < b->number;
}

mrl_err mrl_generations_add(struct mrl_generations *all, struct mrl_generation *g)
{
    size_t at = all->count;

    if (at == MRL_KEYS_GENERATIONS_MAX) {
        mrl_generation_done(g);
        return MRL_ERR_LIMIT;
    }
    for (; at > 0 && is_before(g, &all->at[at - 1]); at--)
        all->at[at] = all->at[at - 1];
    all->at[at] = *g;
    all->count++;
    *g = (struct mrl_generation){0};
    return MRL_OK;
}

const struct mrl_generation *mrl_generation_find(const struct mrl_generations *all,
                                                 enum mrl_ca_kind kind, uint8_t number)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct mrl_generation *g = &all->at[i];

        if (g->kind == kind && (number == 0 ? g->key != NULL : g->number == number))
            return g;
    }
    return NULL;
}

const struct mrl_generation *mrl_generation_newest(const struct mrl_generations *all,
                                                   enum mrl_ca_kind kind)
{
    const struct mrl_generation *newest = NULL;

    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].kind == kind)
            newest = &all->at[i];
    return newest;
}

const struct mrl_generation *mrl_generation_root_of(const struct mrl_generations *all,
                                                    const struct mrl_cert *issuing)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].kind == MRL_CA_ROOT &&
            mrl_cert_verify_signature(issuing, all->at[i].cert) == MRL_OK)
            return &all->at[i];
    return NULL;
}

/* --- files --- */

static const char *name_of(enum mrl_ca_kind kind, uint8_t number, const char *ending,
                           char memory[static NAME])
{
    (void)snprintf(memory, NAME, "%s-%u.%s", kind == MRL_CA_ROOT ? "root" : "issuing", number,
                   ending);
    return memory;
}

static const char public_ending[] = "public", whole_ending[] = "ca";

bool mrl_generation_is_dropped(const struct mrl_folder *f, enum mrl_ca_kind kind, uint8_t number)
{
    char memory[NAME];

    return mrl_folder_has(f, name_of(kind, number, public_ending, memory));
}

/* What stands in the place of the key: PKCS#8, how hardware names it, or nothing. */
struct placed {
    uint8_t where;
    mrl_bytes key;
};

static mrl_err read_placed(struct mrl_reader *r, struct placed *out)
{
    MRL_TRY(mrl_read_u8(r, &out->where));
    MRL_ENSURE(out->where < WHERE_END_, MRL_ERR_MALFORMED);
    return mrl_read_blob16(r, &out->key);
}

static mrl_err take_key(const struct placed *p, const struct mrl_unlock *u,
                        struct mrl_generation *g, struct mrl_why *why)
{
    if (p->where == IN_HARDWARE)
        return mrl_held_open(u, p->key, mrl_cert_facts(g->cert)->spki, &g->held, &g->key, why);
    return p->where == HERE ? mrl_key_from_pkcs8(p->key, &g->key) : MRL_OK;
}

static mrl_err read_link(struct mrl_reader *r, struct mrl_cert_list *links)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    mrl_bytes der;

    MRL_TRY(mrl_read_blob16(r, &der));
    MRL_TRY(mrl_cert_from_der(der, &cert));
    return mrl_cert_list_add(links, MRL_TAKE(cert));
}

static mrl_err read_content(mrl_bytes content, const struct mrl_unlock *u, struct mrl_generation *g,
                            struct mrl_why *why)
{
    struct mrl_reader r = {content};
    struct placed placed;
    uint8_t version, links;
    mrl_bytes cert;

    MRL_TRY(mrl_read_u8(&r, &version));
    MRL_ENSURE(version == VERSION, MRL_ERR_UNSUPPORTED);
    MRL_TRY(read_placed(&r, &placed));
    MRL_TRY(mrl_read_blob16(&r, &cert));
    MRL_TRY(mrl_cert_from_der(cert, &g->cert));
    MRL_TRY(mrl_read_u8(&r, &links));
    MRL_ENSURE(links <= MRL_KEYS_LINKS_MAX, MRL_ERR_MALFORMED);
    for (size_t i = 0; i < links; i++)
        MRL_TRY(read_link(&r, &g->links));
    MRL_TRY(mrl_reader_end(&r));
    return take_key(&placed, u, g, why);
}

/* As one of the manifest is. */
static bool has(const struct mrl_generations *all, enum mrl_ca_kind kind, uint8_t number)
{
    const struct mrl_generation *g = mrl_generation_find(all, kind, number);

    return g != NULL && number != 0;
}

static mrl_err load_one(const struct mrl_folder *f, const struct mrl_kek *kek,
                        const struct mrl_unlock *u, enum mrl_ca_kind kind, uint8_t number,
                        struct mrl_generations *all, struct mrl_why *why)
{
    MRL_SCOPED(mrl_generation) g = {.kind = kind, .number = number};
    MRL_AUTO(mrl_secret) content = NULL;
    char memory[NAME];
    mrl_err err;
    const char *name =
        name_of(kind, number,
                mrl_generation_is_dropped(f, kind, number) ? public_ending : whole_ending, memory);

    if (!mrl_folder_has(f, name) || has(all, kind, number))
        return MRL_OK;
    MRL_TRY(mrl_sealed_read(f, name, kek, &content, why));
    err = read_content(mrl_secret_bytes(content), u, &g, why);
    if (err == MRL_ERR_STATE) /* why says which hardware is missing */
        return err;
    if (err != MRL_OK || mrl_generations_add(all, &g) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "%s/%s holds no usable content: restore it from a backup", f->path, name);
    return MRL_OK;
}

mrl_err mrl_generations_load(const struct mrl_folder *f, const struct mrl_kek *kek,
                             const struct mrl_unlock *u, struct mrl_generations *all,
                             struct mrl_why *why)
{
    for (unsigned number = 1; number <= MRL_KEYS_GENERATION_MOST; number++) {
        MRL_TRY(load_one(f, kek, u, MRL_CA_ROOT, (uint8_t)number, all, why));
        MRL_TRY(load_one(f, kek, u, MRL_CA_ISSUING, (uint8_t)number, all, why));
    }
    return MRL_OK;
}

static mrl_err put_here(struct mrl_writer *w, const struct mrl_key *key)
{
    MRL_AUTO(mrl_secret) pkcs8 = NULL;

    MRL_TRY(mrl_key_to_pkcs8(key, &pkcs8));
    mrl_put_u8(w, HERE);
    mrl_put_blob16(w, mrl_secret_bytes(pkcs8));
    return MRL_OK;
}

static mrl_err put_key(struct mrl_writer *w, const struct mrl_generation *g)
{
    if (g->key != NULL && g->held == NULL)
        return put_here(w, g->key);
    mrl_put_u8(w, g->key != NULL ? IN_HARDWARE : ELSEWHERE);
    mrl_put_blob16(w, g->key != NULL ? mrl_held_reference(g->held) : MRL_BYTES_NONE);
    return MRL_OK;
}

static mrl_err write_content(const struct mrl_generation *g, struct mrl_writer *w, mrl_bytes *out)
{
    mrl_put_u8(w, VERSION);
    MRL_TRY(put_key(w, g));
    mrl_put_blob16(w, mrl_cert_facts(g->cert)->der);
    mrl_put_u8(w, (uint8_t)g->links.count);
    for (size_t i = 0; i < g->links.count; i++)
        mrl_put_blob16(w, mrl_cert_facts(g->links.certs[i])->der);
    return mrl_writer_end(w, out);
}

static mrl_err save(const struct mrl_folder *f, const struct mrl_kek *kek,
                    const struct mrl_generation *g, const char *ending, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) memory = mrl_secret_new(FILE_MAX);
    struct mrl_writer w = mrl_writer_on(mrl_secret_data(memory), FILE_MAX);
    char name[NAME];
    mrl_bytes content;

    MRL_TRY(write_content(g, &w, &content));
    return mrl_sealed_create(f, name_of(g->kind, g->number, ending, name), kek, content, why);
}

mrl_err mrl_generation_save(const struct mrl_folder *f, const struct mrl_kek *kek,
                            const struct mrl_generation *g, struct mrl_why *why)
{
    return save(f, kek, g, whole_ending, why);
}

mrl_err mrl_generation_drop(const struct mrl_folder *f, const struct mrl_kek *kek,
                            const struct mrl_generation *g, struct mrl_why *why)
{
    struct mrl_generation without = *g;
    char name[NAME];

    without.key = NULL;
    if (!mrl_generation_is_dropped(f, g->kind, g->number))
        MRL_TRY(save(f, kek, &without, public_ending, why));
    if (g->number == 1)
        MRL_TRY(mrl_folder_remove(
            f, g->kind == MRL_CA_ROOT ? MRL_KEYSTORE_ROOT : MRL_KEYSTORE_ISSUING, why));
    return mrl_folder_remove(f, name_of(g->kind, g->number, whole_ending, name), why);
}

/* --- do they fit together --- */

static bool is_key_of(const struct mrl_key *key, const struct mrl_cert *cert)
{
    MRL_AUTO(mrl_key) named = NULL;

    return mrl_cert_key(cert, &named) == MRL_OK && mrl_key_public_eq(key, named);
}

static bool fits(const struct mrl_generations *all, const struct mrl_generation *g)
{
    const struct mrl_cert_facts *facts = mrl_cert_facts(g->cert);

    if (!facts->is_ca || (g->key != NULL && !is_key_of(g->key, g->cert)))
        return false;
    if (g->kind == MRL_CA_ISSUING)
        return mrl_generation_root_of(all, g->cert) != NULL;
    for (size_t i = 0; i < g->links.count; i++)
        if (mrl_generation_root_of(all, g->links.certs[i]) == NULL)
            return false;
    return mrl_cert_verify_signature(g->cert, g->cert) == MRL_OK;
}

mrl_err mrl_generations_check(const struct mrl_generations *all, struct mrl_why *why)
{
    for (size_t i = 0; i < all->count; i++)
        if (!fits(all, &all->at[i]))
            return mrl_fail(why, MRL_ERR_CORRUPT, "key and certificate of %s CA %u",
                            all->at[i].kind == MRL_CA_ROOT ? "root" : "issuing", all->at[i].number);
    return MRL_OK;
}
