/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a CA rollover, and who would be left behind. */
#include <stdio.h>

#include "api/request.h"
#include "base/hex.h"
#include "issuing/issuing.h"

enum { ONE_CA = 48 };

static const char *const step_members[] = {"force", "kind", "number", "reason", NULL};
static const char *const finish_members[] = {"force", "reason", NULL};
static const char *const no_members[] = {NULL};

/* --- which CAs there are --- */

static json_t *ca_json(struct mrl_api_request *r, const struct mrl_ca_info *ca)
{
    const struct mrl_cert_facts *facts = mrl_cert_facts(ca->cert);
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "kind", mrl_str(mrl_ca_kind_name(ca->kind)));
    mrl_api_put_number(r, o, "number", ca->number);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_ca_state_name(ca->state)));
    mrl_api_put_flag(r, o, "has_key", ca->has_key);
    mrl_api_put_text(r, o, "name", facts->cn);
    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&facts->fingerprint));
    mrl_api_put_time(r, o, "not_before", facts->not_before * 1000);
    mrl_api_put_time(r, o, "not_after", facts->not_after * 1000);
    mrl_api_put_time(r, o, "changed", ca->changed_ms);
    if (ca->kind == MRL_CA_ISSUING)
        mrl_api_put_number(r, o, "root", ca->root);
    return o;
}

static mrl_err answer_list(struct mrl_api_request *r)
{
    const struct mrl_bundle_version *bundle = mrl_issuing_bundle(r->api->issuing);
    json_t *o = mrl_json_object(), *items = mrl_json_array();
    const struct mrl_ca_info *ca;

    for (size_t i = 0; (ca = mrl_issuing_ca(r->api->issuing, i)) != NULL; i++)
        mrl_api_add(r, items, ca_json(r, ca));
    mrl_api_put(r, o, "items", items);
    mrl_api_put_hex(r, o, "bundle", mrl_bytes_of(bundle->bytes, sizeof(bundle->bytes)));
    return mrl_api_answer(r, 200, o);
}

mrl_err mrl_api_ca_list(struct mrl_api_request *r)
{
    return answer_list(r);
}

/* --- who would break --- */

static bool on_breaking(void *context, mrl_bytes device, enum mrl_break why)
{
    struct mrl_api_page *page = context;
    json_t *o;

    if (!mrl_api_page_take(page, device))
        return false;
    o = mrl_json_object();
    mrl_api_put_text(page->r, o, "device", device);
    mrl_api_put_text(page->r, o, "why", mrl_str(mrl_break_name(why)));
    mrl_api_add(page->r, page->items, o);
    return true;
}

static uint64_t breaking(const struct mrl_rollover_report *report)
{
    return report->devices - report->by_reason[MRL_BREAK_NONE];
}

static json_t *reasons_json(struct mrl_api_request *r, const struct mrl_rollover_report *report)
{
    json_t *o = mrl_json_object();

    for (int b = MRL_BREAK_CERTIFICATE; b < MRL_BREAK_COUNT_; b++)
        mrl_api_put_number(r, o, mrl_break_name((enum mrl_break)b), (int64_t)report->by_reason[b]);
    return o;
}

static mrl_err read_ca(struct mrl_api_request *r, mrl_bytes kind, int64_t number,
                       struct mrl_ca_step *step)
{
    if (mrl_ca_kind_read(kind, &step->kind) != MRL_OK)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "kind: root or issuing");
    step->number = (uint8_t)number;
    return MRL_OK;
}

/* Of one CA, or without any of all that are superseded. */
static mrl_err read_query(struct mrl_api_request *r, struct mrl_ca_step *step)
{
    uint64_t number = 0;
    mrl_bytes kind;

    if (!mrl_exchange_query(r->x, "kind", &kind))
        return MRL_OK;
    MRL_TRY(mrl_api_query_number(r, "number", MRL_KEYS_GENERATION_MOST, &number));
    if (number == 0)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "number: which CA of this kind");
    return read_ca(r, kind, (int64_t)number, step);
}

mrl_err mrl_api_ca_rollover(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    MRL_AUTO(json_t) o = mrl_json_object();
    struct mrl_ca_step step = {0};
    struct mrl_rollover_report report;
    struct mrl_rollover plan;

    MRL_TRY(read_query(r, &step));
    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_issuing_plan(r->api->issuing, step.kind, step.number, &plan, &r->why));
    MRL_TRY(mrl_rollover_check(r->api->store, &plan, page.after, on_breaking, &page, &report));
    mrl_api_put_number(r, o, "devices", (int64_t)report.devices);
    mrl_api_put_number(r, o, "breaking", (int64_t)breaking(&report));
    mrl_api_put(r, o, "reasons", reasons_json(r, &report));
    MRL_TRY(mrl_api_page_put(&page, o));
    return mrl_api_answer(r, 200, MRL_TAKE(o));
}

