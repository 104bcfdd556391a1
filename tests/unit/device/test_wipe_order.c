/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/wipe_order.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "tests/unit/device/identity.h"
#include "tests/unit/unit.h"

#define AB16 "abababababababab"
#define AB64 AB16 AB16 AB16 AB16

static void orders_are_read_and_what_is_none_is_refused(void **state)
{
    static const struct {
        const char *certificate, *device, *expires, *key, *order;
        bool good;
    } rows[] = {
        {AB64, "pump-7", "1790000000", AB64, AB16 AB16, true},
        {AB64, "pump-7", "1", AB64, AB16 AB16, true},
        {AB64, "pump-7", "274877906944", AB64, AB16 AB16, true},
        {AB64, "pump-7", "274877906945", AB64, AB16 AB16, false},
        {AB64, "pump-7", "0", AB64, AB16 AB16, false},
        {AB64, "pump-7", "-1", AB64, AB16 AB16, false},
        {AB64, "pump-7", "\"1790000000\"", AB64, AB16 AB16, false},
        {AB64 "ab", "pump-7", "1790000000", AB64, AB16 AB16, false},
        {AB16, "pump-7", "1790000000", AB64, AB16 AB16, false},
        {AB64, "pump-7", "1790000000", AB16, AB16 AB16, false},
        {AB64, "pump-7", "1790000000", AB64, AB16, false},
        {AB64, "pump-7", "1790000000", AB64, AB16 AB16 "ab", false},
        {AB64, "pump-7", "1790000000", AB64, AB16 "zzzzzzzzzzzzzzzz", false},
        {AB64, "../pump-7", "1790000000", AB64, AB16 AB16, false},
        {AB64, "", "1790000000", AB64, AB16 AB16, false},
        {AB64, AB64, "1790000000", AB64, AB16 AB16, true},
        {AB64, AB64 "a", "1790000000", AB64, AB16 AB16, false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_device_order o = {.expires_s = -1};
        MRL_SCOPED(mrl_buf) text = {0};

        assert_ok(mrl_buf_printf(&text,
                                 "{\"certificate\":\"%s\",\"device\":\"%s\",\"expires\":%s,"
                                 "\"key\":\"%s\",\"order\":\"%s\",\"more\":true}",
                                 rows[i].certificate, rows[i].device, rows[i].expires, rows[i].key,
                                 rows[i].order));
        if (mrl_device_order_read(mrl_buf_bytes(&text), &o) !=
            (rows[i].good ? MRL_OK : MRL_ERR_MALFORMED))
            fail_msg("%zu", i);
        assert_int_equal(o.expires_s == -1, !rows[i].good); /* what is none changes nothing */
    }
}

static void what_is_no_object_or_lacks_a_member_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "order",
        "{\"certificate\":\"" AB64 "\",\"device\":\"pump-7\",\"expires\":1,\"key\":\"" AB64 "\"}",
        "{\"device\":\"pump-7\",\"expires\":1,\"key\":\"" AB64 "\",\"order\":\"" AB16 AB16 "\"}",
    };
    struct mrl_device_order o;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        assert_int_equal(mrl_device_order_read(mrl_str(rows[i]), &o), MRL_ERR_MALFORMED);
}

static void an_order_has_1024_bytes_and_not_1025(void **state)
{
    static const char text[] = "{\"certificate\":\"" AB64 "\",\"device\":\"pump-7\",\"expires\":1,"
                               "\"key\":\"" AB64 "\",\"order\":\"" AB16 AB16 "\"}";
    char padded[MRL_ORDER_TEXT_MAX + 1];
    struct mrl_device_order o;

    (void)state;
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, text, sizeof(text) - 1);
    assert_ok(mrl_device_order_read(mrl_bytes_of(padded, MRL_ORDER_TEXT_MAX), &o));
    assert_int_equal(mrl_device_order_read(mrl_bytes_of(padded, sizeof(padded)), &o),
                     MRL_ERR_MALFORMED);
}

static struct mrl_device_order order_for(const struct mrl_identity *i, const char *device)
{
    struct mrl_device_order o = {.number = AB16 AB16, .expires_s = 1790000000};
    MRL_SCOPED(mrl_buf) spki = {0};

