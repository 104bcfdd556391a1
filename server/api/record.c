/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request.h"
#include "audit/audit.h"

struct record {
    struct mrl_write write;
    const struct mrl_audit_event *event;
};

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_audit_append(tx, MRL_CONTAINER(w, struct record, write)->event, NULL);
}

mrl_err mrl_api_record(struct mrl_api_request *r, const struct mrl_audit_event *event)
{
    struct record record = {.write = {.run = run, .why = &r->why}, .event = event};

    return mrl_store_write(r->api->store, &record.write);
}
