/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/wiping.h"

#include <stdio.h>
#include <string.h>

#include "device/agent/eventlog.h"

#define TAKEN "wipe.json"
#define OVER "wiped.json"

static mrl_err load(const char *dir, const char *name, struct mrl_device_order *out)
{
    MRL_SCOPED(mrl_buf) json = {.limit = MRL_ORDER_TEXT_MAX};

    *out = (struct mrl_device_order){0};
    MRL_TRY(mrl_disk_read(dir, name, &json, NULL));
    return mrl_device_order_read(mrl_buf_bytes(&json), out);
}

void mrl_wiping_init(struct mrl_wiping *w, const struct mrl_home *h)
{
    const char *id = h->settings.device;

    *w = (struct mrl_wiping){.home = h};
    (void)snprintf(w->topic, sizeof(w->topic), "$merlon/devices/%s/wipe", id);
    (void)snprintf(w->answer_topic, sizeof(w->answer_topic), "$merlon/devices/%s/wiped", id);
    w->taken = load(h->dir, TAKEN, &w->order) == MRL_OK;
}

void mrl_wiping_done(struct mrl_wiping *w)
{
    mrl_buf_done(&w->receipt);
}

/* ---- the order ---- */

/* Who gave it knows that it is open: when our clock says otherwise, its end tells us nothing. */
static void judge_end(const struct mrl_wiping *w, struct mrl_device_order *o)
{
    if (o->expires_s <= mrl_device_now_s(&w->home->clock))
        o->expires_s = MRL_ORDER_LATEST_S;
}

static mrl_err keep(struct mrl_wiping *w, const struct mrl_device_order *o, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) json = {0};

    MRL_TRY(mrl_device_order_write(o, &json));
    MRL_TRY(mrl_disk_replace(w->home->disk, w->home->dir, TAKEN, mrl_buf_bytes(&json), why));
    w->order = *o;
    w->taken = true;
    return MRL_OK;
}

static mrl_err answer(struct mrl_wiping *w, struct mrl_device_order *o, const struct mrl_key *key,
                      struct mrl_why *why)
{
    mrl_err err;

    judge_end(w, o);
    if (!w->taken || strcmp(w->order.number, o->number) != 0)
        MRL_TRY(keep(w, o, why));
    mrl_buf_clear(&w->receipt);
    err = mrl_device_receipt_write(o, key, mrl_device_now_s(&w->home->clock), &w->receipt);
    if (err != MRL_OK)
        mrl_buf_clear(&w->receipt);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, err, "no receipt can be signed: %s", mrl_err_name(err));
}

mrl_err mrl_wiping_take(struct mrl_wiping *w, mrl_bytes message, const struct mrl_identity *shown,
                        struct mrl_why *why)
{
    struct mrl_device_order o;
    mrl_err err;

    if (mrl_device_order_read(message, &o) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "not an order");
    MRL_TRY(mrl_device_order_fits(&o, w->home->settings.device, shown, why));
    err = answer(w, &o, shown->key, why);
    w->again = err != MRL_OK;
    return err;
}

void mrl_wiping_connected(struct mrl_wiping *w)
{
    w->refusals = 0;
}

void mrl_wiping_disconnected(struct mrl_wiping *w, bool by_server)
{
    mrl_buf_clear(&w->receipt);
    w->packet = 0;
    w->again = false;
    if (by_server)
        w->refusals++;
}

void mrl_wiping_send(struct mrl_wiping *w, struct merlon_client *client)
{
    const struct merlon_message m = {.topic = w->answer_topic,
                                     .topic_len = strlen(w->answer_topic),
                                     .payload = w->receipt.data,
                                     .payload_len = w->receipt.len,
                                     .qos = 1};

    if (w->receipt.len > 0 && merlon_client_publish(client, &m, &w->packet) == MERLON_OK)
        mrl_buf_clear(&w->receipt);
}

bool mrl_wiping_acknowledge(struct mrl_wiping *w, uint16_t packet_id, uint8_t reason)
{
    if (packet_id != w->packet)
        return false;
    w->packet = 0;
    w->answered = reason < 0x80; /* MQTT 5.0 2.4 */
    w->again = !w->answered;
    return true;
}

bool mrl_wiping_is_due(const struct mrl_wiping *w)
{
    const struct mrl_device_clock *clock = &w->home->clock;

    return w->taken && (w->answered || w->refusals >= MRL_WIPING_REFUSALS_MOST ||
                        (clock->known && mrl_device_now_s(clock) >= w->order.expires_s));
}

mrl_err mrl_wiping_end(const struct mrl_wiping *w, struct mrl_why *why)
{
    return mrl_disk_move(w->home->disk, w->home->dir, TAKEN, OVER, why);
}

/* ---- the end ---- */

/* Keys first. */
static const char *const files[] = {
    MRL_HOME_IDENTITY, MRL_HOME_NEXT,    MRL_HOME_NEXT_KEY,   MRL_HOME_RENEWAL,
    MRL_HOME_BUNDLE,   MRL_HOME_ROOT,    MRL_HOME_CA,         MRL_HOME_SETTINGS,
    MRL_EVENTLOG_FILE, MRL_EVENTLOG_OLD, MRL_EVENTLOG_BROKEN, TAKEN,
};

static void destroy(const struct mrl_disk *disk, const char *dir, const char *name, mrl_err *first,
                    struct mrl_why *why)
{
    mrl_err err = mrl_disk_destroy(disk, dir, name, *first == MRL_OK ? why : NULL);

    if (*first == MRL_OK)
        *first = err;
}

static mrl_err destroy_all(const struct mrl_disk *disk, const char *dir, struct mrl_why *why)
{
    mrl_err first = MRL_OK;

    for (size_t i = 0; i < MRL_COUNT(files); i++) {
        char unfinished[64];

        (void)snprintf(unfinished, sizeof(unfinished), "%s" MRL_DISK_UNFINISHED, files[i]);
        destroy(disk, dir, files[i], &first, why);
        destroy(disk, dir, unfinished, &first, why);
    }
    return first;
}

mrl_err mrl_wiping_finish(const struct mrl_disk *disk, const char *dir,
                          struct mrl_device_order *order, struct mrl_why *why)
{
    if (load(dir, OVER, order) == MRL_ERR_NOT_FOUND)
        return MRL_ERR_NOT_FOUND;
    return destroy_all(disk, dir, why);
}

mrl_err mrl_wiping_make_room(const struct mrl_disk *disk, const char *dir, struct mrl_why *why)
{
    struct mrl_device_order order;
    mrl_err err = mrl_wiping_finish(disk, dir, &order, why);

    if (err == MRL_OK)
        return mrl_disk_remove(disk, dir, OVER, why);
    if (err != MRL_ERR_NOT_FOUND)
        return err;
    return load(dir, TAKEN, &order) != MRL_OK
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_EXISTS,
                          "%s holds the identity of %s, which has a wipe order to answer: run it",
                          dir, order.device);
}
