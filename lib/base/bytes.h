/* SPDX-License-Identifier: Apache-2.0 */
/* A view of bytes that never owns. Layer: base. Thread: any. */
#ifndef MRL_BASE_BYTES_H
#define MRL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mrl_bytes {
    const uint8_t *data; /* may be NULL only when len is 0 */
    size_t len;
} mrl_bytes;

#define MRL_BYTES_NONE ((mrl_bytes){0})
/* A string literal as bytes, without its NUL. MRL_LIT_INIT is the form for static initialisers. */
/* clang-format off */
#define MRL_LIT_INIT(text) {(const uint8_t *)("" text), sizeof(text) - 1}
/* clang-format on */
#define MRL_LIT(text) ((mrl_bytes)MRL_LIT_INIT(text))
/* For printf("%.*s"). */
#define MRL_FMT(b) (int)(b).len, (b).data == NULL ? "" : (const char *)(b).data

/* The bytes of a C string, without its NUL; NULL gives no bytes. Borrows text. */
mrl_bytes mrl_str(const char *text);
static inline mrl_bytes mrl_bytes_of(const void *data, size_t len)
{
    return (mrl_bytes){data, len};
}

/* Not constant-time: for secrets use mrl_secret_eq. */
bool mrl_bytes_eq(mrl_bytes a, mrl_bytes b);
bool mrl_bytes_eq_nocase(mrl_bytes a, mrl_bytes b); /* ASCII only */
int mrl_bytes_cmp(mrl_bytes a, mrl_bytes b);        /* lexicographic, shorter first */
bool mrl_bytes_starts(mrl_bytes b, mrl_bytes prefix);
bool mrl_bytes_ends(mrl_bytes b, mrl_bytes suffix);
/* Offset of the first byte c at or after from, or b.len. */
size_t mrl_bytes_find(mrl_bytes b, uint8_t c, size_t from);
/* b from offset `from` on, at most len bytes; clamped to b, never out of range. */
mrl_bytes mrl_bytes_sub(mrl_bytes b, size_t from, size_t len);
/* Splits at the first c: *head is before, *tail after it. false (head = b, tail empty) without c.
 */
bool mrl_bytes_split(mrl_bytes b, uint8_t c, mrl_bytes *head, mrl_bytes *tail);
mrl_bytes mrl_bytes_trim(mrl_bytes b); /* ASCII blanks at both ends */
/* Decimal digits only, whole of b. false: empty, not a number, or larger than max. */
bool mrl_bytes_to_u64(mrl_bytes b, uint64_t max, uint64_t *out);
/* Copies with a terminating NUL into to[cap]; false (and to = "") when it does not fit or holds a
 * NUL. */
bool mrl_bytes_to_cstr(mrl_bytes b, char *to, size_t cap);
/* A malloc'ed NUL-terminated copy (aborts on exhaustion: callers bound len). */
char *mrl_bytes_dup_cstr(mrl_bytes b);

#endif
