/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe_receipt.h"

#include <string.h>

#include "tests/unit/unit.h"

#define ORDER "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
#define KEY "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define HEAD "merlon wipe receipt v1\n"
#define SAID "device pump-7\norder " ORDER "\nkey " KEY "\ntime 1790000000\n"

static mrl_err read_text(const char *text, struct mrl_wipe_receipt *out)
{
    return mrl_wipe_receipt_read(mrl_str(text), out);
}

static void what_is_signed_is_all_before_the_signature(void **state)
{
    struct mrl_wipe_receipt r = {0};

    (void)state;
    assert_ok(read_text(HEAD SAID "signature MDEy\n", &r));
    assert_bytes_equal(r.message, mrl_str(HEAD SAID));
    assert_bytes_equal(r.device, mrl_str("pump-7"));
    assert_bytes_equal(r.order, mrl_str(ORDER));
    assert_int_equal(r.time_s, 1790000000);
    assert_bytes_equal(mrl_buf_bytes(&r.signature), mrl_str("012"));
    mrl_wipe_receipt_done(&r);
}

static void what_is_not_written_so_is_malformed(void **state)
{
    static const char *const texts[] = {
        "",
        HEAD,
        HEAD SAID,
        HEAD SAID "signature \n",
        HEAD SAID "signature ?\n",
        HEAD SAID "signed MDEy\n",
        SAID "signature MDEy\n",
        "merlon wipe receipt v2\n" SAID "signature MDEy\n",
        HEAD "device \norder " ORDER "\nkey " KEY "\ntime 1\nsignature MDEy\n",
        HEAD "order " ORDER "\ndevice pump-7\nkey " KEY "\ntime 1\nsignature MDEy\n",
        HEAD "device pump-7\norder " ORDER "\nkey a1\ntime 1\nsignature MDEy\n",
        HEAD "device pump-7\norder " ORDER "\nkey " KEY "\ntime -1\nsignature MDEy\n",
        HEAD "device pump-7\norder " ORDER "\nkey " KEY
             "\ntime 9223372036854775808\nsignature MDEy\n",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        struct mrl_wipe_receipt r = {0};

        assert_int_equal(read_text(texts[i], &r), MRL_ERR_MALFORMED);
        assert_int_equal(r.message.len, 0);
    }
}

/* The limit is looked at before the text. */
static void as_long_as_the_limit_says_and_not_one_byte_more(void **state)
{
    char text[MRL_WIPE_RECEIPT_MAX + 2];
    const char head[] = HEAD SAID "signature ";
    struct mrl_wipe_receipt r = {0};

    (void)state;
    memset(text, 'A', sizeof(text));
    memcpy(text, head, sizeof(head) - 1);
    assert_int_not_equal(mrl_wipe_receipt_read(mrl_bytes_of(text, MRL_WIPE_RECEIPT_MAX), &r),
                         MRL_ERR_LIMIT);
    mrl_wipe_receipt_done(&r);
    assert_int_equal(mrl_wipe_receipt_read(mrl_bytes_of(text, MRL_WIPE_RECEIPT_MAX + 1), &r),
                     MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_all_before_the_signature),
        cmocka_unit_test(what_is_not_written_so_is_malformed),
        cmocka_unit_test(as_long_as_the_limit_says_and_not_one_byte_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
