/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "merlon/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUFFER = 256, STEPS = 20000 };

/* A server that says what the input holds, in pieces whose size is the input's first byte. */
struct server {
    const uint8_t *data;
    size_t size, at, piece;
    struct merlon_client client;
};

static enum merlon_status on_read(void *context, void *to, size_t cap, size_t *done)
{
    struct server *s = context;
    size_t n = s->size - s->at;

    n = n < s->piece ? n : s->piece;
    n = n < cap ? n : cap;
    if (n == 0)
        return MERLON_CLOSED;
    memcpy(to, &s->data[s->at], n);
    s->at += n;
    *done = n;
    return MERLON_OK;
}

static enum merlon_status on_write(void *context, const void *from, size_t len, size_t *done)
{
    const struct server *s = context;

    (void)from;
    *done = len < s->piece ? len : s->piece;
    return MERLON_OK;
}

static void on_message(void *context, const struct merlon_message *m)
{
    struct server *s = context;
    uint16_t id;

    if (m->qos > 1 || m->topic_len == 0)
        abort();
    (void)merlon_client_publish(&s->client, m, &id); /* an echo; full or too large is fine */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t in[BUFFER], out[BUFFER];
    struct server s = {.data = data, .size = size, .at = 1};
    const struct merlon_client_config config = {
        .transport = {&s, on_read, on_write},
        .events = {.context = &s, .message = on_message},
        .in = in,
        .in_size = sizeof(in),
        .out = out,
        .out_size = sizeof(out),
        .client_id = "fuzz",
        .keep_alive_s = 30,
    };
    enum merlon_status status = MERLON_OK;

    if (size < 1)
        return 0;
    s.piece = (size_t)data[0] + 1;
    if (merlon_client_init(&s.client, &config) != MERLON_OK ||
        merlon_client_connect(&s.client, /*clean_start=*/true, 0) != MERLON_OK)
        abort();
    for (size_t i = 0; i < STEPS + size && (status == MERLON_OK || status == MERLON_AGAIN); i++)
        status = merlon_client_step(&s.client, i);
    if (status == MERLON_OK || merlon_client_state(&s.client) != MERLON_CLIENT_IDLE)
        abort(); /* the server is gone: it cannot go on for ever */
    return 0;
}
