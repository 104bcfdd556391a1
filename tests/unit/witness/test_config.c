/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/config.h"

#include "base/buf.h"
#include "tests/unit/unit.h"

static mrl_err read_logs(size_t count, size_t *read)
{
    static struct mrl_witness_config c;
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_arena arena = {0};
    mrl_err err;

    assert_ok(mrl_buf_append(&text, MRL_LIT("[witness]\nname = \"w.example\"\nstate = \"/s\"\n")));
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_buf_printf(&text, "[[log]]\nvkey = \"log%zu\"\n", i));
    err = mrl_config_read(&mrl_witness_schema, mrl_buf_bytes(&text), &arena, &c, NULL);
    *read = err == MRL_OK ? c.log_count : 0;
    mrl_arena_done(&arena);
    return err;
}

static void there_are_256_logs_and_not_257(void **state)
{
    size_t count;

    (void)state;
    assert_ok(read_logs(256, &count));
    assert_int_equal(count, 256);
    assert_int_equal(read_logs(257, &count), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_256_logs_and_not_257),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
