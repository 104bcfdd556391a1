/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 16 << 10, LARGEST = 4096, CHUNK_HEAD = 64 /* of struct mrl_secret */ };

/* A secret that nobody has: the rest of it is zero. */
struct spare {
    struct spare *next;
};

struct chunk {
    struct chunk *next;
    struct mrl_secret *memory;
};

struct mrl_secret_pool {
    pthread_mutex_t lock;
    size_t step; /* bytes from one secret to the next */
    struct spare *spare;
    struct chunk *chunks;
};

struct mrl_secret_pool *mrl_secret_pool_new(size_t len)
{
    size_t unit = _Alignof(max_align_t);
    struct mrl_secret_pool *p = calloc(1, sizeof(*p));

    assert(len > 0 && len <= LARGEST);
    if (p == NULL)
        abort();
    (void)pthread_mutex_init(&p->lock, NULL); /* cannot fail with default attributes */
    p->step = (len + unit - 1) / unit * unit;
    return p;
}

void mrl_secret_pool_free(struct mrl_secret_pool *p)
{
    if (p == NULL)
        return;
    while (p->chunks != NULL) {
        struct chunk *c = p->chunks;

        p->chunks = c->next;
        mrl_secret_free(c->memory);
        free(c);
    }
    (void)pthread_mutex_destroy(&p->lock); /* nobody holds it */
    free(p);
}

static void put_spare(struct mrl_secret_pool *p, void *memory)
{
    struct spare *s = memory;

    s->next = p->spare;
    p->spare = s;
}

static void grow(struct mrl_secret_pool *p)
{
    struct chunk *c = calloc(1, sizeof(*c));
    size_t size = CHUNK_SIZE - CHUNK_HEAD;

    if (c == NULL)
        abort();
    c->memory = mrl_secret_new(size);
    c->next = p->chunks;
    p->chunks = c;
    for (size_t at = 0; at + p->step <= size; at += p->step)
        put_spare(p, &mrl_secret_data(c->memory)[at]);
}

void *mrl_secret_pool_take(struct mrl_secret_pool *p)
{
    struct spare *s;

    (void)pthread_mutex_lock(&p->lock); /* cannot fail for one that is not held by us */
    if (p->spare == NULL)
        grow(p);
    s = p->spare;
    p->spare = s->next;
    (void)pthread_mutex_unlock(&p->lock);
    s->next = NULL;
    return s;
}

void mrl_secret_pool_give(struct mrl_secret_pool *p, void *secret)
{
    if (secret == NULL)
        return;
    mrl_wipe(secret, p->step);
    (void)pthread_mutex_lock(&p->lock); /* as above */
    put_spare(p, secret);
    (void)pthread_mutex_unlock(&p->lock);
}
