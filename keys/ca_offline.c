/* SPDX-License-Identifier: Apache-2.0 */
/* An issuing CA whose root key is on another machine: the request out, the certificate in. */
#include "base/hex.h"
#include "crypto/csr.h"
#include "keys/ca_internal.h"
#include "keys/keystore_files.h"
#include "keys/sealed.h"

enum { PEM_COLUMNS = 64 }; /* RFC 7468 2 */

static mrl_err denied(struct mrl_why *why, const char *what)
{
    return mrl_fail(why, MRL_ERR_DENIED, "nothing was taken: %s", what);
}

/* --- the request --- */

static mrl_err read_pending(const struct mrl_ca_store *s, const struct mrl_kek *kek,
                            struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) pkcs8 = NULL;

    MRL_TRY(mrl_sealed_read(s->folder, MRL_KEYSTORE_REQUEST, kek, &pkcs8, why));
    if (mrl_key_from_pkcs8(mrl_secret_bytes(pkcs8), out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, MRL_KEYSTORE_REQUEST " holds no usable content");
    return MRL_OK;
}

static bool is_of(const struct mrl_key *key, const struct mrl_cert *cert)
{
    MRL_AUTO(mrl_key) named = NULL;

    return key != NULL && mrl_cert_key(cert, &named) == MRL_OK && mrl_key_public_eq(key, named);
}

/* NULL: its certificate is not here. */
static const struct mrl_generation *installed_for(const struct mrl_generations *all,
                                                  const struct mrl_key *key)
{
    for (size_t i = 0; i < all->count; i++)
        if (is_of(key, all->at[i].cert))
            return &all->at[i];
    return NULL;
}

static mrl_err make_pending(const struct mrl_ca_store *s, const struct mrl_kek *kek,
                            enum mrl_key_type type, struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_secret) pkcs8 = NULL;

    MRL_TRY(mrl_key_generate(type, &key, why));
    MRL_TRY(mrl_key_to_pkcs8(key, &pkcs8));
    MRL_TRY(mrl_sealed_create(s->folder, MRL_KEYSTORE_REQUEST, kek, mrl_secret_bytes(pkcs8), why));
    *out = MRL_TAKE(key);
    return MRL_OK;
}

/* The one whose certificate is waited for, or another one. */
static mrl_err pending_key(const struct mrl_ca_store *s, const struct mrl_ca_opened *o,
                           enum mrl_key_type type, struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;

    if (!mrl_folder_has(s->folder, MRL_KEYSTORE_REQUEST))
        return make_pending(s, &o->kek, type, out, why);
    MRL_TRY(read_pending(s, &o->kek, &key, why));
    if (installed_for(&o->keystore.cas, key) !=
        NULL) { /* an install was cut off before its last step */
        MRL_TRY(mrl_folder_remove(s->folder, MRL_KEYSTORE_REQUEST, why));
        return make_pending(s, &o->kek, type, out, why);
    }
    *out = MRL_TAKE(key);
    return MRL_OK;
}

static mrl_err put_request(mrl_bytes der, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_append(out, MRL_LIT("-----BEGIN CERTIFICATE REQUEST-----\n")));
    MRL_TRY(mrl_base64_write(der, PEM_COLUMNS, out));
    return mrl_buf_append(out, MRL_LIT("-----END CERTIFICATE REQUEST-----\n"));
}

mrl_err mrl_ca_request(const struct mrl_ca_store *s, enum mrl_key_type type, struct mrl_buf *out,
                       struct mrl_why *why)
{
    MRL_SCOPED(mrl_ca_opened) o = {0};
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_csr_request request = {0};
    char name[MRL_CA_NAME];
    uint8_t number;

    MRL_TRY(mrl_ca_open(s, &o, why));
    MRL_TRY(mrl_ca_next_number(&o.keystore.cas, MRL_CA_ISSUING, &number, why));
    MRL_TRY(pending_key(s, &o, type, &key, why));
    mrl_ca_issuing_name(number, name);
    request.cn = mrl_str(name);
    MRL_TRY(mrl_csr_write(&request, key, &der));
    return put_request(mrl_buf_bytes(&der), out);
}

/* --- where the root is --- */

static mrl_err read_request(mrl_bytes body, struct mrl_csr **out, struct mrl_key **key,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    enum mrl_csr_reason reason;
    mrl_err err = mrl_csr_from_body(body, &csr, &reason);

    if (err == MRL_OK)
        err = mrl_csr_check(csr, key, &reason);
    if (err != MRL_OK)
        return mrl_fail(why, err, "the request does not hold: %s", mrl_csr_reason_text(reason));
    *out = MRL_TAKE(csr);
    return MRL_OK;
}

mrl_err mrl_ca_sign_request(const struct mrl_ca_store *s, mrl_bytes request, struct mrl_buf *out,
                            struct mrl_why *why)
{
    MRL_SCOPED(mrl_ca_opened) o = {0};
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    const struct mrl_generation *root;

