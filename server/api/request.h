/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the management API: who asks, which route, what is answered. Layer: api, internal.
 * Thread: the one that holds the exchange (for nearly all routes a service thread).
 *
 * Everything here lives in the arena of the exchange. */
#ifndef MRL_API_REQUEST_H
#define MRL_API_REQUEST_H

#include "access/actor.h"
#include "access/operator.h"
#include "api/api.h"
#include "base/json.h"

enum {
    MRL_API_VARIABLES_MAX = 2, /* of one path */
    MRL_API_PAGE = 100,        /* entries of a list when nobody says how many */
    MRL_API_PAGE_MAX = 500,
};

struct mrl_api_route;
struct mrl_api_request {
    struct mrl_exchange *x;
    struct mrl_api_worker *worker;
    struct mrl_api *api;
    const struct mrl_api_route *route;
    mrl_bytes variables[MRL_API_VARIABLES_MAX]; /* what stood for {id} and so on */
    struct mrl_actor actor;                     /* kind UNKNOWN: nobody we know */
    uint32_t roles;                             /* enum mrl_operator_role bits */
    struct mrl_why why;
    mrl_err failed; /* the first put that failed: the answer would be incomplete */
    bool held;      /* the exchange was handed on: not to be sent or touched any more */
};

/* What an operator may ask for besides a permission. */
enum {
    MRL_API_ANY_OPERATOR = -1,
    MRL_API_SCRAPE = -2, /* server:read, or nobody known from this machine */
};

struct mrl_api_route {
    const char *method;
    const char
        *path;      /* "{name}" stands for one segment, "{name*}" at the end for all that follow */
    int permission; /* enum mrl_permission, or one of the above */
    mrl_err (*run)(struct mrl_api_request *r);
    int argument;   /* for routes that share run */
    bool on_worker; /* else on a service thread */
};
extern const struct mrl_api_route mrl_api_routes[];
extern const size_t mrl_api_route_count;

enum mrl_api_match { MRL_API_MATCH, MRL_API_NO_PATH, MRL_API_NO_METHOD };
/* The route of a request and the variables of its path. allow: what the path takes, for
 * MRL_API_NO_METHOD: appended to. */
enum mrl_api_match mrl_api_route_find(mrl_bytes method, mrl_bytes path,
                                      const struct mrl_api_route **out,
                                      mrl_bytes variables[static MRL_API_VARIABLES_MAX],
                                      struct mrl_buf *allow);

/* caller.c: fills actor and roles; who is not known has none. */
void mrl_api_identify(struct mrl_api_request *r);
/* May the caller use the route? */
bool mrl_api_permitted(const struct mrl_api_request *r);
/* "audit:read", "operator", "server:read". Never NULL. */
const char *mrl_api_permission_name(int permission);

/* answer.c: problems, RFC 9457. detail may be empty. */
void mrl_api_problem(struct mrl_api_request *r, unsigned status, const char *slug,
                     mrl_bytes detail);
/* r->why as detail, and errors (taken) as a further member. RFC 9457 3.2 */
void mrl_api_problem_errors(struct mrl_api_request *r, unsigned status, const char *slug,
                            json_t *errors);
void mrl_api_problem_of(struct mrl_api_request *r, mrl_err err); /* with r->why as detail */
/* Sets the answer; takes json. */
mrl_err mrl_api_answer(struct mrl_api_request *r, unsigned status, json_t *json);
mrl_err mrl_api_answer_nothing(struct mrl_api_request *r); /* 204 */

/* Members and items; a failure is kept in r->failed and makes the answer a 500. item and value are
 * taken. Empty text is left out by _text. */
void mrl_api_put_text(struct mrl_api_request *r, json_t *o, const char *name, mrl_bytes text);
void mrl_api_put_number(struct mrl_api_request *r, json_t *o, const char *name, int64_t number);
void mrl_api_put_flag(struct mrl_api_request *r, json_t *o, const char *name, bool flag);
void mrl_api_put_time(struct mrl_api_request *r, json_t *o, const char *name, int64_t wall_ms);
void mrl_api_put_hex(struct mrl_api_request *r, json_t *o, const char *name, mrl_bytes bytes);
void mrl_api_put(struct mrl_api_request *r, json_t *o, const char *name, json_t *value);
void mrl_api_add(struct mrl_api_request *r, json_t *array, json_t *item);
void mrl_api_add_text(struct mrl_api_request *r, json_t *array, mrl_bytes text);

/* body.c: the body as an object that has only these members (NULL at the end). Gives *out. No body
 * counts as {}. */
