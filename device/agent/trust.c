/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/trust.h"

static mrl_err add_copy(struct mrl_cert_list *out, const struct mrl_cert *c)
{
    MRL_AUTO(mrl_cert) copy = NULL;

    MRL_TRY(mrl_cert_from_der(mrl_cert_facts(c)->der, &copy));
    return mrl_cert_list_add(out, MRL_TAKE(copy));
}

static bool has(const struct mrl_cert_list *list, const struct mrl_cert *c)
{
    for (size_t i = 0; i < list->count; i++)
        if (mrl_bytes_eq(mrl_cert_facts(list->certs[i])->der, mrl_cert_facts(c)->der))
            return true;
    return false;
}

static bool is_root(const struct mrl_cert *c)
{
    return mrl_cert_facts(c)->is_ca && mrl_cert_verify_signature(c, c) == MRL_OK;
}

static bool is_signed_by(const struct mrl_cert *c, const struct mrl_cert_list *roots)
{
    for (size_t i = 0; i < roots->count; i++)
        if (mrl_cert_verify_signature(c, roots->certs[i]) == MRL_OK)
            return true;
    return false;
}

/* Name and key of the root, and CAs below it: the certificate of an issuing CA, whose key is in
 * daily use, makes no root of it. RFC 5280 4.2.1.9 */
static bool is_link(const struct mrl_cert *c, const struct mrl_cert *root)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(c), *of = mrl_cert_facts(root);

    return !is_root(c) && f->is_ca && mrl_cert_path_length(c) != 0 &&
           mrl_bytes_eq(f->subject, of->subject) && mrl_bytes_eq(f->spki, of->spki);
}

static bool is_linked(const struct mrl_cert *root, const struct mrl_cert_list *bundle,
                      const struct mrl_cert_list *ours)
{
    for (size_t i = 0; i < bundle->count; i++)
        if (is_link(bundle->certs[i], root) && is_signed_by(bundle->certs[i], ours))
            return true;
    return false;
}

static mrl_err take_root(const struct mrl_cert *c, const struct mrl_cert_list *bundle,
                         const struct mrl_cert_list *ours, struct mrl_cert_list *roots)
{
    bool good = has(ours, c) || is_linked(c, bundle, ours);

    return good && !has(roots, c) ? add_copy(roots, c) : MRL_OK;
}

static mrl_err take_all(const struct mrl_cert_list *bundle, const struct mrl_cert_list *ours,
                        struct mrl_cert_list *roots, struct mrl_cert_list *below)
{
    for (size_t i = 0; i < bundle->count; i++) {
        const struct mrl_cert *c = bundle->certs[i];

        if (is_root(c))
            MRL_TRY(take_root(c, bundle, ours, roots));
        else if (mrl_cert_facts(c)->is_ca)
            MRL_TRY(add_copy(below, c));
    }
    return MRL_OK;
}

static size_t bytes_of(const struct mrl_cert_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++)
        n += mrl_cert_facts(list->certs[i])->der.len;
    return n;
}

mrl_err mrl_trust_take(struct mrl_home *h, const struct mrl_cert_list *bundle, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};
    MRL_SCOPED(mrl_cert_list) below = {0};

    MRL_TRY(take_all(bundle, &h->roots, &roots, &below));
    if (roots.count == 0)
        return mrl_fail(why, MRL_ERR_CRYPTO, "the server's bundle lacks the root certificate");
    if (below.count == 0)
        return mrl_fail(why, MRL_ERR_CRYPTO, "the server's bundle lacks its issuing CA");
    if (bytes_of(&roots) > MRL_TRUST_BYTES_MAX || bytes_of(&below) > MRL_TRUST_BYTES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "the server's bundle has over %d bytes",
                        MRL_TRUST_BYTES_MAX);
    mrl_cert_list_done(&h->roots);
    mrl_cert_list_done(&h->ca);
    h->roots = roots;
    h->ca = below;
    roots = below = (struct mrl_cert_list){0};
    return MRL_OK;
}

static mrl_err save_certs(const struct mrl_home *h, const char *name,
                          const struct mrl_cert_list *certs, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) pem = {0};

    for (size_t i = 0; i < certs->count; i++)
        MRL_TRY(mrl_cert_to_pem(certs->certs[i], &pem));
    return mrl_disk_replace(h->disk, h->dir, name, mrl_buf_bytes(&pem), why);
}

mrl_err mrl_trust_save(const struct mrl_home *h, struct mrl_why *why)
{
    MRL_TRY(save_certs(h, MRL_HOME_ROOT, &h->roots, why));
    MRL_TRY(save_certs(h, MRL_HOME_CA, &h->ca, why));
    return mrl_disk_replace(h->disk, h->dir, MRL_HOME_BUNDLE, mrl_str(h->bundle), why);
}