    MRL_TRY(mrl_ca_open(s, &o, why));
    root = mrl_generation_newest(&o.keystore.cas, MRL_CA_ROOT);
    if (root == NULL || root->key == NULL)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "the key of the root is not in this keystore");
    MRL_TRY(read_request(request, &csr, &key, why));
    MRL_TRY(mrl_ca_build_issuing(mrl_csr_facts(csr)->name.cn, key, root, s->now, &cert, why));
    MRL_TRY(mrl_cert_to_pem(cert, out));
    return mrl_cert_to_pem(root->cert, out);
}

/* --- and back --- */

/* What a file brings, sorted. Borrows from its list. */
struct brought {
    const struct mrl_cert *root;    /* signed by itself */
    const struct mrl_cert *issuing; /* of the key that was asked for */
    const struct mrl_cert *links[MRL_KEYS_LINKS_MAX];
    size_t link_count;
};

static const struct mrl_generation *known(const struct mrl_generations *all, enum mrl_ca_kind kind,
                                          const struct mrl_cert *cert)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].kind == kind &&
            mrl_bytes_eq(mrl_cert_facts(all->at[i].cert)->der, mrl_cert_facts(cert)->der))
            return &all->at[i];
    return NULL;
}

/* Of a certificate that is none of those that are taken. */
static mrl_err refuse(const struct mrl_generations *all, const struct mrl_cert *c,
                      struct mrl_why *why)
{
    const struct mrl_generation *here = known(all, MRL_CA_ISSUING, c);

    if (here != NULL) /* perhaps an install whose last words were lost */
        return mrl_fail(why, MRL_ERR_DENIED, "nothing was taken: issuing CA %u is here already",
                        here->number);
    return denied(why, "a certificate in the file is neither a root, nor a link between roots, nor "
                       "for the key that was asked for");
}

static mrl_err sort(const struct mrl_generations *all, const struct mrl_cert_list *list,
                    const struct mrl_key *pending, struct brought *b, struct mrl_why *why)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct mrl_cert *c = list->certs[i];

        if (!mrl_cert_facts(c)->is_ca)
            return denied(why, "a certificate in the file is not that of a CA");
        if (is_of(pending, c) && b->issuing == NULL)
            b->issuing = c;
        else if (mrl_cert_verify_signature(c, c) == MRL_OK && b->root == NULL)
            b->root = c;
        else if (mrl_bytes_eq(mrl_cert_facts(c)->subject, mrl_cert_facts(c)->issuer) &&
                 b->link_count < MRL_KEYS_LINKS_MAX)
            b->links[b->link_count++] = c;
        else
            return refuse(all, c, why);
    }
    return MRL_OK;
}

static bool is_current(const struct mrl_cert *c, int64_t now)
{
    return mrl_cert_facts(c)->not_before <= now && now < mrl_cert_facts(c)->not_after;
}

static mrl_err copy_cert(const struct mrl_cert *from, struct mrl_cert **out)
{
    return mrl_cert_from_der(mrl_cert_facts(from)->der, out);
}

static bool is_linked(const struct mrl_generations *all, const struct brought *b,
                      const struct mrl_key *key, int64_t now)
{
    for (size_t i = 0; i < b->link_count; i++)
        if (is_of(key, b->links[i]) && is_current(b->links[i], now) &&
            mrl_generation_root_of(all, b->links[i]) != NULL)
            return true;
    return false;
}

/* Whoever brings a root that is not vouched for would take the whole fleet. */
static mrl_err check_root(const struct mrl_generations *all, const struct brought *b, int64_t now,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;

    if (!is_current(b->root, now) || mrl_cert_path_length(b->root) == 0)
        return denied(why, "the root is not valid now, or may have no CA below it");
    if (mrl_cert_key(b->root, &key) != MRL_OK || mrl_key_type(key) == MRL_KEY_RSA ||
        mrl_key_type(key) == MRL_KEY_ED25519)
        return denied(why, "the key of the root is not P-256 or P-384");
    if (mrl_generation_newest(all, MRL_CA_ROOT) != NULL && !is_linked(all, b, key, now))
        return denied(why, "the file has a root that is not here, and no link to it (NewWithOld) "
                           "signed by one that is, and valid now");
    return MRL_OK;
}

static mrl_err check_issuing(const struct mrl_generations *all, const struct mrl_cert *c,
                             int64_t now, struct mrl_why *why)
{
    const struct mrl_generation *root = mrl_generation_root_of(all, c);

    if (root == NULL)
        return denied(why, "the issuing CA is not signed by a root that is here or in the file");
    if (mrl_cert_path_length(c) != 0)
        return denied(why, "the issuing CA must have pathLenConstraint 0");
    if (mrl_cert_facts(c)->ski.len == 0 ||
        !mrl_bytes_eq(mrl_cert_facts(c)->aki, mrl_cert_facts(root->cert)->ski))
        return denied(why, "the key identifiers of the issuing CA do not fit its root");
    if (!is_current(c, now) || mrl_cert_facts(c)->not_after > mrl_cert_facts(root->cert)->not_after)
        return denied(why, "the issuing CA is not valid now, or outlives its root");
    return MRL_OK;
}

