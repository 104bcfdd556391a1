/* SPDX-License-Identifier: Apache-2.0 */
/* Applications and operators: the same life, other roles. */
#include "devices/account.h"

#include "api/request.h"
#include "crypto/csr.h"
#include "onboarding/grant.h"

static const char *const application_members[] = {"id", "note", NULL};
static const char *const operator_members[] = {"id", "note", "roles", NULL};
static const char *const role_members[] = {"roles", NULL};
static const char *const reason_members[] = {"reason", NULL};
static const char *const certificate_members[] = {"csr", NULL};

static enum mrl_principal_kind kind_of(const struct mrl_api_request *r)
{
    return (enum mrl_principal_kind)r->route->argument;
}

static json_t *roles_json(struct mrl_api_request *r, uint32_t roles)
{
    json_t *array = mrl_json_array();

    for (uint32_t bit = 1; bit <= MRL_OPERATOR_ROLES_ALL; bit <<= 1)
        if ((roles & bit) != 0)
            mrl_api_add_text(r, array,
                             mrl_str(mrl_operator_role_name((enum mrl_operator_role)bit)));
    return array;
}

static json_t *account_json(struct mrl_api_request *r, const struct mrl_account_info *a)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "id", a->id);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_account_state_name(a->state)));
    mrl_api_put_text(r, o, "note", a->note);
    mrl_api_put_text(r, o, "reason", a->reason);
    if (a->kind == MRL_PRINCIPAL_OPERATOR)
        mrl_api_put(r, o, "roles", roles_json(r, a->operator_roles));
    mrl_api_put_time(r, o, "created", a->created_ms);
    mrl_api_put_time(r, o, "changed", a->changed_ms);
    return o;
}

static void on_shown(void *context, const struct mrl_account_info *a)
{
    struct mrl_api_page *page = context;
    json_t *o = account_json(page->r, a);

    mrl_api_put(page->r, o, "credentials",
                mrl_api_credentials(page->r, a->credentials, a->credential_count));
    page->items = o;
}

static mrl_err answer_account(struct mrl_api_request *r, unsigned status, mrl_bytes id)
{
    struct mrl_api_page shown = {.r = r};

    MRL_TRY(mrl_account_show(r->api->registry, kind_of(r), id, on_shown, &shown, &r->why));
    return mrl_api_answer(r, status, shown.items);
}

mrl_err mrl_api_account_show(struct mrl_api_request *r)
{
    return answer_account(r, 200, r->variables[0]);
}

static mrl_err read_roles(struct mrl_api_request *r, const json_t *body, uint32_t *out)
{
    const json_t *array = json_object_get(body, "roles");
    uint32_t roles = 0;

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        enum mrl_operator_role role;

        if (!json_is_string(item) ||
            !mrl_operator_role_parse(
                mrl_bytes_of(json_string_value(item), json_string_length(item)), &role))
            return mrl_fail(&r->why, MRL_ERR_INVALID,
                            "roles: viewer, operator, security, auditor, admin");
        roles |= (uint32_t)role;
    }
    if (roles == 0)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "roles: a list of at least one");
    *out = roles;
    return MRL_OK;
}

mrl_err mrl_api_account_add(struct mrl_api_request *r)
{
    bool is_operator = kind_of(r) == MRL_PRINCIPAL_OPERATOR;
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes id, note;
    uint32_t roles = 0;

    MRL_TRY(mrl_api_body(r, is_operator ? operator_members : application_members, &body));
    MRL_TRY(mrl_api_text(r, body, "id", &id));
    MRL_TRY(mrl_api_text_optional(r, body, "note", &note));
    if (is_operator)
        MRL_TRY(read_roles(r, body, &roles));
    MRL_TRY(mrl_account_add(r->api->registry, &r->actor, kind_of(r), id, roles, note, &r->why));
    return answer_account(r, 201, id);
}

static void on_listed(void *context, const struct mrl_account_info *a)
{
    struct mrl_api_page *page = context;

    if (mrl_api_page_take(page, a->id))
        mrl_api_add(page->r, page->items, account_json(page->r, a));
}

mrl_err mrl_api_account_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_account_list(r->api->registry, kind_of(r), page.after, page.limit + 1, on_listed,
                             &page, &r->why));
    return mrl_api_page_answer(&page);
}