    (void)snprintf(o.device, sizeof(o.device), "%s", device);
    o.certificate = mrl_cert_facts(i->cert)->fingerprint;
    assert_ok(mrl_key_to_spki(i->key, &spki));
    assert_ok(mrl_sha256(mrl_buf_bytes(&spki), o.key));
    return o;
}

static void it_is_for_one_device_one_certificate_and_one_key(void **state)
{
    struct mrl_identity i, other;
    struct mrl_device_order o;

    (void)state;
    make_identity(MRL_KEY_P256, "pump-7", &i);
    make_identity(MRL_KEY_P256, "pump-7", &other);
    o = order_for(&i, "pump-7");
    assert_ok(mrl_device_order_fits(&o, "pump-7", &i, NULL));
    assert_int_equal(mrl_device_order_fits(&o, "pump-70", &i, NULL), MRL_ERR_DENIED);
    assert_int_equal(mrl_device_order_fits(&o, "pump-7", &other, NULL), MRL_ERR_DENIED);
    o.certificate = mrl_cert_facts(other.cert)->fingerprint;
    assert_int_equal(mrl_device_order_fits(&o, "pump-7", &other, NULL), MRL_ERR_DENIED);
    o = order_for(&i, "pump-7");
    o.key[MRL_SHA256_SIZE - 1] ^= 1;
    assert_int_equal(mrl_device_order_fits(&o, "pump-7", &i, NULL), MRL_ERR_DENIED);
    mrl_identity_done(&i);
    mrl_identity_done(&other);
}

static void what_is_written_is_read_again(void **state)
{
    struct mrl_identity i;
    struct mrl_device_order o, again = {0};
    MRL_SCOPED(mrl_buf) text = {0};

    (void)state;
    make_identity(MRL_KEY_P256, "pump-7", &i);
    o = order_for(&i, "pump-7");
    assert_ok(mrl_device_order_write(&o, &text));
    assert_ok(mrl_device_order_read(mrl_buf_bytes(&text), &again));
    assert_ok(mrl_device_order_fits(&again, "pump-7", &i, NULL));
    assert_string_equal(again.number, o.number);
    assert_int_equal(again.expires_s, o.expires_s);
    mrl_identity_done(&i);
}

/* Its first five lines, exactly, and a signature over them by whatever kind of key. */
static void the_receipt_is_five_lines_and_their_signature(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};

    (void)state;
    for (size_t n = 0; n < MRL_COUNT(types); n++) {
        MRL_SCOPED(mrl_buf) receipt = {0};
        MRL_SCOPED(mrl_buf) signature = {0};
        struct mrl_identity i;
        struct mrl_device_order o;
        char key[2 * MRL_SHA256_SIZE + 1], want[256];
        mrl_bytes text, last;

        make_identity(types[n], "pump-7", &i);
        o = order_for(&i, "pump-7");
        assert_ok(mrl_device_receipt_write(&o, i.key, 1789999999, &receipt));
        mrl_hex(mrl_bytes_of(o.key, sizeof(o.key)), key);
        (void)snprintf(want, sizeof(want),
                       "merlon wipe receipt v1\ndevice pump-7\norder %s\nkey %s\n"
                       "time 1789999999\n",
                       o.number, key);
        text = mrl_buf_bytes(&receipt);
        assert_true(mrl_bytes_starts(text, mrl_str(want)));
        last = mrl_bytes_sub(text, strlen(want), text.len);
        assert_true(mrl_bytes_starts(last, MRL_LIT("signature ")));
        assert_true(mrl_bytes_ends(last, MRL_LIT("\n")));
        assert_ok(mrl_base64_read(mrl_bytes_sub(last, strlen("signature "), last.len), &signature));
        assert_ok(mrl_key_verify(i.key, mrl_key_algorithm(i.key), mrl_str(want),
                                 mrl_buf_bytes(&signature)));
        mrl_identity_done(&i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_read_and_what_is_none_is_refused),
        cmocka_unit_test(what_is_no_object_or_lacks_a_member_is_refused),
        cmocka_unit_test(an_order_has_1024_bytes_and_not_1025),
        cmocka_unit_test(it_is_for_one_device_one_certificate_and_one_key),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_receipt_is_five_lines_and_their_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
