/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mrl_secret {
    size_t mapped;
    size_t len;
    uint8_t data[];
};

struct mrl_secret *mrl_secret_new(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t need = sizeof(struct mrl_secret) + len;
    size_t mapped = (need + page - 1) / page * page;
    struct mrl_secret *s =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED)
        abort();
    (void)mlock(s, mapped);                  /* RLIMIT_MEMLOCK may be small: best effort */
    (void)madvise(s, mapped, MADV_DONTDUMP); /* the process is not dumpable either */
    /* Not MADV_WIPEONFORK: the export of the root key hands its passphrases to a child that way,
     * and the daemon forks only before it has secrets. */
    s->mapped = mapped;
    s->len = len;
    return s;
}

struct mrl_secret *mrl_secret_copy(mrl_bytes from)
{
    struct mrl_secret *s = mrl_secret_new(from.len);

    if (from.len > 0)
        memcpy(s->data, from.data, from.len);
    return s;
}

void mrl_secret_free(struct mrl_secret *s)
{
    size_t mapped;

    if (s == NULL)
        return;
    mapped = s->mapped;
    mrl_wipe(s, mapped);
    (void)munmap(s, mapped); /* our own mapping: cannot fail */
}

mrl_bytes mrl_secret_bytes(const struct mrl_secret *s)
{
    return s == NULL ? MRL_BYTES_NONE : mrl_bytes_of(s->data, s->len);
}

uint8_t *mrl_secret_data(struct mrl_secret *s)
{
    return s->data;
}

bool mrl_secret_eq(mrl_bytes a, mrl_bytes b)
{
    volatile uint8_t differ = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ = (uint8_t)(differ | (a.data[i] ^ b.data[i]));
    return differ == 0;
}

void mrl_wipe(void *data, size_t len)
{
    if (len > 0)
        explicit_bzero(data, len);
}