static mrl_err read_reason(struct mrl_api_request *r, json_t **body, mrl_bytes *reason)
{
    MRL_TRY(mrl_api_body(r, reason_members, body));
    return mrl_api_text_optional(r, *body, "reason", reason);
}

mrl_err mrl_api_account_disable(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes reason;

    MRL_TRY(read_reason(r, &body, &reason));
    MRL_TRY(mrl_account_disable(r->api->registry, &r->actor, kind_of(r), r->variables[0], reason,
                                &r->why));
    return answer_account(r, 200, r->variables[0]);
}

mrl_err mrl_api_account_enable(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;

    MRL_TRY(mrl_api_body(r, (const char *const[]){NULL}, &body));
    MRL_TRY(mrl_account_enable(r->api->registry, &r->actor, kind_of(r), r->variables[0], &r->why));
    return answer_account(r, 200, r->variables[0]);
}

mrl_err mrl_api_account_revoke(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes reason;

    MRL_TRY(read_reason(r, &body, &reason));
    MRL_TRY(mrl_account_revoke(r->api->registry, &r->actor, kind_of(r), r->variables[0], reason,
                               &r->why));
    return answer_account(r, 200, r->variables[0]);
}

mrl_err mrl_api_operator_roles(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    uint32_t roles;

    MRL_TRY(mrl_api_body(r, role_members, &body));
    MRL_TRY(read_roles(r, body, &roles));
    MRL_TRY(mrl_operator_set_roles(r->api->registry, &r->actor, r->variables[0], roles, &r->why));
    return answer_account(r, 200, r->variables[0]);
}

static void on_known(void *context, const struct mrl_account_info *a)
{
    (void)context;
    (void)a;
}

/* Leaf first, then the CAs below the root: what the holder has to send. RFC 8446 4.4.2 */
static mrl_err put_chain(struct mrl_api_request *r, const struct mrl_cert *leaf,
                         struct mrl_buf *pem)
{
    const struct mrl_cert_list *cas = mrl_issuing_intermediates(r->api->issuing);

    MRL_TRY(mrl_cert_to_pem(leaf, pem));
    for (size_t i = 0; i < cas->count; i++)
        MRL_TRY(mrl_cert_to_pem(cas->certs[i], pem));
    return MRL_OK;
}

static mrl_err answer_certificate(struct mrl_api_request *r, mrl_bytes der)
{
    MRL_AUTO(json_t) o = mrl_json_object();
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_SCOPED(mrl_buf) pem = {0};

    MRL_TRY(mrl_cert_from_der(der, &cert));
    MRL_TRY(put_chain(r, cert, &pem));
    mrl_api_put_text(r, o, "certificate", mrl_buf_bytes(&pem));
    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&mrl_cert_facts(cert)->fingerprint));
    mrl_api_put_time(r, o, "not_after", mrl_cert_facts(cert)->not_after * 1000);
    return mrl_api_answer(r, 201, MRL_TAKE(o));
}

mrl_err mrl_api_account_certify(struct mrl_api_request *r)
{
    bool is_operator = kind_of(r) == MRL_PRINCIPAL_OPERATOR;
    struct mrl_grant wish = {.kind = kind_of(r),
                             .id = r->variables[0],
                             .actor = &r->actor,
                             .action = is_operator ? MRL_AUDIT_OPERATOR_CHANGED
                                                   : MRL_AUDIT_APPLICATION_CHANGED};
    MRL_AUTO(json_t) body = NULL;
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    mrl_bytes text;

    MRL_TRY(mrl_api_body(r, certificate_members, &body));
    MRL_TRY(mrl_api_text(r, body, "csr", &text));
    /* Before anything is signed: a certificate for nobody would be lost work. */
    MRL_TRY(mrl_account_show(r->api->registry, wish.kind, wish.id, on_known, NULL, &r->why));
    MRL_TRY(mrl_grant_read_request(text, wish.id, &csr, &r->why));
    wish.spki = mrl_csr_facts(csr)->spki;
    MRL_TRY(mrl_grant_write(r->api->onboarding, &wish, &der, &r->why));
    return answer_certificate(r, mrl_buf_bytes(&der));
}