/* --- steps --- */

struct wish {
    bool force;
    mrl_bytes reason;
};

static mrl_err read_wish(struct mrl_api_request *r, const json_t *body, struct wish *wish)
{
    MRL_TRY(mrl_json_optional(mrl_json_get_bool(body, "force", &wish->force, &r->why)));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &wish->reason));
    if (wish->force && wish->reason.len == 0)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "reason: why devices may be left behind");
    return MRL_OK;
}

static mrl_err refuse_breaking(struct mrl_api_request *r, const struct mrl_ca_step *which,
                               const struct mrl_rollover_report *report)
{
    char one[ONE_CA] = "";

    if (which->number != 0)
        (void)snprintf(one, sizeof(one), " --kind %s --number %u", mrl_ca_kind_name(which->kind),
                       which->number);
    return mrl_fail(&r->why, MRL_ERR_STATE,
                    "%llu of %llu devices would break: see  merlon ca rollover --dry-run%s",
                    (unsigned long long)breaking(report), (unsigned long long)report->devices, one);
}

/* Nobody is left behind by accident. */
static mrl_err check_breaking(struct mrl_api_request *r, const struct mrl_ca_step *which,
                              const struct wish *wish, uint64_t *out)
{
    struct mrl_rollover_report report;
    struct mrl_rollover plan;

    MRL_TRY(mrl_issuing_plan(r->api->issuing, which->kind, which->number, &plan, &r->why));
    MRL_TRY(mrl_rollover_check(r->api->store, &plan, MRL_BYTES_NONE, NULL, NULL, &report));
    *out = breaking(&report);
    if (*out > 0 && !wish->force)
        return refuse_breaking(r, which, &report);
    return MRL_OK;
}

static mrl_err take_step(struct mrl_api_request *r, const struct mrl_ca_step *step)
{
    MRL_TRY(mrl_issuing_step(r->api->issuing, &r->actor, step, &r->why));
    if (r->api->ca_changed != NULL)
        r->api->ca_changed(r->api->ca_context);
    return MRL_OK;
}

mrl_err mrl_api_ca_step(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_ca_step step = {.to = (enum mrl_ca_state)r->route->argument};
    struct wish wish = {0};
    mrl_bytes kind;
    int64_t number;

    MRL_TRY(mrl_api_body(r, step_members, &body));
    MRL_TRY(mrl_api_text(r, body, "kind", &kind));
    MRL_TRY(mrl_json_get_int(body, "number", 1, MRL_KEYS_GENERATION_MOST, &number, &r->why) ==
                    MRL_OK
                ? MRL_OK
                : MRL_ERR_INVALID);
    MRL_TRY(read_ca(r, kind, number, &step));
    MRL_TRY(read_wish(r, body, &wish));
    step.reason = wish.reason;
    if (step.to == MRL_CA_RETIRED)
        MRL_TRY(check_breaking(r, &step, &wish, &step.breaking));
    MRL_TRY(take_step(r, &step));
    return answer_list(r);
}

static mrl_err retire_all(struct mrl_api_request *r, enum mrl_ca_kind kind, const struct wish *wish,
                          uint64_t count)
{
    const struct mrl_ca_info *ca;

    for (size_t i = 0; (ca = mrl_issuing_ca(r->api->issuing, i)) != NULL; i++) {
        const struct mrl_ca_step step = {kind, ca->number, MRL_CA_RETIRED, wish->reason, count};

        if (ca->kind == kind && ca->state == MRL_CA_SUPERSEDED)
            MRL_TRY(take_step(r, &step));
    }
    return MRL_OK;
}

/* All that is superseded goes: issuing CAs before the roots above them. Cut off in between, it is
 * said again. */
mrl_err mrl_api_ca_finish(struct mrl_api_request *r)
{
    static const struct mrl_ca_step all = {0};
    MRL_AUTO(json_t) body = NULL;
    struct wish wish = {0};
    uint64_t count = 0;

    MRL_TRY(mrl_api_body(r, finish_members, &body));
    MRL_TRY(read_wish(r, body, &wish));
    MRL_TRY(check_breaking(r, &all, &wish, &count));
    MRL_TRY(retire_all(r, MRL_CA_ISSUING, &wish, count));
    MRL_TRY(retire_all(r, MRL_CA_ROOT, &wish, count));
    return answer_list(r);
}

mrl_err mrl_api_ca_reload(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;

    MRL_TRY(mrl_api_body(r, no_members, &body));
    if (r->api->ca_reload == NULL)
        return mrl_fail(&r->why, MRL_ERR_UNSUPPORTED, "the key process cannot be started again");
    MRL_TRY(r->api->ca_reload(r->api->ca_context, &r->why));
    return answer_list(r);
}
