/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/idevid.h"

#include <string.h>

#include "base/writer.h"
#include "tests/unit/unit.h"

/* 30 len 31 len 30 len: Name of one attribute of type 2.5.4.x */
#define NAME_OF(attribute, tag, value, l1, l2, l3, l4) \
    "\x30" l1 "\x31" l2 "\x30" l3 "\x06\x03\x55\x04" attribute tag l4 value

static void the_serial_number_of_the_subject_is_the_device(void **state)
{
    mrl_bytes serial;

    (void)state;
    assert_ok(mrl_idevid_serial(
        MRL_LIT(NAME_OF("\x05", "\x13", "SN-7", "\x0f", "\x0d", "\x0b", "\x04")), &serial));
    assert_bytes_equal(serial, MRL_LIT("SN-7"));
}

static void a_name_without_one_names_nobody(void **state)
{
    mrl_bytes serial;

    (void)state;
    assert_int_equal(mrl_idevid_serial(MRL_LIT("\x30\x00"), &serial), MRL_ERR_NOT_FOUND);
    assert_int_equal(
        mrl_idevid_serial(MRL_LIT(NAME_OF("\x03", "\x0c", "SN-7", "\x0f", "\x0d", "\x0b", "\x04")),
                          &serial),
        MRL_ERR_NOT_FOUND);
}

static void two_of_them_and_unclean_text_are_refused(void **state)
{
    static const char attribute[] = "\x31\x0b\x30\x09\x06\x03\x55\x04\x05\x13\x02SN";
    char two[2 + 2 * (sizeof(attribute) - 1)];
    mrl_bytes serial;

    (void)state;
    two[0] = 0x30;
    two[1] = sizeof(two) - 2;
    memcpy(&two[2], attribute, sizeof(attribute) - 1);
    memcpy(&two[2 + sizeof(attribute) - 1], attribute, sizeof(attribute) - 1);
    assert_int_equal(mrl_idevid_serial(mrl_bytes_of(two, sizeof(two)), &serial), MRL_ERR_MALFORMED);
    assert_int_equal(
        mrl_idevid_serial(MRL_LIT(NAME_OF("\x05", "\x13", "S\0-7", "\x0f", "\x0d", "\x0b", "\x04")),
                          &serial),
        MRL_ERR_MALFORMED);
    assert_int_equal(
        mrl_idevid_serial(MRL_LIT(NAME_OF("\x05", "\x13", "", "\x0b", "\x09", "\x07", "\x00")),
                          &serial),
        MRL_ERR_MALFORMED);
    assert_int_equal(
        mrl_idevid_serial(MRL_LIT(NAME_OF("\x05", "\x1e", "SN-7", "\x0f", "\x0d", "\x0b", "\x04")),
                          &serial),
        MRL_ERR_MALFORMED); /* BMPString */
}

static mrl_bytes name_with(uint8_t *to, size_t len)
{
    const uint8_t head[] = {0x30,        (uint8_t)(len + 11),
                            0x31,        (uint8_t)(len + 9),
                            0x30,        (uint8_t)(len + 7),
                            0x06,        3,
                            0x55,        0x04,
                            0x05,        0x13,
                            (uint8_t)len};

    memcpy(to, head, sizeof(head));
    memset(&to[sizeof(head)], 'x', len);
    return mrl_bytes_of(to, sizeof(head) + len);
}

static void it_has_up_to_64_bytes(void **state)
{
    uint8_t name[128];
    mrl_bytes serial;

    (void)state;
    assert_ok(mrl_idevid_serial(name_with(name, MRL_SERIAL_NUMBER_MAX), &serial));
    assert_int_equal(serial.len, MRL_SERIAL_NUMBER_MAX);
    assert_int_equal(mrl_idevid_serial(name_with(name, MRL_SERIAL_NUMBER_MAX + 1), &serial),
                     MRL_ERR_LIMIT);
}

static void every_shorter_name_is_malformed(void **state)
{
    mrl_bytes serial,
        whole = MRL_LIT(NAME_OF("\x05", "\x13", "SN-7", "\x0f", "\x0d", "\x0b", "\x04"));

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(mrl_idevid_serial(mrl_bytes_sub(whole, 0, len), &serial),
                         MRL_ERR_MALFORMED);
}

/* [0] { id-on-hardwareModuleName, [0] { SEQUENCE { 1.2.3, 4 bytes } } } */
#define MODULE_NAME                                                    \
    "\xa0\x18\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04\xa0\x0c\x30\x0a" \
    "\x06\x02\x2a\x03\x04\x04\xde\xad\xbe\xef"

static void a_hardware_module_has_a_type_and_bytes(void **state)
{
    struct mrl_hardware_module m;

    (void)state;
    assert_ok(mrl_idevid_hardware(MRL_LIT("\x30\x1a" MODULE_NAME), &m));
    assert_bytes_equal(m.type, MRL_LIT("\x2a\x03"));
    assert_bytes_equal(m.serial, MRL_LIT("\xde\xad\xbe\xef"));
    assert_ok(mrl_idevid_hardware(MRL_LIT("\x30\x1d\x82\x01x" MODULE_NAME), &m));
    assert_int_equal(mrl_idevid_hardware(MRL_BYTES_NONE, &m), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_idevid_hardware(MRL_LIT("\x30\x03\x82\x01x"), &m), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_idevid_hardware(MRL_LIT("\x30\x34" MODULE_NAME MODULE_NAME), &m),
                     MRL_ERR_MALFORMED);
}

/* MODULE_NAME with a serial number of so many bytes. */
static mrl_err read_module_with(uint8_t len, struct mrl_hardware_module *out)
{
    uint8_t der[128] = {0};
    struct mrl_writer w = mrl_writer_on(der, sizeof(der));

    mrl_put_bytes(&w, MRL_LIT("\x30"));
    mrl_put_u8(&w, (uint8_t)(len + 22));
    mrl_put_bytes(&w, MRL_LIT("\xa0"));
    mrl_put_u8(&w, (uint8_t)(len + 20));
    mrl_put_bytes(&w, MRL_LIT("\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x04\xa0"));
    mrl_put_u8(&w, (uint8_t)(len + 8));
    mrl_put_bytes(&w, MRL_LIT("\x30"));
    mrl_put_u8(&w, (uint8_t)(len + 6));
    mrl_put_bytes(&w, MRL_LIT("\x06\x02\x2a\x03\x04"));
    mrl_put_u8(&w, len);
    return mrl_idevid_hardware(mrl_bytes_of(der, w.len + len), out);
}

static void its_serial_number_has_up_to_64_bytes(void **state)
{
    struct mrl_hardware_module m;

    (void)state;
    assert_ok(read_module_with(64, &m));
    assert_int_equal(m.serial.len, 64);
    assert_int_equal(read_module_with(65, &m), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_serial_number_of_the_subject_is_the_device),
        cmocka_unit_test(a_name_without_one_names_nobody),
        cmocka_unit_test(two_of_them_and_unclean_text_are_refused),
        cmocka_unit_test(it_has_up_to_64_bytes),
        cmocka_unit_test(every_shorter_name_is_malformed),
        cmocka_unit_test(a_hardware_module_has_a_type_and_bytes),
        cmocka_unit_test(its_serial_number_has_up_to_64_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
