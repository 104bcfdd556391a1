/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 4096 - 64 };

struct mrl_arena_block {
    struct mrl_arena_block *next;
    size_t used;
    size_t cap;
    alignas(max_align_t) uint8_t data[];
};

static struct mrl_arena_block *add_block(struct mrl_arena *a, size_t size)
{
    size_t cap = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    struct mrl_arena_block *block = malloc(sizeof(*block) + cap);

    if (block == NULL)
        abort();
    *block = (struct mrl_arena_block){.next = a->blocks, .cap = cap};
    a->blocks = block;
    return block;
}

void *mrl_arena_alloc(struct mrl_arena *a, size_t size)
{
    size_t step = alignof(max_align_t);
    size_t rounded = (size + step - 1) / step * step;
    struct mrl_arena_block *block = a->blocks;
    void *at;

    if (rounded < size)
        abort();
    if (block == NULL || block->cap - block->used < rounded)
        block = add_block(a, rounded);
    at = block->data + block->used;
    block->used += rounded;
    memset(at, 0, rounded);
    return at;
}

mrl_bytes mrl_arena_copy(struct mrl_arena *a, mrl_bytes b)
{
    uint8_t *to;

    if (b.len == 0)
        return MRL_BYTES_NONE;
    to = mrl_arena_alloc(a, b.len);
    memcpy(to, b.data, b.len);
    return mrl_bytes_of(to, b.len);
}

char *mrl_arena_cstr(struct mrl_arena *a, mrl_bytes b)
{
    char *to = mrl_arena_alloc(a, b.len + 1);

    if (b.len > 0)
        memcpy(to, b.data, b.len);
    return to;
}

void mrl_arena_done(struct mrl_arena *a)
{
    while (a->blocks != NULL) {
        struct mrl_arena_block *next = a->blocks->next;

        free(a->blocks);
        a->blocks = next;
    }
}
