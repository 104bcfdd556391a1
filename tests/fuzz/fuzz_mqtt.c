/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/fuzz/mqtt_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_lists(const struct mrl_mqtt_packet *p)
{
    struct mrl_mqtt_cursor c = mrl_mqtt_cursor_on(p->subscribe.subscriptions);
    struct mrl_mqtt_subscription s;
    mrl_bytes filter;

    if (p->type == MRL_MQTT_SUBSCRIBE) {
        while (mrl_mqtt_subscription_next(&c, &s))
            if (s.qos > 2 || s.retain_handling > 2 || s.plain.len == 0)
                abort();
        if (mrl_reader_left(&c.at) != 0)
            abort();
    }
    if (p->type == MRL_MQTT_UNSUBSCRIBE) {
        c = mrl_mqtt_cursor_on(p->unsubscribe.filters);
        while (mrl_mqtt_filter_next(&c, &filter))
            if (filter.len == 0)
                abort();
        if (mrl_reader_left(&c.at) != 0)
            abort();
    }
}

static void judge(const struct mrl_mqtt_frame *frame, enum mrl_mqtt_version version,
                  enum mrl_mqtt_from from, uint8_t *memory, size_t size)
{
    struct mrl_writer w = mrl_writer_on(memory, size);
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_packet p;

    if (mrl_mqtt_read(frame, version, from, &p, &fault) != MRL_OK) {
        if (fault.reason < 0x80 || fault.statement == NULL || fault.text == NULL)
            abort();
        return;
    }
    walk_lists(&p);
    if (!survives_writing(&p, p.type == MRL_MQTT_CONNECT ? p.connect.version : version, from, &w))
        abort();
}

/* Whatever is read in any version and direction can be written, and then means the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum mrl_mqtt_version versions[] = {MRL_MQTT_NONE, MRL_MQTT_311, MRL_MQTT_5};
    static const enum mrl_mqtt_from sides[] = {MRL_MQTT_FROM_CLIENT, MRL_MQTT_FROM_SERVER};
    mrl_bytes stream = mrl_bytes_of(data, size);
    struct mrl_mqtt_frame frame;
    mrl_err err = mrl_mqtt_frame(stream, 1 << 20, &frame);
    uint8_t *memory;

    if (err == MRL_ERR_AGAIN && frame.total <= size)
        abort();
    if (err != MRL_OK)
        return 0;
    memory = malloc(size + 8);
    if (memory == NULL)
        abort();
    for (size_t v = 0; v < MRL_COUNT(versions); v++)
        for (size_t s = 0; s < MRL_COUNT(sides); s++)
            judge(&frame, versions[v], sides[s], memory, size + 8);
    free(memory);
    return 0;
}