static mrl_err take_root(struct mrl_generations *all, const struct brought *b,
                         struct mrl_generation *g, int64_t now, struct mrl_why *why)
{
    struct mrl_generation listed = {.kind = MRL_CA_ROOT};

    MRL_TRY(check_root(all, b, now, why));
    g->kind = MRL_CA_ROOT;
    MRL_TRY(mrl_ca_next_number(all, MRL_CA_ROOT, &g->number, why));
    MRL_TRY(copy_cert(b->root, &g->cert));
    for (size_t i = 0; i < b->link_count; i++) {
        MRL_AUTO(mrl_cert) link = NULL;

        MRL_TRY(copy_cert(b->links[i], &link));
        MRL_TRY(mrl_cert_list_add(&g->links, MRL_TAKE(link)));
    }
    listed.number = g->number; /* so that what follows is judged with it */
    MRL_TRY(copy_cert(b->root, &listed.cert));
    MRL_TRY(mrl_generations_add(all, &listed));
    for (size_t i = 0; i < g->links.count; i++)
        if (mrl_generation_root_of(all, g->links.certs[i]) == NULL)
            return denied(why, "a link between roots is signed by neither");
    return MRL_OK;
}

/* What of it is new here. */
struct taken {
    struct mrl_generation root, issuing;
    bool answered;          /* the certificate that was asked for is in the file */
    uint8_t issuing_number; /* of it */
};

static void taken_done(struct taken *t)
{
    mrl_generation_done(&t->root);
    mrl_generation_done(&t->issuing);
}

static mrl_err take_issuing(const struct mrl_generations *all, const struct mrl_cert *cert,
                            struct mrl_key **key, struct mrl_generation *g, int64_t now,
                            struct mrl_why *why)
{
    MRL_TRY(check_issuing(all, cert, now, why));
    g->kind = MRL_CA_ISSUING;
    MRL_TRY(mrl_ca_next_number(all, MRL_CA_ISSUING, &g->number, why));
    g->key = MRL_TAKE(*key);
    return copy_cert(cert, &g->cert);
}

/* The root first: an issuing CA without it would make the keystore unusable. The request last. */
static mrl_err save(const struct mrl_ca_store *s, const struct mrl_kek *kek, const struct taken *t,
                    struct mrl_why *why)
{
    if (t->root.cert != NULL)
        MRL_TRY(mrl_generation_save(s->folder, kek, &t->root, why));
    if (t->issuing.cert != NULL)
        MRL_TRY(mrl_generation_save(s->folder, kek, &t->issuing, why));
    return t->answered ? mrl_folder_remove(s->folder, MRL_KEYSTORE_REQUEST, why) : MRL_OK;
}

static mrl_err read_file(const struct mrl_generations *all, mrl_bytes pem,
                         const struct mrl_key *pending, struct mrl_cert_list *list,
                         struct brought *b, struct mrl_why *why)
{
    if (mrl_cert_list_add_pem(list, pem) != MRL_OK)
        return denied(why, "the file holds no certificates in PEM, or too many");
    return sort(all, list, pending, b, why);
}

/* What is there already was saved by an install that was cut off before it forgot the request. */
static mrl_err take(struct mrl_generations *all, const struct brought *b, struct mrl_key **pending,
                    struct taken *t, int64_t now, struct mrl_why *why)
{
    const struct mrl_generation *installed = installed_for(all, *pending);

    t->answered = b->issuing != NULL;
    t->issuing_number = installed != NULL ? installed->number : 0;
    if (b->root != NULL && known(all, MRL_CA_ROOT, b->root) == NULL)
        MRL_TRY(take_root(all, b, &t->root, now, why));
    if (t->answered && t->issuing_number == 0) {
        MRL_TRY(take_issuing(all, b->issuing, pending, &t->issuing, now, why));
        t->issuing_number = t->issuing.number;
    }
    if (t->root.cert == NULL && !t->answered)
        return denied(why, "the file holds neither a new root nor an issuing CA of the key that "
                           "was asked for");
    return MRL_OK;
}

mrl_err mrl_ca_install(const struct mrl_ca_store *s, mrl_bytes pem, uint8_t *root, uint8_t *issuing,
                       struct mrl_why *why)
{
    MRL_SCOPED(mrl_ca_opened) o = {0};
    MRL_SCOPED(mrl_cert_list) list = {0};
    MRL_SCOPED(taken) taken = {0};
    MRL_AUTO(mrl_key) pending = NULL;
    struct brought b = {0};

    MRL_TRY(mrl_ca_open(s, &o, why));
    if (mrl_folder_has(s->folder, MRL_KEYSTORE_REQUEST))
        MRL_TRY(read_pending(s, &o.kek, &pending, why));
    MRL_TRY(read_file(&o.keystore.cas, pem, pending, &list, &b, why));
    MRL_TRY(take(&o.keystore.cas, &b, &pending, &taken, s->now, why));
    MRL_TRY(save(s, &o.kek, &taken, why));
    *root = taken.root.number;
    *issuing = taken.answered ? taken.issuing_number : 0;
    return MRL_OK;
}
