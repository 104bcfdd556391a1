/* SPDX-License-Identifier: Apache-2.0 */
/* What is proven about the keys of a device, and whose TPM it is. */
#include "devices/hardware.h"

#include "api/request.h"
#include "onboarding/enrol.h"

static const char *const lift_members[] = {"reason", NULL};

static void on_listed(void *context, const struct mrl_hardware_info *info)
{
    struct mrl_api_page *page = context;
    struct mrl_api_request *r = page->r;
    json_t *o = mrl_json_object();

    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&info->fingerprint));
    mrl_api_put_hex(r, o, "ek", info->proof.ek);
    mrl_api_put_hex(r, o, "ak", info->proof.ak);
    mrl_api_put_text(r, o, "maker", info->proof.maker);
    mrl_api_put_text(r, o, "model", info->proof.model);
    mrl_api_put_text(r, o, "version", info->proof.version);
    mrl_api_put_time(r, o, "proven", info->proven_ms);
    mrl_api_add(r, page->items, o);
}

/* A device has few: one page. */
mrl_err mrl_api_hardware_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_hardware_list(r->api->onboarding->hardware, r->variables[0], on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_hardware_lift(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    uint64_t lifted = 0;
    mrl_bytes reason;

    MRL_TRY(mrl_api_body(r, lift_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &reason));
    MRL_TRY(mrl_hardware_lift(r->api->onboarding->hardware, &r->actor, r->variables[0], reason,
                              &lifted, &r->why));
    return mrl_api_answer_nothing(r);
}