mrl_err mrl_api_body(struct mrl_api_request *r, const char *const *members, json_t **out);
/* A text member; absent: empty when optional, else MRL_ERR_INVALID. */
mrl_err mrl_api_text(struct mrl_api_request *r, const json_t *body, const char *name,
                     mrl_bytes *out);
mrl_err mrl_api_text_optional(struct mrl_api_request *r, const json_t *body, const char *name,
                              mrl_bytes *out);
/* A decimal number of the query; absent: *out stays. MRL_ERR_INVALID. */
mrl_err mrl_api_query_number(struct mrl_api_request *r, const char *name, uint64_t max,
                             uint64_t *out);

/* page.c: lists in pages. A duty is asked for limit + 1 entries after `after`; the one too many
 * only says that there are more. */
struct mrl_api_page {
    struct mrl_api_request *r;
    json_t *items; /* owned until the answer */
    mrl_bytes after;
    mrl_bytes last; /* key of the last item, a copy */
    size_t limit;
    bool more;
};
/* MRL_ERR_INVALID: limit or cursor is none of ours. */
mrl_err mrl_api_page_start(struct mrl_api_request *r, struct mrl_api_page *page);
/* false: the page is full, and there is more. */
bool mrl_api_page_take(struct mrl_api_page *page, mrl_bytes key);
/* {"items": [...], "next": "..."}; next only when there is more. */
mrl_err mrl_api_page_answer(struct mrl_api_page *page);
mrl_err mrl_api_page_put(struct mrl_api_page *page, json_t *o); /* as members of o */
void mrl_api_page_done(struct mrl_api_page *page);

/* A credential as all lists show it. Gives. */
struct mrl_credential_info;
json_t *mrl_api_credentials(struct mrl_api_request *r, const struct mrl_credential_info *list,
                            size_t count);

/* devices.c: the members of one device that is to be added; views into object and arena. */
struct mrl_device_new;
mrl_err mrl_api_device_read(struct mrl_api_request *r, json_t *object, struct mrl_device_new *out);

/* server.c: entries in the log. Service. */
mrl_err mrl_api_audit_size(struct mrl_api *api, uint64_t *out);

/* record.c: one audit entry of its own write job; returns when it is on the disk. Service. */
mrl_err mrl_api_record(struct mrl_api_request *r, const struct mrl_audit_event *event);

