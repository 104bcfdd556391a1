/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka in the order it wants. */
#ifndef MRL_TESTS_UNIT_H
#define MRL_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_ok(call) assert_int_equal((call), MRL_OK)
#define assert_bytes_equal(a, b)                                     \
    do {                                                             \
        mrl_bytes left_ = (a), right_ = (b);                         \
        assert_int_equal(left_.len, right_.len);                     \
        if (left_.len > 0)                                           \
            assert_memory_equal(left_.data, right_.data, left_.len); \
    } while (0)

/* Instead of skip(), whose TAP line counts as a failure with the cmocka of Debian 12. */
#define skip_because(reason)                      \
    do {                                          \
        print_message("# skipped: " reason "\n"); \
        return;                                   \
    } while (0)

#endif
