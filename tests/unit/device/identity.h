/* SPDX-License-Identifier: Apache-2.0 */
/* A key with a certificate of its own, for tests of what the agent does with one. */
#ifndef MRL_TESTS_IDENTITY_H
#define MRL_TESTS_IDENTITY_H

#include "base/clock.h"
#include "crypto/cert_build.h"
#include "device/agent/home.h"
#include "tests/unit/unit.h"

static inline void make_identity(enum mrl_key_type type, const char *cn, struct mrl_identity *out)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_ROOT_CA,
                                 .cn = mrl_str(cn),
                                 .not_before = mrl_wall_s() - 10,
                                 .not_after = mrl_wall_s() + 1000};

    *out = (struct mrl_identity){0};
    mrl_serial_random(p.serial);
    assert_ok(mrl_key_generate(type, &out->key, NULL));
    assert_ok(mrl_cert_build(&p, NULL, out->key, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &out->cert));
}

#endif
