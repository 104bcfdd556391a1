/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/publication.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/writer.h"

static size_t data_size(const struct mrl_publication *p)
{
    return p->topic.len + p->payload.len + p->content_type.len + p->response_topic.len +
           p->correlation_data.len + p->user_properties.len + p->owner.len;
}

/* Moves a view onto its copy in w; w is as large as all views together. */
static void keep(struct mrl_writer *w, mrl_bytes *view)
{
    mrl_bytes copy = mrl_bytes_of(w->data + w->len, view->len);

    mrl_put_bytes(w, *view);
    *view = view->len == 0 ? MRL_BYTES_NONE : copy;
}

struct mrl_publication *mrl_publication_new(const struct mrl_publication *from)
{
    const size_t refs = offsetof(struct mrl_publication, topic); /* others may count meanwhile */
    size_t size = data_size(from);
    struct mrl_publication *p = malloc(sizeof(*p) + size);
    struct mrl_writer w;

    if (p == NULL)
        abort();
    memcpy((uint8_t *)p + refs, (const uint8_t *)from + refs, sizeof(*p) - refs);
    atomic_init(&p->refs, 1);
    w = mrl_writer_on(p + 1, size);
    keep(&w, &p->topic);
    keep(&w, &p->payload);
    keep(&w, &p->content_type);
    keep(&w, &p->response_topic);
    keep(&w, &p->correlation_data);
    keep(&w, &p->user_properties);
    keep(&w, &p->owner);
    return p;
}

struct mrl_publication *mrl_publication_ref(const struct mrl_publication *p)
{
    struct mrl_publication *shared = (struct mrl_publication *)p; /* only the count changes */

    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void mrl_publication_unref(const struct mrl_publication *p)
{
    struct mrl_publication *shared = (struct mrl_publication *)p;

    if (p == NULL)
        return;
    if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1)
        free(shared);
}

size_t mrl_publication_size(const struct mrl_publication *p)
{
    return sizeof(*p) + data_size(p);
}

bool mrl_publication_expired(const struct mrl_publication *p, uint64_t now_ms)
{
    return p->expires_ms != 0 && p->expires_ms <= now_ms;
}
