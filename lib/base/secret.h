/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: locked, never dumped, wiped, compared in constant time. Layer: base. Thread: one owner.
 * No log or format function takes a mrl_secret, and none may be written. */
#ifndef MRL_BASE_SECRET_H
#define MRL_BASE_SECRET_H

#include "base/attr.h"
#include "base/bytes.h"

struct mrl_secret;

/* Zeroed memory of len bytes on pages that are not dumped and, as far as RLIMIT_MEMLOCK allows, not
 * swapped. */
struct mrl_secret *mrl_secret_new(size_t len);
struct mrl_secret *mrl_secret_copy(mrl_bytes from);
void mrl_secret_free(struct mrl_secret *s); /* wipes; NULL is fine */
MRL_AUTO_DEFINE(mrl_secret);
/* The one way to the bytes: borrow briefly, never copy into ordinary memory. */
mrl_bytes mrl_secret_bytes(const struct mrl_secret *s);
uint8_t *mrl_secret_data(struct mrl_secret *s);
/* Constant time in the content; the lengths are not secret. */
bool mrl_secret_eq(mrl_bytes a, mrl_bytes b);
/* Not removed by the compiler. */
void mrl_wipe(void *data, size_t len);

#endif
