/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/retry.h"

#include "tests/unit/unit.h"
#include "wire/mqtt_props.h"

static void it_is_one_user_property_that_reads_back(void **state)
{
    uint8_t memory[MRL_RETRY_PROPERTY_MAX];
    struct mrl_mqtt_cursor at = mrl_mqtt_cursor_on(mrl_retry_property(UINT32_MAX, memory));
    mrl_bytes name, value;

    (void)state;
    assert_true(mrl_mqtt_user_property_next(&at, &name, &value));
    assert_bytes_equal(name, MRL_LIT("Retry-After"));
    assert_bytes_equal(value, MRL_LIT("4294967295"));
    assert_false(mrl_mqtt_user_property_next(&at, &name, &value));
}

static void nothing_to_wait_for_is_no_property(void **state)
{
    uint8_t memory[MRL_RETRY_PROPERTY_MAX];

    (void)state;
    assert_int_equal(mrl_retry_property(0, memory).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_one_user_property_that_reads_back),
        cmocka_unit_test(nothing_to_wait_for_is_no_property),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
