/* SPDX-License-Identifier: Apache-2.0 */
#include "main/retirement.h"

#include <stdlib.h>

#include "devices/device.h"
#include "devices/purges.h"
#include "messages/receipt.h"

/* --- one device --- */

struct mrl_purge {
    struct mrl_write write;
    struct mrl_store *store;
    struct mrl_name device;
    _Atomic unsigned left;
    _Atomic bool failed;
};

struct mrl_purge *mrl_purge_new(struct mrl_store *store, mrl_bytes device, unsigned parts)
{
    struct mrl_purge *p = calloc(1, sizeof(*p));

    if (p == NULL)
        abort();
    p->store = store;
    (void)mrl_name_set(&p->device, device); /* of the registry: valid */
    p->left = parts;
    return p;
}

static mrl_err run_done(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct mrl_purge *p = MRL_CONTAINER(w, struct mrl_purge, write);

    return mrl_purges_done_tx(tx, mrl_name_bytes(&p->device));
}

/* Not written down: the next start does it again. */
static void on_written(struct mrl_write *w, mrl_err result)
{
    (void)result;
    free(MRL_CONTAINER(w, struct mrl_purge, write));
}

static void on_part(void *context, mrl_err result)
{
    struct mrl_purge *p = context;

    if (result != MRL_OK)
        p->failed = true;
    if (--p->left > 0)
        return;
    if (p->failed) {
        free(p);
        return;
    }
    p->write = (struct mrl_write){.run = run_done, .done = on_written};
    mrl_store_submit(p->store, &p->write);
}

void mrl_purge_part(struct mrl_purge *p, struct mrl_mqtt_door *door)
{
    mrl_bytes id = mrl_name_bytes(&p->device);
    MRL_SCOPED(mrl_buf) topics = {0};
    struct mrl_receipt *receipt;

    (void)mrl_buf_printf(&topics, "devices/%.*s/#", MRL_FMT(id)); /* no limit: cannot fail */
    receipt = mrl_mqtt_door_forget(door, id, mrl_buf_bytes(&topics));
    if (receipt != NULL)
        mrl_receipt_then(receipt, on_part, p);
    else
        on_part(p, MRL_OK); /* nothing was here */
}

void mrl_purge_give_up(struct mrl_purge *p)
{
    on_part(p, MRL_ERR_CLOSED);
}

/* --- at a start --- */

struct forgetting {
    struct mrl_mqtt_door *door;
    struct mrl_name last;
    size_t count;
};

static void forget_one(void *context, const struct mrl_device_info *d)
{
    struct forgetting *f = context;

    /* What waits for it is as durable as what it is about. */
    mrl_receipt_let_go(mrl_mqtt_door_forget(f->door, d->id, MRL_BYTES_NONE), MRL_OK);
    (void)mrl_name_set(&f->last, d->id); /* of the registry: valid */
    f->count++;
}

static mrl_err forget_own(struct mrl_registry *registry, struct mrl_mqtt_door *door,
                          struct mrl_why *why)
{
    struct forgetting f = {.door = door};

    do {
        const struct mrl_device_query query = {.after = mrl_name_bytes(&f.last),
                                               .limit = MRL_DEVICE_PAGE_MAX,
                                               .state = MRL_DEVICE_RETIRED};

        f.count = 0;
        MRL_TRY(mrl_device_list(registry, &query, forget_one, &f, why));
    } while (f.count == MRL_DEVICE_PAGE_MAX);
    return MRL_OK;
}

struct resuming {
    struct mrl_store *store;
    struct mrl_mqtt_door *door;
};

static void resume_one(void *context, mrl_bytes device)
{
    const struct resuming *r = context;

    mrl_purge_part(mrl_purge_new(r->store, device, /*parts=*/1), r->door);
}

static mrl_err resume_all(struct mrl_tx *tx, void *context)
{
    return mrl_purges_each_tx(tx, resume_one, context);
}

mrl_err mrl_retirement_forget(struct mrl_registry *registry, struct mrl_store *store,
                              struct mrl_mqtt_door *door, struct mrl_why *why)
{
    struct resuming r = {store, door};

    MRL_TRY(forget_own(registry, door, why));
    return mrl_store_read(store, resume_all, &r);
}