/* The handlers, by resource. */
mrl_err mrl_api_status(struct mrl_api_request *r);
mrl_err mrl_api_ca(struct mrl_api_request *r);
mrl_err mrl_api_ca_list(struct mrl_api_request *r);
mrl_err mrl_api_ca_step(struct mrl_api_request *r); /* argument: enum mrl_ca_state */
mrl_err mrl_api_ca_rollover(struct mrl_api_request *r);
mrl_err mrl_api_ca_finish(struct mrl_api_request *r);
mrl_err mrl_api_ca_reload(struct mrl_api_request *r);
mrl_err mrl_api_scrape(struct mrl_api_request *r);
mrl_err mrl_api_device_add(struct mrl_api_request *r);
mrl_err mrl_api_device_import(struct mrl_api_request *r);
mrl_err mrl_api_device_list(struct mrl_api_request *r);
mrl_err mrl_api_device_show(struct mrl_api_request *r);
mrl_err mrl_api_device_edit(struct mrl_api_request *r);
mrl_err mrl_api_device_step(struct mrl_api_request *r); /* argument: enum mrl_device_action */
mrl_err mrl_api_hardware_list(struct mrl_api_request *r);
mrl_err mrl_api_hardware_lift(struct mrl_api_request *r);
mrl_err mrl_api_certificate_list(struct mrl_api_request *r);
mrl_err mrl_api_psk_add(struct mrl_api_request *r);
mrl_err mrl_api_psk_list(struct mrl_api_request *r);
mrl_err mrl_api_psk_revoke(struct mrl_api_request *r);
mrl_err mrl_api_revoke_many(struct mrl_api_request *r);
mrl_err mrl_api_renewal_begin(struct mrl_api_request *r);
mrl_err mrl_api_renewal_list(struct mrl_api_request *r);
mrl_err mrl_api_renewal_show(struct mrl_api_request *r);
mrl_err mrl_api_renewal_cancel(struct mrl_api_request *r);
mrl_err mrl_api_renewal_resume(struct mrl_api_request *r);
mrl_err mrl_api_token_create(struct mrl_api_request *r);
mrl_err mrl_api_token_list(struct mrl_api_request *r);
mrl_err mrl_api_token_cancel(struct mrl_api_request *r);
mrl_err mrl_api_maker_add(struct mrl_api_request *r);
mrl_err mrl_api_maker_list(struct mrl_api_request *r);
mrl_err mrl_api_maker_show(struct mrl_api_request *r);
mrl_err mrl_api_maker_crl(struct mrl_api_request *r);
mrl_err mrl_api_maker_remove(struct mrl_api_request *r);
mrl_err mrl_api_approval_list(struct mrl_api_request *r);
mrl_err mrl_api_approval_decide(struct mrl_api_request *r); /* argument: it is approved */
mrl_err mrl_api_key_deny(struct mrl_api_request *r);
mrl_err mrl_api_key_allow(struct mrl_api_request *r);
mrl_err mrl_api_denied_key_list(struct mrl_api_request *r);
mrl_err mrl_api_claim_create(struct mrl_api_request *r);
mrl_err mrl_api_claim_list(struct mrl_api_request *r);
mrl_err mrl_api_claim_show(struct mrl_api_request *r);
mrl_err mrl_api_claim_revoke(struct mrl_api_request *r);
mrl_err mrl_api_template_set(struct mrl_api_request *r);
mrl_err mrl_api_template_list(struct mrl_api_request *r);
mrl_err mrl_api_template_show(struct mrl_api_request *r);
mrl_err mrl_api_template_delete(struct mrl_api_request *r);
/* argument: enum mrl_principal_kind */
mrl_err mrl_api_account_add(struct mrl_api_request *r);
mrl_err mrl_api_account_list(struct mrl_api_request *r);
mrl_err mrl_api_account_show(struct mrl_api_request *r);
mrl_err mrl_api_account_disable(struct mrl_api_request *r);
mrl_err mrl_api_account_enable(struct mrl_api_request *r);
mrl_err mrl_api_account_revoke(struct mrl_api_request *r);
mrl_err mrl_api_account_certify(struct mrl_api_request *r);
mrl_err mrl_api_operator_roles(struct mrl_api_request *r);
mrl_err mrl_api_role_create(struct mrl_api_request *r);
mrl_err mrl_api_role_list(struct mrl_api_request *r);
mrl_err mrl_api_role_show(struct mrl_api_request *r);
mrl_err mrl_api_role_rules(struct mrl_api_request *r);
mrl_err mrl_api_role_delete(struct mrl_api_request *r);
mrl_err mrl_api_role_assign(struct mrl_api_request *r);
mrl_err mrl_api_role_unassign(struct mrl_api_request *r);
mrl_err mrl_api_quota_list(struct mrl_api_request *r);
mrl_err mrl_api_quota_show(struct mrl_api_request *r);
mrl_err mrl_api_quota_change(struct mrl_api_request *r);
mrl_err mrl_api_quota_clear(struct mrl_api_request *r);
mrl_err mrl_api_block_list(struct mrl_api_request *r);
mrl_err mrl_api_block_lift(struct mrl_api_request *r);
mrl_err mrl_api_explain(struct mrl_api_request *r);
mrl_err mrl_api_policy_lint(struct mrl_api_request *r);
mrl_err mrl_api_audit_list(struct mrl_api_request *r);
mrl_err mrl_api_audit_entry(struct mrl_api_request *r);
mrl_err mrl_api_audit_export(struct mrl_api_request *r);
mrl_err mrl_api_audit_key(struct mrl_api_request *r);
mrl_err mrl_api_audit_file(struct mrl_api_request *r);
mrl_err mrl_api_audit_proof(struct mrl_api_request *r);
mrl_err mrl_api_audit_verify(struct mrl_api_request *r);
mrl_err mrl_api_audit_erase(struct mrl_api_request *r);
mrl_err mrl_api_audit_prune(struct mrl_api_request *r);
mrl_err mrl_api_audit_witnesses(struct mrl_api_request *r);
mrl_err mrl_api_export_list(struct mrl_api_request *r);
mrl_err mrl_api_keys_status(struct mrl_api_request *r);
mrl_err mrl_api_keys_rotate(struct mrl_api_request *r);
mrl_err mrl_api_keys_rewrap(struct mrl_api_request *r);
mrl_err mrl_api_backup_create(struct mrl_api_request *r);
mrl_err mrl_api_backup_read(struct mrl_api_request *r);
mrl_err mrl_api_backup_drop(struct mrl_api_request *r);
mrl_err mrl_api_events(struct mrl_api_request *r);

#endif
