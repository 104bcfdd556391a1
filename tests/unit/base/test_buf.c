/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tests/unit/unit.h"

static void the_limit_holds_at_limit_and_one_above(void **state)
{
    MRL_SCOPED(mrl_buf) b = {.limit = 4};

    (void)state;
    assert_ok(mrl_buf_append(&b, MRL_LIT("four")));
    assert_int_equal(mrl_buf_append(&b, MRL_LIT("!")), MRL_ERR_LIMIT);
    assert_bytes_equal(mrl_buf_bytes(&b), MRL_LIT("four"));
}

static void consume_keeps_the_rest(void **state)
{
    MRL_SCOPED(mrl_buf) b = {0};

    (void)state;
    assert_ok(mrl_buf_printf(&b, "%s-%d", "packet", 42));
    mrl_buf_consume(&b, 7);
    assert_bytes_equal(mrl_buf_bytes(&b), MRL_LIT("42"));
    mrl_buf_consume(&b, 100);
    assert_int_equal(b.len, 0);
}

/* In small parts from a large one, and with more behind it: the bytes are those of one stream. */
static void a_large_buffer_is_consumed_in_parts(void **state)
{
    enum { LARGE = 300000, PART = 1009 };
    MRL_SCOPED(mrl_buf) b = {0};
    uint8_t written = 0, read = 0, *to;

    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_ok(mrl_buf_reserve(&b, LARGE, &to));
        for (size_t i = 0; i < LARGE; i++)
            to[i] = written++;
        mrl_buf_added(&b, LARGE);
        while (b.len > (round < 2 ? LARGE / 2 : 0)) {
            for (size_t i = 0; i < PART && i < b.len; i++)
                assert_int_equal(b.data[i], read++);
            mrl_buf_consume(&b, PART);
        }
    }
    assert_true(b.cap >= LARGE);
    assert_int_equal(b.skipped, 0);
}

/* A mebibyte by bytes: a move of the rest each time would be 512 GiB. */
static void what_is_consumed_in_parts_is_not_moved_each_time(void **state)
{
    enum { LARGE = 1 << 20 };
    MRL_SCOPED(mrl_buf) b = {0};
    const uint8_t *begin;
    uint8_t *to;

    (void)state;
    assert_ok(mrl_buf_reserve(&b, LARGE, &to));
    mrl_buf_added(&b, LARGE);
    begin = b.data;
    mrl_buf_consume(&b, 1);
    assert_ptr_equal(b.data, begin + 1);
    mrl_buf_consume(&b, LARGE - (64 << 10) - 2);
    assert_ptr_equal(b.data, begin + LARGE - (64 << 10) - 1);
    mrl_buf_consume(&b, 1); /* 64 KiB are moved */
    assert_ptr_equal(b.data, begin);
    assert_int_equal(b.len, 64 << 10);
}

void __real_free(void *p);
void __wrap_free(void *p);

/* Every block that is freed passes here (--wrap=free): how many of them still hold the password? */
static unsigned with_password;
void __wrap_free(void *p)
{
    if (p != NULL && memmem(p, malloc_usable_size(p), "password", 8) != NULL)
        with_password++;
    __real_free(p);
}

static void an_ordinary_buffer_leaves_its_bytes_behind(void **state)
{
    struct mrl_buf b = {0};

    (void)state;
    with_password = 0;
    assert_ok(mrl_buf_append(&b, MRL_LIT("the password")));
    mrl_buf_done(&b);
    assert_int_equal(with_password, 1);
}

static void a_secret_buffer_wipes_what_it_leaves(void **state)
{
    struct mrl_buf b = {.secret = true};
    uint8_t *to;

    (void)state;
    with_password = 0;
    assert_ok(mrl_buf_append(&b, MRL_LIT("password")));
    assert_ok(mrl_buf_reserve(&b, 100000, &to));
    assert_bytes_equal(mrl_buf_bytes(&b), MRL_LIT("password"));
    mrl_buf_consume(&b, 8); /* what is behind len counts, too */
    mrl_buf_done(&b);
    assert_int_equal(with_password, 0);
    assert_true(b.secret);
    assert_null(b.data);
}

static void a_secret_that_was_skipped_is_wiped(void **state)
{
    static uint8_t rest[1 << 17];
    struct mrl_buf b = {.secret = true};
    uint8_t *to;

    (void)state;
    for (int grows = 0; grows < 2; grows++) {
        with_password = 0;
        assert_ok(mrl_buf_append(&b, MRL_LIT("password")));
        assert_ok(mrl_buf_append(&b, mrl_bytes_of(rest, sizeof(rest))));
        mrl_buf_consume(&b, 8);
        assert_int_equal(b.skipped, 8);
        if (grows)
            assert_ok(mrl_buf_reserve(&b, 2 * b.cap, &to));
        mrl_buf_done(&b);
        assert_int_equal(with_password, 0);
    }
}

static void it_grows_over_many_appends(void **state)
{
    MRL_SCOPED(mrl_buf) b = {0};

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_ok(mrl_buf_append(&b, MRL_LIT("0123456789")));
    assert_int_equal(b.len, 100000);
    assert_int_equal(b.data[99999], '9');
}

static void an_arena_gives_aligned_zeroed_memory(void **state)
{
    struct mrl_arena a = {0};
    mrl_bytes copy;

    (void)state;
    for (size_t size = 1; size < 10000; size += 333) {
        uint8_t *at = mrl_arena_alloc(&a, size);

        assert_int_equal((uintptr_t)at % sizeof(max_align_t) % 16, 0);
        assert_int_equal(at[size - 1], 0);
        at[0] = 0xff;
    }
    copy = mrl_arena_copy(&a, MRL_LIT("kept"));
    assert_bytes_equal(copy, MRL_LIT("kept"));
    assert_string_equal(mrl_arena_cstr(&a, copy), "kept");
    mrl_arena_done(&a);
    assert_null(a.blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_holds_at_limit_and_one_above),
        cmocka_unit_test(consume_keeps_the_rest),
        cmocka_unit_test(a_large_buffer_is_consumed_in_parts),
        cmocka_unit_test(what_is_consumed_in_parts_is_not_moved_each_time),
        cmocka_unit_test(a_secret_that_was_skipped_is_wiped),
        cmocka_unit_test(an_ordinary_buffer_leaves_its_bytes_behind),
        cmocka_unit_test(a_secret_buffer_wipes_what_it_leaves),
        cmocka_unit_test(it_grows_over_many_appends),
        cmocka_unit_test(an_arena_gives_aligned_zeroed_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
