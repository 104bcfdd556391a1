/* SPDX-License-Identifier: Apache-2.0 */
#include "main/retirement.h"

#include "devices/device.h"

struct forgetting {
    struct mrl_mqtt_door *door;
    struct mrl_name last;
    size_t count;
};

static void forget_one(void *context, const struct mrl_device_info *d)
{
    struct forgetting *f = context;

    mrl_mqtt_door_forget(f->door, d->id, MRL_BYTES_NONE);
    (void)mrl_name_set(&f->last, d->id); /* of the registry: valid */
    f->count++;
}

mrl_err mrl_retirement_forget(struct mrl_registry *registry, struct mrl_mqtt_door *door,
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
