/* SPDX-License-Identifier: Apache-2.0 */
/* A hierarchy and one device of it. */
#ifndef MRL_TESTS_CRYPTO_DEVICE_FIXTURE_H
#define MRL_TESTS_CRYPTO_DEVICE_FIXTURE_H

#include "tests/unit/crypto/fixtures.h"

struct setting {
    struct hierarchy h;
    struct mrl_key *key;
    struct mrl_cert *device;
};

static inline int set_up(void **state)
{
    static struct setting s;

    hierarchy_new(&s.h, MRL_KEY_P256);
    s.key = make_key(MRL_KEY_P256);
    s.device =
        issue(make_profile(MRL_CERT_DEVICE, "pump-7"), s.key, issuing_of(&s.h), s.h.issuing_key);
    *state = &s;
    return 0;
}

static inline int tear_down(void **state)
{
    struct setting *s = *state;

    hierarchy_done(&s->h);
    mrl_key_free(s->key);
    mrl_cert_free(s->device);
    return 0;
}

#endif
