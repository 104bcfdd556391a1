/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a loop until something is so, or the running test fails. */
#ifndef MRL_TESTS_NET_TURN_H
#define MRL_TESTS_NET_TURN_H

#include "base/clock.h"
#include "net/loop.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 30000 };

#define turn_until(loop, condition)                       \
    do {                                                  \
        uint64_t end_ = mrl_monotonic_ms() + PATIENCE_MS; \
        while (!(condition)) {                            \
            assert_true(mrl_monotonic_ms() < end_);       \
            assert_ok(mrl_loop_turn((loop), 20));         \
        }                                                 \
    } while (0)

#endif
