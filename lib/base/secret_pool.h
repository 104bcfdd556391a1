/* SPDX-License-Identifier: Apache-2.0 */
/* Many small secrets of one size, on pages like those of struct mrl_secret, without a page for
 * each. Layer: base. Thread: any. */
#ifndef MRL_BASE_SECRET_POOL_H
#define MRL_BASE_SECRET_POOL_H

#include "base/attr.h"
#include "base/secret.h"

struct mrl_secret_pool;

/* Of secrets of len bytes, 1 to 4096. */
struct mrl_secret_pool *mrl_secret_pool_new(size_t len);
void mrl_secret_pool_free(struct mrl_secret_pool *p); /* wipes all of them; NULL is fine */
MRL_AUTO_DEFINE(mrl_secret_pool);
/* Zeroed, aligned for any type, the caller's until given back. Never NULL. */
void *mrl_secret_pool_take(struct mrl_secret_pool *p);
void mrl_secret_pool_give(struct mrl_secret_pool *p, void *secret); /* wipes; NULL is fine */

#endif
