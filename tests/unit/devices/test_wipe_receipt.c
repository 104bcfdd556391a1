/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe_receipt.h"

#include <string.h>

#include "base/hex.h"
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

/* --- whose it is */

/* A receipt of this key, with one thing in it as the test says. */
static void make_receipt(const struct mrl_key *signer, const char *device, const char *order,
                         mrl_bytes key, struct mrl_buf *text)
{
    MRL_SCOPED(mrl_buf) signature = {0};
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(key, hex);
    assert_ok(mrl_buf_printf(text, HEAD "device %s\norder %s\nkey %s\ntime 1790000000\n", device,
                             order, hex));
    assert_ok(mrl_key_sign(signer, mrl_buf_bytes(text), &signature));
    assert_ok(mrl_buf_append(text, MRL_LIT("signature ")));
    assert_ok(mrl_base64_write(mrl_buf_bytes(&signature), 0, text));
}

static struct mrl_wipe_order order_for(const struct mrl_key *key)
{
    struct mrl_wipe_order o = {.order = ORDER, .until_s = 1};
    MRL_SCOPED(mrl_buf) spki = {0};

    assert_ok(mrl_key_to_spki(key, &spki));
    assert_ok(mrl_sha256(mrl_buf_bytes(&spki), o.key));
    o.spki_len = spki.len;
    assert_true(spki.len <= sizeof(o.spki));
    memcpy(o.spki, spki.data, spki.len);
    return o;
}

static mrl_err check(const struct mrl_buf *text, const struct mrl_wipe_order *o)
{
    MRL_SCOPED(mrl_wipe_receipt) r = {0};

    assert_ok(mrl_wipe_receipt_read(mrl_buf_bytes(text), &r));
    return mrl_wipe_receipt_check(&r, MRL_LIT("pump-7"), o, NULL);
}

static void of_this_device_order_and_key_it_holds_and_no_other(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};
    static const char other_order[] = "00000000000000000000000000000000";

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        MRL_AUTO(mrl_key) key = NULL;
        MRL_AUTO(mrl_key) other = NULL;
        struct mrl_wipe_order o, foreign;
        mrl_bytes of;

        assert_ok(mrl_key_generate(types[i], &key, NULL));
        assert_ok(mrl_key_generate(types[i], &other, NULL));
        o = order_for(key);
        foreign = order_for(other);
        of = mrl_bytes_of(o.key, sizeof(o.key));
        const struct {
            const struct mrl_key *signer;
            const char *device, *order;
            mrl_bytes key;
            mrl_err err;
        } rows[] = {
            {key, "pump-7", ORDER, of, MRL_OK},
            {key, "pump-70", ORDER, of, MRL_ERR_DENIED},
            {key, "pump-", ORDER, of, MRL_ERR_DENIED},
            {key, "pump-7", other_order, of, MRL_ERR_DENIED},
            {key, "pump-7", ORDER, mrl_bytes_of(foreign.key, sizeof(foreign.key)), MRL_ERR_DENIED},
            {other, "pump-7", ORDER, of, MRL_ERR_CRYPTO},
        };
        for (size_t n = 0; n < MRL_COUNT(rows); n++) {
            MRL_SCOPED(mrl_buf) text = {0};

            make_receipt(rows[n].signer, rows[n].device, rows[n].order, rows[n].key, &text);
            assert_int_equal(check(&text, &o), rows[n].err);
        }
    }
}

static void one_digit_of_the_time_changed_is_another_message(void **state)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_wipe_order o;

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    o = order_for(key);
    make_receipt(key, "pump-7", ORDER, mrl_bytes_of(o.key, sizeof(o.key)), &text);
    for (size_t i = 0; i + 5 < text.len; i++)
        if (memcmp(&text.data[i], "time ", 5) == 0)
            text.data[i + 5] = '2';
    assert_int_equal(check(&text, &o), MRL_ERR_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_all_before_the_signature),
        cmocka_unit_test(what_is_not_written_so_is_malformed),
        cmocka_unit_test(as_long_as_the_limit_says_and_not_one_byte_more),
        cmocka_unit_test(of_this_device_order_and_key_it_holds_and_no_other),
        cmocka_unit_test(one_digit_of_the_time_changed_is_another_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
