/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/ca_view.h"

#include <stdlib.h>

#include "crypto/pkcs7.h"

void mrl_ca_view_free(struct mrl_ca_view *v)
{
    if (v == NULL)
        return;
    mrl_cert_list_done(&v->certs);
    for (size_t i = 0; i < MRL_KEYS_GENERATIONS_MAX; i++)
        mrl_cert_list_done(&v->links[i]);
    mrl_cert_list_done(&v->roots);
    mrl_cert_list_done(&v->intermediates);
    mrl_buf_done(&v->cacerts);
    free(v);
}

const struct mrl_ca_info *mrl_ca_view_find(const struct mrl_ca_view *v, enum mrl_ca_kind kind,
                                           uint8_t number)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->cas[i].kind == kind &&
            (number != 0 ? v->cas[i].number == number : v->cas[i].state == MRL_CA_ACTIVE))
            return &v->cas[i];
    return NULL;
}

static bool counts(const struct mrl_ca_info *ca, enum mrl_ca_kind kind)
{
    return ca->kind == kind && ca->state != MRL_CA_RETIRED;
}

mrl_bytes mrl_ca_view_root_numbers(const struct mrl_ca_view *v,
                                   uint8_t memory[static MRL_KEYS_GENERATIONS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < v->count; i++)
        if (counts(&v->cas[i], MRL_CA_ROOT))
            memory[count++] = v->cas[i].number;
    return mrl_bytes_of(memory, count);
}

static mrl_err add(struct mrl_cert_list *to, mrl_bytes der)
{
    MRL_AUTO(mrl_cert) cert = NULL;

    MRL_TRY(mrl_cert_from_der(der, &cert));
    return mrl_cert_list_add(to, MRL_TAKE(cert));
}

static mrl_err add_copy(struct mrl_cert_list *to, const struct mrl_cert *cert)
{
    return add(to, mrl_cert_facts(cert)->der);
}

static uint8_t root_of(const struct mrl_ca_view *v, const struct mrl_cert *issuing)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->cas[i].kind == MRL_CA_ROOT &&
            mrl_cert_verify_signature(issuing, v->cas[i].cert) == MRL_OK)
            return v->cas[i].number;
    return 0;
}

/* Roots come first, so those are there when an issuing CA looks for its own. */
static mrl_err take(struct mrl_ca_view *v, const struct mrl_keys_generation *g,
                    const struct mrl_ca_row *row)
{
    struct mrl_ca_info *ca = &v->cas[v->count];

    MRL_TRY(add(&v->certs, g->cert));
    for (size_t i = 0; i < g->link_count; i++)
        MRL_TRY(add(&v->links[v->count], g->links[i]));
    *ca = (struct mrl_ca_info){.kind = g->kind,
                               .number = g->number,
                               .state = row->state,
                               .has_key = g->has_key,
                               .changed_ms = row->changed_ms,
                               .cert = v->certs.certs[v->count]};
    if (g->kind == MRL_CA_ISSUING)
        ca->root = root_of(v, ca->cert);
    v->count++;
    return MRL_OK;
}

/* The active one first: it is what new devices are told to trust. */
static mrl_err list_roots(struct mrl_ca_view *v, const struct mrl_ca_info *active)
{
    MRL_TRY(add_copy(&v->roots, active->cert));
    for (size_t i = 0; i < v->count; i++)
        if (counts(&v->cas[i], MRL_CA_ROOT) && &v->cas[i] != active)
            MRL_TRY(add_copy(&v->roots, v->cas[i].cert));
    return MRL_OK;
}

static bool is_over(const struct mrl_cert *link, const struct mrl_cert *root)
{
    return mrl_bytes_eq(mrl_cert_facts(link)->ski, mrl_cert_facts(root)->ski);
}

static bool is_by(const struct mrl_cert *link, const struct mrl_cert *root)
{
    return mrl_bytes_eq(mrl_cert_facts(link)->aki, mrl_cert_facts(root)->ski);
}

/* From and to a root that still counts. */
static bool link_counts(const struct mrl_ca_view *v, const struct mrl_cert *link)
{
    bool from = false, to = false;

    for (size_t i = 0; i < v->count; i++) {
        from |= counts(&v->cas[i], MRL_CA_ROOT) && is_by(link, v->cas[i].cert);
        to |= counts(&v->cas[i], MRL_CA_ROOT) && is_over(link, v->cas[i].cert);
    }
    return from && to;
}

/* Whoever has another root than the one above the active issuing CA goes over a link to it. */
static mrl_err list_intermediates(struct mrl_ca_view *v, const struct mrl_ca_info *issuing,
                                  const struct mrl_ca_info *root)
{
    MRL_TRY(add_copy(&v->intermediates, issuing->cert));
    for (size_t i = 0; i < v->count; i++)
        for (size_t n = 0; n < v->links[i].count; n++)
            if (is_over(v->links[i].certs[n], root->cert) && link_counts(v, v->links[i].certs[n]))
                MRL_TRY(add_copy(&v->intermediates, v->links[i].certs[n]));
    return MRL_OK;
}

enum { ALL = MRL_KEYS_GENERATIONS_MAX * (1 + MRL_KEYS_LINKS_MAX) };

static mrl_err write_cacerts(struct mrl_ca_view *v)
{
    mrl_bytes all[ALL];
    size_t count = 0;

    for (size_t i = 0; i < v->count; i++)
        if (v->cas[i].state != MRL_CA_RETIRED)
            all[count++] = mrl_cert_facts(v->cas[i].cert)->der;
    for (size_t i = 0; i < v->count; i++)
        for (size_t n = 0; n < v->links[i].count; n++)
            if (v->cas[i].state != MRL_CA_RETIRED && link_counts(v, v->links[i].certs[n]))
                all[count++] = mrl_cert_facts(v->links[i].certs[n])->der;
    MRL_TRY(mrl_pkcs7_write(all, count, &v->cacerts));
    return mrl_sha256(mrl_buf_bytes(&v->cacerts), v->bundle.bytes);
}

static mrl_err derive(struct mrl_ca_view *v, struct mrl_why *why)
{
    const struct mrl_ca_info *active = mrl_ca_view_find(v, MRL_CA_ROOT, 0);
    const struct mrl_ca_info *issuing = mrl_ca_view_find(v, MRL_CA_ISSUING, 0);
    const struct mrl_ca_info *above;

    if (active == NULL || issuing == NULL)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "the active %s CA is not in the keystore: restore keystore and store from "
                        "one backup",
                        active == NULL ? "root" : "issuing");
    above = mrl_ca_view_find(v, MRL_CA_ROOT, issuing->root);
    MRL_ENSURE(issuing->root != 0 && above != NULL, MRL_ERR_CORRUPT);
    v->issuing = issuing->number;
    MRL_TRY(list_roots(v, active));
    MRL_TRY(list_intermediates(v, issuing, above));
    return write_cacerts(v);
}

mrl_err mrl_ca_view_new(const struct mrl_keys_facts *facts, const struct mrl_ca_rows *states,
                        struct mrl_ca_view **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_ca_view) v = calloc(1, sizeof(*v));

    if (v == NULL)
        abort();
    for (size_t i = 0; i < facts->generation_count; i++)
        if (take(v, &facts->generations[i], &states->at[i]) != MRL_OK)
            return mrl_fail(why, MRL_ERR_CORRUPT,
                            "the key process holds a CA certificate that cannot be read");
    MRL_TRY(derive(v, why));
    *out = MRL_TAKE(v);
    return MRL_OK;
}
