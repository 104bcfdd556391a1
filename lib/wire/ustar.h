/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX ustar archives of regular files (IEEE 1003.1, pax: ustar Interchange Format). Layer: wire.
 * Thread: one owner. Only what the writer writes is read: plain names, regular files, no
 * extensions. */
#ifndef MRL_WIRE_USTAR_H
#define MRL_WIRE_USTAR_H

#include "base/bytes.h"
#include "base/err.h"

enum { MRL_USTAR_BLOCK = 512, MRL_USTAR_NAME_MAX = 100 };
#define MRL_USTAR_SIZE_MAX UINT64_C(077777777777)

struct mrl_ustar_entry {
    char name[MRL_USTAR_NAME_MAX + 1]; /* [a-z0-9._-], not starting with a dot */
    uint64_t size;
    int64_t mtime_s;
};

/* MRL_ERR_INVALID: the name; MRL_ERR_LIMIT: size or time does not fit. Mode is 0600, owner root. */
mrl_err mrl_ustar_write_header(const struct mrl_ustar_entry *e,
                               uint8_t out[static MRL_USTAR_BLOCK]);
/* Bytes of zero after data of this size. The archive ends with two blocks of zero. */
size_t mrl_ustar_padding(uint64_t size);

struct mrl_ustar_reader { /* {.entry =, .data =, .context =} is a new one */
    mrl_err (*entry)(void *context, const struct mrl_ustar_entry *e);
    mrl_err (*data)(void *context, mrl_bytes data); /* of the last entry, piece by piece */
    void *context;
    /* The reader's own. */
    uint8_t block[MRL_USTAR_BLOCK];
    size_t held;
    uint64_t left;
    size_t padding;
    unsigned zero_blocks;
};
/* The next bytes of the archive. MRL_ERR_MALFORMED: no archive of ours; else the error of a
 * callback. After an error the reader is of no use. */
mrl_err mrl_ustar_read(struct mrl_ustar_reader *r, mrl_bytes in);
/* Nothing comes any more. MRL_ERR_MALFORMED: it ended too early. */
mrl_err mrl_ustar_end(const struct mrl_ustar_reader *r);

#endif
