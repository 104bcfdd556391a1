/* SPDX-License-Identifier: Apache-2.0 */
/* A root key in this process, as the key process has one, and sealers on it. */
#ifndef MRL_TESTS_STORE_SEAL_FIXTURE_H
#define MRL_TESTS_STORE_SEAL_FIXTURE_H

#include "crypto/aead.h"
#include "store/seal_keys.h"
#include "tests/unit/store/fixture.h"

struct test_root {
    struct mrl_secret *key;
    unsigned wraps;
    mrl_err fails;
};

static inline mrl_err test_root_wrap(void *context, mrl_bytes name, mrl_bytes key,
                                     struct mrl_buf *wrapped, struct mrl_why *why)
{
    struct test_root *r = context;

    (void)why;
    r->wraps++;
    MRL_TRY(r->fails);
    return mrl_envelope_seal(r->key, name, key, wrapped);
}

static inline mrl_err test_root_unwrap(void *context, mrl_bytes name, mrl_bytes wrapped,
                                       struct mrl_secret **key, struct mrl_why *why)
{
    struct test_root *r = context;

    (void)why;
    MRL_TRY(r->fails);
    return mrl_envelope_open(r->key, name, wrapped, key) == MRL_OK ? MRL_OK : MRL_ERR_CRYPTO;
}

static inline uint32_t test_root_of(mrl_bytes wrapped)
{
    return wrapped.len > 0 ? 1 : 0;
}

static inline struct test_root test_root_new(void)
{
    return (struct test_root){.key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"))};
}

static inline struct mrl_seal_root test_seal_root(struct test_root *r)
{
    return (struct mrl_seal_root){r, test_root_wrap, test_root_unwrap, test_root_of};
}

/* A sealer with one data key, for stores that keep none. */
static inline struct mrl_sealer *test_sealer(void)
{
    struct mrl_sealer *s = mrl_sealer_new(/*options=*/NULL);

    assert_ok(mrl_sealer_add(s, 1, mrl_secret_copy(MRL_LIT("a data key of 32 bytes for tests"))));
    return s;
}

#endif
